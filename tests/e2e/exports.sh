#!/bin/bash
# SPDX-License-Identifier: MIT
# libxtcp.so exports what it interposes and nothing else, each of libc's aliases of a wrapped call
# is covered, and it needs libc and libdl alone.
. "$(dirname "$0")/lib.sh"

needed=$(readelf -d "$BUILD/libxtcp.so" | awk -F'[][]' '/NEEDED/ { print $2 }' | xargs)
contains "what it links" " $needed " '^ (libc\.so\.6|libdl\.so\.2)( libdl\.so\.2| libc\.so\.6)? $'
if nm -D --undefined-only "$BUILD/libxtcp.so" |
	grep -E ' (malloc|calloc|realloc|free|pthread_[a-z_]*|sigaction|signal)(@|$)'; then
	fail "the shim allocates, locks or handles signals"
fi
[ -x tests/shim/exports ] || fail "tests/shim/exports is not there"
tests/shim/exports "$BUILD/libxtcp.so"
