#!/bin/bash
# SPDX-License-Identifier: MIT
# The systemd unit, as systemd-analyze reads it.
. "$(dirname "$0")/lib.sh"

command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze here"
unit=packaging/xtcpd.service
[ -e "$unit" ] || fail "$unit is not there"
# ExecStart= is where make install puts it; here it is what was built.
sed -E "s|^(ExecStart=)[^ ]*xtcpd|\\1$BUILD/xtcpd|" "$unit" >"$tmp/xtcpd.service"
out=$(systemd-analyze verify --man=no "$tmp/xtcpd.service" 2>&1 | grep -F xtcpd.service || true)
equal "systemd-analyze verify" "$out" ""
contains "Type=notify" "$(cat "$unit")" "^Type=notify"
