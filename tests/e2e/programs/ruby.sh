#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Ruby
# package: ruby
# exercised: TCPServer with threads and with IO.select and the non-blocking calls, 16 clients at once; Net::HTTP with kept connections; from the kernel's side, on the stack, and from the stack to the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
start_run ruby /usr/bin/ruby tests/e2e/programs/ruby.rb serve "$stack"
start_peer kernel_ruby /usr/bin/ruby tests/e2e/programs/ruby.rb serve "$kernel"
wait_stack_port 8002
wait_kernel_port 8002
asks() # run|peer ADDRESS
{
	equal "$1 asks $2" "$("$1" timeout 40 /usr/bin/ruby tests/e2e/programs/ruby.rb ask "$2" 2>&1)" \
		"all answers right"
}
asks peer "$stack"
asks run "$stack"
asks run "$kernel"
