#!/bin/bash
# SPDX-License-Identifier: MIT
# A thousand connections at once, each with its own data, from the kernel to an epoll server on the
# stack; then as many made by a program on the stack to a server on the kernel's side. The memory they took goes
# back to the system when all is quiet.
. "$(dirname "$0")/lib.sh"

count=1000
ulimit -n "$(ulimit -Hn)"
lab up
established()
{
	ctl ss -tn | grep -c '^ESTAB' || true
}
hold() # WHAT LAB-COMMAND ADDRESS
{
	mkfifo "$tmp/stdin"
	scripts/lab "$2" "$helper" hold "$3" 7 $count <"$tmp/stdin" >"$tmp/hold.log" 2>&1 &
	pid=$!
	started+=("$pid")
	exec 4>"$tmp/stdin"
	until_true 30 "$1: all held" grep -q held "$tmp/hold.log"
	equal "$1: established" "$(established)" $count
	exec 4>&-
	wait "$pid" || fail "$1: $(cat "$tmp/hold.log")"
	until_true 20 "$1: all closed" eval '[ "$(established)" -eq 0 ]'
	rm "$tmp/stdin"
}
start_run echo_stack "$helper" echo "$stack" 7
wait_stack_port 7
hold "kernel to stack" peer "$stack"
start_peer echo_kernel "$helper" echo "$kernel" 7
wait_kernel_port 7
hold "stack to kernel" run "$kernel"
trimmed()
{
	[ "$(nstat XtcpdMemoryTrims)" -gt 0 ]
}
until_true 20 "memory is given back" trimmed
