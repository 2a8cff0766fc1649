#!/bin/bash
# SPDX-License-Identifier: MIT
# The stack is sans-I/O: what its library asks of libc is memory and strings, no system call, no
# clock, no stdio; of libcrypto, digests; and it has no global state that can be written.
. "$(dirname "$0")/lib.sh"

archive=$BUILD/libxtcpstack.a
defined=$(nm -A --defined-only "$archive" | awk '$(NF-1) ~ /^[TDBRVW]$/ { print $NF }' | sort -u)
foreign=$(nm -A --undefined-only "$archive" | awk '{ print $NF }' | sort -u | comm -23 - <(echo "$defined") |
	grep -vxE '(__)?(mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|cpy|ncpy|chr|nlen|cspn|spn))(_chk)?|malloc|calloc|realloc|posix_memalign|free|abort|qsort|bsearch|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|(__)?explicit_bzero(_chk)?' |
	grep -vxE '(EVP_(MD|MAC|Digest)|OSSL_(LIB_CTX|PARAM)_)[A-Za-z_0-9]*|CRYPTO_memcmp' || true)
equal "calls out of the stack" "$foreign" ""
writable=$(nm -A "$archive" | awk '$(NF-1) ~ /^[DdBbCG]$/ { print }')
# tables of pointers are relocated once and read-only then: .data.rel.ro is not state
writable=$(while read -r line; do
	[ -z "$line" ] && continue
	object=${line#*:}
	object=${object%%:*}
	symbol=${line##* }
	mkdir -p "$tmp/objects"
	(cd "$tmp/objects" && ar x "$archive" "$object")
	objdump -t "$tmp/objects/$object" | grep -E " $symbol\$" | grep -v '\.data\.rel\.ro' || true
done <<<"$writable")
equal "global state in the stack" "$writable" ""
