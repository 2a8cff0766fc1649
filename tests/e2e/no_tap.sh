#!/bin/bash
# SPDX-License-Identifier: MIT
# A TAP that cannot be had: the reason and what to do about it, exit status 1, nothing left.
. "$(dirname "$0")/lib.sh"

lab up # for its namespace
refused() # PATTERN COMMAND...
{
	local pattern=$1 status=0
	shift
	timeout 10 scripts/lab peer "$@" --socket "$tmp/xtcpd.sock" --control "$tmp/control.sock" \
		>"$tmp/out" 2>&1 </dev/null || status=$?
	equal "status" "$status" 1
	contains "the reason" "$(cat "$tmp/out")" "$pattern"
	say "$(tail -n 1 "$tmp/out")"
	[ ! -e "$tmp/xtcpd.sock" ] || fail "its socket is left"
}
# the laboratory's own daemon has it
refused "xtcp0.*(busy|in use)" "$BUILD/xtcpd"
peer ip link add taken type veth peer name other
refused "taken" "$BUILD/xtcpd" --tap taken
# without the right
refused "root|CAP_NET_ADMIN" setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/xtcpd" \
	--tap xtcp1
# without the device: a mount namespace whose /dev has none
refused "/dev/net/tun" unshare --mount sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh \
	"$BUILD/xtcpd" --tap xtcp1
