#!/bin/bash
# SPDX-License-Identifier: MIT
# Clients on the private stack: curl to a server on the kernel's side, to one on the same stack
# (its own address and 127.0.0.1), several transfers at once, a refused and an unreachable one.
. "$(dirname "$0")/lib.sh"

lab up
mkdir "$tmp/www"
"$helper" generate 2500000 >"$tmp/www/file"
start_peer kernel_http "$python" -m http.server -d "$tmp/www" 8080
wait_kernel_port 8080
run curl -sS --max-time 10 "http://$kernel:8080/file" | cmp - "$tmp/www/file"
contains "who asked" "$(cat "$tmp/kernel_http.log")" "^$stack .*GET /file"

run curl -sS --max-time 20 --parallel --parallel-max 8 \
	-o "$tmp/out#1" "http://$kernel:8080/file?[1-16]"
for i in {1..16}; do
	cmp "$tmp/out$i" "$tmp/www/file"
done

start_run stack_http "$python" -m http.server -d "$tmp/www" 8081
wait_stack_port 8081
for address in "$stack" 127.0.0.1; do
	run curl -sS --max-time 10 "http://$address:8081/file" | cmp - "$tmp/www/file"
done

status=0
run curl -sS --max-time 10 "http://$kernel:1/" 2>"$tmp/refused.log" || status=$?
equal "curl's status when refused" "$status" 7
contains "refused" "$(cat "$tmp/refused.log")" "[Rr]efused|Couldn't connect"
status=0
run curl -sS --max-time 10 http://192.0.2.1/ 2>"$tmp/unreachable.log" || status=$?
equal "curl's status without a route" "$status" 7
