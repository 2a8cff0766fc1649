#!/bin/bash
# SPDX-License-Identifier: MIT
# A closed descriptor is gone from every epoll set at once, as on Linux, however busy xtcpd is:
# once a call has returned, xtcpd holds no copy of the descriptor that came with it, nor is one on its
# way. Else its events would be taken for those of whoever has its number next.
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
