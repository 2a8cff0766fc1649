#!/bin/bash
# SPDX-License-Identifier: MIT
# xtcp runs what can be preloaded, with its exit status and what was preloaded before, and refuses
# with a reason what cannot: a program must not be left on the kernel's stack unnoticed.
. "$(dirname "$0")/lib.sh"

xtcp=$BUILD/xtcp
wrapped() # STATUS PATTERN XTCP-ARGUMENT...
{
	local wanted=$1 pattern=$2 status=0
	shift 2
	"$xtcp" "$@" >"$tmp/out" 2>&1 </dev/null || status=$?
	equal "status of xtcp $*" "$status" "$wanted"
	contains "xtcp $*" "$(cat "$tmp/out")" "$pattern"
}
wrapped_by_nobody() # STATUS PATTERN PROGRAM: whom set-user-ID and capabilities would raise
{
	local wanted=$1 pattern=$2 status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$xtcp" "$3" >"$tmp/out" 2>&1 || status=$?
	equal "status of xtcp $3" "$status" "$wanted"
	contains "xtcp $3" "$(cat "$tmp/out")" "$pattern"
}
script() # NAME FIRST-LINE
{
	printf '%s\necho ran: "$LD_PRELOAD"\n' "$2" >"$tmp/$1"
	chmod 755 "$tmp/$1"
}

# What can be preloaded.
wrapped 7 "" sh -c 'exit 7'
wrapped 0 "$BUILD/libxtcp.so" grep -m 1 -o "$BUILD/libxtcp.so" /proc/self/maps
wrapped 0 "LD_PRELOAD=.* XTCP_SOCKET=/nowhere/a b" --verbose --socket "/nowhere/a b" true
wrapped 0 "^usage: xtcp" --help
script sh_script '#!/bin/sh'
script env_script '#!/usr/bin/env -S LANG=C sh'
script nested "#!$tmp/sh_script"
wrapped 0 "^ran: $BUILD/libxtcp.so$" "$tmp/sh_script"
wrapped 0 "^ran: $BUILD/libxtcp.so$" "$tmp/env_script"
wrapped 0 "^ran: $BUILD/libxtcp.so$" "$tmp/nested"
libm=$(ldconfig -p | awk '/libm\.so\.6 / && !n++ { print $NF }')
LD_PRELOAD=$libm wrapped 0 "^ran: $libm:$BUILD/libxtcp.so$" "$tmp/sh_script"

# What cannot.
cat >"$tmp/main.c" <<'C'
int main(void) { return 0; }
C
cat >"$tmp/note.s" <<'S'
.section .note.go.buildid,"a",@note
.long 4, 4, 4
.ascii "Go\0\0"
.long 0
.section .note.GNU-stack,"",@progbits
S
cc -static -o "$tmp/static" "$tmp/main.c"
cc -static-pie -o "$tmp/static_pie" "$tmp/main.c"
cc -o "$tmp/dynamic" "$tmp/main.c"
cc -o "$tmp/go" "$tmp/main.c" "$tmp/note.s"
cc -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 -o "$tmp/musl" "$tmp/main.c"
cp "$tmp/dynamic" "$tmp/foreign"
printf '\050\000' | dd of="$tmp/foreign" bs=1 seek=18 conv=notrunc status=none # ARM's number
script of_static "#!$tmp/static"
script of_nothing "#!$tmp/nothing"
script of_itself "#!$tmp/of_itself"
script env_of_nothing "#!/usr/bin/env no-such-interpreter"
wrapped 0 "" "$tmp/dynamic"
wrapped 126 "static is statically linked" "$tmp/static"
wrapped 126 "static_pie is statically linked" "$tmp/static_pie"
wrapped 126 "static is statically linked" "$tmp/of_static"
wrapped 126 "another architecture \(ARM, 64 bits\)" "$tmp/foreign"
wrapped 126 "another C library \(musl\)" "$tmp/musl"
wrapped 126 "written in Go" "$tmp/go"
wrapped 126 "interpreter $tmp/nothing is not there" "$tmp/of_nothing"
wrapped 126 "interpreter no-such-interpreter is not there" "$tmp/env_of_nothing"
wrapped 126 "too many interpreters" "$tmp/of_itself"
wrapped 127 "no such command" no-such-command
wrapped 126 "not a program" "$tmp"
wrapped 126 "may not be executed" "$tmp/main.c"
wrapped 2 "^usage" --nonsense
wrapped 2 "^usage"

# Rights the caller does not have: only then does the loader ignore what is to be preloaded.
cp "$tmp/dynamic" "$tmp/suid"
chmod 4755 "$tmp/suid"
cp "$tmp/dynamic" "$tmp/sgid"
chmod 2755 "$tmp/sgid"
cp "$tmp/dynamic" "$tmp/capable"
"$python" -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x2000001, 1 << 13, 0, 0, 0))
' "$tmp/capable"
for program in suid sgid capable; do
	wrapped 0 "" "$tmp/$program"
done
wrapped_by_nobody 126 "suid is set-user-ID" "$tmp/suid"
wrapped_by_nobody 126 "sgid is set-group-ID" "$tmp/sgid"
wrapped_by_nobody 126 "capable has file capabilities" "$tmp/capable"
wrapped_by_nobody 0 "" "$tmp/dynamic"
say "what cannot be preloaded is refused, each with its reason"
