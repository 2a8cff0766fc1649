#!/bin/bash
# SPDX-License-Identifier: MIT
# xtcpd ends: on SIGTERM in order (connections are closed towards both sides, its files and its TAP
# go), on SIGKILL the programs see their sockets end; a daemon that follows takes over the paths.
. "$(dirname "$0")/lib.sh"

cat >"$tmp/client.py" <<'PY'
import socket, sys
s = socket.create_connection((sys.argv[1], 7), timeout=10)
s.sendall(b"hello")
assert s.recv(5, socket.MSG_WAITALL) == b"hello"
print("connected", flush=True)
try:
    rest = s.recv(1)
    print("FIN" if rest == b"" else "data")
except ConnectionResetError:
    print("RST")
PY
connected() # NAME
{
	grep -q connected "$tmp/$1.log"
}

lab up
dir=$(lab dir)
read -r daemon <"$dir/xtcpd.pid"
start_run echo_stack "$helper" echo "$stack" 7
wait_stack_port 7
start_peer outside "$python" "$tmp/client.py" "$stack"
outside=$pid
start_run inside "$python" "$tmp/client.py" "$stack"
inside=$pid
until_true 10 "connection" connected outside
until_true 10 "connection" connected inside
kill -TERM "$daemon"
wait_end "$daemon" 10
wait "$outside" || fail "the kernel's client: $(cat "$tmp/outside.log")"
wait "$inside" || fail "the stack's client: $(cat "$tmp/inside.log")"
contains "the kernel's client" "$(cat "$tmp/outside.log")" "^(FIN|RST)$"
contains "the stack's client" "$(cat "$tmp/inside.log")" "^(FIN|RST)$"
[ ! -e "$dir/xtcpd.sock" ] || fail "xtcpd.sock is left"
[ ! -e "$dir/control.sock" ] || fail "control.sock is left"
if peer ip link show xtcp0 >/dev/null 2>&1; then
	fail "the TAP is left"
fi
lab down

# nohup: what was ignored at the start does not end it.
start nohup sh -c 'trap "" HUP INT; exec "$@"' sh scripts/lab up
wait "$pid" || fail "lab up: $(cat "$tmp/nohup.log")"
read -r daemon <"$dir/xtcpd.pid"
kill -HUP "$daemon"
kill -INT "$daemon"
ctl status >/dev/null || fail "an ignored signal ended it: $(cat "$dir/xtcpd.log")"
lab down

# SIGKILL: nothing can be said to the network, but programs must not hang, and the next one starts.
# A listener is lost with its daemon: accept() says so, and standard error what to do.
lab up
read -r daemon <"$dir/xtcpd.pid"
cat >"$tmp/listener.py" <<'PY'
import errno, os, selectors, socket, sys
s = socket.create_server((sys.argv[1], 9))
s.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(s, selectors.EVENT_READ)
said, last = set(), False
while not last:
    selector.select()
    last = os.path.exists(sys.argv[2])  # the next daemon is there
    try:
        s.accept()
    except OSError as e:
        said.add(errno.errorcode[e.errno])
print(*said)
PY
start_run listener "$python" "$tmp/listener.py" "$stack" "$tmp/second"
listener=$pid
wait_stack_port 9
start_run echo_stack2 "$helper" echo "$stack" 7
wait_stack_port 7
start_run inside2 "$python" "$tmp/client.py" "$stack"
inside=$pid
until_true 10 "connection" connected inside2
kill -KILL "$daemon"
wait_end "$daemon" 5
wait "$inside" || fail "the stack's client: $(cat "$tmp/inside2.log")"
start second scripts/lab peer "$BUILD/xtcpd" --socket "$dir/xtcpd.sock" --control "$dir/control.sock"
until_true 10 "the second daemon" ctl link
peer ping -c 1 -W 5 -q "$stack" >/dev/null || fail "the second daemon does not answer"

touch "$tmp/second"
wait_end "$listener" 10
contains "a listener of the first daemon" "$(cat "$tmp/listener.log")" "^ENETDOWN$"
contains "what to do" "$(cat "$tmp/listener.log")" "has been restarted.*restart"
