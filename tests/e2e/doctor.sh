#!/bin/bash
# SPDX-License-Identifier: MIT
# xtcp doctor: one line a check, what to do next, and status 1 when something is amiss: no daemon, no
# right to it, a TAP that is down, an address two have; a port both listen to is worth a note.
. "$(dirname "$0")/lib.sh"

doctor() # STATUS [COMMAND-IN-FRONT...]
{
	local wanted=$1 status=0
	shift
	peer "$@" env XTCP_SOCKET="$(lab dir)/xtcpd.sock" XTCP_CONTROL="$(lab dir)/control.sock" \
		"$BUILD/xtcp" doctor >"$tmp/out" 2>&1 || status=$?
	equal "status of doctor: $(cat "$tmp/out")" "$status" "$wanted"
}
says() # PATTERN
{
	contains "doctor" "$(cat "$tmp/out")" "$1"
}

lab up
doctor 0
for check in daemon control preload rules limits tap address port; do
	says "^ok +$check "
done
peer env XTCP_CONTROL="$(lab dir)/control.sock" XTCP_SOCKET="$(lab dir)/xtcpd.sock" \
	"$BUILD/xtcpctl" --json doctor | "$python" -c '
import json, sys
doc = json.load(sys.stdin)
assert not doc["failed"] and all(c["verdict"] == "ok" for c in doc["checks"]), doc'

start_run on_stack "$helper" echo 0.0.0.0 7000
wait_stack_port 7000
start_peer on_kernel "$helper" echo 0.0.0.0 7000
wait_kernel_port 7000
doctor 0
says "^note +port +port 7000: "

echo "kernel nowhere" >"$tmp/rules"
doctor 1 env XTCP_RULES="$tmp/rules"
says "^FAIL +rules +$tmp/rules:1: not an IPv4 address"

lab peer ip link set xtcp0 down
lab peer ip addr add "$stack/32" dev lo
doctor 1
says "^FAIL +tap +xtcp0 is down"
says "^FAIL +address +the stack's address $stack is also the kernel's, on lo"
lab peer ip addr del "$stack/32" dev lo
lab peer ip link set xtcp0 up
doctor 0 setpriv --reuid 65534 --regid 65534 --clear-groups
says "^ok +daemon"
says "^\? +control .*Permission denied"
doctor 1 prlimit --nofile=256:256
says "^FAIL +limits .*256 descriptors"
chmod 600 "$(lab dir)/xtcpd.sock"
doctor 1 setpriv --reuid 65534 --regid 65534 --clear-groups
says "^FAIL +daemon .*mode 0600.*not for this user"

status=0
XTCP_SOCKET=$tmp/nobody.sock XTCP_CONTROL=$tmp/nobody.control "$BUILD/xtcp" doctor >"$tmp/out" || status=$?
equal "status without a daemon" "$status" 1
says "^FAIL +daemon +no xtcpd at $tmp/nobody.sock .*start it"
says "^FAIL +control +$tmp/nobody.control: "
says "^FAIL +preload .*Network is down"
