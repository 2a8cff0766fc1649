#!/bin/bash
# SPDX-License-Identifier: MIT
# program: lighttpd
# package: lighttpd
# exercised: static files by sendfile, ranges, mod_proxy to an upstream on the same stack, wrk with kept connections and without, a graceful end by SIGINT
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_www
cat >"$tmp/lighttpd.conf" <<CONF
server.modules = ( "mod_proxy" )
server.document-root = "$tmp/www"
server.bind = "$stack"
server.port = 80
server.username = "nobody"
server.groupname = "nogroup"
server.errorlog = "$tmp/error.log"
server.network-backend = "sendfile"
server.upload-dirs = ( "$tmp/up" )
\$HTTP["url"] =~ "^/upstream/" {
	proxy.server = ( "" => ( ( "host" => "$stack", "port" => 8001 ) ) )
	proxy.header = ( "map-urlpath" => ( "/upstream/" => "/" ) )
}
CONF
mkdir -m 777 "$tmp/up"
install -m 666 /dev/null "$tmp/error.log"
start_upstream 8001
start_run lighttpd lighttpd -D -f "$tmp/lighttpd.conf"
server=$pid
wait_stack_port 80
equal "its user" "$(ps -o user= -p "$server")" nobody
serves_www "HTTP" "http://$stack"
serves_www "its proxy" "http://$stack/upstream"
get -r 1000000-1999999 -o "$tmp/part" "http://$stack/large"
cmp -n 1000000 -i 0:1000000 "$tmp/part" "$tmp/www/large"
equal "a range's length" "$(stat -c %s "$tmp/part")" 1000000
equal "digest of the body" "$(get --data-binary "@$tmp/www/large" "http://$stack/upstream/")" \
	"$(digest_of "$tmp/www/large")"
load -c 16 -t 2 -d 2s "http://$stack/small"
say "kept connections: $requests requests"
load -c 16 -t 2 -d 2s -H 'Connection: close' "http://$stack/small"
say "a connection each: $requests requests"
kill -INT "$server" # ends when the last connection has
wait_end "$server" 10
equal "listeners left" "$(ctl ss -ltn | grep -c ':80 ' || true)" 0
