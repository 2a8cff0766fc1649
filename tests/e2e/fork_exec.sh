#!/bin/bash
# SPDX-License-Identifier: MIT
# A socket is a descriptor: a forked child serves the connection its parent accepted, an executed
# program serves one it inherited (with the shim and without), and one passed over a unix socket
# works in the process that gets it.
. "$(dirname "$0")/lib.sh"

lab up
cat >"$tmp/server.py" <<'PY'
import os, socket, sys

mode, address = sys.argv[1:]
listener = socket.create_server((address, 7000))


def serve(s):
    with s.makefile("rwb") as f:
        line = f.readline()
        f.write(b"%s served by %d: %s" % (mode.encode(), os.getpid() != parent, line))


def exec_cat(s):
    os.dup2(s.fileno(), 0)
    os.dup2(s.fileno(), 1)
    if mode == "exec_plain":
        del os.environ["LD_PRELOAD"]
    os.execv("/bin/sh", ["sh", "-c", f"read line; echo \"{mode} served by 1: $line\""])


def pass_on(s):
    left, right = socket.socketpair()
    if os.fork() == 0:
        _, fds, _, _ = socket.recv_fds(right, 1, 1)
        serve(socket.socket(fileno=fds[0]))
        os._exit(0)
    socket.send_fds(left, [b"x"], [s.fileno()])


parent = os.getpid()
connection, peer = listener.accept()
assert connection.getpeername() == peer, (connection.getpeername(), peer)
if mode == "passed":
    pass_on(connection)
elif os.fork() == 0:
    listener.close()
    {"fork": serve, "exec": exec_cat, "exec_plain": exec_cat}[mode](connection)
    os._exit(0)
connection.close()
listener.close()
_, status = os.wait()
sys.exit(os.waitstatus_to_exitcode(status))
PY

for mode in fork exec exec_plain passed; do
	start_run "server_$mode" "$python" "$tmp/server.py" $mode "$stack"
	server=$pid
	wait_stack_port 7000
	answer=$(echo hello | peer nc -N -w 10 "$stack" 7000)
	equal "$mode" "$answer" "$mode served by 1: hello"
	wait "$server" || fail "$mode: $(cat "$tmp/server_$mode.log")"
done

# The inetd way: the listener is inherited, and accept() happens in the executed program.
start_run inherit "$python" -c "
import os, socket
s = socket.create_server(('$stack', 7001))
os.set_inheritable(s.fileno(), True)
os.execv('$python', ['$python', '-c', '''
import socket
s = socket.socket(fileno=%d)
assert s.family == socket.AF_INET and s.type == socket.SOCK_STREAM, (s.family, s.type)
assert s.getsockname() == ('$stack', 7001), s.getsockname()
c, _ = s.accept()
c.sendall(c.recv(100).upper())
''' % s.fileno()])"
server=$pid
wait_stack_port 7001
equal "inherited listener" "$(echo hello | peer nc -N -w 10 "$stack" 7001)" "HELLO"
wait "$server" || fail "inherited listener: $(cat "$tmp/inherit.log")"
