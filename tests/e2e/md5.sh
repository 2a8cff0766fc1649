#!/bin/bash
# SPDX-License-Identifier: MIT
# TCP MD5 signatures against the kernel's: either side listening, a key before and after listen(),
# wrong keys and none, and setsockopt() that says what the kernel says.
. "$(dirname "$0")/lib.sh"

md5=("$python" tests/e2e/signed.py md5)
counter()
{
	ctl nstat -az "$1" | awk -v name="$1" '$1 == name { print $2 }'
}

lab up
peer "${md5[@]}" options >"$tmp/kernel.options" 2>&1 || true
grep -q '^set ok' "$tmp/kernel.options" || skip "this kernel has no TCP_MD5SIG"
run "${md5[@]}" options >"$tmp/stack.options"
diff "$tmp/kernel.options" "$tmp/stack.options"

say "the private stack listens"
start_run early "${md5[@]}" serve "$stack" 1790 "$kernel" secret
start_run late "${md5[@]}" serve "$stack" 1791 "$kernel" secret late
wait_stack_port 1790
wait_stack_port 1791
for port in 1790 1791; do
	equal "the right key" "$(peer "${md5[@]}" ask "$stack" "$port" secret 3000000)" same
done
equal "a wrong key" "$(peer "${md5[@]}" ask "$stack" 1790 Secret 10)" "no connection: timed out"
less "wrong signatures" 0 "$(counter TcpExtTCPMD5Failure)"
equal "no key" "$(peer "${md5[@]}" ask "$stack" 1790 "" 10)" "no connection: timed out"
less "missing signatures" 0 "$(counter TcpExtTCPMD5NotFound)"
start_run plain "$helper" echo "$stack" 1792
wait_stack_port 1792
equal "a key nobody asked for" "$(peer "${md5[@]}" ask "$stack" 1792 secret 10)" \
	"no connection: timed out"
less "unexpected signatures" 0 "$(counter TcpExtTCPMD5Unexpected)"

say "the kernel listens"
start_peer kernel "${md5[@]}" serve "$kernel" 1790 "$stack" secret
wait_kernel_port 1790
equal "the right key" "$(run "${md5[@]}" ask "$kernel" 1790 secret 3000000)" same
equal "a wrong key" "$(run "${md5[@]}" ask "$kernel" 1790 Secret 10)" "no connection: timed out"
equal "no key" "$(run "${md5[@]}" ask "$kernel" 1790 "" 10)" "no connection: timed out"

say "nobody listens"
equal "a refusal without a signature" "$(run "${md5[@]}" ask "$kernel" 1 secret 10)" \
	"no connection: timed out"
