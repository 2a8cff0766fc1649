#!/bin/bash
# SPDX-License-Identifier: MIT
# Hostile clients of xtcpd's sockets: garbage, requests of the wrong size, version and type, stray
# descriptors, half requests, floods, programs killed at any point. Each is refused and counted;
# a transfer that goes on all the while notices nothing, and xtcpd keeps no descriptor of them.
. "$(dirname "$0")/lib.sh"

lab_up_sanitized
dir=$(lab dir)
read -r daemon <"$dir/xtcpd.pid"
start_run echo_stack "$helper" echo "$stack" 7
wait_stack_port 7
cat >"$tmp/steady.py" <<'PY'
import os, signal, socket, sys
stop = []
signal.signal(signal.SIGUSR1, lambda *_: stop.append(1))
s = socket.create_connection((sys.argv[1], 7), timeout=10)
rounds = 0
while not stop:
    data = os.urandom(1 + rounds % 30000)
    s.sendall(data)
    got = b""
    while len(got) < len(data):
        part = s.recv(len(data) - len(got))
        assert part, "the connection was closed"
        got += part
    assert got == data
    rounds += 1
    if rounds == 10:
        print("steady", flush=True)
print(rounds, "rounds")
PY
start_peer steady "$python" "$tmp/steady.py" "$stack"
steady=$pid
until_true 10 "the steady client" grep -q steady "$tmp/steady.log"
descriptors()
{
	find "/proc/$daemon/fd" -maxdepth 1 -type l | wc -l
}
before=$(descriptors)
bad_before=$(nstat XtcpdRpcBad)

peer "$python" tests/e2e/hostile_rpc.py "$dir/xtcpd.sock" "$dir/control.sock" "$stack" ||
	fail "the hostile client itself"
# Programs killed at any point of their calls.
for i in {1..30}; do
	{ timeout -s KILL "0.$((i % 3))$((i % 9 + 1))" scripts/lab run "$python" -c "
import socket
while True:
    l = socket.create_server(('$stack', 0))
    c = socket.create_connection(l.getsockname())
    c.send(b'x' * 100000)
    l.accept()[0].recv(1)" || true; } >/dev/null 2>&1
done

[ -e "/proc/$daemon" ] || fail "xtcpd is gone"
kill -USR1 "$steady"
wait "$steady" || fail "the steady client: $(cat "$tmp/steady.log")"
say "steady client: $(tail -n 1 "$tmp/steady.log"); bad requests: $(($(nstat XtcpdRpcBad) - bad_before))"
[ "$(nstat XtcpdRpcBad)" -gt $((bad_before + 50)) ] || fail "bad requests are not counted"
few_descriptors()
{
	[ "$(descriptors)" -le "$before" ]
}
until_true 10 "descriptors given back (had $before, has $(descriptors))" few_descriptors
equal "echo afterwards" "$(echo still here | peer nc -N -w 5 "$stack" 7)" "still here"
lab_sane
