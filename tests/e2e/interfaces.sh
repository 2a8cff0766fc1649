#!/bin/bash
# SPDX-License-Identifier: MIT
# What a program is told of its host's interfaces and addresses is the private stack's, unless its
# rules leave all to the kernel.
. "$(dirname "$0")/lib.sh"

cat >"$tmp/interfaces.c" <<'C'
/* Every way to ask, in one line each. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *text(const void *sa)
{
	return inet_ntoa(((const struct sockaddr_in *)sa)->sin_addr);
}

int main(void)
{
	struct ifaddrs *all;
	struct ifreq row[8], one;
	struct ifconf conf = {.ifc_len = sizeof(row), .ifc_req = row};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (getifaddrs(&all) < 0)
		return perror("getifaddrs"), 1;
	for (struct ifaddrs *a = all; a; a = a->ifa_next)
		if (a->ifa_addr->sa_family == AF_INET) {
			printf("ifaddrs %s %s", a->ifa_name, text(a->ifa_addr));
			printf(" %s up=%d\n", text(a->ifa_netmask), !!(a->ifa_flags & IFF_UP));
		} else if (a->ifa_addr->sa_family == AF_PACKET) {
			printf("ifaddrs %s link\n", a->ifa_name);
		}
	freeifaddrs(all);
	struct if_nameindex *names = if_nameindex();
	for (int i = 0; names && names[i].if_name; i++)
		printf("nameindex %s\n", names[i].if_name);
	if_freenameindex(names);
	if (ioctl(fd, SIOCGIFCONF, &conf) < 0)
		return perror("SIOCGIFCONF"), 1;
	for (int i = 0; i < conf.ifc_len / (int)sizeof(row[0]); i++) {
		printf("conf %s %s", row[i].ifr_name, text(&row[i].ifr_addr));
		strcpy(one.ifr_name, row[i].ifr_name);
		if (ioctl(fd, SIOCGIFNETMASK, &one) == 0)
			printf(" %s", text(&one.ifr_netmask));
		if (ioctl(fd, SIOCGIFMTU, &one) == 0)
			printf(" mtu %d", one.ifr_mtu);
		if (ioctl(fd, SIOCGIFFLAGS, &one) == 0)
			printf(" up=%d\n", !!(one.ifr_flags & IFF_UP));
	}
	conf.ifc_buf = NULL;
	ioctl(fd, SIOCGIFCONF, &conf);
	printf("room for %d\n", conf.ifc_len / (int)sizeof(row[0]));
	conf = (struct ifconf){.ifc_len = sizeof(row[0]) + 1, .ifc_req = row};
	ioctl(fd, SIOCGIFCONF, &conf);
	printf("fit %d\n", conf.ifc_len / (int)sizeof(row[0]));
	strcpy(one.ifr_name, "nothing0");
	printf("nobody: %s\n", ioctl(fd, SIOCGIFADDR, &one) < 0 ? strerror(errno) : "found");
	printf("bad pointer: %s\n", ioctl(fd, SIOCGIFADDR, (void *)8) < 0 ? strerror(errno) : "ok");
	printf("a pipe: %s\n", ioctl(pipe(&fd) ? -1 : fd, SIOCGIFADDR, &one) < 0 ? strerror(errno) : "ok");
	return 0;
}
C
cc -D_GNU_SOURCE -O1 -o "$tmp/interfaces" -Wno-stringop-overflow "$tmp/interfaces.c"

lab up --address 10.77.0.2/24 --address 10.77.0.22/16 --mtu 1400
MALLOC_CHECK_=3 run "$tmp/interfaces" >"$tmp/out"
equal "on the stack" "$(cat "$tmp/out")" "ifaddrs lo link
ifaddrs xtcp0 link
ifaddrs lo 127.0.0.1 255.0.0.0 up=1
ifaddrs xtcp0 10.77.0.2 255.255.255.0 up=1
ifaddrs xtcp0 10.77.0.22 255.255.0.0 up=1
nameindex lo
nameindex xtcp0
conf lo 127.0.0.1 255.0.0.0 mtu 65536 up=1
conf xtcp0 10.77.0.2 255.255.255.0 mtu 1400 up=1
conf xtcp0 10.77.0.22 255.255.255.0 mtu 1400 up=1
room for 3
fit 1
nobody: No such device
bad pointer: Bad address
a pipe: Inappropriate ioctl for device"
equal "hostname -I" "$(run hostname -I | xargs)" "10.77.0.2 10.77.0.22"
equal "an alias of a name" "$(run "$python" -c '
import socket
print(socket.if_nametoindex("xtcp0") == dict((n, i) for i, n in socket.if_nameindex())["xtcp0"])')" True
echo "kernel any" >"$tmp/rules"
equal "all left to the kernel" "$(XTCP_RULES=$tmp/rules run hostname -I | xargs)" "$kernel"
status=0
XTCP_SOCKET=$tmp/nobody.sock LD_PRELOAD=$BUILD/libxtcp.so "$tmp/interfaces" 2>"$tmp/err" || status=$?
contains "without a daemon" "$(cat "$tmp/err")" "getifaddrs: Network is down"
XTCP_FALLBACK=kernel XTCP_SOCKET=$tmp/nobody.sock peer env LD_PRELOAD="$BUILD/libxtcp.so" hostname -I \
	>"$tmp/out" 2>/dev/null
equal "fallen back" "$(xargs <"$tmp/out")" "$kernel"
