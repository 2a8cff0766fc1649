#!/bin/bash
# SPDX-License-Identifier: MIT
# xtcpctl ps: by process, its sockets on the stack, those rules left to the kernel with the rule, and
# what was refused; of who is gone nothing is left. What a program says of itself is harmless.
. "$(dirname "$0")/lib.sh"

lab up
echo "kernel $kernel:5000-5999" >"$tmp/rules"
cat >"$tmp/denied.py" <<'PY'
import os, socket, sys

def refused(call, *args):
    try:
        call(*args)
    except OSError:
        return
    raise AssertionError(args)

held = socket.create_server((sys.argv[1], 7000))
for port in 5000, 5000, 5001:
    with socket.socket() as s:
        s.bind((sys.argv[2], port))
with socket.create_server((sys.argv[2], 5002)), socket.create_connection((sys.argv[2], 5002)):
    pass
for _ in range(2):
    refused(held.setsockopt, socket.SOL_SOCKET, socket.SO_MARK, 1)
    refused(held.getsockopt, socket.IPPROTO_TCP, 9999)
    refused(socket.socket, socket.AF_INET6)
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
print("child", child, flush=True)
sys.stdin.read()
PY
mkfifo "$tmp/go"
XTCP_RULES=$tmp/rules scripts/lab run "$python" "$tmp/denied.py" "$stack" "$kernel" <"$tmp/go" >"$tmp/denied.log" 2>&1 &
pid=$!
started+=("$pid")
exec 5>"$tmp/go"
until_true 10 "the program" grep -q child "$tmp/denied.log"
child=$(awk '/^child/ { print $2 }' "$tmp/denied.log")
out=$(ctl ps)
contains "the process" "$out" "^ +$pid +1 +4 +3 +python"
contains "its socket" "$out" "^ +stack +LISTEN +$stack:7000 fd=[0-9]+"
contains "left to the kernel" "$out" "^ +kernel +bind $kernel:5000, as $tmp/rules:1 says, 2 times"
contains "and another" "$out" "^ +kernel +bind $kernel:5001, as $tmp/rules:1 says, 1 times"
contains "by connect()" "$out" "^ +kernel +connect $kernel:5002, as $tmp/rules:1 says, 1 times"
contains "an option" "$out" "^ +refused +setsockopt\(SO_MARK\): ENOPROTOOPT, 2 times"
contains "an unknown option" "$out" "^ +refused +getsockopt\(level 6, option 9999\): ENOPROTOOPT, 2 times"
contains "a family" "$out" "^ +refused +socket\(AF_INET6\): EAFNOSUPPORT, 1 times"
contains "the child, by what it holds" "$out" "^ +$child +1 +0 +0 +python"
ctl --json ps | "$python" -c "
import json, sys
p = {p['pid']: p for p in json.load(sys.stdin)['processes']}
assert len(p[$pid]['stack']) == 1 and p[$pid]['stack'][0]['local_port'] == 7000, p
assert [k['count'] for k in p[$pid]['kernel']] == [2, 1, 1, 1], p"

# A hostile one: forged reports, and bytes for a terminal. Only its own row has them.
cat >"$tmp/forged.py" <<'PY'
import re, socket, struct, sys
header = open("rpc/rpc.h").read()
names = re.findall(r"^\tRPC_(\w+)", header.split("enum rpc_type")[1], re.MULTILINE)
version = int(re.search(r"define RPC_VERSION (\d+)", header)[1])
REFUSED, FELL = names.index("REFUSED") + 1, names.index("FELL") + 1
for i in range(2000):
    type = (REFUSED, FELL)[i % 2]
    text = b"\x1b[2J\n\0" + bytes([i % 256]) * (i % 500)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        socket.send_fds(s, [struct.pack("=IHHIIiiiI16sII512s", 0x50544358, version, type, 0, 0, i, i, i,
                                        len(text), bytes([i % 256] * 16), 16, 0, text)], [s.fileno()])
print("forged", flush=True)
sys.stdin.read()
PY
scripts/lab peer "$python" "$tmp/forged.py" "$(lab dir)/xtcpd.sock" <"$tmp/go" >"$tmp/forged.log" 2>&1 5>&- &
forged=$!
started+=("$forged")
until_true 20 "the forger" grep -q forged "$tmp/forged.log"
ctl ps >"$tmp/out"
if LC_ALL=C grep -q '[^[:print:][:space:]]' "$tmp/out"; then
	fail "bytes for a terminal come through"
fi
less "lines about the forger" "$(sed -n "/^ *$forged /,/^ *[0-9]/p" "$tmp/out" | wc -l)" 25
contains "too many" "$(cat "$tmp/out")" "and [0-9]+ more that were too many or too fast"
contains "the other" "$(cat "$tmp/out")" "^ +$pid +1 +4 +3 +python"

exec 5>&-
wait_end "$pid" 10
wait_end "$child" 10
wait_end "$forged" 10
equal "afterwards" "$(ctl ps | wc -l)" 1
