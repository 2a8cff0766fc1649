#!/bin/bash
# SPDX-License-Identifier: MIT
# iperf3 between the kernel and the private stack, the server on either, the data both ways: what
# was sent is what arrived. Segments larger than the link's MTU cross the TAP (TSO) both ways.
. "$(dirname "$0")/lib.sh"

lab up
start_run server iperf3 -s -B "$stack" --forceflush
wait_stack_port 5201
start_peer kernel_server iperf3 -s -B "$kernel" --forceflush
wait_kernel_port 5201

# ends by itself when it has seen one, with status 0
start_peer tso_in timeout 30 tcpdump -nn -i xtcp0 -c 1 "greater 4000 and src $kernel and tcp"
tso_in=$pid
start_peer tso_out timeout 30 tcpdump -nn -i xtcp0 -c 1 "greater 4000 and src $stack and tcp"
tso_out=$pid
until_true 10 "tcpdump" grep -q 'listening on' "$tmp/tso_in.log"
until_true 10 "tcpdump" grep -q 'listening on' "$tmp/tso_out.log"

transfer() # WHAT COMMAND...
{
	local what=$1
	shift
	"$@" -n 256M --json >"$tmp/iperf3.json" || fail "$what: $(cat "$tmp/iperf3.json")"
	"$python" - "$what" "$tmp/iperf3.json" <<-'PY'
		import json, sys
		what, path = sys.argv[1:]
		end = json.load(open(path))["end"]
		sent, received = end["sum_sent"]["bytes"], end["sum_received"]["bytes"]
		rate = end["sum_received"]["bits_per_second"] / 1e9
		print(f"iperf3: {what}: {rate:.2f} Gbit/s")
		# The receiving end stops its clock when the test ends: a little may be under way.
		if not received or received > sent or received < sent * 0.9:
		    sys.exit(f"{sent} bytes sent, {received} received")
	PY
}
transfer "kernel to stack" peer iperf3 -c "$stack"
transfer "stack to kernel" peer iperf3 -c "$stack" -R
transfer "kernel to stack, 4 streams" peer iperf3 -c "$stack" -P 4
transfer "stack to kernel, 4 streams" peer iperf3 -c "$stack" -P 4 -R
transfer "stack to kernel, client on the stack" run iperf3 -c "$kernel"
transfer "kernel to stack, client on the stack" run iperf3 -c "$kernel" -R
wait "$tso_in" || fail "no large segment from the kernel: $(cat "$tmp/tso_in.log")"
wait "$tso_out" || fail "no large segment from the stack: $(cat "$tmp/tso_out.log")"
