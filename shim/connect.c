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

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

/* --- what has become of a connect() */

static int connected(int fd)
{
	f_set_state(fd, F_CONNECTED);
	hint_set(fd, HINT_OURS);
	return 0;
}

/* The error is read once, as Linux has it; the socket is unconnected, as it was before. */
static int report_failure(int fd)
{
	int err = xtcpd_take_error(fd);
	if (err == 0 && f_is_local(fd)) /* it was made, and has been closed since */
		return connected(fd);
	f_take_native_error(fd);
	if (!f_renew(fd, 0))
		return -1;
	return fail(err ? err : ECONNABORTED);
}

/* timed_out: what to say when SO_SNDTIMEO is over. */
static int wait_connected(int fd, int timed_out)
{
	short got = f_wait_writable(fd);
	if (got == -1)
		return -1; /* EINTR: it goes on in the background */
	if (got == 0)
		return fail(timed_out);
	if (got & (POLLHUP | POLLERR))
		return report_failure(fd);
	return connected(fd);
}

int f_wait_connected(int fd)
{
	return wait_connected(fd, EINPROGRESS);
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
	return wait_connected(fd, EALREADY);
}

/* --- beginning one */

/* connect(AF_UNSPEC): F starts anew under the same number. */
static int dissolve(int fd)
{
	if (!f_attached(fd))
		return 0;
	return f_renew(fd, -1) ? 0 : -1;
}

static bool is_nobodys(const struct sockaddr_in *to)
{
	uint32_t v4 = ntohl(to->sin_addr.s_addr);
	return v4 == INADDR_BROADCAST || IN_MULTICAST(v4);
}

static void name_target(struct rpc_request *req, const struct sockaddr_in *to)
{
	rpc_init(req, RPC_CONNECT);
	req->addr = *to;
	req->addr_len = sizeof(*to);
}

/* xtcpd has closed its end: it would not have the socket, and says why, or is gone. */
static int not_taken(int fd)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, RPC_GETERR);
	return xtcpd_ask(fd, &req, &reply) ? fail(ENETDOWN) : -1;
}

int f_start_connect(int fd, const struct sockaddr_in *to, bool fastopen, const void *data,
		    size_t len, bool more)
{
	struct rpc_request req;
	if (is_nobodys(to))
		return fail(ENETUNREACH);
	name_target(&req, to);
	req.flags = (fastopen ? RPC_FLAG_FASTOPEN : 0) | (more ? RPC_FLAG_MORE : 0);
	req.arg = (int32_t)len;
	req.pad_bytes = f_padding_bytes(fd);
	f_set_state(fd, F_CONNECTING);
	hint_set(fd, HINT_OURS | HINT_ASK);
	if (xtcpd_send_own(fd, &req, data, len))
		return 0;
	f_set_state(fd, F_NONE);
	return errno == ENETDOWN ? not_taken(fd) : -1;
}

/* TCP_FASTOPEN_CONNECT with a cookie: writable at once, as the SYN waits for what is written. */
static int start_deferred(int fd, const struct sockaddr_in *to)
{
	struct rpc_request req;
	name_target(&req, to);
	if (!xtcpd_send_own(fd, &req, NULL, 0))
		return -1;
	f_set_state(fd, F_CONNECTED);
	f_set_deferred(fd);
	hint_set(fd, HINT_OURS | HINT_ASK);
	return 0;
}

static int start(int fd, const struct sockaddr_in *to)
{
	if (f_is_fast(fd) && fastopen_room(fd, to) > 0)
		return start_deferred(fd, to);
	if (f_start_connect(fd, to, false, NULL, 0, false) < 0)
		return -1;
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		return fail(EINPROGRESS);
	return f_wait_connected(fd);
}

static int connect_ours(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_in to;
	struct rpc_name name;
	int rc;
	memset(&to, 0, sizeof(to));
	if (len > SOCKADDR_MAX)
		return fail(EINVAL);
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
	case F_UNLISTENED:
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
	if (is_nobodys(&to))
		return fail(ENETUNREACH);
	if (f_state_of(fd) == F_UNLISTENED && !f_renew(fd, 0))
		return -1;
	return start(fd, &to);
}

EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return f_is_ours(fd) ? connect_ours(fd, addr, len) : real.connect(fd, addr, len);
}

EXPORT int __connect(int fd, const struct sockaddr *addr, socklen_t len) ALIAS_OF(connect);
