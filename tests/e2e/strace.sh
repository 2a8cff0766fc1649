#!/bin/bash
# SPDX-License-Identifier: MIT
# What a server that accepts 10,000 connections asks the kernel for: one recvmsg() and one close()
# each, and nothing that could be a round trip to xtcpd.
. "$(dirname "$0")/lib.sh"

count=10000
strace -o /dev/null true 2>/dev/null || skip "strace is not allowed here"
lab up
# strace itself is not preloaded, only the server.
start_peer server strace -f -c -o "$tmp/strace.out" \
	-E LD_PRELOAD="$BUILD/libxtcp.so" -E XTCP_SOCKET="$(lab dir)/xtcpd.sock" \
	"$helper" accept "$stack" 7000 $count
server=$pid
wait_stack_port 7000
peer "$helper" connect "$stack" 7000 $count
wait "$server" || fail "the server: $(cat "$tmp/server.log")"

calls() # NAME...: how often any of these was called
{
	awk -v names="$*" '
	BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
	$NF in wanted { total += $4 }
	END { print total + 0 }' "$tmp/strace.out"
}
total=$(awk '$NF == "total" { print $(NF > 5 ? 4 : 3) }' "$tmp/strace.out" | tail -n 1)
say "recvmsg $(calls recvmsg), close $(calls close), connect $(calls connect)," \
	"sendmsg and sendto $(calls sendmsg sendto), poll $(calls poll ppoll), all $total"
equal "recvmsg per connection" $(($(calls recvmsg) >= count && $(calls recvmsg) < count + 50)) 1
less "connect() for $count connections" "$(calls connect)" 20
less "sendmsg() and sendto() for $count connections" "$(calls sendmsg sendto write writev)" 20
less "poll() for $count connections" "$(calls poll ppoll select pselect6 epoll_wait)" 20
less "socket() for $count connections" "$(calls socket)" 20
less "getsockopt() and setsockopt()" "$(calls getsockopt setsockopt getsockname getpeername)" \
	$((2 * count + 50))
