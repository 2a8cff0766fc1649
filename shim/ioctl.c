/* SPDX-License-Identifier: MIT */
/* ioctl(): SIOCOUTQ counts memory on AF_UNIX and unacknowledged bytes on TCP; FIONREAD
 * minds the urgent mark; the interfaces are the private stack's; all else is native. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "shim/interfaces.h"
#include "shim/shim.h"

static int outq(int fd, int *to, bool not_sent)
{
	struct rpc_request req;
	struct rpc_reply reply;
	int bytes = 0;
	if (f_attached(fd)) {
		rpc_init(&req, RPC_OUTQ);
		req.arg = not_sent;
		if (!xtcpd_ask(fd, &req, &reply))
			return -1;
		bytes = reply.arg;
	}
	return copy_out(to, &bytes, sizeof(bytes)) ? 0 : fail(EFAULT);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	int rc;
	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	if ((request == SIOCOUTQ || request == SIOCOUTQNSD) && f_is_ours(fd))
		return outq(fd, arg, request == SIOCOUTQNSD);
	if (request == FIONREAD && f_is_ours(fd))
		return f_state_of(fd) == F_LISTENING ? fail(EINVAL) : bytes_to_read(fd, arg);
	if (interface_ioctl(fd, request, arg, &rc))
		return rc;
	return real.ioctl(fd, request, arg);
}
