/* SPDX-License-Identifier: MIT */
/*
 * MSG_MORE and MSG_EOR: what a program says of the end of a write must reach xtcpd at that place of
 * the stream. Descriptors do: the kernel keeps them with the bytes they were sent with, and xtcpd's
 * read ends where they are. How many says what is meant (rpc.h), and not which: one that is opened for
 * it, as a copy of F on its way would keep a closed F in the program's epoll sets.
 *
 * The kernel attaches them to the first piece it cuts a long write into, so the end of one goes by
 * itself.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "shim/shim.h"

#define TAIL_BYTES 16384
#define SKB_MARGIN 64 /* unix_stream_sendmsg(): a piece is at most half the buffer, less this */
#define SPANS_MAX 16

static size_t bytes_of(const struct msghdr *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += m->msg_iov[i].iov_len;
	return n;
}

static void close_quietly(int fd)
{
	int saved = errno;
	real.close(fd);
	errno = saved;
}

static ssize_t send_with_descriptors(int fd, const struct iovec *iov, size_t spans, int flags,
				     unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(RPC_MARKS_MAX * sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = (struct iovec *)iov,
			   .msg_iovlen = spans,
			   .msg_control = &control,
			   .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	memset(&control, 0, sizeof(control));
	control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS};
	int along = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(along), &along, sizeof(along));
	ssize_t rc = along < 0 ? fail(ETOOMANYREFS) : real.sendmsg(fd, &m, flags);
	if (along >= 0)
		close_quietly(along);
	if (rc >= 0 || errno != ETOOMANYREFS)
		return rc;
	/* None is to be had, or more are on their way than this user may have: xtcpd is behind, and
	 * will find the writes together anyway. */
	m.msg_control = NULL;
	m.msg_controllen = 0;
	return real.sendmsg(fd, &m, flags);
}

/* Cuts what lies behind the first `n` bytes off; the rest goes to *rest. The new number of spans. */
static size_t cut(struct iovec *iov, size_t spans, size_t n, struct iovec *rest, size_t *rest_spans)
{
	size_t i = 0;
	while (i < spans && n >= iov[i].iov_len)
		n -= iov[i++].iov_len;
	*rest_spans = spans - i;
	memcpy(rest, iov + i, *rest_spans * sizeof(*iov));
	if (n == 0 || i == spans)
		return i;
	rest[0].iov_base = (char *)rest[0].iov_base + n;
	rest[0].iov_len -= n;
	iov[i].iov_len = n;
	return i + 1;
}

/* As much is never cut. */
static size_t tail_bytes(int fd)
{
	int sndbuf = 0;
	socklen_t len = sizeof(sndbuf);
	if (real.getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len) < 0 ||
	    sndbuf < 4 * SKB_MARGIN)
		return 1;
	size_t piece = (size_t)sndbuf / 2 - SKB_MARGIN;
	return piece < TAIL_BYTES ? piece : TAIL_BYTES;
}

ssize_t send_marked(int fd, const struct msghdr *m, int flags)
{
	unsigned marks = !(flags & MSG_EOR)    ? RPC_MARK_MORE
			 : !(flags & MSG_MORE) ? RPC_MARK_EOR
					       : RPC_MARK_BOTH;
	struct iovec head[SPANS_MAX], tail[SPANS_MAX];
	size_t all = bytes_of(m), spans;
	int native = flags & ~(MSG_MORE | MSG_EOR);
	if (f_is_local(fd)) /* no segments, and perhaps no xtcpd, between the two */
		return real.sendmsg(fd, m, native);
	size_t last = tail_bytes(fd);
	if (all <= last || m->msg_iovlen > SPANS_MAX)
		return send_with_descriptors(fd, m->msg_iov, m->msg_iovlen, native, marks);
	memcpy(head, m->msg_iov, m->msg_iovlen * sizeof(head[0]));
	size_t heads = cut(head, m->msg_iovlen, all - last, tail, &spans);
	struct msghdr first = {.msg_iov = head, .msg_iovlen = heads};
	ssize_t sent = real.sendmsg(fd, &first, native);
	if (sent < 0 || (size_t)sent < all - last)
		return sent;
	ssize_t more = send_with_descriptors(fd, tail, spans, native, marks);
	return more < 0 ? sent : sent + more;
}
