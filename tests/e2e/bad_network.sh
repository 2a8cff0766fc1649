#!/bin/bash
# SPDX-License-Identifier: MIT
# A bad network on demand: each way by itself, seen in its counters and by ping; what comes through
# it is the same bytes nevertheless; the same by flags; wrong words are named.
. "$(dirname "$0")/lib.sh"

counter() # in|out NAME
{
	ctl --json link | "$python" -c "import json, sys; print(json.load(sys.stdin)['impair']['$1']['$2'])"
}
fastest_us() # PINGS: the least round-trip time of that many
{
	peer ping -q -c "$1" -i 0.01 -W 5 "$stack" | awk -F '[ /.]+' '/^rtt/ { print $7 * 1000 + $8 }'
}

if_impaired() # PATTERN COMMAND...: COMMAND if a line of link has PATTERN
{
	local pattern=$1
	shift
	if grep -q "$pattern" <<<"$(ctl link)"; then
		"$@"
	fi
}

lab_up_sanitized
if_impaired "impair" fail "impaired from the start"

# Delay: 100 pings, none of them faster than it.
ctl link impair in loss=0 delay=40ms seed=1
contains "link" "$(ctl link)" "impair in: delay=40ms limit=1000 seed=1"
us=$(fastest_us 100)
[ "$us" -ge 40000 ] || fail "a round trip of $us us under a delay of 40 ms"
ctl link impair out delay=20ms
us=$(fastest_us 5)
[ "$us" -ge 60000 ] || fail "a round trip of $us us under delays of 40 and 20 ms"
ctl link impair off
if_impaired "impair" fail "still impaired"

# Duplicates: ping sees them, and so do the counters.
ctl link impair out duplicate=100% seed=1
out=$(peer ping -c 3 -i 0.2 -W 5 "$stack")
contains "ping" "$out" "\(DUP!\)"
[ "$(counter out duplicated)" -ge 3 ] || fail "no duplicates counted"
ctl link impair off

# Everything at once, both ways, and the bytes are the same.
mkdir "$tmp/www"
"$helper" generate 10485760 >"$tmp/www/file"
start_run stack_http "$python" -m http.server -d "$tmp/www" 8081
wait_stack_port 8081
start_peer kernel_http "$python" -m http.server -d "$tmp/www" 8080
wait_kernel_port 8080
ctl link impair loss=5% reorder=2% delay=2ms corrupt=0.1% duplicate=1% seed=7
peer curl -sS --max-time 100 "http://$stack:8081/file" | cmp - "$tmp/www/file"
run curl -sS --max-time 100 "http://$kernel:8080/file" | cmp - "$tmp/www/file"
for way in in out; do
	for what in lost duplicated corrupted reordered; do
		[ "$(counter $way $what)" -gt 0 ] || fail "$way: nothing $what"
	done
done
[ "$(nstat TcpInCsumErrors)" -gt 0 ] || fail "corruption was not seen as bad checksums"
[ "$(nstat TcpRetransSegs)" -gt 0 ] || fail "nothing was sent again"
ctl link impair off
peer curl -sS --max-time 10 "http://$stack:8081/file" | cmp - "$tmp/www/file"

# Wrong words: status 1, the word named, and nothing changed; too few: 2, and how it is used.
wrong() # STATUS PATTERN WORD...
{
	local status=0 wanted=$1 pattern=$2
	shift 2
	ctl link impair "$@" >"$tmp/out" 2>&1 || status=$?
	equal "status of $*" "$status" "$wanted"
	contains "$*" "$(cat "$tmp/out")" "$pattern"
}
wrong 1 "loss=1: after loss= comes a share" loss=1
wrong 1 "speed=9: not one of loss=" in speed=9
wrong 1 "delay=40: after delay= comes a time" out loss=1% delay=40
wrong 1 "needs a delay=" reorder=1%
wrong 2 "usage: link"
wrong 2 "usage: link" in
if_impaired "impair" fail "a wrong word impaired"
lab_sane
lab down

# By flags; and a wrong one is named before anything is touched.
lab up --impair "delay=3ms seed=5" --impair-out no
contains "link" "$(ctl link)" "impair in: delay=3ms limit=1000 seed=5"
if_impaired "impair out" fail "--impair-out no is ignored"
status=0
"$BUILD/xtcpd" --check --config /dev/null --impair-in "loss=1" >"$tmp/out" 2>&1 || status=$?
equal "xtcpd's status" "$status" 1
contains "xtcpd's refusal" "$(cat "$tmp/out")" "--impair-in loss=1: loss=1: after loss= comes a share"
