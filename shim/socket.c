/* SPDX-License-Identifier: MIT */
/* socket(): AF_INET streams are ours; everything else is the kernel's, its errors included. */
#include <errno.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPE_MASK 0xf

static int kernel_socket(int domain, int type, int protocol)
{
	int fd = real.socket(domain, type, protocol);
	hint_set(fd, 0);
	return fd;
}

static int refuse(unsigned what, const char *call, int err)
{
	tell_refused(what, call, err);
	return fail(err);
}

EXPORT int socket(int domain, int type, int protocol)
{
	bool stream = (type & TYPE_MASK) == SOCK_STREAM;
	int flags = type & ~TYPE_MASK;
	if (rules_leave_all())
		return kernel_socket(domain, type, protocol);
	/* There is no IPv6 here yet: so that programs fall back to IPv4. */
	if (domain == AF_INET6 && stream && (protocol == 0 || protocol == IPPROTO_TCP) &&
	    !fallback_to_kernel)
		return refuse(0, "socket(AF_INET6)", EAFNOSUPPORT);
	if (domain != AF_INET || !stream)
		return kernel_socket(domain, type, protocol);
	if (protocol == IPPROTO_MPTCP) /* would be TCP past the private stack */
		return refuse(1, "socket(IPPROTO_MPTCP)", EPROTONOSUPPORT);
	if ((protocol != 0 && protocol != IPPROTO_TCP) || flags & ~FLAGS)
		return kernel_socket(domain, type, protocol);
	if (!rules_usable())
		return -1;
	if (xtcpd_present())
		return f_create(flags);
	if (fallback_to_kernel)
		return kernel_socket(domain, type, protocol);
	return -1;
}
