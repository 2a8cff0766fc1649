#!/bin/bash
# SPDX-License-Identifier: MIT
# program: memcached
# package: memcached
# exercised: four threads that share the listener's connections, as user nobody; 64 connections at once set and get values of up to 500 kB and count together
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
start_run memcached memcached -U 0 -l "$stack" -p 11211 -t 4 -u nobody -m 256
server=$pid
wait_stack_port 11211
peer "$python" tests/e2e/programs/memcached.py "$stack" 11211 64
equal "threads" "$(ps -o user= -p "$server" | xargs)" nobody
stats=$(printf 'stats\r\nquit\r\n' | peer nc "$stack" 11211)
contains "threads" "$stats" "^STAT threads 4"
contains "connections" "$stats" "^STAT total_connections (6[5-9]|[7-9][0-9])"
kill -TERM "$server"
wait_end "$server" 10
