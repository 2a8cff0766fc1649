#!/bin/bash
# SPDX-License-Identifier: MIT
# program: openbsd-inetd
# package: openbsd-inetd
# exercised: passes accepted sockets as standard input and output: vsftpd with all its work, sort over TCP as user nobody, rsync's daemon; a wait service gets the listening socket
# needs: `inetd -E`, which keeps the environment; and what vsftpd needs
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/vsftpd.inc

lab up
vsftpd_configuration "listen=NO"
cat >"$tmp/rsyncd.conf" <<CONF
use chroot = no
[www]
path = $tmp/www
CONF
cat >"$tmp/wait.py" <<'PY'
# The listening socket is our standard input: three connections, then inetd has it again.
import socket
listener = socket.socket(fileno=0)
for n in range(3):
    connection, peer = listener.accept()
    connection.sendall(b"%d for %s" % (n, peer[0].encode()))
    connection.close()
PY
cat >"$tmp/inetd.conf" <<CONF
$stack:21 stream tcp nowait root $(command -v vsftpd) vsftpd $tmp/vsftpd.conf
$stack:9001 stream tcp nowait nobody /usr/bin/sort sort -n
$stack:873 stream tcp nowait root /usr/bin/rsync rsync --daemon --config=$tmp/rsyncd.conf
$stack:9002 stream tcp wait root $python python3 $tmp/wait.py
CONF
# -E: it keeps the environment, which names the shim
start_run inetd inetd -E -i "$tmp/inetd.conf"
server=$pid
wait_stack_port 9002
exercise_ftp
shuf -i 1-50000 >"$tmp/numbers"
seq 50000 >"$tmp/sorted"
peer nc -N "$stack" 9001 <"$tmp/numbers" >"$tmp/got"
same_file "sort" "$tmp/got" "$tmp/sorted"
peer rsync -r "rsync://$stack/www/" "$tmp/copy/"
same_file "rsync" "$tmp/copy/large" "$tmp/www/large"
for round in 1 2; do
	for n in 0 1 2; do
		equal "wait service, round $round" "$(peer nc -d "$stack" 9002)" "$n for $kernel"
	done
done
kill -TERM "$server"
wait_end "$server" 10
