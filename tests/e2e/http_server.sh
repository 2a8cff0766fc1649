#!/bin/bash
# SPDX-License-Identifier: MIT
# python3 -m http.server, unmodified, asked by curl from the kernel's side.
. "$(dirname "$0")/lib.sh"

lab up
mkdir "$tmp/www"
"$helper" generate 3000017 >"$tmp/www/file"
start_run python "$python" -m http.server -d "$tmp/www" 8000
server=$pid
wait_stack_port 8000
for _ in 1 2 3; do
	peer curl -sS --max-time 10 "http://$stack:8000/file" | cmp - "$tmp/www/file"
done
equal "missing file" "$(peer curl -sS -o /dev/null -w '%{http_code}' "http://$stack:8000/no")" 404
contains "its log names the client" "$(cat "$tmp/python.log")" "^$kernel .*GET /file"

# The kernel knows of no listener and of no socket but the client's.
equal "kernel's listeners" "$(peer ss -Hltn)" ""
kill -TERM "$server"
wait_end "$server" 5
until_true 5 "the listener's end" eval '! stack_listens 8000'
status=0
peer curl -sS --max-time 5 "http://$stack:8000/" 2>"$tmp/refused.log" || status=$?
equal "curl's status when refused" "$status" 7
