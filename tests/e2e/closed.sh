#!/bin/bash
# SPDX-License-Identifier: MIT
# A closed descriptor is gone from every epoll set at once, as on Linux, however busy xtcpd is:
# once a call has returned, xtcpd holds no copy of the descriptor that came with it, nor is one on its
# way. Else its events would be taken for those of whoever has its number next.
# A listener that was closed before a SYN came takes no connection, although xtcpd reads the SYN
# first. And what was written before the
# close leaves in one segment with the FIN, if xtcpd comes to both at once; before a RST it leaves,
# too.
. "$(dirname "$0")/lib.sh"

lab up
start_peer greeter "$python" -m http.server -b "$kernel" -d "$tmp" 9001
wait_kernel_port 9001
cat >"$tmp/closes.py" <<'PY'
import os, select, signal, socket, subprocess, sys
address, daemon = sys.argv[1], int(sys.argv[2])
poll = select.epoll()
def set(name, value):
    return lambda s: s.setsockopt(socket.IPPROTO_TCP, name, value)
for call in (set(socket.TCP_NODELAY, 1), set(socket.TCP_KEEPIDLE, 30),
             set(socket.TCP_CONGESTION, b"reno"), lambda s: s.send(b"x", socket.MSG_MORE)):
    s = socket.create_connection((address, 9001))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    poll.register(s, select.EPOLLIN | select.EPOLLRDHUP)
    while True: # all has come, the end included
        (_, events), = poll.poll()
        if events & select.EPOLLRDHUP:
            break
    # xtcpd stands still from here on, for half a second
    os.kill(daemon, signal.SIGSTOP)
    waker = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {daemon}"])
    call(s)
    s.close()
    print(len(poll.poll(0)))
    waker.wait()
PY
read -r daemon <"$(lab dir)/xtcpd.pid"
equal "events of closed descriptors" "$(run "$python" "$tmp/closes.py" "$kernel" "$daemon" | xargs)" "0 0 0 0"

# A server whose steps are told it line by line; "stop" and "go" are xtcpd's.
cat >"$tmp/server.py" <<'PY'
import os, signal, socket, sys
daemon, listener, taken = int(sys.argv[1]), socket.create_server(("", 7000)), None
print("listening", flush=True)
for step in sys.stdin:
    step = step.strip()
    if step == "accept":
        taken = listener.accept()[0]
    elif step == "answer":
        taken.sendall(b"answer")
        taken.close()
    elif step == "see":
        taken.recv(1, socket.MSG_PEEK)
    elif step == "close":
        listener.close()
    else:
        os.kill(daemon, signal.SIGSTOP if step == "stop" else signal.SIGCONT)
    print(step, flush=True)
PY
cat >"$tmp/client.py" <<'PY'
import errno, select, socket, subprocess, sys
address, command = sys.argv[1], sys.argv[2:]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def told(word):
    assert server.stdout.readline().strip() == word
def have(step):
    server.stdin.write(step + "\n")
    server.stdin.flush()
    told(step)
told("listening")
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
sniffer.bind(("xtcp0", 0))
s = socket.create_connection((address, 7000))
for step in "accept", "stop", "answer", "go":
    have(step)
print(s.recv(100).decode())
assert s.recv(1) == b""
s.close()
for frame in iter(lambda: sniffer.recv(2048), None):
    if frame.endswith(b"answer"): # 13 bytes into TCP's header, behind Ethernet's and IP's
        print("FIN" if frame[14 + 20 + 13] & 1 else "no FIN")
        break
s = socket.create_connection((address, 7000))
s.sendall(b"what nobody reads")
for step in "accept", "see", "stop", "answer", "go":
    have(step)
print(s.recv(100).decode())
try:
    print("end" if s.recv(1) == b"" else "more")
except OSError as e:
    print(errno.errorcode[e.errno])
have("stop")
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"a frame that is there first", (address, 9))
have("close")
s = socket.socket()
s.setblocking(False)
assert s.connect_ex((address, 7000)) == errno.EINPROGRESS
have("go")
select.select([], [s], [])
print(errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "connected"))
PY
equal "what the client saw" \
	"$(peer "$python" "$tmp/client.py" "$stack" scripts/lab run "$python" "$tmp/server.py" "$daemon" | xargs)" \
	"answer FIN answer ECONNRESET ECONNREFUSED"
