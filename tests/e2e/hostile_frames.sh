#!/bin/bash
# SPDX-License-Identifier: MIT
# Hostile frames on the TAP, written from the kernel's side: too short, wrong lengths, checksums
# and options, fragments that overlap, and noise. Counted, and nothing else is disturbed.
. "$(dirname "$0")/lib.sh"

lab_up_sanitized
read -r daemon <"$(lab dir)/xtcpd.pid"
start_run echo_stack "$helper" echo "$stack" 7
wait_stack_port 7
equal "echo" "$(echo before | peer nc -N -w 5 "$stack" 7)" "before"
errors=$(nstat IpInHdrErrors)
checksums=$(nstat TcpInCsumErrors)

peer "$python" tests/e2e/hostile_frames.py xtcp0 "$stack" "$kernel" || fail "the sender itself"

[ -e "/proc/$daemon" ] || fail "xtcpd is gone"
equal "echo afterwards" "$(echo after | peer nc -N -w 5 "$stack" 7)" "after"
peer ping -c 3 -i 0.01 -W 2 -q "$stack" >"$tmp/ping.log" || fail "no echo: $(cat "$tmp/ping.log")"
say "IpInHdrErrors $(($(nstat IpInHdrErrors) - errors))," \
	"TcpInCsumErrors $(($(nstat TcpInCsumErrors) - checksums))"
[ "$(nstat IpInHdrErrors)" -gt "$((errors + 20))" ] || fail "wrong headers are not counted"
[ "$(nstat TcpInCsumErrors)" -gt "$checksums" ] || fail "wrong checksums are not counted"
lab_sane
