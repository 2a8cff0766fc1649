#!/bin/bash
# SPDX-License-Identifier: MIT
# program: nginx, TLS and HTTP/2
# package: nginx
# exercised: TLS 1.2 and 1.3, session resumption, HTTP/2 with 16 streams at once, 100 handshakes; the certificate is verified and the contents are compared
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
start_nginx off <<CONF
server {
	listen $stack:443 ssl http2;
	root $tmp/www;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_certificate $tmp/cert.pem;
	ssl_certificate_key $tmp/key.pem;
	ssl_session_cache shared:tls:1m;
}
CONF
wait_stack_port 443
for version in 1.2 1.3; do
	serves_www "TLS $version" "https://$stack" --cacert "$tmp/cert.pem" --tls-max $version --tlsv$version
done
equal "protocol" "$(get --cacert "$tmp/cert.pem" -o /dev/null -w '%{http_version}' "https://$stack/small")" 2
get --cacert "$tmp/cert.pem" --no-progress-meter --parallel --parallel-max 16 -o "$tmp/out#1" "https://$stack/large?[1-16]"
for i in {1..16}; do
	same_file "stream $i" "$tmp/out$i" "$tmp/www/large"
done
s_client() # ARGUMENT...
{
	peer openssl s_client -connect "$stack:443" -CAfile "$tmp/cert.pem" -tls1_2 "$@" \
		</dev/null 2>/dev/null
}
contains "a new session" "$(s_client -sess_out "$tmp/session")" "^New, TLSv1.2"
contains "the session again" "$(s_client -sess_in "$tmp/session")" "^Reused, TLSv1.2"
for _ in {1..100}; do
	peer openssl s_client -connect "$stack:443" -CAfile "$tmp/cert.pem" -verify_return_error -brief \
		</dev/null >"$tmp/handshake" 2>&1 || fail "handshake: $(cat "$tmp/handshake")"
done
kill -QUIT "$nginx"
wait_end "$nginx" 10
no_worker_crashed
