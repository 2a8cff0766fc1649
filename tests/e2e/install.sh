#!/bin/bash
# SPDX-License-Identifier: MIT
# make install puts what was built under DESTDIR; the wrapper found there runs a program over the
# stack; make uninstall takes everything away again.
. "$(dirname "$0")/lib.sh"

make -s BUILD="$BUILD" install DESTDIR="$tmp/root" PREFIX=/usr >/dev/null
for file in bin/xtcp bin/xtcpctl; do
	[ -x "$tmp/root/usr/$file" ] || fail "$file is not installed"
done
[ -n "$(find "$tmp/root/usr" -name libxtcp.so)" ] || fail "libxtcp.so is not installed"
[ -n "$(find "$tmp/root/usr" -name xtcpd -type f)" ] || fail "xtcpd is not installed"

equal "version of the wrapper" "$("$tmp/root/usr/bin/xtcp" --version)" \
	"xtcp $("$tmp/root/usr/sbin/xtcpd" --version | cut -d' ' -f2)"
completed() # FUNCTION PROGRAM WORD...: what is offered for the last word
{
	local function=$1
	shift
	bash -c '. "$1"; shift; f=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $f "$1"
		echo "${COMPREPLY[*]}"' bash "$tmp/root/usr/share/bash-completion/completions/xtcpctl" \
		"$function" "$@"
}
equal "a command" "$(completed _xtcpctl "$tmp/root/usr/bin/xtcpctl" ro)" route
equal "its word" "$(completed _xtcpctl "$tmp/root/usr/bin/xtcpctl" --json rules ch)" check
equal "a flag" "$(completed _xtcpd "$tmp/root/usr/sbin/xtcpd" --busy)" --busy-poll

lab up
start_peer http env XTCP_SOCKET="$(lab dir)/xtcpd.sock" "$tmp/root/usr/bin/xtcp" \
	"$python" -m http.server -d "$tmp" 8000
wait_stack_port 8000
peer curl -sS --max-time 10 -o /dev/null "http://$stack:8000/"

make -s BUILD="$BUILD" uninstall DESTDIR="$tmp/root" PREFIX=/usr >/dev/null
equal "left after uninstall" "$(find "$tmp/root" ! -type d -o -name '*xtcp*' | head)" ""
