#!/bin/bash
# SPDX-License-Identifier: MIT
# program: curl
# package: curl
# exercised: a client on the stack: 32 transfers at once, HTTP/2 over TLS, uploads with Expect: 100-continue, ranges, kept connections, rate limits, time-outs, to servers on the stack and on the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
start_upstream 8001
start_peer kernel_http "$python" tests/e2e/programs/upstream.py "$kernel" 8001 "$tmp/www"
start_peer silent nc -l -k "$kernel" 8002
start_nginx off <<CONF
server {
	listen $stack:443 ssl http2;
	root $tmp/www;
	ssl_certificate $tmp/cert.pem;
	ssl_certificate_key $tmp/key.pem;
}
CONF
wait_kernel_port 8001
wait_kernel_port 8002
wait_stack_port 443
asks()
{
	run curl -sS --fail --max-time 20 "$@"
}
for address in "$stack" "$kernel"; do
	url=http://$address:8001
	asks -Z --parallel-immediate --no-progress-meter --parallel-max 32 -o "$tmp/out#1" "$url/large?[1-32]"
	for i in {1..32}; do
		same_file "transfer $i, $address" "$tmp/out$i" "$tmp/www/large"
	done
	equal "upload, $address" "$(asks --data-binary "@$tmp/www/large" -H 'Expect: 100-continue' "$url/")" \
		"$(digest_of "$tmp/www/large")"
	equal "connections for 20 requests, $address" \
		"$(asks -o /dev/null -w '%{num_connects}\n' "$url/small?[1-20]" | awk '{ n += $1 } END { print n }')" 1
	asks --limit-rate 3M -o "$tmp/slow" "$url/large"
	same_file "slowly, $address" "$tmp/slow" "$tmp/www/large"
done
equal "HTTP/2" "$(asks --cacert "$tmp/cert.pem" -o "$tmp/got" -w '%{http_version}' "https://$stack/large")" 2
same_file "HTTP/2" "$tmp/got" "$tmp/www/large"
status_is() # STATUS CURL-ARGUMENT...
{
	local want=$1 got=0
	shift
	run curl -sS "$@" 2>"$tmp/curl.log" || got=$?
	equal "curl's status for $*" $got "$want"
}
status_is 7 "http://$kernel:1/"
status_is 7 http://192.0.2.1/
status_is 28 --max-time 1 "http://$kernel:8002/"
equal "who asked" "$(asks -D - -o /dev/null "http://$kernel:8001/small" | grep -c "X-Client: $stack")" 1
