/* SPDX-License-Identifier: MIT */
/*
 * accept(): one recvmsg() on the listening descriptor, where xtcpd puts each established connection
 * as a record with its descriptor attached. Blocking, O_NONBLOCK, signals and SO_RCVTIMEO are the
 * kernel's own; nothing is asked of xtcpd.
 *
 * A descriptor that does not fit the table would be lost with its record, so there must be room
 * before the record is taken; the address goes straight from the record to the program's buffer, so
 * that a bad pointer leaves the connection queued as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

static bool table_has_room(int fd)
{
	int probe = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (probe < 0)
		return false;
	real.close(probe);
	return true;
}

/*
 * A listener at its end: after shutdown(), upon which Linux says EINVAL, or because xtcpd has gone.
 * F will report that as readable forever, and a server tries again at once, and writes it down,
 * each time: not more often than this.
 */
#define GONE_PAUSE_MS 100

static int end_of_listener(int fd)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, RPC_GETNAME);
	if (xtcpd_ask(fd, &req, &reply))
		return fail(EINVAL);
	if (errno != ENETDOWN) /* it is there, and does not know the socket */
		xtcpd_complain_of_restart();
	f_poll(-1, 0, GONE_PAUSE_MS);
	return fail(ENETDOWN);
}

static int descriptor_in(struct msghdr *msg)
{
	int fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Receives a record, its remote address into addr (room bytes of it). The descriptor, or -1. */
static int take_connection(int fd, struct sockaddr *addr, size_t room, bool cloexec)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct rpc_accept rec;
	const size_t before = offsetof(struct rpc_accept, remote);
	struct iovec iov[3] = {{&rec, before},
			       {addr, room},
			       {(char *)&rec + before + room, sizeof(rec) - before - room}};
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 3,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = real.recvmsg(fd, &msg, cloexec ? MSG_CMSG_CLOEXEC : 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) /* xtcpd has left something unread */
		return end_of_listener(fd);
	if (n < 0)
		return -1;
	int got = descriptor_in(&msg);
	if (got < 0)
		return fail(msg.msg_flags & MSG_CTRUNC ? EMFILE : ECONNABORTED);
	if (n == sizeof(rec) && rec.magic == RPC_MAGIC && rec.version == RPC_VERSION)
		return got;
	real.close(got);
	return fail(ECONNABORTED);
}

/* As do_accept(): where the address cannot be told the connection is lost, once there is one. */
static int drop_connection(int fd, int err)
{
	int got = take_connection(fd, NULL, 0, true);
	if (got < 0)
		return -1;
	real.close(got);
	return fail(err);
}

static int accept_ours(int fd, struct sockaddr *addr, socklen_t *len, int flags, bool has_options)
{
	const socklen_t whole = sizeof(struct sockaddr_in);
	socklen_t room = 0;
	if (!table_has_room(fd))
		return -1;
	bool readable = !addr || copy_in(&room, len, sizeof(room));
	if (!readable || (int)room < 0)
		return drop_connection(fd, readable ? EINVAL : EFAULT);
	int got = take_connection(fd, addr, room < whole ? room : whole, flags & SOCK_CLOEXEC);
	if (got < 0)
		return -1;
	if (addr)
		*len = whole;
	hint_set(got, HINT_OURS);
	if (has_options)
		copy_options(fd, got);
	if (flags & SOCK_NONBLOCK)
		fcntl(got, F_SETFL, O_RDWR | O_NONBLOCK);
	return got;
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	bool has_options;
	if (f_is_listener(fd, &has_options)) {
		if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
			return fail(EINVAL);
		hint_set(fd, HINT_OURS | HINT_ASK); /* it may have been inherited */
		return accept_ours(fd, addr, len, flags, has_options);
	}
	if (f_is_ours(fd))
		return fail(EINVAL);
	return real.accept4(fd, addr, len, flags);
}

EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}
