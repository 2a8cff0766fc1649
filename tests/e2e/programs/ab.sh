#!/bin/bash
# SPDX-License-Identifier: MIT
# program: ab
# package: apache2-utils
# exercised: a client on the stack: 5,000 requests of 32 at once, kept connections and new ones, POST, TLS, to a server on the stack and one on the kernel's side; none failed
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
body='listen ADDRESS:80; listen ADDRESS:443 ssl; root '"$tmp/www"';
	ssl_certificate '"$tmp/cert.pem"'; ssl_certificate_key '"$tmp/key.pem"';
	location /post { client_body_buffer_size 1m; proxy_pass http://ADDRESS:81/; }'
start_nginx off <<CONF
server { ${body//ADDRESS/$stack} }
server { listen $stack:81; location / { return 200 "posted"; } }
CONF
sed "s|$stack|$kernel|g" "$tmp/nginx.http" >"$tmp/kernel.http"
sed "s|nginx.http|kernel.http|; s|nginx.pid|kernel.pid|; s|$tmp/t\\([1-5]\\)|$tmp/k\\1|" "$tmp/nginx.conf" >"$tmp/kernel.conf"
start_peer kernel_nginx nginx -c "$tmp/kernel.conf" -e "$tmp/kernel.error.log" -g "daemon off;"
wait_stack_port 80
wait_kernel_port 80
head -c 100000 "$tmp/www/large" >"$tmp/post"
ask() # WHAT REQUESTS AB-ARGUMENT...
{
	local what=$1 n=$2
	shift 2
	run ab -q -s 20 -n "$n" -c 32 "$@" >"$tmp/ab.log" 2>&1 || fail "$what: $(cat "$tmp/ab.log")"
	contains "$what: complete" "$(cat "$tmp/ab.log")" "^Complete requests: +$n$"
	contains "$what: failed" "$(cat "$tmp/ab.log")" "^Failed requests: +0$"
	if grep 'Non-2xx' "$tmp/ab.log"; then
		fail "$what: $(cat "$tmp/ab.log")"
	fi
}
for address in "$stack" "$kernel"; do
	ask "$address kept" 5000 -k "http://$address/small"
	ask "$address new" 5000 "http://$address/small"
	ask "$address TLS" 300 "https://$address/small"
	ask "$address POST" 500 -p "$tmp/post" -T application/octet-stream "http://$address/post"
	ask "$address large" 100 -k "http://$address/large"
	contains "$address large: bytes" "$(cat "$tmp/ab.log")" "^HTML transferred: +300001700 bytes$"
done
kill -QUIT "$nginx"
wait_end "$nginx" 10
