#!/bin/bash
# SPDX-License-Identifier: MIT
# program: nginx, binary upgrade
# package: nginx
# exercised: USR2 under load: the new master inherits the listening descriptor over exec, both serve, the old one is wound up (WINCH, QUIT), and no request fails; then the same again
# needs: `env LD_PRELOAD; env XTCP_SOCKET;`: the new binary gets a clean environment
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
# as a daemon: nginx refuses USR2 while the parent it was started by lives
start_nginx on <<CONF
server { listen $stack:80; root $tmp/www; location /pid { return 200 "\$pid"; } }
CONF
wait_end "$nginx" 10
until_true 5 "its pid file" test -s "$tmp/nginx.pid"
old=$(cat "$tmp/nginx.pid")
started+=("$old")
wait_stack_port 80
start wrk scripts/lab peer wrk -c 16 -t 2 -d 6s -H 'Connection: close' "http://$stack/small"
wrk=$pid
new_master()
{
	[ -s "$tmp/nginx.pid" ] && [ -e "$tmp/nginx.pid.oldbin" ] &&
		[ "$(pgrep -P "$(cat "$tmp/nginx.pid")" | wc -l)" -eq 2 ]
}
without_workers() # PID OTHER-CHILD
{
	[ "$(pgrep -P "$1" | xargs)" = "$2" ]
}
served_by() # MASTER: a worker of it answers
{
	[ "$(ps -o ppid= -p "$(get "http://$stack/pid")" | xargs)" = "$1" ]
}
for _ in 1 2; do
	kill -USR2 "$old"
	until_true 10 "a second master with workers" new_master
	new=$(cat "$tmp/nginx.pid")
	started+=("$new")
	[ "$new" != "$old" ] || fail "the master is the old one"
	until_true 10 "an answer of the new master's" served_by "$new"
	kill -WINCH "$old"
	until_true 10 "the old workers' end" without_workers "$old" "$new"
	serves_www "the new master" "http://$stack"
	kill -QUIT "$old"
	wait_end "$old" 10
	old=$new
done
wait "$wrk" || fail "wrk: $(cat "$tmp/wrk.log")"
load_result "$tmp/wrk.log"
say "$requests requests over two upgrades"
kill -QUIT "$old"
wait_end "$old" 10
until_true 5 "the listener's end" eval '! stack_listens 80'
no_worker_crashed
