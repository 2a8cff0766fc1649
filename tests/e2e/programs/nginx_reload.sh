#!/bin/bash
# SPDX-License-Identifier: MIT
# program: nginx, reload
# package: nginx
# exercised: five reloads by SIGHUP under load with a connection per request, each time with another number of workers and another answer; no request fails
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
start_nginx off <<CONF
server { listen $stack:80; location / { return 200 "config 0"; } }
CONF
wait_stack_port 80
equal "before" "$(get "http://$stack/")" "config 0"
start wrk scripts/lab peer wrk -c 16 -t 2 -d 6s -H 'Connection: close' "http://$stack/"
wrk=$pid
served() # COUNT
{
	[ "$(nstat TcpPassiveOpens)" -ge "$1" ]
}
answers() # TEXT
{
	[ "$(get "http://$stack/")" = "$1" ]
}
for n in 1 2 3 4 5; do
	until_true 10 "requests" served $(($(nstat TcpPassiveOpens) + 100))
	sed -i "s/config [0-9]*/config $n/" "$tmp/nginx.http"
	sed -i "s/^worker_processes .*/worker_processes $((1 + n % 3));/" "$tmp/nginx.conf"
	kill -HUP "$nginx"
	until_true 10 "the answer of configuration $n" answers "config $n"
done
wait "$wrk" || fail "wrk: $(cat "$tmp/wrk.log")"
load_result "$tmp/wrk.log"
say "$requests requests over five reloads"
kill -QUIT "$nginx"
wait_end "$nginx" 10
no_worker_crashed
