#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx reloads by SIGHUP under load: the listener goes from the old workers to the new, and no
# request fails. One connection per request, so that a kept-alive connection which an old worker
# may close is not taken for a failure.
. "$(dirname "$0")/lib.sh"
. tests/e2e/nginx.inc

lab up
nginx_start
before=$(workers)
start wrk scripts/lab peer wrk -c 16 -t 2 -d 5s -H 'Connection: close' "http://$stack/small"
wrk=$pid
served_some()
{
	[ "$(nstat TcpPassiveOpens)" -gt "$1" ]
}
for reload in 1 2 3; do
	until_true 10 "requests" served_some "$(($(nstat TcpPassiveOpens) + 200))"
	kill -HUP "$master"
	new_workers()
	{
		[ "$(workers | wc -w)" -eq 2 ] && [ "$(workers)" != "$before" ]
	}
	until_true 10 "new workers, reload $reload" new_workers
	before=$(workers)
done
wait "$wrk" || fail "wrk: $(cat "$tmp/wrk.log")"
load_result "$tmp/wrk.log"
say "$requests requests over three reloads"
contains "reloads" "$(grep -c 'SIGHUP.*reconfiguring' "$tmp/error.log")" "^3$"
equal "workers that have crashed" "$(grep -c 'exited on signal' "$tmp/error.log" || true)" 0
nginx_stop
