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

lab up
start_peer http env XTCP_SOCKET="$(lab dir)/xtcpd.sock" "$tmp/root/usr/bin/xtcp" \
	"$python" -m http.server -d "$tmp" 8000
wait_stack_port 8000
peer curl -sS --max-time 10 -o /dev/null "http://$stack:8000/"

make -s BUILD="$BUILD" uninstall DESTDIR="$tmp/root" PREFIX=/usr >/dev/null
equal "left after uninstall" "$(find "$tmp/root" ! -type d -o -name '*xtcp*' | head)" ""
