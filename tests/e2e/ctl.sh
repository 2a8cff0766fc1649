#!/bin/bash
# SPDX-License-Identifier: MIT
# xtcpctl: what ss, nstat, neigh, route and link show is true and parses; a request typed by hand
# over nc is answered as well; what cannot be is refused with status 1 and a reason.
. "$(dirname "$0")/lib.sh"

lab up
dir=$(lab dir)
start_run server "$python" -c "
import socket, sys
s = socket.create_server(('$stack', 7000), backlog=5)
c, _ = s.accept()
c.sendall(b'hello')
print('accepted', flush=True)
sys.stdin.read()
c.recv(1)
c.recv(1)
"
server=$pid
wait_stack_port 7000
cat >"$tmp/client.py" <<PY
import socket
held = [socket.create_connection(("$stack", 7000), timeout=10) for _ in range(3)]
assert held[0].recv(5, socket.MSG_WAITALL) == b"hello"
print("connected", flush=True)
held[0].recv(1)
PY
start_peer client "$python" "$tmp/client.py"
until_true 10 "connections" grep -q connected "$tmp/client.log"

# A listener's Recv-Q is how many wait to be accepted, its Send-Q the backlog.
queue()
{
	ctl ss -ltn | awk '/:7000 / { print $2, $3 }'
}
until_true 5 "two on the accept queue" eval '[ "$(queue)" = "2 5" ]'
contains "ss -t" "$(ctl ss -tn)" "^ESTAB +[0-9]+ +[0-9]+ +$stack:7000 +$kernel:[0-9]+"
contains "ss -tp" "$(ctl ss -tnp)" "pid=$server"
contains "ss -ti" "$(ctl ss -tni)" "cubic|reno"
contains "ss -a" "$(ctl ss -atn)" "LISTEN"
equal "a filter" "$(ctl ss -lHn '( sport = :7000 or sport = :http )' | wc -l)" 1
equal "its opposite" "$(ctl ss -lHn not sport = :7000)" ""
refused_filter=0
ctl ss 'sport = :no-such-service' 2>"$tmp/out" || refused_filter=$?
equal "status of a wrong filter" "$refused_filter" 2
contains "a wrong filter" "$(cat "$tmp/out")" "no-such-service"
contains "ss -tulpn" "$(ctl ss -tulpn)" ":7000 .*pid=$server"
equal "ss -u" "$(ctl ss -uaH)" ""
contains "ss -O" "$(ctl ss -tniOH sport = :7000)" "^ESTAB.*cwnd:"
contains "nstat" "$(ctl nstat -az)" "TcpPassiveOpens +[1-9]"
contains "neigh" "$(ctl neigh)" "$kernel.*(REACHABLE|STALE|DELAY)"
contains "route" "$(ctl route)" "10.77.0.0/24"
contains "link" "$(ctl link)" "xtcp0.*mtu 1500|mtu 1500"
for what in "ss -a" nstat neigh route link; do
	# shellcheck disable=SC2086 # words on purpose
	ctl --json $what | "$python" -m json.tool >/dev/null || fail "--json $what is no JSON"
done
for what in help "ss -a" nstat neigh route link; do
	echo "$what" | nc -U -N -w 5 "$dir/control.sock" | "$python" -m json.tool >/dev/null ||
		fail "'$what' by hand is not answered by JSON"
done
contains "nonsense by hand" "$(echo nonsense | nc -U -N -w 5 "$dir/control.sock")" '"error"'

refused() # STATUS ARGUMENT...
{
	local wanted=$1 status=0
	shift
	ctl "$@" >"$tmp/out" 2>&1 || status=$?
	equal "status of xtcpctl $*" "$status" "$wanted"
	[ -s "$tmp/out" ] || fail "xtcpctl $*: no reason"
}
refused 2 no-such-command
refused 2 --no-such-option
refused 2
refused 1 route add nonsense
refused 2 route get
refused 2 ss -Q
refused 2 nstat --no-such-flag
refused 2 capture -w
refused 1 capture -w "$tmp/missing/file" -c 1
for what in $(ctl help | awk '/^  [a-z]/ { print $1 }'); do
	contains "$what --help" "$(ctl "$what" --help)" "^Usage: xtcpctl $what"
done

equal "a name with slashes" "$(ctl sysctl -n net/ipv4/tcp_sack)" 1

# Names choose in the document as well.
equal "nstat of one name" "$(ctl --json nstat TcpPassiveOpens | "$python" -c "
import json, sys
print(*json.load(sys.stdin)['counters'])")" TcpPassiveOpens

# What cannot be written is an error; a reader that has had enough is not.
status=0
ctl capture -w /dev/full -c 1 >"$tmp/out" 2>&1 || status=$?
equal "status of a capture to a full disk" "$status" 1
contains "a full disk" "$(cat "$tmp/out")" "No space left"
status=0
"$BUILD/xtcpctl" --socket "$tmp/nobody.sock" ss >"$tmp/out" 2>&1 || status=$?
equal "status without a daemon" "$status" 3
contains "without a daemon" "$(cat "$tmp/out")" "$tmp/nobody.sock"

# ss -K: both sides learn of it, and what is shown is what has ended.
cat >"$tmp/killed.py" <<'PY'
import errno, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
print("connected", flush=True)
try:
    print("read", s.recv(1))
except OSError as e:
    print(errno.errorcode[e.errno])
PY
start_peer other "$python" -c "
import socket
s = socket.create_server(('$kernel', 7001))
c, _ = s.accept()
try:
    c.recv(1)
except ConnectionResetError:
    print('reset')
"
other=$pid
wait_kernel_port 7001
start_run killed "$python" "$tmp/killed.py" "$kernel" 7001
killed=$pid
until_true 10 "a connection to kill" grep -q connected "$tmp/killed.log"
refused 2 ss -K
equal "what ss -K shows" "$(ctl ss -KHn dport = :7001 | wc -l)" 1
wait_end "$killed" 10
wait_end "$other" 10
contains "the program" "$(cat "$tmp/killed.log")" "^ECONNABORTED$"
contains "the peer" "$(cat "$tmp/other.log")" "^reset$"
equal "what is left" "$(ctl ss -aHn dport = :7001)" ""

# What the administrator does not allow is for those with CAP_NET_ADMIN.
choose() # PREFIX...: what a program gets that wants BBR
{
	run "$@" "$python" -c "import socket
try:
    socket.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'bbr')
    print('taken')
except PermissionError:
    print('refused')"
}
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
equal "BBR for nobody" "$(choose "${nobody[@]}")" taken
ctl sysctl net.ipv4.tcp_allowed_congestion_control="reno cubic" >/dev/null
equal "BBR for nobody, not allowed" "$(choose "${nobody[@]}")" refused
equal "BBR for root, not allowed" "$(choose)" taken
equal "BBR for nobody with the capability" \
	"$(choose "${nobody[@]}" --inh-caps +net_admin --ambient-caps +net_admin)" taken
