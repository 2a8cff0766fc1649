#!/bin/bash
# SPDX-License-Identifier: MIT
# program: netcat, OpenBSD's and the traditional
# package: netcat-openbsd
# exercised: each as server and as client, on the stack and on the kernel's side: 3 MB one way and the other, ended by a half-close, scanned ports, a source port, -e with a shell (traditional), -k (OpenBSD), a refused connection
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
port=9000
# The traditional one, told to end with its input (-q), ends even if it has not read all; so only
# the side that sends is told.
sends() # NC
{
	[ "$1" = nc.openbsd ] && echo -N || echo -q1
}
receives() # NC
{
	[ "$1" = nc.openbsd ] && echo -d || echo -v
}
listen_at() # NC PORT
{
	[ "$1" = nc.openbsd ] && echo "-l $2" || echo "-l -p $2"
}
for nc in nc.openbsd nc.traditional; do
	for pair in "run peer" "peer run" "run run"; do
		read -r there here <<<"$pair"
		[ "$there" = run ] && at=$stack || at=$kernel
		# One way, then the other: a listening nc.openbsd ends when the other side's input does.
		for way in there here; do
			if [ $way = there ]; then
				from=/dev/null to=$tmp/www/large mode=$(sends $nc) mode_there=$(receives $nc)
			else
				from=$tmp/www/large to=/dev/null mode=$(receives $nc) mode_there=$(sends $nc)
			fi
			start server bash -c "exec scripts/lab $there $nc $mode_there $(listen_at $nc $port) <$from >$tmp/got-there"
			server=$pid
			if [ "$there" = run ]; then wait_stack_port $port; else wait_kernel_port $port; fi
			"$here" "$nc" "$mode" "$at" $port <"$to" >"$tmp/got-here"
			wait_end "$server" 10
			same_file "$nc, $pair: here" "$tmp/got-here" "$from"
			same_file "$nc, $pair: there" "$tmp/got-there" "$to"
			port=$((port + 1))
		done
	done
done

start_run shell nc.traditional -l -s "$stack" -p 9100 -e /bin/sh
wait_stack_port 9100
equal "a shell over TCP" "$(echo 'echo $((6 * 7)); exit' | peer nc.openbsd -N "$stack" 9100)" 42
start_run many nc.openbsd -l -k "$stack" 9101
wait_stack_port 9101
for i in 1 2 3; do
	echo "line $i" | peer nc.traditional -q0 -p $((5000 + i)) "$stack" 9101
done
until_true 5 "three lines" eval '[ "$(wc -l <"$tmp/many.log")" -eq 3 ]'
equal "what came" "$(sort "$tmp/many.log" | xargs)" "line 1 line 2 line 3"
scanned=$(run nc.openbsd -z -v "$stack" 9099-9102 2>&1 || true)
contains "scanned" "$scanned" "9101 port .*succeeded"
contains "scanned" "$scanned" "9102 .*refused"
