#!/bin/bash
# SPDX-License-Identifier: MIT
# program: rsync
# package: rsync
# exercised: its daemon with a password, 300 files and 3 MB up and down, deltas of a changed file, deletion, a limited rate; the client on the kernel's side and on the stack
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
for i in {1..300}; do
	mkdir -p "$tmp/www/tree/$((i % 7))"
	"$helper" generate $((i * 100)) >"$tmp/www/tree/$((i % 7))/$i"
done
mkdir "$tmp/in"
echo "user:secret" >"$tmp/secrets"
echo secret >"$tmp/password"
chmod 600 "$tmp/secrets" "$tmp/password"
cat >"$tmp/rsyncd.conf" <<CONF
address = $stack
port = 873
use chroot = yes
uid = root
gid = root
log file = $tmp/rsyncd.log
pid file = $tmp/rsyncd.pid
auth users = user
secrets file = $tmp/secrets
[www]
path = $tmp/www
[in]
path = $tmp/in
read only = no
CONF
start_run rsync rsync --daemon --no-detach --config="$tmp/rsyncd.conf"
server=$pid
wait_stack_port 873
for where in peer run; do
	copy() # ARGUMENT...
	{
		"$where" rsync -a --password-file="$tmp/password" --timeout=20 "$@" ||
			fail "$where rsync: $? $(cat "$tmp/rsyncd.log")"
	}
	copy "rsync://user@$stack/www/" "$tmp/copy-$where/"
	diff -r "$tmp/copy-$where" "$tmp/www"
	copy --delete "$tmp/www/" "rsync://user@$stack/in/"
	diff -r "$tmp/in" "$tmp/www"
	# a byte changed in the middle: what crosses is the delta
	cp "$tmp/www/large" "$tmp/changed"
	printf X | dd of="$tmp/changed" bs=1 seek=1500000 conv=notrunc 2>/dev/null
	sent=$(copy --stats --no-whole-file "$tmp/changed" "rsync://user@$stack/in/large" |
		tr -d , | awk '/Literal data/ { print $3 }')
	less "bytes sent for one that changed" "$sent" 20000
	same_file "the changed file" "$tmp/in/large" "$tmp/changed"
	rm -r "$tmp/copy-$where/tree"
	copy --delete "$tmp/copy-$where/" "rsync://user@$stack/in/"
	[ ! -e "$tmp/in/tree" ] || fail "what was to be deleted is there"
done
copy --bwlimit=6000 "rsync://user@$stack/www/large" "$tmp/slow"
same_file "slowly" "$tmp/slow" "$tmp/www/large"
status=0
peer rsync "rsync://$stack/www/" >/dev/null 2>&1 </dev/null || status=$?
[ $status -ne 0 ] || fail "no password was asked for"
kill -TERM "$server"
wait_end "$server" 10
