#!/bin/bash
# SPDX-License-Identifier: MIT
# program: mosquitto
# package: mosquitto
# exercised: publish and subscribe with QoS 0, 1 and 2, retained messages, a will sent when a client is killed, 1 MB payloads, TLS, a bridge to a broker on the kernel's side; clients on both sides
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_certificate
cat >"$tmp/broker.conf" <<CONF
listener 1883 $stack
allow_anonymous true
listener 8883 $stack
certfile $tmp/cert.pem
keyfile $tmp/key.pem
user nobody
connection far
address $kernel:1884
topic bridged/# both 1
CONF
printf 'listener 1884 %s\nallow_anonymous true\nuser nobody\n' "$kernel" >"$tmp/far.conf"
start_peer far mosquitto -c "$tmp/far.conf"
wait_kernel_port 1884
start_run broker mosquitto -c "$tmp/broker.conf"
broker=$pid
wait_stack_port 8883
# A subscriber that ends after COUNT messages; $pid.
subscribe() # NAME run|peer COUNT TOPIC ARGUMENT...
{
	local name=$1 where=$2 count=$3 topic=$4
	shift 4
	start "$name" scripts/lab "$where" stdbuf -oL mosquitto_sub -d -h "$stack" -C "$count" -W 20 -t "$topic" "$@"
	local sub=$pid
	until_true 10 "$name's subscription" grep -q 'SUBACK' "$tmp/$name.log"
	pid=$sub
}
publish() # run|peer ARGUMENT...
{
	local where=$1
	shift
	"$where" mosquitto_pub -h "$stack" "$@"
}
for qos in 0 1 2; do
	subscribe "sub$qos" peer 100 "news/$qos" -q $qos
	sub=$pid
	seq 100 | publish run -t "news/$qos" -q $qos -l
	wait "$sub" || fail "QoS $qos: $(cat "$tmp/sub$qos.log")"
	equal "QoS $qos" "$(grep -cxE '[0-9]+' "$tmp/sub$qos.log")" 100
done
publish peer -t kept -m retained -r -q 1
equal "retained" "$(run mosquitto_sub -h "$stack" -C 1 -W 10 -t kept)" retained
"$helper" generate 1000000 >"$tmp/payload"
publish peer -t large -q 1 -r -f "$tmp/payload"
run mosquitto_sub -h "$stack" -C 1 -W 20 -N -t large >"$tmp/got"
same_file "1 MB" "$tmp/got" "$tmp/payload"

subscribe will peer 1 last/words
sub=$pid
start_run doomed stdbuf -oL mosquitto_sub -h "$stack" -t x -d -k 60 --will-topic last/words --will-payload farewell
until_true 10 "the doomed client" grep -q SUBACK "$tmp/doomed.log"
kill -KILL "$pid"
wait "$sub" || fail "the will: $(cat "$tmp/will.log")"
contains "the will" "$(cat "$tmp/will.log")" "^farewell$"

tls=(-p 8883 --cafile "$tmp/cert.pem")
publish peer "${tls[@]}" -t kept/tls -m secret -r -q 1
equal "over TLS" "$(run mosquitto_sub -h "$stack" "${tls[@]}" -C 1 -W 10 -t kept/tls)" secret
publish peer -t bridged/x -m across -r -q 1
equal "over the bridge" "$(peer mosquitto_sub -h "$kernel" -p 1884 -C 1 -W 15 -t bridged/x)" across
kill -TERM "$broker"
wait_end "$broker" 10
