#!/bin/bash
# SPDX-License-Identifier: MIT
# Watching the stack: a capture that tcpdump reads, with what the stack did as comments; lines of
# text, filters, counts; a reader that is too slow loses packets, is told, and slows nobody; and a
# connection followed in words.
. "$(dirname "$0")/lib.sh"

lab_up_sanitized
socket=$(lab dir)/control.sock
mkdir "$tmp/www"
"$helper" generate 3000000 >"$tmp/www/file"
start_run http "$python" -m http.server -d "$tmp/www" 8081
wait_stack_port 8081
fetch()
{
	peer curl -sS --max-time 60 "http://$stack:8081/file" | cmp - "$tmp/www/file"
}
interrupt() # PID: as a terminal would; ends in order
{
	kill -INT "$1"
	wait_end "$1" 10
}

# Everything, through a bad network, into a file; and beside it one connection in words.
start capture "$BUILD/xtcpctl" --socket "$socket" capture -w "$tmp/file.pcapng"
capture=$pid
start trace "$BUILD/xtcpctl" --socket "$socket" trace :8081
trace=$pid
until_true 10 "the capture's beginning" test -s "$tmp/file.pcapng"
ctl link impair in loss=2% delay=1ms corrupt=5% seed=11
ctl link impair out loss=2% delay=1ms seed=12
fetch
ctl link impair off
peer curl -sS --max-time 5 "http://$stack:99/" 2>/dev/null && fail "somebody is at port 99"
until_true 10 "the end of the connection" grep -q "TIME-WAIT\|closed" "$tmp/trace.log"
interrupt "$capture"
interrupt "$trace"
contains "xtcpctl's last words" "$(cat "$tmp/capture.log")" "^[0-9]+ packets captured$"
"$python" tests/e2e/capture.py "$tmp/file.pcapng" >"$tmp/packets"
for what in "in [0-9]+ established, mss 1448 wscale" "out [0-9]+ SYN-ACK sent, mss 1460" \
	"out [0-9]+ .*retransmitted [0-9]+ bytes at [0-9]+ \((RACK|TLP|RTO|after RTO)" \
	"cwnd [0-9]+ -> [0-9]+, ssthresh [0-9]+ \(recovery\)" "in [0-9]+ dropped: TCP_CSUM" \
	"out [0-9]+ .*impaired: [0-9]+ lost" "in [0-9]+ dropped: NO_SOCKET" "(closing|FIN received|closed)" \
	"^received [1-9][0-9]* lost 0$"; do
	contains "the capture" "$(cat "$tmp/packets")" "$what"
done
tcpdump -nr "$tmp/file.pcapng" >"$tmp/tcpdump" 2>/dev/null
# A packet is a line, or several where corruption made it one of another protocol.
equal "packets as tcpdump reads them" "$(grep -c '^[0-9][0-9]:' "$tmp/tcpdump")" \
	"$(grep -c '^\(in\|out\)' "$tmp/packets")"
for what in "SYN-ACK sent, mss 1460" "established, mss 1448 wscale [0-9,]+ sack ts cwnd 10" \
	"retransmitted [0-9]+ bytes at" "cwnd [0-9]+ -> [0-9]+, ssthresh" "^[0-9]+ events$"; do
	contains "the trace" "$(cat "$tmp/trace.log")" "$what"
done

# Text, with a filter, until there are three; live through a pipe.
start drops "$BUILD/xtcpctl" --socket "$socket" capture -c 3 host "$kernel" and drop
drops=$pid
start live bash -c "\"$BUILD/xtcpctl\" --socket \"$socket\" capture -w - -c 3 port 98 |
	tcpdump -nr - 2>/dev/null"
live=$pid

until_true 10 "three drops" eval '
	peer curl -s --max-time 5 "http://$stack:98/" || true
	[ "$(grep -c "^[0-9].* In .*# dropped: NO_SOCKET" "$tmp/drops.log")" = 3 ]'
wait_end "$drops" 10
until_true 10 "three packets by the pipe" eval '
	peer curl -s --max-time 5 "http://$stack:98/" || true
	[ "$(grep -c " IP .*\.98" "$tmp/live.log")" = 3 ]'
wait_end "$live" 10

# A reader that does not read: its packets are lost and counted, and the transfer knows nothing.
"$helper" generate 30000000 >"$tmp/www/file"
mkfifo "$tmp/go"
"$python" tests/e2e/capture.py --slow "$socket" >"$tmp/slow" <"$tmp/go" &
slow=$!
started+=("$slow")
exec 9>"$tmp/go"
until_true 10 "the slow reader" grep -q listening "$tmp/slow"
fetch
exec 9>&-
wait_end "$slow" 20
contains "what the slow reader got" "$(tail -n 1 "$tmp/slow")" "^received [1-9][0-9]* lost [1-9]"

refused() # STATUS PATTERN ARGUMENT...
{
	local wanted=$1 pattern=$2 status=0
	shift 2
	ctl "$@" >"$tmp/out" 2>&1 || status=$?
	equal "status of xtcpctl $*" "$status" "$wanted"
	contains "xtcpctl $*" "$(cat "$tmp/out")" "$pattern"
}
refused 1 "udp: a filter has host" capture udp
refused 1 "neither ADDRESS" trace nonsense
refused 1 "count: not a number" capture -c many
refused 2 "-x: not -w, -c or -s" capture -x
refused 2 "has no --json" --json capture
lab_sane
