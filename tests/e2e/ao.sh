#!/bin/bash
# SPDX-License-Identifier: MIT
# TCP-AO between two programs on the private stack (few kernels have it to talk to): a key before and
# after listen(), wrong keys and none, the kernel's unsigned attempts; and what the options say,
# compared with the kernel's where it has them.
. "$(dirname "$0")/lib.sh"

ao=("$python" tests/e2e/signed.py ao)
counter()
{
	ctl nstat -az "$1" | awk -v name="$1" '$1 == name { print $2 }'
}

lab up --direct no # else the bytes would never be in a segment
run "${ao[@]}" options >"$tmp/stack.options"
peer "${ao[@]}" options >"$tmp/kernel.options"
if grep -q '^add ok' "$tmp/kernel.options"; then
	diff "$tmp/kernel.options" "$tmp/stack.options"
else
	say "this kernel has no TCP-AO to compare with"
fi
diff - "$tmp/stack.options" <<'EXPECTED'
keys ENOENT
info ENOENT
delete nothing ENOENT
add ok
add again EEXIST
a SendID again EEXIST
another ok
for all ok
a code of 17 EMSGSIZE
no such algorithm ENOENT
bits beyond the prefix EINVAL
md5 as well EKEYREJECTED
repair EPERM
keys: 3
  0.0.0.0   4 0 0 0 0 0 0 0
keys: 3
  0.0.0.0 hmac(sha256) 616e79 0 5 6 0 12 2 0 0
  192.0.2.1 cmac(aes) 78787878787878787878787878787878 0 3 4 32 8 0 0 0
keys: 3
  0.0.0.0 hmac(sha256) 616e79 0 5 6 0 12 2 0 0
  192.0.2.1 cmac(aes) 78787878787878787878787878787878 0 3 4 32 8 0 0 0
  192.0.2.1 hmac(sha1) 616263 3 1 2 32 12 0 0 0
  0.0.0.0   0 0 0 0 0 0 0 0
keys: 1
  192.0.2.1 hmac(sha1) 616263 3 1 2 32 12 0 0 0
keys: 1
  192.0.2.1 cmac(aes) 78787878787878787878787878787878 0 3 4 32 8 0 0 0
keys EAFNOSUPPORT
delete the current EBUSY
for another ok
info 030000000000030400000000000000000000000000000000000000000000000000000000000000000000000000000000
required ok
info 070000000000030400000000000000000000000000000000000000000000000000000000000000000000000000000000
delete the one for all ok
connect EKEYREJECTED
EXPECTED

start_run early "${ao[@]}" serve "$stack" 1790 "$stack" secret
start_run late "${ao[@]}" serve "$stack" 1791 "$stack" secret late
start_run others "${ao[@]}" serve "$stack" 1792 "$kernel" secret
for port in 1790 1791 1792; do
	wait_stack_port $port
done
for port in 1790 1791; do
	equal "the right key" "$(run "${ao[@]}" ask "$stack" $port secret 3000000)" same
done
less "signed segments" 100 "$(counter TcpExtTCPAOGood)"
equal "wrong segments" "$(counter TcpExtTCPAOBad)" 0
equal "a wrong key" "$(run "${ao[@]}" ask "$stack" 1790 Secret 10)" "no connection: timed out"
less "wrong signatures" 0 "$(counter TcpExtTCPAOBad)"
equal "no key" "$(run "${ao[@]}" ask "$stack" 1790 "" 10)" "no connection: timed out"
equal "the kernel's, without a key" "$(peer "${ao[@]}" ask "$stack" 1792 "" 10)" \
	"no connection: timed out"
less "missing signatures" 1 "$(counter TcpExtTCPAORequired)"
equal "others need none" "$(peer "${ao[@]}" ask "$stack" 1790 "" 100000)" same
