#!/bin/bash
# SPDX-License-Identifier: MIT
# program: HAProxy
# package: haproxy
# exercised: four threads, HTTP and TCP frontends to two checked upstreams on the same stack, TLS termination, 3 MB each way under load; a dead upstream is taken out by its health check
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/haproxy.inc

lab up
make_www
make_certificate
cat "$tmp/cert.pem" "$tmp/key.pem" >"$tmp/both.pem"
start_upstream 8001
first=$pid
start_upstream 8002 127.0.0.1
haproxy_configuration 4 one
start_run haproxy haproxy -db -f "$tmp/haproxy.cfg"
haproxy=$pid
wait_stack_port 80
wait_stack_port 443
wait_stack_port 81
equal "threads" "$(grep -c . < <(ls "/proc/$haproxy/task"))" 4
for _ in 1 2; do
	serves_www "HTTP" "http://$stack"
	serves_www "TCP" "http://$stack:81"
	serves_www "TLS" "https://$stack" --cacert "$tmp/cert.pem"
done
equal "digest of the body" "$(get --data-binary "@$tmp/www/large" "http://$stack/")" \
	"$(digest_of "$tmp/www/large")"
load -c 16 -t 2 -d 2s "http://$stack/small"
say "HTTP: $requests requests"
load -c 16 -t 2 -d 2s -H 'Connection: close' "http://$stack:81/small"
say "TCP: $requests requests"

admin()
{
	echo "$1" | nc -U -N "$tmp/admin.sock"
}
kill -TERM "$first"
wait_end "$first" 5
until_true 10 "the health check's verdict" eval 'admin "show servers state" | grep -qE "both [0-9]+ first [^ ]+ 0 "'
for _ in {1..10}; do
	contains "who answers" "$(get -D - -o /dev/null "http://$stack/small")" "[Xx]-[Uu]pstream: 8002"
done
kill -TERM "$haproxy"
wait_end "$haproxy" 10
