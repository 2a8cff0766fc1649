#!/bin/bash
# SPDX-License-Identifier: MIT
# program: iperf3
# package: iperf3
# exercised: server and client on the stack: four streams, both directions at once, a rate limit, small writes, zero copy, a congestion control chosen by name, MSS 600; what was sent is what came
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
start_run server iperf3 -s -B "$stack" -p 5201 --forceflush
start_peer kernel_server iperf3 -s -B "$kernel" -p 5202 --forceflush
wait_stack_port 5201
wait_kernel_port 5202
measure() # WHAT run|peer ARGUMENT...
{
	local what=$1 where=$2
	shift 2
	"$where" iperf3 --json "$@" >"$tmp/iperf3.json" || fail "$what: $(cat "$tmp/iperf3.json")"
	"$python" - "$what" "$tmp/iperf3.json" <<-'PY'
		import json, sys
		what, path = sys.argv[1:]
		report = json.load(open(path))
		end, streams = report["end"], report["start"]["test_start"]["num_streams"]
		for kind in ("", "_bidir_reverse"):
		    if "sum_sent" + kind in end:
		        sent, got = end["sum_sent" + kind]["bytes"], end["sum_received" + kind]["bytes"]
		        # The receiving end stops its clock when the test ends: what is in the buffers then,
		        # up to some megabytes of each stream, is not in its count.
		        if not got or got > sent or got < sent - 16_000_000 * streams:
		            sys.exit(f"{what}: {sent} bytes sent, {got} received")
	PY
}
for side in "peer $stack 5201" "run $stack 5201" "run $kernel 5202"; do
	read -r where address port <<<"$side"
	to=(-c "$address" -p "$port")
	measure "$side: four streams" "$where" "${to[@]}" -P 4 -n 200M
	measure "$side: reversed" "$where" "${to[@]}" -R -n 100M
	measure "$side: both ways" "$where" "${to[@]}" --bidir -t 1
	measure "$side: zero copy" "$where" "${to[@]}" -Z -n 50M
	measure "$side: small writes" "$where" "${to[@]}" -l 200 -N -n 1M
	measure "$side: a rate" "$where" "${to[@]}" -b 50M -t 1
	measure "$side: reno" "$where" "${to[@]}" -C reno -n 20M
	measure "$side: MSS" "$where" "${to[@]}" -M 600 -n 5M
done
status=0
run iperf3 -c "$kernel" -p 1 >"$tmp/refused.log" 2>&1 || status=$?
equal "iperf3's status when refused" $status 1
contains "refused" "$(cat "$tmp/refused.log")" "Connection refused"
