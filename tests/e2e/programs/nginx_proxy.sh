#!/bin/bash
# SPDX-License-Identifier: MIT
# program: nginx, reverse proxy
# package: nginx
# exercised: proxies to two upstreams on the same stack, kept connections and new ones, 3 MB down, a 3 MB body up; goes on when one upstream dies, and answers 502 when both have
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
start_upstream 8001
first=$pid
start_upstream 8002 127.0.0.1
second=$pid
start_nginx off <<CONF
upstream kept { server $stack:8001; server 127.0.0.1:8002; keepalive 8; }
upstream new { server $stack:8001; server 127.0.0.1:8002; }
server {
	listen $stack:80;
	proxy_connect_timeout 5s;
	location / { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ""; }
	location /new/ { proxy_pass http://new/; }
}
CONF
wait_stack_port 80
for _ in 1 2 3 4; do
	serves_www "kept connections" "http://$stack"
	serves_www "new connections" "http://$stack/new"
done
used=$(get -D - -o /dev/null "http://$stack/small" -: -D - -o /dev/null "http://$stack/small")
contains "upstreams used" "$used" "X-Upstream: 8001"
contains "upstreams used" "$used" "X-Upstream: 8002"
equal "digest of the body" "$(get --data-binary "@$tmp/www/large" "http://$stack/")" \
	"$(digest_of "$tmp/www/large")"
load -c 16 -t 2 -d 1s "http://$stack/small"
load -c 16 -t 2 -d 1s -H 'Connection: close' "http://$stack/new/small"

kill -TERM "$first"
wait_end "$first" 5
for _ in 1 2 3 4 5 6; do
	equal "with one upstream left" "$(get "http://$stack/small")" small
done
kill -TERM "$second"
wait_end "$second" 5
equal "with none left" "$(status_of "http://$stack/small")" 502
kill -QUIT "$nginx"
wait_end "$nginx" 10
no_worker_crashed
