#!/bin/bash
# SPDX-License-Identifier: MIT
# program: redis-server, replication
# package: redis-server
# exercised: a replica on the same stack and one on the kernel's side copy 20,000 keys and follow; MULTI with WATCH, publish and subscribe, a blocked BLPOP woken, failover to a replica
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
server() # NAME run|peer ADDRESS PORT ARGUMENT...
{
	local name=$1 side=$2 address=$3 port=$4
	shift 4
	mkdir "$tmp/$name"
	start "$name" scripts/lab "$side" redis-server --bind "$address" --port "$port" \
		--dir "$tmp/$name" --save '' --protected-mode no --repl-diskless-sync-delay 0 "$@"
}
redis() # ADDRESS PORT COMMAND...
{
	local address=$1 port=$2
	shift 2
	peer redis-cli --no-raw -h "$address" -p "$port" "$@"
}
server master run "$stack" 6379
wait_stack_port 6379
for i in {1..20000}; do
	echo "SET key:$i value-of-$i"
done | peer redis-cli -h "$stack" --pipe >"$tmp/pipe.log"
contains "the pipe" "$(cat "$tmp/pipe.log")" "errors: 0, replies: 20000"

server near run "$stack" 6380 --replicaof "$stack" 6379
server far peer "$kernel" 6381 --replicaof "$stack" 6379
wait_stack_port 6380
wait_kernel_port 6381
until_true 20 "the replica on the stack" eval '[ "$(redis "$stack" 6380 dbsize)" = "(integer) 20000" ]'
until_true 20 "the replica on the kernel" eval '[ "$(redis "$kernel" 6381 dbsize)" = "(integer) 20000" ]'
equal "WAIT for two replicas" "$(redis "$stack" 6379 wait 2 5000)" "(integer) 2"
equal "a key on the stack's replica" "$(redis "$stack" 6380 get key:777)" '"value-of-777"'
equal "a key on the kernel's replica" "$(redis "$kernel" 6381 get key:20000)" '"value-of-20000"'
contains "replicas known" "$(redis "$stack" 6379 info replication)" "ip=$kernel,port=6381,state=online"

equal "MULTI" "$(printf '%s\n' 'WATCH n' MULTI 'INCR n' 'INCRBY n 41' EXEC |
	peer redis-cli -h "$stack" | xargs)" "OK OK QUEUED QUEUED 1 42"

start_peer subscriber redis-cli -h "$stack" subscribe news
until_true 5 "the subscriber" grep -q subscribe "$tmp/subscriber.log"
equal "PUBLISH" "$(redis "$stack" 6379 publish news hello)" "(integer) 1"
until_true 5 "the message" grep -qx hello "$tmp/subscriber.log"

start_peer blocked redis-cli -h "$stack" blpop queue 10
blocked=$pid
until_true 5 "a blocked client" eval 'redis "$stack" 6379 info clients | grep -q blocked_clients:1'
redis "$stack" 6379 rpush queue job >/dev/null
wait "$blocked" || fail "BLPOP: $(cat "$tmp/blocked.log")"
contains "BLPOP" "$(cat "$tmp/blocked.log")" job

redis "$stack" 6380 replicaof no one >/dev/null
redis "$stack" 6380 set after failover >/dev/null
redis "$kernel" 6381 replicaof "$stack" 6380 >/dev/null
until_true 20 "the new master's key" eval '[ "$(redis "$kernel" 6381 get after)" = "\"failover\"" ]'
