#!/bin/bash
# SPDX-License-Identifier: MIT
# Wrong flags and wrong lines of the configuration file: exit status 1, where and why on stderr.
. "$(dirname "$0")/lib.sh"

xtcpd=$BUILD/xtcpd
refused() # PATTERN ARGUMENT...
{
	local pattern=$1 status=0
	shift
	timeout 5 "$xtcpd" "$@" >"$tmp/out" 2>&1 </dev/null || status=$?
	equal "status of xtcpd $*" "$status" 1
	contains "xtcpd $*" "$(cat "$tmp/out")" "$pattern"
}
wrong_line() # PATTERN LINE...: the last line is the wrong one
{
	local pattern=$1
	shift
	printf '%s\n' "$@" >"$tmp/conf"
	refused "$tmp/conf:$#: .*$pattern" --config "$tmp/conf" --check
}

refused "no-such-flag" --no-such-flag
refused "unexpected argument" start
refused "address.*10.77.0.300/24" --address 10.77.0.300/24
refused "mtu.*12" --mtu 12
refused "sysctl" --sysctl net.ipv4.no_such_thing=1
refused "sysctl" --sysctl nonsense
refused "$tmp/missing.conf" --config "$tmp/missing.conf"
refused "[Kk]ernelAddress|kernel-address" --address 192.0.2.1/24 --check

wrong_line "Adress" "[Network]" "Address=10.1.0.2/24" "Adress=10.1.0.3/24"
wrong_line "Address" "[Network]" "Address=10.1.0.2"
wrong_line "section" "# a comment" "" "[Netwrok]" "Address=10.1.0.2/24"
wrong_line "MTUBytes" "[Link]" "MTUBytes=many"
wrong_line "Mode" "[Sockets]" "Mode=rw-rw----"
wrong_line "sysctl" "[Sysctl]" "net.ipv4.tcp_sakc=1"
wrong_line "" "[Network]" "what is this"
wrong_line "0 to 1" "[Sysctl]" "net.ipv4.tcp_sack=2"
wrong_line "Section" "Address=10.1.0.2/24"
refused "no group no-such-group" --group no-such-group --check
refused "no user no-such-user" --user no-such-user --check

printf '%s\n' "[Network]" "Address=10.1.0.2/24" "[Link]" "KernelAddress=10.1.0.1/24" >"$tmp/conf"
timeout 5 "$xtcpd" --config "$tmp/conf" --check || fail "a right file was refused"
contains "help" "$("$xtcpd" --help)" "--address"
contains "version" "$("$xtcpd" --version)" "^xtcpd [0-9]"

# Two daemons: the second says which path is taken, and the first goes on.
lab up
refused_in_lab()
{
	status=0
	peer timeout 5 "$xtcpd" --tap xtcp1 --kernel-address no --socket "$(lab dir)/xtcpd.sock" \
		--control "$tmp/control.sock" >"$tmp/out" 2>&1 || status=$?
	equal "status of a second daemon" "$status" 1
	contains "second daemon" "$(cat "$tmp/out")" "$(lab dir)/xtcpd.sock"
}
refused_in_lab
contains "the first one" "$(ctl link)" "xtcp0"
