/* SPDX-License-Identifier: MIT */
/*
 * close() and shutdown(). Both are the kernel's; xtcpd sees them as a hang-up. Help is needed for a
 * listener that is shut down, and for SO_LINGER with a time, where close() waits.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

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
	return l.l_linger < 0 ? INT_MAX : l.l_linger; /* the kernel takes it for a large one */
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

/* As Linux: a listener stops listening, unless only its sending is to end. */
static int shutdown_listener(int fd, int how)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (how == SHUT_WR)
		return 0;
	rpc_init(&req, RPC_UNLISTEN);
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	f_set_state(fd, F_UNLISTENED);
	return 0;
}

/* TCP says that it is not connected, and reading finds the end from then on. */
static int shutdown_unconnected(int fd, int how)
{
	if (how != SHUT_WR)
		f_set_read_shut(fd);
	if (!f_attached(fd)) /* for poll(); to xtcpd it would be the end */
		real.shutdown(fd, how);
	return fail(ENOTCONN);
}

/* As Linux: a connection that is being made is given up. */
static int shutdown_connecting(int fd, int how)
{
	struct rpc_request req;
	struct rpc_reply reply;
	short got = f_poll(fd, POLLOUT, 0);
	if (got > 0 && got & (POLLHUP | POLLERR))
		return fail(ENOTCONN);
	if (got > 0)
		return real.shutdown(fd, how);
	rpc_init(&req, RPC_UNLISTEN);
	if (xtcpd_ask(fd, &req, &reply))
		return 0;
	/* Not writable, and connected all the same: there is no more room for what it writes. */
	return errno == EISCONN ? real.shutdown(fd, how) : -1;
}

/* Both ways are at an end: closed, unless the peer has still to say so. */
static int shutdown_connected(int fd, int how)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (!f_hungup(fd))
		return real.shutdown(fd, how);
	rpc_init(&req, RPC_GETPEER);
	return xtcpd_ask(fd, &req, &reply) ? 0 : -1;
}

EXPORT int shutdown(int fd, int how)
{
	struct rpc_name name;
	if (!f_is_ours(fd))
		return real.shutdown(fd, how);
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return fail(EINVAL);
	switch (f_state_of(fd)) {
	case F_LISTENING:
		return shutdown_listener(fd, how);
	case F_NONE:
		if (!f_accepted_name(fd, &name))
			return shutdown_unconnected(fd, how);
		break;
	case F_UNLISTENED:
		return shutdown_unconnected(fd, how);
	case F_CONNECTING:
		return shutdown_connecting(fd, how);
	case F_CONNECTED:
		break;
	}
	return shutdown_connected(fd, how);
}

EXPORT int __close(int fd) ALIAS_OF(close);
