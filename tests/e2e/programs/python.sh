#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Python
# package: python3
# exercised: asyncio streams (100 connections at once), ThreadingTCPServer, ForkingTCPServer, http.server; asked by asyncio, makefile(), http.client, urllib and requests, from the kernel's side, on the stack, and from the stack to the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
start_run python "$python" tests/e2e/programs/python.py serve "$stack"
server=$pid
start_peer kernel_python "$python" tests/e2e/programs/python.py serve "$kernel"
wait_stack_port 8001
wait_kernel_port 8001
asks() # run|peer ADDRESS
{
	equal "$1 asks $2" "$("$1" timeout 40 "$python" tests/e2e/programs/python.py ask "$2" 2>&1)" \
		"all answers right"
}
asks peer "$stack"
asks run "$stack"
asks run "$kernel"
kill -TERM "$server"
wait_end "$server" 10
equal "what the servers had to say" "$(cat "$tmp/python.log")" ""
