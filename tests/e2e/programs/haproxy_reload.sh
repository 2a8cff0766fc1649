#!/bin/bash
# SPDX-License-Identifier: MIT
# program: HAProxy, seamless reload
# package: haproxy
# exercised: three reloads under load with -x and -sf: the new process gets the listening descriptors from the old one over its UNIX socket; no request fails, a long download survives
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/haproxy.inc

lab up
make_www
make_certificate
cat "$tmp/cert.pem" "$tmp/key.pem" >"$tmp/both.pem"
start_upstream 8001
start_upstream 8002 127.0.0.1
haproxy_configuration 2 0
start_run haproxy0 haproxy -db -f "$tmp/haproxy.cfg"
old=$pid
wait_stack_port 80
start wrk scripts/lab peer wrk -c 8 -t 2 -d 6s -H 'Connection: close' "http://$stack/small"
wrk=$pid
start slow scripts/lab peer curl -sS --fail --limit-rate 600K -o "$tmp/slow" "http://$stack:81/large"
slow=$pid
answers() # NAME
{
	get -D - -o /dev/null "http://$stack/small" | grep -qi "X-Config: $1"
}
for n in 1 2 3; do
	haproxy_configuration $((n + 1)) "$n"
	start_run "haproxy$n" haproxy -db -f "$tmp/haproxy.cfg" -x "$tmp/admin.sock" -sf "$old"
	old=$pid
	until_true 10 "the answer of configuration $n" answers "$n"
done
wait "$wrk" || fail "wrk: $(cat "$tmp/wrk.log")"
load_result "$tmp/wrk.log"
say "$requests requests over three reloads"
wait "$slow" || fail "the long download: $(cat "$tmp/slow.log")"
same_file "the long download" "$tmp/slow" "$tmp/www/large"
kill -TERM "$old"
wait_end "$old" 10
