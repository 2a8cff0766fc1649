#!/bin/bash
# SPDX-License-Identifier: MIT
# setsockopt() on a connection waits for nothing, and is as it was: in its place among the bytes,
# seen by whoever asks, whatever is full, whoever holds the descriptor, and never by the peer.
. "$(dirname "$0")/lib.sh"

count=1000
strace -o /dev/null true 2>/dev/null || skip "strace is not allowed here"
lab_up_sanitized
read -r daemon <"$(lab dir)/xtcpd.pid"
# --- what it asks the kernel for
start_peer server strace -f -c -o "$tmp/strace.out" \
	-E LD_PRELOAD="$BUILD/libxtcp.so" -E XTCP_SOCKET="$(lab dir)/xtcpd.sock" \
	"$helper" options "$stack" 7000 $count
server=$pid
wait_stack_port 7000
peer "$helper" connect "$stack" 7000 $count
wait "$server" || fail "the server: $(cat "$tmp/server.log")"

calls() # NAME...: how often any of these was called
{
	awk -v names="$*" '
	BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
	$NF in wanted { total += $4 }
	END { print total + 0 }' "$tmp/strace.out"
}
say "sendmsg $(calls sendmsg), connect $(calls connect), poll $(calls poll ppoll), of $((2 * count)) options"
equal "options sent" $(($(calls sendmsg) >= 2 * count && $(calls sendmsg) < 2 * count + 20)) 1
less "connections to xtcpd" "$(calls connect socket)" 40
less "waits" "$(calls poll ppoll select read recvfrom)" 40
equal "options sent so, and SO_REUSEADDR" "$(nstat XtcpdRpcInBand)" $((2 * count + 1))

# --- what it does
cat >"$tmp/sink.py" <<'PY'
import socket, sys
server = socket.create_server((sys.argv[1], 9100))
while True: # says what comes, in how many pieces; reads only when it is told to
    s, _ = server.accept()
    with s:
        with open(sys.argv[2]) as go:
            go.readline()
        s.settimeout(20)
        total = 0
        while part := s.recv(1 << 20):
            total += len(part)
            if len(part) < 20:
                print(part.decode(), flush=True)
        print("total", total, flush=True)
PY
mkfifo -m 666 "$tmp/go"
start_peer sink "$python" "$tmp/sink.py" "$kernel" "$tmp/go"
wait_kernel_port 9100
cat >"$tmp/sets.py" <<'PY'
import os, resource, select, signal, socket, subprocess, sys
from socket import IPPROTO_TCP, SOL_SOCKET, SO_KEEPALIVE, TCP_CORK, TCP_NODELAY, TCP_USER_TIMEOUT
kernel, stack, go, what = sys.argv[1:5]
silent = kernel[:kernel.rindex(".")] + ".78"

def tell():
    with open(go, "w") as f:
        f.write("go\n")

def check(s, level, name, value):
    got = s.getsockopt(level, name)
    assert got == value, (level, name, got, value)

def corked():
    s = socket.create_connection((kernel, 9100))
    tell()
    s.setsockopt(IPPROTO_TCP, TCP_CORK, 1)
    s.send(b"one ")
    s.send(b"two ")
    s.send(b"three")
    s.setsockopt(IPPROTO_TCP, TCP_CORK, 0)
    check(s, IPPROTO_TCP, TCP_CORK, 0)
    s.close()

def full():
    s = socket.create_connection((kernel, 9100))
    s.setblocking(False)
    sent = 0
    while select.select([], [s], [], 1)[1]:
        sent += s.send(b"x" * 50000)
    for value in (1, 0, 1):
        s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, value)
        s.setsockopt(IPPROTO_TCP, TCP_NODELAY, value)
        s.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, 60000 + value)
        check(s, IPPROTO_TCP, TCP_NODELAY, value)
        check(s, SOL_SOCKET, SO_KEEPALIVE, value)
        check(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 60000 + value)
    s.setblocking(True)
    s.shutdown(socket.SHUT_WR)
    s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0) # not to be had in the stream any more
    check(s, SOL_SOCKET, SO_KEEPALIVE, 0)
    tell()
    s.close()
    print(sent)

def shared():
    s = socket.create_connection((kernel, 9100))
    copy = socket.socket(fileno=os.dup(s.fileno()))
    copy.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    copy.close()
    check(s, SOL_SOCKET, SO_KEEPALIVE, 1)
    child = os.fork()
    if child == 0:
        s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    check(s, IPPROTO_TCP, TCP_NODELAY, 1)
    subprocess.run([sys.executable, "-c", "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); "
                    "s.setsockopt(6, socket.TCP_KEEPIDLE, 77); s.detach()", str(s.fileno())],
                   pass_fds=[s.fileno()], check=True)
    check(s, IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (s.fileno() + 1, hard)) # no descriptor left
    s.setsockopt(IPPROTO_TCP, socket.TCP_KEEPIDLE, 78)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check(s, IPPROTO_TCP, socket.TCP_KEEPIDLE, 78)
    tell()
    s.close()

def refused():
    s = socket.create_connection((kernel, 9100))
    for name, value in ((socket.TCP_KEEPIDLE, 0), (socket.TCP_KEEPCNT, 128), (socket.TCP_MAXSEG, 1)):
        try:
            s.setsockopt(IPPROTO_TCP, name, value)
            assert False, name
        except OSError as e:
            assert e.errno == 22, e
    tell()
    s.close()

def crowded():
    # More options than a user may have descriptors on their way, and xtcpd stands still: they wait.
    daemon = int(sys.argv[5])
    s = socket.create_connection((kernel, 9100))
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
    waker = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {daemon}"])
    os.kill(daemon, signal.SIGSTOP)
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    for i in range(50):
        s.setsockopt(IPPROTO_TCP, TCP_NODELAY, i % 2)
    check(s, IPPROTO_TCP, TCP_NODELAY, 1)
    waker.wait()
    s.close()
    tell()

def fresh():
    # Before there is a connection, and while it is being made: nothing is asked.
    s = socket.socket()
    for value in (1, 0, 1):
        s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, value)
        s.setsockopt(IPPROTO_TCP, TCP_NODELAY, value)
    s.setblocking(False)
    assert s.connect_ex((silent, 9)) == 115
    check(s, IPPROTO_TCP, TCP_NODELAY, 1) # xtcpd knows of the connect() by then
    for value in (5000, 6000):
        s.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, value)
    assert not select.select([], [s], [], 0)[1]
    check(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 6000)
    s.close()

def record():
    s = socket.create_connection((kernel, 9100))
    s.setsockopt(IPPROTO_TCP, 25, 1) # TCP_NOTSENT_LOWAT: the socket's buffer is as small as can be
    assert s.send(b"x" * 6000, 0x80) == 6000 # MSG_EOR
    tell()
    s.close()

def direct():
    server = socket.create_server((stack, 0))
    for blocking in (True, False):
        s = socket.socket()
        s.setblocking(blocking)
        if blocking:
            s.connect(server.getsockname())
        else:
            assert s.connect_ex(server.getsockname()) == 115
            s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            select.select([], [s], [])
        s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        t, _ = server.accept()
        for end in (s, t):
            end.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            end.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            end.send(b"hello")
            end.setsockopt(IPPROTO_TCP, TCP_CORK, 1)
            end.setsockopt(IPPROTO_TCP, TCP_CORK, 0)
            check(end, SOL_SOCKET, SO_KEEPALIVE, 1)
            end.shutdown(socket.SHUT_WR)
        s.setblocking(True)
        for end in (s, t):
            got = b""
            while part := end.recv(100):
                got += part
            assert got == b"hello", got

globals()[what]()
PY
sets() # WHAT
{
	run "$python" "$tmp/sets.py" "$kernel" "$stack" "$tmp/go" "$1" "$daemon"
}
sets corked
until_true 10 "the corked bytes" grep -q total "$tmp/sink.log"
equal "what a cork lets through" "$(xargs <"$tmp/sink.log")" "one two three total 13"
sent=$(sets full)
until_true 20 "all that was sent" grep -qx "total $sent" "$tmp/sink.log"
sets shared
sets refused
sets crowded
empty_connections()
{
	[ "$(grep -cx "total 0" "$tmp/sink.log")" = 3 ]
}
until_true 10 "three connections without a byte" empty_connections
# The kernel cuts a long write, and what is said of its end goes with the first piece: so that is to
# be its end.
peer strace -s 1 -o "$tmp/record.strace" -e trace=sendmsg \
	-E LD_PRELOAD="$BUILD/libxtcp.so" -E XTCP_SOCKET="$(lab dir)/xtcpd.sock" \
	"$python" "$tmp/sets.py" "$kernel" "$stack" "$tmp/go" record "$daemon"
until_true 10 "a record" grep -qx "total 6000" "$tmp/sink.log"
end=$(sed -n 's/.*iov_len=\([0-9]*\)}.*cmsg_len=28,.*/\1/p' "$tmp/record.strace") # three descriptors
equal "the end of a record in one piece" $((end > 0 && end <= 2304)) 1
before=$(nstat XtcpdRpcInBand) asked=$(nstat XtcpdRpcRequests)
sets fresh
equal "options without a connection" "$(nstat XtcpdRpcInBand)" $((before + 8))
equal "attach, connect and two questions" "$(nstat XtcpdRpcRequests)" $((asked + 4))
before=$(nstat XtcpdRpcInBand)
sets direct
equal "SO_REUSEADDR, and no option among bytes that another program reads" \
	"$(nstat XtcpdRpcInBand)" $((before + 1))
lab_sane
