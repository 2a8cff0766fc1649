/* SPDX-License-Identifier: MIT */
/*
 * close() and shutdown(). Both are the kernel's; xtcpd sees them as a hang-up. Help is needed for a
 * listener that is shut down, and for SO_LINGER with a time, where close() waits.
 */
#include <errno.h>

#include <unistd.h>

#include "shim/shim.h"

static int linger_seconds(int fd)
{
	struct linger l;
	socklen_t len = sizeof(l);
	int saved = errno;
	if (real.getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len) < 0 || !l.l_onoff)
		l.l_linger = 0;
	errno = saved;
	return l.l_linger;
}

/* Asks xtcpd to say when all is acknowledged, closes, and waits for it. */
static int close_and_linger(int fd, int seconds)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, RPC_LINGER);
	req.arg = seconds;
	int q = f_attached(fd) ? xtcpd_ask_open(fd, &req) : -1;
	int rc = real.close(fd);
	if (q < 0)
		return rc;
	int saved = errno;
	real.shutdown(q, SHUT_WR); /* "closed": xtcpd lets go of F as well */
	(void)xtcpd_answer(q, &reply);
	real.close(q);
	errno = saved;
	return rc;
}

EXPORT int close(int fd)
{
	int seconds = linger_seconds(fd);
	if (seconds > 0 && f_is_ours(fd))
		return close_and_linger(fd, seconds);
	return real.close(fd);
}

EXPORT int shutdown(int fd, int how)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (f_state_of(fd) != F_LISTENING)
		return real.shutdown(fd, how);
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return fail(EINVAL);
	if (how == SHUT_WR) /* as Linux: nothing, for a listener */
		return 0;
	rpc_init(&req, RPC_UNLISTEN);
	return xtcpd_ask(fd, &req, &reply) ? 0 : -1;
}

EXPORT int __close(int fd) ALIAS_OF(close);
