/* SPDX-License-Identifier: MIT */
/*
 * TCP_INQ: beside what recvmsg() has read, how much is left to read, so that a program need not try
 * in vain, and knows what to make room for.
 *
 * As on Linux it is a hint: what arrives meanwhile is not in it, nor what xtcpd still holds because
 * F is full, which costs a question that no answer is worth; it will be announced like any other
 * arrival. The end counts as a byte, so that 0 means: wait.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "shim/shim.h"

static int bytes_left(int fd)
{
	int n = 0;
	real.ioctl(fd, FIONREAD, &n);
	return f_poll(fd, POLLRDHUP, 0) > 0 ? n + 1 : n;
}

/* As put_cmsg(): what does not fit is cut off, and MSG_CTRUNC says so. */
void inq_tell(int fd, struct msghdr *m, size_t room)
{
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))] = {0};
	struct cmsghdr c = {CMSG_LEN(sizeof(int)), IPPROTO_TCP, TCP_CM_INQ};
	size_t used = m->msg_controllen, left = room > used ? room - used : 0;
	int saved = errno, inq = bytes_left(fd);
	errno = saved;
	if (left < c.cmsg_len) {
		m->msg_flags |= MSG_CTRUNC;
		c.cmsg_len = left;
	}
	if (left < sizeof(c))
		return;
	memcpy(bytes, &c, sizeof(c));
	memcpy(bytes + CMSG_LEN(0), &inq, sizeof(inq));
	if (copy_out((char *)m->msg_control + used, bytes, c.cmsg_len))
		m->msg_controllen = used + (left < sizeof(bytes) ? left : sizeof(bytes));
}
