#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Perl
# package: perl
# exercised: HTTP::Daemon with a child per connection and IO::Socket::SSL; asked by LWP with kept connections and by IO::Socket, from the kernel's side, on the stack, and from the stack to the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_certificate
start_run perl /usr/bin/perl tests/e2e/programs/perl.pl serve "$stack" "$tmp"
start_peer kernel_perl /usr/bin/perl tests/e2e/programs/perl.pl serve "$kernel" "$tmp"
wait_stack_port 8002
wait_kernel_port 8002
asks() # run|peer ADDRESS FROM
{
	equal "$1 asks $2" "$("$1" timeout 40 /usr/bin/perl tests/e2e/programs/perl.pl ask "$2" "$tmp" 2>&1)" "$3"
}
asks peer "$stack" "$kernel"
asks run "$stack" "$stack"
asks run "$kernel" "$stack"
