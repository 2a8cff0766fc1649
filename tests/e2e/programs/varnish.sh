#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Varnish
# package: varnish
# exercised: threads in a child process, in front of an upstream on the same stack: misses, hits, a purge over its management port, 3 MB, POST passed on, wrk, a dead upstream answered from the cache and by 503
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
start_upstream 8001
upstream=$pid
cat >"$tmp/default.vcl" <<VCL
vcl 4.1;
backend default { .host = "$stack"; .port = "8001"; }
sub vcl_backend_response { set beresp.ttl = 60s; set beresp.grace = 60s; }
sub vcl_deliver { set resp.http.X-Hits = obj.hits; }
VCL
echo secret >"$tmp/secret"
start_run varnish varnishd -F -j none -n "$tmp/work" -a "$stack:80" -T "$stack:6082" -S "$tmp/secret" \
	-f "$tmp/default.vcl" -s default,32m -p thread_pool_min=10
varnish=$pid
wait_stack_port 80
wait_stack_port 6082
until_true 20 "the child" eval '[ "$(status_of "http://$stack/small")" = 200 ]'
for _ in 1 2 3; do
	serves_www "through the cache" "http://$stack"
done
contains "a hit" "$(get -D - -o /dev/null "http://$stack/large")" "^X-Hits: [1-9]"
equal "requests that reached the upstream" "$(grep -c 'GET /large' "$tmp/upstream8001.log")" 1
equal "POST" "$(get --data-binary "@$tmp/www/large" "http://$stack/")" "$(digest_of "$tmp/www/large")"
admin()
{
	peer varnishadm -T "$stack:6082" -S "$tmp/secret" -t 10 "$@"
}
contains "its state" "$(admin status)" "running"
admin ban 'req.url == /small' >/dev/null
contains "after the ban" "$(get -D - -o /dev/null "http://$stack/small")" "^X-Hits: 0"
load -c 32 -t 2 -d 2s "http://$stack/small"
say "$requests requests"
load -c 16 -t 2 -d 2s -H 'Connection: close' "http://$stack/small"
kill -TERM "$upstream"
wait_end "$upstream" 5
equal "from the cache" "$(get "http://$stack/small")" small
equal "what is not in the cache" "$(status_of "http://$stack/other")" 503
kill -TERM "$varnish"
wait_end "$varnish" 20
