#!/bin/bash
# SPDX-License-Identifier: MIT
# Without a daemon: ENETDOWN, and one line on stderr that names the path; XTCP_FALLBACK=kernel uses
# the kernel's sockets instead, and says so. Other families are none of the shim's business.
. "$(dirname "$0")/lib.sh"

path=$tmp/nobody.sock
export XTCP_SOCKET=$path
preloaded()
{
	LD_PRELOAD=$BUILD/libxtcp.so "$@"
}

cat >"$tmp/try.py" <<'PY'
import errno, socket, sys
failed = set()
for attempt in range(3):
    for call in (lambda: socket.create_connection(("127.0.0.1", 9)),
                 lambda: socket.create_server(("127.0.0.1", 0))):
        try:
            call()
            failed.add("none")
        except OSError as e:
            failed.add(errno.errorcode[e.errno])
print(*sorted(failed))
PY
equal "errno" "$(preloaded "$python" "$tmp/try.py" 2>"$tmp/stderr")" "ENETDOWN"
equal "lines on stderr" "$(wc -l <"$tmp/stderr")" 1
contains "the line" "$(cat "$tmp/stderr")" "$path"

# A path where something is that does not listen.
touch "$path"
equal "errno" "$(preloaded "$python" "$tmp/try.py" 2>"$tmp/stderr")" "ENETDOWN"
contains "the line" "$(cat "$tmp/stderr")" "$path"

# Programs that use no TCP see no difference.
equal "silence" "$(preloaded /bin/echo hello 2>&1)" "hello"
equal "UDP and unix" "$(preloaded "$python" -c '
import socket
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(("127.0.0.1", 0))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.sendto(b"datagram", a.getsockname())
l, r = socket.socketpair()
l.send(a.recv(100))
print(r.recv(100).decode())' 2>&1)" "datagram"

# The fallback, within a namespace of the test's own.
lab up
mkdir "$tmp/www"
echo fallen back >"$tmp/www/index.html"
start_peer fallback env XTCP_FALLBACK=kernel XTCP_SOCKET="$path" LD_PRELOAD="$BUILD/libxtcp.so" \
	"$python" -m http.server -b 127.0.0.1 -d "$tmp/www" 8000
wait_kernel_port 8000
equal "fallback" "$(peer curl -sS --max-time 10 http://127.0.0.1:8000/)" "fallen back"
contains "it says so" "$(cat "$tmp/fallback.log")" "$path.*kernel|kernel.*$path"

# Nobody's line goes into a connection, which is what standard error is under inetd.
start_peer sink nc -l -N "$kernel" 9001
sink=$pid
wait_kernel_port 9001
cat >"$tmp/stderr.py" <<'PY'
import os, socket, subprocess, sys
connection = socket.create_connection((sys.argv[1], 9001))
subprocess.run([sys.executable, sys.argv[3]], stderr=connection, check=True,
               env={**os.environ, "XTCP_SOCKET": sys.argv[2]})
connection.sendall(b"and no more\n")
PY
equal "errno" "$(run "$python" "$tmp/stderr.py" "$kernel" "$path" "$tmp/try.py")" "ENETDOWN"
wait_end "$sink" 10
equal "what the other side got" "$(cat "$tmp/sink.log")" "and no more"
