#!/bin/bash
# SPDX-License-Identifier: MIT
# program: BIND 9 over TCP
# package: bind9
# exercised: named with threads, as user nobody in a chroot: dig +tcp with 200 queries over one connection, answers too large for UDP, a zone transfer of 2,000 names to dig, and one that it asks for as the secondary of a server on the kernel's side; dig on the stack
# needs: `-4`, as there is no IPv6
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_zone()
{
	cat <<-ZONE
		\$TTL 300
		@ SOA ns.example. root.example. 1 300 300 300 300
		@ NS ns
		ns A $stack
	ZONE
	seq 2000 | awk '{ printf "host%d A 192.0.2.%d\n", $1, $1 % 250 + 1 }'
	seq 100 | awk '{ printf "many A 198.51.100.%d\n", $1 }'
}
for name in near far; do
	mkdir -p "$tmp/$name"/{etc/bind,var/cache,run/named,dev,usr}
done
make_zone >"$tmp/near/etc/bind/example.zone"
make_zone >"$tmp/far/etc/bind/example.zone"
common="directory \"/var/cache\"; recursion no; dnssec-validation no; pid-file none; session-keyfile none; listen-on-v6 { none; };"
cat >"$tmp/near/etc/bind/named.conf" <<CONF
options { $common listen-on port 5353 { $stack; }; allow-transfer { any; }; notify no; };
controls { };
zone "example" { type primary; file "/etc/bind/example.zone"; };
zone "far" { type secondary; primaries port 5354 { $kernel; }; file "far.zone"; masterfile-format text; };
CONF
cat >"$tmp/far/etc/bind/named.conf" <<CONF
options { $common listen-on port 5354 { $kernel; }; allow-transfer { $stack; }; notify no; };
controls { };
zone "far" { type primary; file "/etc/bind/example.zone"; };
CONF
chown -R nobody "$tmp/near" "$tmp/far"
named() # NAME run|peer
{
	start "$1" scripts/lab "$2" named -4 -g -u nobody -t "$tmp/$1" -c /etc/bind/named.conf -n 2
}
named far peer
wait_kernel_port 5354
named near run
wait_stack_port 5353
dns() # run|peer DIG-ARGUMENT...
{
	local where=$1
	shift
	"$where" dig +tcp +time=10 +tries=1 +noall +answer "@$stack" -p 5353 "$@"
}
contains "an answer" "$(dns peer host7.example A)" "^host7.example.*192.0.2.8$"
contains "to a client on the stack" "$(dns run host8.example A)" "^host8.example.*192.0.2.9$"
equal "a large answer" "$(dns peer many.example A | wc -l)" 100
seq 200 | sed 's/.*/host&.example A/' >"$tmp/queries"
equal "queries over one connection" "$(dns peer +keepopen -f "$tmp/queries" | wc -l)" 200
equal "zone transfer" "$(dns peer example AXFR | grep -c '^host')" 2000
equal "zone transfer to the stack" "$(dns run example AXFR | grep -c '^host')" 2000

transferred()
{
	[ "$(grep -c '^host' "$tmp/near/var/cache/far.zone")" -eq 2000 ]
}
until_true 20 "its copy of the other zone" transferred
contains "an answer from it" "$(dns peer host7.far A)" "^host7.far.*192.0.2.8$"
contains "who asked for it" "$(cat "$tmp/far.log")" "client .* $stack#[0-9]+ \(far\): transfer of 'far/IN': AXFR ended"
