#!/bin/bash
# SPDX-License-Identifier: MIT
# program: wget
# package: wget
# exercised: a client on the stack: mirrors a tree of 60 files over a kept connection from the kernel's side and from a server on the stack, TLS, a refused connection
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
for i in {1..60}; do
	mkdir -p "$tmp/www/tree/$((i % 6))"
	"$helper" generate $((i * 1111)) >"$tmp/www/tree/$((i % 6))/$i"
done
start_upstream 8001
start_peer kernel_http "$python" tests/e2e/programs/upstream.py "$kernel" 8001 "$tmp/www"
start_peer kernel_tls openssl s_server -accept "$kernel:8443" -cert "$tmp/cert.pem" -key "$tmp/key.pem" -WWW -quiet
wait_kernel_port 8001
wait_kernel_port 8443
fetch() # WGET-ARGUMENT...
{
	run wget --tries=1 --timeout=20 -nv "$@" 2>"$tmp/wget.log" || fail "wget: $(cat "$tmp/wget.log")"
}
for address in "$stack" "$kernel"; do
	fetch -r -np -nH -R 'index.html*' -P "$tmp/mirror-$address" "http://$address:8001/tree/"
	diff -r "$tmp/mirror-$address/tree" "$tmp/www/tree"
done
fetch -O "$tmp/got" "http://$kernel:8001/large"
same_file "large" "$tmp/got" "$tmp/www/large"
# openssl s_server -WWW serves the directory it is in: the repository's
fetch --ca-certificate="$tmp/cert.pem" -O "$tmp/makefile" "https://$kernel:8443/Makefile"
same_file "over TLS" "$tmp/makefile" Makefile
status=0
run wget --tries=1 -q -O /dev/null "http://$kernel:1/" || status=$?
equal "wget's status when refused" $status 4
