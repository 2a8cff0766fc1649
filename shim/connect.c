/* SPDX-License-Identifier: MIT */
/*
 * connect(): the request goes to xtcpd on F itself, with padding behind it that keeps F from being
 * writable until the connection is made. A non-blocking call waits for nothing; a blocking one
 * waits for F to become writable, or to hang up.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>

#include "shim/fall.h"
#include "shim/shim.h"

/* --- what has become of a connect() */

static int send_timeout_ms(int fd)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);
	if (real.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) < 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return -1;
	int64_t ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* The error is read once, as Linux has it. */
static int report_failure(int fd)
{
	int err = xtcpd_take_error(fd), native;
	socklen_t len = sizeof(native);
	real.getsockopt(fd, SOL_SOCKET, SO_ERROR, &native, &len); /* ours has told it */
	f_set_state(fd, F_FAILED);
	return fail(err ? err : ECONNABORTED);
}

/* A blocking connect() leaves an unconnected socket behind, as it was before. */
static int fail_blocking(int fd)
{
	report_failure(fd);
	int err = errno;
	(void)f_renew(fd); /* else the next connect() tries again */
	return fail(err);
}

static int wait_connected(int fd)
{
	short got = f_poll(fd, POLLOUT, send_timeout_ms(fd));
	if (got == -1)
		return -1; /* EINTR: it goes on in the background */
	if (got == 0)
		return fail(EINPROGRESS);
	if (got & (POLLHUP | POLLERR))
		return fail_blocking(fd);
	f_set_state(fd, F_CONNECTED);
	return 0;
}

/* connect() once more on a socket that is, or was, connecting. */
static int connect_again(int fd)
{
	short got = f_poll(fd, POLLOUT, 0);
	if (got == -1)
		return -1;
	if (got & (POLLHUP | POLLERR))
		return report_failure(fd);
	if (got & POLLOUT) {
		f_set_state(fd, F_CONNECTED);
		return 0;
	}
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		return fail(EALREADY);
	return wait_connected(fd);
}

/* --- beginning one */

/* connect(AF_UNSPEC): F starts anew under the same number. */
static int dissolve(int fd)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (!f_attached(fd))
		return 0;
	rpc_init(&req, RPC_DISCONNECT);
	if (!xtcpd_ask(fd, &req, &reply) && errno == ENETDOWN)
		return -1;
	return f_renew(fd) ? 0 : -1;
}

static bool is_nobodys(const struct sockaddr_in *to)
{
	uint32_t v4 = ntohl(to->sin_addr.s_addr);
	return v4 == INADDR_BROADCAST || IN_MULTICAST(v4);
}

static int start(int fd, const struct sockaddr_in *to)
{
	struct rpc_request req;
	rpc_init(&req, RPC_CONNECT);
	req.addr = *to;
	req.addr_len = sizeof(*to);
	req.pad_bytes = f_padding_bytes(fd);
	f_set_state(fd, F_CONNECTING);
	if (!xtcpd_send_own(fd, &req)) {
		f_set_state(fd, F_NONE);
		return -1;
	}
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		return fail(EINPROGRESS);
	return wait_connected(fd);
}

static int connect_ours(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_in to;
	struct rpc_name name;
	int rc;
	memset(&to, 0, sizeof(to));
	if (!copy_in(&to, addr, len < sizeof(to) ? len : sizeof(to)))
		return fail(EFAULT);
	if (len < sizeof(sa_family_t))
		return fail(EINVAL);
	if (to.sin_family == AF_UNSPEC)
		return dissolve(fd);
	switch (f_state_of(fd)) {
	case F_LISTENING:
	case F_CONNECTED:
		return fail(EISCONN);
	case F_CONNECTING:
		return connect_again(fd);
	case F_FAILED:
		if (!f_renew(fd))
			return -1;
		break;
	case F_NONE:
		if (f_accepted_name(fd, &name))
			return fail(EISCONN);
	}
	if (len < sizeof(to))
		return fail(EINVAL);
	if (to.sin_family != AF_INET)
		return fail(EAFNOSUPPORT);
	if (f_state_of(fd) == F_NONE && f_falls(fd, RULE_CONNECT, &to, &rc))
		return rc < 0 ? -1 : real.connect(fd, addr, len);
	return is_nobodys(&to) ? fail(ENETUNREACH) : start(fd, &to);
}

EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return f_is_ours(fd) ? connect_ours(fd, addr, len) : real.connect(fd, addr, len);
}

EXPORT int __connect(int fd, const struct sockaddr *addr, socklen_t len) ALIAS_OF(connect);
