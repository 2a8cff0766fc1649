#!/bin/bash
# SPDX-License-Identifier: MIT
# A server killed with SIGKILL in mid-transfer, sending and receiving: its peer sees the connection
# end within a second, and the port can be bound again at once. The same of a client that is killed.
. "$(dirname "$0")/lib.sh"

lab up
start_server() # COMMAND...: on port 9000, reading and writing
{
	start_run server "$helper" echo "$stack" 9000
	server=$pid
	wait_stack_port 9000
}
# A peer that sends and reads without end; it says "flowing" once data has come back, and "ended: HOW"
# with the seconds since the pid it is told on stdin was killed by it.
cat >"$tmp/peer.py" <<'PY'
import os, select, signal, socket, sys, time
server = int(sys.argv[1])
s = socket.create_connection((sys.argv[2], 9000), timeout=10)
s.setblocking(False)
received = 0
killed = None
deadline = time.monotonic() + 10
while True:
    if time.monotonic() > deadline:
        sys.exit("no data, or no end, within the time")
    readable, writable, _ = select.select([s], [s], [], 1)
    try:
        if readable:
            data = s.recv(262144)
            if not data:
                how = "FIN"
                break
            received += len(data)
        if writable:
            s.send(b"x" * 65536)
    except (ConnectionResetError, BrokenPipeError) as e:
        how = "RST"
        break
    if killed is None and received > 10_000_000:
        os.kill(server, signal.SIGKILL)
        killed = time.monotonic()
        deadline = killed + 1
took = time.monotonic() - killed
print(f"{how} after {took * 1000:.1f} ms")
PY

for round in 1 2 3; do
	start_server
	peer "$python" "$tmp/peer.py" "$server" "$stack" >"$tmp/peer.log" 2>&1 ||
		fail "round $round: $(cat "$tmp/peer.log")"
	say "server killed: $(cat "$tmp/peer.log")"
	wait_end "$server" 5
done
# The rounds above have bound the port three times. It is free for another program, too.
start_server

# A client on the stack, killed: the kernel's server sees it.
cat >"$tmp/take.py" <<'PY'
import os, signal, socket, sys, time
listener = socket.create_server((sys.argv[1], 9100))
print("listening", flush=True)
s, _ = listener.accept()
s.settimeout(10)
received = 0
while received < 10_000_000:
    received += len(s.recv(262144))
with open(sys.argv[2]) as f:
    os.kill(int(f.read()), signal.SIGKILL)
s.settimeout(1)
began = time.monotonic()
try:
    while s.recv(262144):
        if time.monotonic() - began > 1:
            sys.exit("the data does not end")
    how = "FIN"
except ConnectionResetError:
    how = "RST"
print(f"{how} after {(time.monotonic() - began) * 1000:.1f} ms")
PY
start_peer take "$python" "$tmp/take.py" "$kernel" "$tmp/client.pid"
take=$pid
wait_kernel_port 9100
start client bash -c "echo \$\$ >$tmp/client.pid; exec scripts/lab run $python -c '
import socket
s = socket.create_connection((\"$kernel\", 9100))
while True:
    s.send(bytes(65536))'"
wait "$take" || fail "client: $(cat "$tmp/take.log")"
say "client killed: $(tail -n 1 "$tmp/take.log")"

# A listener with unaccepted connections is killed: each of them is reset, the port is free.
start_run idle "$python" -c "
import socket, time
s = socket.create_server(('$stack', 9200), backlog=16)
time.sleep(1000)"
idle=$pid
wait_stack_port 9200
cat >"$tmp/unaccepted.py" <<'PY'
import os, signal, socket, sys
held = [socket.create_connection((sys.argv[1], 9200), timeout=5) for _ in range(5)]
os.kill(int(sys.argv[2]), signal.SIGKILL)
for s in held:
    try:
        if s.recv(1) == b"":
            sys.exit("FIN where RST was due")
    except ConnectionResetError:
        pass
PY
peer "$python" "$tmp/unaccepted.py" "$stack" "$idle" || fail "unaccepted connections"
run "$python" -c "
import socket
s = socket.socket()
s.bind(('$stack', 9200))" || fail "the port of a killed listener is still taken"
