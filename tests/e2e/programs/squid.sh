#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Squid
# package: squid
# exercised: a forward proxy: GET through it to the stack and to the kernel's side, hits from its cache, CONNECT with TLS inside, POST, a forbidden port, 3 MB, ab with 16 clients
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
make_certificate
start_upstream 8001
start_peer kernel_http "$python" tests/e2e/programs/upstream.py "$kernel" 8001 "$tmp/www"
start_peer kernel_tls openssl s_server -accept "$kernel:8443" -cert "$tmp/cert.pem" -key "$tmp/key.pem" -WWW -quiet
wait_kernel_port 8001
wait_kernel_port 8443
mkdir "$tmp/squid"
chown nobody "$tmp/squid"
cat >"$tmp/squid.conf" <<CONF
http_port $stack:3128
acl ports port 8001 8443
http_access deny !ports
http_access allow all
cache_mem 64 MB
maximum_object_size_in_memory 8 MB
refresh_pattern . 60 100% 60
cache_effective_user nobody
cache_effective_group nogroup
pid_filename none
access_log stdio:$tmp/squid/access.log
cache_log $tmp/squid/cache.log
coredump_dir $tmp/squid
shutdown_lifetime 1 second
dns_nameservers 127.0.0.1
netdb_filename none
pinger_enable off
visible_hostname laboratory
CONF
start_run squid squid -N -f "$tmp/squid.conf"
squid=$pid
wait_stack_port 3128
through=(--proxy "http://$stack:3128" --noproxy "")
for address in "$stack" "$kernel"; do
	for _ in 1 2 3; do
		serves_www "GET to $address" "http://$address:8001" "${through[@]}"
	done
	contains "a hit, $address" "$(get "${through[@]}" -D - -o /dev/null "http://$address:8001/small")" "^X-Cache: HIT"
	equal "POST to $address" "$(get "${through[@]}" --data-binary "@$tmp/www/large" "http://$address:8001/")" \
		"$(digest_of "$tmp/www/large")"
done
get "${through[@]}" --cacert "$tmp/cert.pem" -o "$tmp/makefile" "https://$kernel:8443/Makefile"
same_file "CONNECT" "$tmp/makefile" Makefile
equal "a forbidden port" "$(status_of "${through[@]}" "http://$kernel:22/")" 403
equal "nobody there" "$(status_of "${through[@]}" "http://$stack:8443/")" 503
peer ab -q -X "$stack:3128" -n 2000 -c 16 "http://$kernel:8001/small" >"$tmp/ab.log" 2>&1 || fail "ab: $(cat "$tmp/ab.log")"
contains "ab" "$(cat "$tmp/ab.log")" "^Failed requests: +0$"
kill -TERM "$squid"
wait_end "$squid" 20
