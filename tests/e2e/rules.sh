#!/bin/bash
# SPDX-License-Identifier: MIT
# Rules leave traffic to the kernel: by address, port, direction and program; what falls there is
# the same socket to its program. A wrong line is named, and nobody gets a socket by a wrong file.
. "$(dirname "$0")/lib.sh"

with_rules() # COMMAND...
{
	peer env XTCP_SOCKET="$(lab dir)/xtcpd.sock" XTCP_RULES="$tmp/rules" "$BUILD/xtcp" "$@"
}
# Whose is a listener on 0.0.0.0:PORT of this program?
cat >"$tmp/whose.py" <<'PY'
import os, socket, sys
with socket.socket() as s:
    if sys.argv[1] != "0":
        s.bind(("0.0.0.0", int(sys.argv[1])))
    s.listen()
    family = open("/proc/self/net/unix").read(), os.readlink(f"/proc/self/fd/{s.fileno()}")
    inode = family[1][len("socket:["):-1]
    print("stack" if f" {inode} " in family[0] else "kernel")
PY
whose() # PORT COMMAND-IN-FRONT...
{
	local port=$1
	shift
	with_rules "$@" "$python" "$tmp/whose.py" "$port"
}

lab up
echo "kernel $kernel:5000-5999" >"$tmp/rules"
with_rules "$python" tests/e2e/rules.py
contains "counted" "$(ctl nstat)" "XtcpdShimLeft +[1-9]"

# By direction and by program; the first that fits decides.
cat >"$tmp/rules" <<-'RULES'
	stack  any:7000
	kernel any:7000-7009 bind
	kernel any:0         listen  program=python_of_rules
	kernel 10.0.0.0/8    connect
RULES
cp "$(readlink -f "$python")" "$tmp/python_of_rules"
equal "port 7000" "$(whose 7000)" stack
equal "port 7001" "$(whose 7001)" kernel
equal "port 7010" "$(whose 7010)" stack
equal "listen() alone" "$(whose 0)" stack
equal "listen() alone, of that program" "$(python=$tmp/python_of_rules whose 0)" kernel
equal "the tool says so" "$(XTCP_RULES=$tmp/rules "$BUILD/xtcpctl" rules test 0.0.0.0:7001)" \
	"bind: kernel ($tmp/rules:2: kernel 0.0.0.0/0:7000-7009 bind)
connect: stack (no rule decides)"
equal "and of a program" \
	"$(XTCP_RULES=$tmp/rules "$BUILD/xtcpctl" rules test 0.0.0.0:0 bind python_of_rules)" \
	"bind: kernel ($tmp/rules:3: kernel 0.0.0.0/0:0 bind program=python_of_rules)"

# A program that has everything at the kernel needs no daemon, and may have IPv6.
echo "kernel any" >"$tmp/rules"
XTCP_SOCKET=$tmp/nobody.sock XTCP_RULES=$tmp/rules "$BUILD/xtcp" "$python" -c '
import socket
socket.socket(), socket.socket(socket.AF_INET6)'

# Wrong lines, and files that cannot be read.
printf 'stack any\nkernel 10.0.0/8\n' >"$tmp/rules"
status=0
with_rules "$python" -c 'print("ran")' >"$tmp/out" 2>&1 || status=$?
equal "status with a wrong line" "$status" 127
contains "a wrong line" "$(cat "$tmp/out")" "$tmp/rules:2: not an IPv4 address"
status=0
"$BUILD/xtcp" --rules "$tmp/no-such-file" true >"$tmp/out" 2>&1 || status=$?
equal "status without the file" "$status" 127
contains "no such file" "$(cat "$tmp/out")" "$tmp/no-such-file: No such file"
for file in rules no-such-file; do
	XTCP_RULES=$tmp/$file run "$python" -c '
import errno, socket
for i in range(2):
    try:
        socket.socket()
    except OSError as e:
        print(errno.errorcode[e.errno])' >"$tmp/out" 2>"$tmp/err"
	equal "sockets with a wrong file" "$(cat "$tmp/out")" "ENETDOWN
ENETDOWN"
	equal "lines about it" "$(wc -l <"$tmp/err")" 1
	contains "the line" "$(cat "$tmp/err")" "xtcp: $tmp/$file(:2)?: .*no TCP sockets"
done
XTCP_RULES=$tmp/rules run true 2>"$tmp/err"
equal "of a program without sockets" "$(cat "$tmp/err")" ""
XTCP_RULES='' run "$python" -c 'import socket; socket.socket()'
say "rules decide by address, port, direction and program"
