#!/bin/bash
# SPDX-License-Identifier: MIT
# redis-server, unmodified, under redis-benchmark from the kernel's side; its data is what was set.
. "$(dirname "$0")/lib.sh"

lab up
cat >"$tmp/redis.conf" <<CONF
bind $stack
port 6379
dir $tmp
save ""
appendonly no
protected-mode no
CONF
start_run redis redis-server "$tmp/redis.conf"
server=$pid
wait_stack_port 6379
redis()
{
	peer redis-cli -h "$stack" "$@"
}
equal "PING" "$(redis ping)" "PONG"
for pipeline in 1 16; do
	peer redis-benchmark -h "$stack" -c 50 -n 20000 -P $pipeline -q -t ping,set,get,incr,lpush,lrange_100 \
		>"$tmp/benchmark.log" 2>&1 || fail "redis-benchmark: $(cat "$tmp/benchmark.log")"
	if grep -iE 'error|refused|reset' "$tmp/benchmark.log"; then
		fail "redis-benchmark: $(cat "$tmp/benchmark.log")"
	fi
	tr '\r' '\n' <"$tmp/benchmark.log" | grep 'requests per second' | sed "s/^/$scenario: /"
done
contains "keys set" "$(redis exists key:__rand_int__ counter:__rand_int__ mylist)" "^[1-3]$"
redis set greeting hello >/dev/null
equal "GET" "$(redis get greeting)" "hello"
# A client's name as the server has it: getpeername() of an accepted socket.
contains "CLIENT LIST" "$(redis client list)" "addr=$kernel:[0-9]+ laddr=$stack:6379"
redis shutdown nosave >/dev/null 2>&1 || true
wait_end "$server" 10
