#!/bin/bash
# SPDX-License-Identifier: MIT
# TCP Fast Open with the kernel on the other side, each way: an echo server whose clients put their
# question into the SYN.
. "$(dirname "$0")/lib.sh"

cat >"$tmp/server.py" <<'PY'
import socket, sys
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
s.bind(("0.0.0.0", int(sys.argv[1])))
s.listen(16)
while True:
    c, _ = s.accept()
    while (data := c.recv(65536)):
        c.sendall(data.upper())
    c.close()
PY
# Prints the answer and whether the SYN's data was acknowledged (TCPI_OPT_SYN_DATA).
cat >"$tmp/client.py" <<'PY'
import socket, sys
c = socket.socket()
question = b"hello " * int(sys.argv[3])
n = c.sendto(question, socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
assert n == len(question), n
options = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)[5]
c.shutdown(socket.SHUT_WR)
answer = b""
while (data := c.recv(65536)):
    answer += data
assert answer == question.upper(), len(answer)
print("SYN data" if options & 32 else "no SYN data")
PY
ask_stack() # REPEATS
{
	peer timeout 20 "$python" "$tmp/client.py" $stack 7001 "$1"
}

lab_up_sanitized
ctl sysctl tcp_fastopen=3
start_run server "$python" "$tmp/server.py" 7001
wait_stack_port 7001
equal "a first connection asks for a cookie" "$(ask_stack 10)" "no SYN data"
equal "cookies asked for" "$(nstat TcpExtTCPFastOpenCookieReqd)" 1
for i in 1 2 3; do
	equal "a later one, with its question in the SYN" "$(ask_stack 10)" "SYN data"
	equal "passive Fast Opens" "$(nstat TcpExtTCPFastOpenPassive)" "$i"
done
equal "more than a SYN holds" "$(ask_stack 20000)" "SYN data"

# The other way round.
peer sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_fastopen'
ask_kernel() # REPEATS
{
	run timeout 20 "$python" "$tmp/client.py" $kernel 7002 "$1"
}
start_peer kernel-server "$python" "$tmp/server.py" 7002
wait_kernel_port 7002
equal "to the kernel, without a cookie" "$(ask_kernel 10)" "no SYN data"
for i in 1 2 3; do
	equal "with the cookie" "$(ask_kernel 10)" "SYN data"
	equal "active Fast Opens" "$(nstat TcpExtTCPFastOpenActive)" "$i"
done
equal "more than a SYN holds" "$(ask_kernel 20000)" "SYN data"

# A kernel that has changed its keys does not take the data, and gives a new cookie.
peer sh -c 'echo 1-2-3-4 >/proc/sys/net/ipv4/tcp_fastopen_key'
equal "with a cookie that is void" "$(ask_kernel 10)" "no SYN data"
equal "failed Fast Opens" "$(nstat TcpExtTCPFastOpenActiveFail)" 1
equal "with the new one" "$(ask_kernel 10)" "SYN data"

ctl sysctl tcp_fastopen=2
status=0
ask_kernel 10 2>"$tmp/refused.log" || status=$?
equal "a client that may not" "$status" 1
contains "and why" "$(cat "$tmp/refused.log")" "Operation not supported"
lab_sane
