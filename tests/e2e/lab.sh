#!/bin/bash
# SPDX-License-Identifier: MIT
# The laboratory itself: up says no to a second one, the kernel's side reaches the stack, down
# leaves nothing, also of what runs in it.
. "$(dirname "$0")/lib.sh"

lab up
if out=$(lab up 2>&1); then
	fail "a second up of the same laboratory"
fi
contains "second up" "$out" "up already"
peer ping -c 3 -i 0.01 -W 2 -q "$stack" >"$tmp/ping.log" || fail "no echo: $(cat "$tmp/ping.log")"
contains "ping" "$(cat "$tmp/ping.log")" "3 received"
contains "ip link" "$(peer ip -o link)" "xtcp0"

start_peer sleeper setsid sleep 1000
sleeper=$pid
read -r daemon <"$(lab dir)/xtcpd.pid"
lab down
until_true 5 "the end of xtcpd" test ! -e "/proc/$daemon"
wait_end "$sleeper" 5
[ ! -e "/run/netns/xtcp-$LAB" ] || fail "the namespace is still there"
[ ! -e "$(lab dir)" ] || fail "the directory is still there"
lab down # nothing to do is no failure
