#!/bin/bash
# SPDX-License-Identifier: MIT
# Limits per user: a user who asks for more gets Linux's errno, one who reads or acknowledges nothing
# fills its own share of the memory, and another user's transfer goes on.
. "$(dirname "$0")/lib.sh"

as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
xtcpd_flags=(--max-per-user 300 --max-listeners-per-user 5 --max-memory-per-user 4M)
lab_up_sanitized
chmod 755 "$(lab dir)"

cat >"$tmp/greedy.py" <<'PY'
import errno, socket, sys

def refused(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]

listeners = []
while True:
    s = socket.socket()
    s.bind(("0.0.0.0", 0))
    got = refused(s.listen)
    if got:
        break
    listeners.append(s)
print("listeners", len(listeners), got, flush=True)
held = [s]
while True:
    s = socket.socket()
    got = refused(s.bind, ("0.0.0.0", 0))
    if got:
        break
    held.append(s)
print("sockets", len(held) + len(listeners), got, flush=True)
print("connect", refused(socket.create_connection, ("10.77.0.1", 9)), flush=True)
for s in held[10:]:
    s.close()
PY
run "${as_nobody[@]}" "$python" "$tmp/greedy.py" >"$tmp/out" || fail "$(cat "$tmp/out")"
contains "listeners" "$(cat "$tmp/out")" "^listeners 5 ENOBUFS"
contains "sockets" "$(cat "$tmp/out")" "^sockets 300 ENFILE"
contains "connect()" "$(cat "$tmp/out")" "^connect ENFILE"

# Connections that are fed by the kernel's side and never read, and such that write to one who does
# not read; all the while root's are served.
cat >"$tmp/deaf.py" <<'PY'
import resource, socket, sys
mode, address, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if mode == "listen":
    l = socket.create_server((address, port), backlog=count)
    print("up", flush=True)
    held = [l.accept()[0] for _ in range(count)]
else:
    held = [socket.create_connection((address, port), timeout=20) for _ in range(count)]
block = bytes(65536)
for s in held:
    s.setblocking(False)
total, quiet = 0, 0
import time
deadline = time.monotonic() + 8
while quiet < 20 and time.monotonic() < deadline:
    before = total
    for s in held:
        try:
            total += s.send(block)
        except BlockingIOError:
            pass
        except OSError:
            pass
    quiet = quiet + 1 if total == before else 0
    time.sleep(0.01)
print("wrote", total, flush=True)
sys.stdin.read()
PY
start_run echo_root "$helper" echo 0.0.0.0 7
wait_stack_port 7
mkfifo "$tmp/hold"
scripts/lab run "${as_nobody[@]}" "$python" "$tmp/deaf.py" listen 0.0.0.0 8000 40 <"$tmp/hold" >"$tmp/deaf.log" 2>&1 &
deaf=$!
started+=("$deaf")
exec 5>"$tmp/hold"
until_true 10 "the deaf one" grep -q up "$tmp/deaf.log"
scripts/lab peer "$python" "$tmp/deaf.py" connect "$stack" 8000 40 <"$tmp/hold" >"$tmp/feeder.log" 2>&1 5>&- &
started+=("$!")
until_true 30 "it is full" grep -q wrote "$tmp/feeder.log"
until_true 30 "it wrote" grep -q wrote "$tmp/deaf.log"
memory()
{
	ctl --json limits | "$python" -c '
import json, sys
print({u["uid"]: u for u in json.load(sys.stdin)["users"]}[int(sys.argv[1])]["memory_bytes"])' "$1"
}
held=$(memory 65534)
say "the deaf user holds $held bytes"
[ "$held" -gt 3000000 ] || fail "that is not what should fill its memory"
less "what it holds" "$held" $((4 * 1048576 * 5 / 4 + 40 * 65536))
contains "shown" "$(ctl limits)" "^ *65534 +nobody +[0-9]+ +1 "
head -c 20000000 /dev/urandom >"$tmp/data"
peer "$python" - "$tmp/data" "$stack" <<'PY' || fail "another user's transfer"
import socket, sys, threading
data = open(sys.argv[1], "rb").read()
s = socket.create_connection((sys.argv[2], 7), timeout=20)
threading.Thread(target=s.sendall, args=(data,)).start()
got = bytearray()
while len(got) < len(data):
    part = s.recv(1 << 20)
    assert part
    got += part
assert got == data
PY
exec 5>&-
wait_end "$deaf" 10
gone()
{
	! ctl limits | grep -q '^ *65534 .* [1-9][0-9]*  *[0-9]*$' ||
		[ "$(memory 65534)" -lt 8000000 ]
}
until_true 10 "its memory given back" gone
lab_sane
