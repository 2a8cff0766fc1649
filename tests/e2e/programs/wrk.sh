#!/bin/bash
# SPDX-License-Identifier: MIT
# program: wrk
# package: wrk
# exercised: a client on the stack with two threads and 200 connections: kept and new connections, a Lua script with pipelined requests, large answers, to servers on the stack and on the kernel's side; no socket error
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
start_nginx off <<CONF
server { listen $stack:80 backlog=1024; root $tmp/www; }
CONF
sed "s|$stack|$kernel|g" "$tmp/nginx.http" >"$tmp/kernel.http"
sed "s|nginx.http|kernel.http|; s|nginx.pid|kernel.pid|; s|$tmp/t\\([1-5]\\)|$tmp/k\\1|" "$tmp/nginx.conf" >"$tmp/kernel.conf"
start_peer kernel_nginx nginx -c "$tmp/kernel.conf" -e "$tmp/kernel.error.log" -g "daemon off;"
wait_stack_port 80
wait_kernel_port 80
cat >"$tmp/pipeline.lua" <<'LUA'
init = function()
	local one = wrk.format("GET", "/small")
	depth = string.rep(one, 8)
end
request = function() return depth end
response = function(status, headers, body)
	if status ~= 200 or body ~= "small\n" then wrk.thread:stop() end
end
LUA
ask() # WHAT WRK-ARGUMENT...
{
	local what=$1
	shift
	run wrk "$@" >"$tmp/wrk.log" 2>&1 || fail "$what: $(cat "$tmp/wrk.log")"
	load_result "$tmp/wrk.log"
	say "$what: $requests requests"
}
for address in "$stack" "$kernel"; do
	ask "$address, kept" -c 200 -t 2 -d 2s "http://$address/small"
	ask "$address, new" -c 32 -t 2 -d 2s -H 'Connection: close' "http://$address/small"
	ask "$address, pipelined" -c 32 -t 2 -d 1s -s "$tmp/pipeline.lua" "http://$address"
	ask "$address, large" -c 16 -t 2 -d 2s "http://$address/large"
done
kill -QUIT "$nginx"
wait_end "$nginx" 10
no_worker_crashed
