#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Node.js
# package: nodejs
# exercised: an http server in a cluster of two workers; fetch() as a client on the stack and on the kernel's side, 20 requests at once with bodies, a streamed answer, a refused connection
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
start_run node /usr/bin/node tests/e2e/programs/node.js serve "$stack" 3000
server=$pid
start_peer kernel_node /usr/bin/node tests/e2e/programs/node.js serve "$kernel" 3000
wait_stack_port 3000
wait_kernel_port 3000
asks() # run|peer ADDRESS FROM
{
	contains "$1 asks $2" "$("$1" /usr/bin/node tests/e2e/programs/node.js fetch "http://$2:3000" 2>&1)" \
		"^workers 2 from $3\$"
}
asks peer "$stack" "$kernel"
asks run "$stack" "$stack"
asks run "$kernel" "$stack"
load -c 32 -t 2 -d 2s "http://$stack:3000/"
say "$requests requests"
kill -TERM "$server"
wait_end "$server" 10
