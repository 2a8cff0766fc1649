#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx with two workers, unmodified: keep-alive, and one connection per request, without an error.
. "$(dirname "$0")/lib.sh"
. tests/e2e/nginx.inc

lab up
nginx_start
equal "small" "$(peer curl -sS --max-time 10 "http://$stack/small")" "small"
peer curl -sS --max-time 20 "http://$stack/large" | cmp - "$tmp/www/large"

load -c 32 -t 2 -d 3s "http://$stack/small"
say "keep-alive: $requests requests"
load -c 32 -t 2 -d 3s -H 'Connection: close' "http://$stack/small"
say "one connection per request: $requests requests"
load -c 8 -t 2 -d 2s "http://$stack/large"
say "large: $requests requests"
equal "workers that have crashed" "$(grep -c 'exited on signal' "$tmp/error.log" || true)" 0

nginx_stop
equal "listeners left" "$(ctl ss -ltn | grep -c ':80 ' || true)" 0
