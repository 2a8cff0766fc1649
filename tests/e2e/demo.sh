#!/bin/bash
# SPDX-License-Identifier: MIT
# The demo does what it says and leaves nothing, also when it is interrupted.
. "$(dirname "$0")/lib.sh"

traces() # of a demo's laboratory
{
	find /run /run/netns -maxdepth 1 -name 'xtcp-demo-*' 2>/dev/null | sort
}
before=$(traces)
scripts/demo >"$tmp/demo.log" 2>&1 || fail "$(cat "$tmp/demo.log")"
equal "pages" "$(grep -c 'TCP/IP stack of its own\.' "$tmp/demo.log")" 2
contains "nginx" "$(cat "$tmp/demo.log")" "^Server: nginx"
contains "python" "$(cat "$tmp/demo.log")" "^Server: SimpleHTTP"
contains "ss -a" "$(cat "$tmp/demo.log")" "LISTEN .*:8000"
equal "left behind" "$(traces)" "$before"

started_lab()
{
	[ "$(traces)" != "$before" ]
}
for signal in INT TERM; do
	# its own process group, as a terminal's ^C would find it
	setsid env --default-signal=INT,TERM scripts/demo >"$tmp/interrupted.log" 2>&1 </dev/null &
	demo=$!
	started+=("$demo")
	until_true 10 "the demo's laboratory" started_lab
	kill -$signal -- "-$demo"
	! wait "$demo" || fail "the demo took no notice of SIG$signal"
	equal "left behind by SIG$signal" "$(traces)" "$before"
done
