#!/bin/bash
# SPDX-License-Identifier: MIT
#
#	tests/e2e/download.sh [--mib N] [--seed N] [--congestion NAME]     2 MiB, seed 1, cubic
#
# A download through a bad network, each way, in a laboratory of its own: nginx on the private stack
# asked by the kernel's curl, then a server on the kernel's side asked by curl over the private stack.
# The file is random, of the seed, as is the network: no block of it is like another, so one that is
# shifted, repeated, missing or changed shows in the digest. A line for each; tests/downloads/run has many.
. "$(dirname "$0")/lib.sh"
. tests/e2e/nginx.inc

mib=2 seed=1 congestion=cubic
while [ $# -ge 2 ]; do
	case $1 in
	--mib) mib=$2 ;;
	--seed) seed=$2 ;;
	--congestion) congestion=$2 ;;
	*) fail "what is $1?" ;;
	esac
	shift 2
done
[ $# -eq 0 ] || fail "$1 needs a value"
network="loss=5% reorder=2% corrupt=0.1% duplicate=0.1% delay=1ms seed=$seed"
limit=$((60 + mib * 6)) # seconds: a hundredfold of what it takes on a good network

# Counters by their SNMP names, of xtcpd and of the namespace's kernel.
count() # stack|kernel NAME...: their sum
{
	local side=$1 name n=0
	shift
	for name; do
		if [ "$side" = stack ]; then
			n=$((n + $(nstat "$name")))
		else
			n=$((n + $(peer nstat -asz "$name" | awk -v name="$name" '$1 == name { print $2 }')))
		fi
	done
	echo $n
}
bad_checksums() # of both receivers, TCP's and IPv4's
{
	echo $(($(count stack TcpInCsumErrors IpExtInCsumErrors) + $(count kernel TcpInCsumErrors IpExtInCsumErrors)))
}
network_did() # NAME: both ways
{
	ctl --json link | "$python" -c "import json, sys; way = json.load(sys.stdin)['impair']
print(way['in']['$1'] + way['out']['$1'])"
}

download() # FROM: stack|kernel, URL, and by whom: peer|run
{
	local from=$1 url=$2 by=$3 digest seconds bytes verdict status=0 bad again sender=$congestion
	[ "$from" = stack ] || sender=$(peer sysctl -n net.ipv4.tcp_congestion_control)
	# shellcheck disable=SC2086
	ctl link impair $network # anew: counters, and the seed's sequence
	bad=$(bad_checksums)
	again=$(count "$from" TcpRetransSegs)
	digest=$("$by" curl -sS --max-time $limit -w '%{stderr}%{time_total} %{size_download}\n' "$url" \
		2>"$tmp/curl" | sha256sum) || status=$?
	read -r seconds bytes <"$tmp/curl"
	verdict=equal
	if [ "$status" -ne 0 ] || [ "${digest%% *}" != "$wanted" ]; then
		verdict=DIFFERENT
		different=$((different + 1))
		cat "$tmp/curl" >&2
	fi
	printf '%4d %-6s %-6s %7.1f %10d %-9s %8d %7d %6d %6d %6d %6d\n' "$seed" "$from" "$sender" "$seconds" \
		"$bytes" $verdict $(($(count "$from" TcpRetransSegs) - again)) "$(network_did lost)" \
		"$(network_did reordered)" "$(network_did duplicated)" "$(network_did corrupted)" \
		$(($(bad_checksums) - bad))
}

lab up --sysctl "net.ipv4.tcp_congestion_control=$congestion"
nginx_start
"$helper" generate $((mib << 20)) "$seed" >"$tmp/www/file"
wanted=$(sha256sum <"$tmp/www/file")
wanted=${wanted%% *}
start_peer kernel_http "$python" -m http.server -d "$tmp/www" 8080
wait_kernel_port 8080
different=0
download stack "http://$stack/file" peer
download kernel "http://$kernel:8080/file" run
[ $different -eq 0 ] || fail "$different of 2 downloads differ from the file"
