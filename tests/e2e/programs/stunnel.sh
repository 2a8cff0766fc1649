#!/bin/bash
# SPDX-License-Identifier: MIT
# program: stunnel
# package: stunnel4
# exercised: a thread per connection, as user nobody: TLS in front of a server on the same stack, and the client role from the stack to a TLS server on the kernel's side; 3 MB each way, 16 at once
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
start_upstream 8001
start_peer kernel_tls openssl s_server -accept "$kernel:8443" -cert "$tmp/cert.pem" -key "$tmp/key.pem" -WWW -quiet
wait_kernel_port 8443
cat >"$tmp/stunnel.conf" <<CONF
foreground = yes
pid =
setuid = nobody
setgid = nogroup
[in]
accept = $stack:443
connect = $stack:8001
cert = $tmp/cert.pem
key = $tmp/key.pem
[out]
client = yes
accept = $stack:8002
connect = $kernel:8443
CAfile = $tmp/cert.pem
verifyChain = yes
CONF
start_run stunnel stunnel4 "$tmp/stunnel.conf"
stunnel=$pid
wait_stack_port 443
wait_stack_port 8002
serves_www "in" "https://$stack" --cacert "$tmp/cert.pem"
equal "digest of the body" "$(get --cacert "$tmp/cert.pem" --data-binary "@$tmp/www/large" "https://$stack/")" \
	"$(digest_of "$tmp/www/large")"
get --cacert "$tmp/cert.pem" -Z --parallel-immediate --no-progress-meter --parallel-max 16 --http1.1 \
	-o "$tmp/out#1" "https://$stack/large?[1-16]"
for i in {1..16}; do
	same_file "transfer $i" "$tmp/out$i" "$tmp/www/large"
done
get --http1.0 -o "$tmp/makefile" "http://$stack:8002/Makefile"
same_file "out" "$tmp/makefile" Makefile
run curl -sS --fail --max-time 20 --http1.0 -o "$tmp/makefile" "http://$stack:8002/Makefile"
same_file "out, from the stack" "$tmp/makefile" Makefile
kill -TERM "$stunnel"
wait_end "$stunnel" 10
