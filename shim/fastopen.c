/* SPDX-License-Identifier: MIT */
/*
 * MSG_FASTOPEN: connect() and the first bytes in one call (RFC 7413).
 *
 * xtcpd is asked first how many bytes the SYN could take along: it knows the cookies, and whether
 * net.ipv4.tcp_fastopen allows it at all. These bytes then follow the record RPC_CONNECT on F, in
 * front of the padding. A blocking call waits for the connection and sends the rest as ever; a
 * non-blocking one has sent what the SYN took, or nothing (EINPROGRESS). The first write after a
 * connect() with TCP_FASTOPEN_CONNECT, whose SYN waits for it, is the same but for the record.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

#define SPANS_AT_ONCE 64

/* The first `max` bytes of the message: how many there are, or -1 (EFAULT). */
static ssize_t gather(const struct msghdr *m, uint8_t *to, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < m->msg_iovlen && n < max; i++) {
		struct iovec v;
		if (!copy_in(&v, &m->msg_iov[i], sizeof(v)))
			return fail(EFAULT);
		size_t part = v.iov_len < max - n ? v.iov_len : max - n;
		if (part && !copy_in(to + n, v.iov_base, part))
			return fail(EFAULT);
		n += part;
	}
	return (ssize_t)n;
}

static bool length_of(const struct msghdr *m, size_t *sum)
{
	*sum = 0;
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		struct iovec v;
		if (!copy_in(&v, &m->msg_iov[i], sizeof(v))) {
			fail(EFAULT);
			return false;
		}
		*sum += v.iov_len;
	}
	return true;
}

/* The next spans of the message, from its `skip`-th byte on; *i is where they begin. -1: EFAULT */
static ssize_t spans_after(const struct msghdr *m, size_t *i, size_t *skip, struct iovec *to)
{
	ssize_t n = 0;
	for (; *i < m->msg_iovlen && n < SPANS_AT_ONCE; (*i)++) {
		struct iovec v;
		if (!copy_in(&v, &m->msg_iov[*i], sizeof(v)))
			return fail(EFAULT);
		size_t off = *skip < v.iov_len ? *skip : v.iov_len;
		*skip -= off;
		if (v.iov_len > off)
			to[n++] = (struct iovec){(char *)v.iov_base + off, v.iov_len - off};
	}
	return n;
}

static size_t bytes_of(const struct iovec *iov, ssize_t n)
{
	size_t sum = 0;
	for (ssize_t i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* What lies behind the first `skip` bytes, as one write; the whole message's count, or what was sent
 * of it. */
static ssize_t send_rest(int fd, const struct msghdr *m, size_t skip, int flags)
{
	struct iovec iov[SPANS_AT_ONCE];
	ssize_t total = (ssize_t)skip, spans;
	size_t at = 0;
	while ((spans = spans_after(m, &at, &skip, iov)) > 0) {
		struct msghdr rest = {.msg_iov = iov, .msg_iovlen = (size_t)spans};
		ssize_t n = real.sendmsg(fd, &rest, flags | MSG_NOSIGNAL);
		if (n < 0)
			return total ? total : explain_sent(fd, n, UNTOLD, flags, true);
		total += n;
		if ((size_t)n < bytes_of(iov, spans))
			break;
	}
	return spans < 0 && total == 0 ? -1 : total;
}

static int target(const struct msghdr *m, struct sockaddr_in *to)
{
	socklen_t len = m->msg_name ? m->msg_namelen : 0;
	memset(to, 0, sizeof(*to));
	if (!copy_in(to, m->msg_name, len < sizeof(*to) ? len : sizeof(*to)))
		return fail(EFAULT);
	if (len >= sizeof(sa_family_t) && to->sin_family == AF_UNSPEC)
		return fail(EOPNOTSUPP);
	if (len < sizeof(*to))
		to->sin_family = AF_INET; /* the socket's state is judged before the length */
	return 0;
}

int fastopen_room(int fd, const struct sockaddr_in *to)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, RPC_FASTOPEN);
	req.addr = *to;
	req.addr_len = sizeof(*to);
	return xtcpd_ask(fd, &req, &reply) ? reply.arg : -1;
}

static bool waits(int fd, int flags)
{
	return !(flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* n bytes are on their way with the SYN. */
static ssize_t go_on(int fd, const struct msghdr *m, size_t n, int flags)
{
	int rc = waits(fd, flags) ? f_wait_connected(fd) : fail(EINPROGRESS);
	if (rc < 0)
		return errno == EINPROGRESS && n > 0 ? (ssize_t)n : -1;
	return send_rest(fd, m, n, flags & ~MSG_FASTOPEN);
}

static ssize_t begin(int fd, const struct sockaddr_in *to, const struct msghdr *m, int flags)
{
	uint8_t data[RPC_HEAD_MAX];
	int room = fastopen_room(fd, to);
	if (room < 0)
		return -1;
	if (!m->msg_name || m->msg_namelen < sizeof(*to))
		return fail(EINVAL);
	ssize_t n = gather(m, data, room < RPC_HEAD_MAX ? (size_t)room : RPC_HEAD_MAX);
	size_t total;
	if (n < 0 || !length_of(m, &total))
		return -1;
	bool more = n > 0 && total > (size_t)n && waits(fd, flags);
	if (f_start_connect(fd, to, true, data, (size_t)n, more) < 0)
		return -1;
	return go_on(fd, m, (size_t)n, flags);
}

/* --- TCP_FASTOPEN_CONNECT: the SYN waits for the first write */

/* How many bytes xtcpd takes in front of the padding; -1: EISCONN when it is too late for that. */
static int announce(int fd, size_t total, uint32_t pad_bytes, int flags)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, RPC_FASTOPEN);
	req.flags = RPC_FLAG_FASTOPEN | (waits(fd, flags) ? RPC_FLAG_MORE : 0);
	req.arg = total < INT32_MAX ? (int32_t)total : INT32_MAX;
	req.pad_bytes = pad_bytes;
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	return reply.arg >= 0 && reply.arg <= RPC_HEAD_MAX ? reply.arg : fail(EPROTO);
}

bool fastopen_write(int fd, const struct msghdr *m, int flags, ssize_t *rc)
{
	uint8_t data[RPC_HEAD_MAX];
	size_t total;
	if (!f_is_ours(fd) || f_state_of(fd) != F_CONNECTED || !f_is_deferred(fd))
		return false;
	*rc = -1;
	ssize_t have = gather(m, data, sizeof(data));
	if (have < 0 || !length_of(m, &total))
		return true;
	uint32_t pad_bytes = f_padding_bytes(fd);
	int head = announce(fd, total, pad_bytes, flags);
	f_set_state(fd, head < 0 ? F_CONNECTED : F_CONNECTING);
	if (head < 0 && errno == EISCONN) {
		hint_set(fd, HINT_OURS);
		return false;
	}
	if (head > have) /* what was counted a moment ago has become less */
		head = fail(EFAULT);
	if (head >= 0 && xtcpd_pad(fd, data, (size_t)head, pad_bytes))
		*rc = go_on(fd, m, (size_t)head, flags);
	return true;
}

/* Linux: the connect() before it is still at work, or is done and only has not been told. */
static ssize_t while_connecting(int fd, const struct msghdr *m, int flags)
{
	if (!(f_poll(fd, POLLOUT, 0) & POLLOUT) || f_hungup(fd))
		return fail(EALREADY);
	f_set_state(fd, F_CONNECTED);
	hint_set(fd, HINT_OURS);
	return send_rest(fd, m, 0, flags & ~MSG_FASTOPEN);
}

ssize_t fastopen_send(int fd, const struct msghdr *m, int flags)
{
	struct sockaddr_in to;
	ssize_t sent;
	int rc;
	if (target(m, &to) < 0)
		return -1;
	if (fastopen_write(fd, m, flags, &sent))
		return sent;
	switch (f_state_of(fd)) {
	case F_CONNECTING:
		return while_connecting(fd, m, flags);
	case F_UNLISTENED:
		if (!f_renew(fd, 0))
			return -1;
		break;
	case F_NONE:
		if (m->msg_name && m->msg_namelen >= sizeof(to) &&
		    f_falls(fd, RULE_CONNECT, &to, &rc))
			return rc < 0 ? -1 : real.sendmsg(fd, m, flags);
		break;
	default: /* xtcpd says what is wrong */
		break;
	}
	return begin(fd, &to, m, flags);
}
