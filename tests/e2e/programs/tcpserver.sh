#!/bin/bash
# SPDX-License-Identifier: MIT
# program: tcpserver and tcpclient (ucspi-tcp)
# package: ucspi-tcp
# exercised: rules by address, a limit of 5 children with 20 clients, the addresses in the environment, cat of 3 MB both ways as user nobody; tcpclient on the stack
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
printf '%s:allow,GREETING="the kernel"\n%s:allow,GREETING="the stack"\n:deny\n' "$kernel" "$stack" |
	tcprules "$tmp/rules.cdb" "$tmp/rules.tmp"
chmod 644 "$tmp/rules.cdb"
server=(tcpserver -v -H -R -l "$stack" -x "$tmp/rules.cdb" -u 65534 -g 65534 -c 5)
# shellcheck disable=SC2016 # the child's own variables
start_run who "${server[@]}" "$stack" 9001 sh -c 'echo "$GREETING $TCPREMOTEIP $TCPLOCALIP:$TCPLOCALPORT $(id -u)"'
start_run cat "${server[@]}" "$stack" 9002 cat
wait_stack_port 9001
wait_stack_port 9002
equal "from the kernel" "$(peer nc -N "$stack" 9001 </dev/null)" "the kernel $kernel $stack:9001 65534"
equal "tcpclient on the stack" "$(run tcpclient -H -R "$stack" 9001 sh -c 'cat <&6')" \
	"the stack $stack $stack:9001 65534"
clients=()
for i in {1..20}; do
	start client bash -c "scripts/lab peer nc -N $stack 9002 <$tmp/www/large >$tmp/got$i"
	clients+=("$pid")
done
for i in {1..20}; do
	wait "${clients[i - 1]}" || fail "client $i"
	same_file "client $i" "$tmp/got$i" "$tmp/www/large"
done
most=$(grep -o 'status: [0-9]*/5' "$tmp/cat.log" | sort -u | tail -1)
equal "children at once" "$most" "status: 5/5"
