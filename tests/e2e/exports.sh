#!/bin/bash
# SPDX-License-Identifier: MIT
# libxtcp.so exports what it interposes and nothing else, each of libc's aliases of a wrapped call
# is covered, and it needs libc and libdl alone.
. "$(dirname "$0")/lib.sh"

needed=$(readelf -d "$BUILD/libxtcp.so" | awk -F'[][]' '/NEEDED/ { print $2 }' | xargs)
contains "what it links" " $needed " '^ (libc\.so\.6|libdl\.so\.2)( libdl\.so\.2| libc\.so\.6)? $'
# Two files have a reason: one makes the lists that getifaddrs() and if_nameindex() give to their
# caller, who has libc free them; one asks how signals are handled, and changes nothing.
forbidden=' (malloc|calloc|realloc|strdup|free|pthread_[a-z_]*|sigaction|signal)(@|$)'
for object in "$BUILD"/shim/shim/*.o; do
	case ${object##*/} in
	interfaces.o) may=' (calloc|strdup|free)$' ;;
	ask.o) may=' sigaction$' ;;
	*) may='^$' ;;
	esac
	if nm --undefined-only "$object" | grep -E "$forbidden" | grep -vE " pthread_sigmask$|$may"; then
		fail "$object allocates, locks or handles signals"
	fi
done
[ -e "$BUILD/shim/shim/interfaces.o" ] || fail "the library's objects are not in $BUILD/shim/shim"
[ -x tests/shim/exports ] || fail "tests/shim/exports is not there"
tests/shim/exports "$BUILD/libxtcp.so"
