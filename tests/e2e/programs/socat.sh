#!/bin/bash
# SPDX-License-Identifier: MIT
# program: socat
# package: socat
# exercised: forking listeners to a program, to a file and to a terminal; a relay from the stack to the kernel's side, half-closed one way; TLS both ways; 3 MB through each, keepalive, linger and no-delay options set
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
cat "$tmp/cert.pem" "$tmp/key.pem" >"$tmp/both.pem"
options=fork,reuseaddr,nodelay,keepalive,keepidle=5,backlog=64
start_run exec socat "TCP-LISTEN:9001,bind=$stack,$options" "EXEC:sha256sum"
start_run file socat -u "OPEN:$tmp/www/large" "TCP-LISTEN:9002,bind=$stack,reuseaddr,linger=10"
start_run relay socat "TCP-LISTEN:9003,bind=$stack,$options" "TCP:$kernel:9004"
start_peer far socat "TCP-LISTEN:9004,bind=$kernel,$options" "EXEC:sha256sum"
start_run tls socat "OPENSSL-LISTEN:9005,bind=$stack,$options,cert=$tmp/both.pem,verify=0" "EXEC:sha256sum"
start_run pty socat "TCP-LISTEN:9006,bind=$stack,$options" "EXEC:tty,pty"
for port in 9001 9002 9003 9005 9006; do
	wait_stack_port $port
done
wait_kernel_port 9004
digest="$(digest_of "$tmp/www/large")  -"
sends() # run|peer ADDRESS
{
	"$1" socat -t 20 -T 20 - "$2" <"$tmp/www/large"
}
for where in peer run; do
	equal "$where: a program" "$(sends $where "TCP:$stack:9001")" "$digest"
	equal "$where: through the relay" "$(sends $where "TCP:$stack:9003")" "$digest"
	equal "$where: TLS" "$(sends $where "OPENSSL:$stack:9005,cafile=$tmp/cert.pem,commonname=xtcp-laboratory,openssl-min-proto-version=TLS1.2")" "$digest"
	contains "$where: a terminal" "$($where socat -t 20 - "TCP:$stack:9006" </dev/null)" "^/dev/pts/"
done
peer socat -u "TCP:$stack:9002" - | cmp - "$tmp/www/large"
for i in {1..16}; do
	sends peer "TCP:$stack:9001" >"$tmp/digest$i" &
	started+=($!)
done
for i in {1..16}; do
	until_true 20 "the digest of $i" test -s "$tmp/digest$i"
	equal "digest $i" "$(cat "$tmp/digest$i")" "$digest"
done
