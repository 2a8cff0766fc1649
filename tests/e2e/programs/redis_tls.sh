#!/bin/bash
# SPDX-License-Identifier: MIT
# program: redis-server, TLS
# package: redis-server
# exercised: redis-benchmark over TLS from the kernel's side, redis-cli over TLS as a client on the stack, a certificate that is not trusted is refused
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_certificate
start_run redis redis-server --bind "$stack" --port 0 --tls-port 6380 --dir "$tmp" --save '' \
	--protected-mode no --tls-cert-file "$tmp/cert.pem" --tls-key-file "$tmp/key.pem" \
	--tls-ca-cert-file "$tmp/cert.pem" --tls-auth-clients no
server=$pid
wait_stack_port 6380
tls=(-h "$stack" -p 6380 --tls --cacert "$tmp/cert.pem")
equal "SET" "$(peer redis-cli "${tls[@]}" set greeting hello)" OK
equal "GET, the client on the stack" "$(run redis-cli "${tls[@]}" get greeting)" hello
peer redis-benchmark "${tls[@]}" -c 20 -n 10000 -d 1000 -q -t set,get,lrange_100 \
	>"$tmp/benchmark.log" 2>&1 || fail "redis-benchmark: $(cat "$tmp/benchmark.log")"
if grep -iE 'error|refused|reset' "$tmp/benchmark.log"; then
	fail "redis-benchmark: $(cat "$tmp/benchmark.log")"
fi
tr '\r' '\n' <"$tmp/benchmark.log" | grep 'requests per second' | sed "s/^/$scenario: /"
contains "untrusted" "$(peer redis-cli -h "$stack" -p 6380 --tls ping 2>&1 || true)" "certificate verify failed"
peer redis-cli "${tls[@]}" shutdown nosave >/dev/null 2>&1 || true
wait_end "$server" 10
