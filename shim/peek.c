/* SPDX-License-Identifier: MIT */
/*
 * What AF_UNIX does not do with bytes that stay where they are: MSG_PEEK that waits for all
 * (MSG_WAITALL), and FIONREAD, which for TCP counts up to the urgent byte only (tcp_inq()).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/shim.h"

#define SCRATCH_BYTES 4096
#define SCRATCH_IOV 1024

static int receive_timeout_ms(int fd)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);
	if (real.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) < 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return -1;
	int64_t ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* Each arrival is an edge: poll() could not tell more bytes from those that are there. */
static ssize_t peek_again_and_again(int fd, struct msghdr *m, size_t want, int flags, int edges)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	int timeout_ms = receive_timeout_ms(fd);
	size_t control = m->msg_controllen;
	ssize_t n;
	if (epoll_ctl(edges, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	for (;;) {
		m->msg_controllen = control;
		n = real.recvmsg(fd, m, flags | MSG_DONTWAIT);
		if (n >= (ssize_t)want || (n < 0 && errno != EAGAIN))
			return n;
		if (n >= 0 && f_poll(fd, POLLRDHUP, 0) > 0)
			return n; /* the end */
		int got = epoll_wait(edges, &ev, 1, timeout_ms);
		if (got <= 0) /* a signal, or the time is over */
			return n > 0 ? n : got < 0 ? -1 : fail(EAGAIN);
	}
}

ssize_t peek_all(int fd, struct msghdr *m, size_t want, int flags)
{
	if (flags & MSG_DONTWAIT || fcntl(fd, F_GETFL) & O_NONBLOCK)
		return real.recvmsg(fd, m, flags);
	int edges = epoll_create1(EPOLL_CLOEXEC);
	if (edges < 0)
		return -1;
	ssize_t n = peek_again_and_again(fd, m, want, flags & ~MSG_WAITALL, edges);
	int saved = errno;
	real.close(edges);
	errno = saved;
	return n;
}

/* A peek ends at the mark. */
static int bytes_before_mark(int fd, int bytes)
{
	static char scratch[SCRATCH_BYTES]; /* only written to, by the kernel */
	struct iovec iov[SCRATCH_IOV];
	int at_mark = 0, n = 0;
	if (real.ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark)
		return 0;
	for (int left = bytes; left > 0 && n < SCRATCH_IOV; left -= SCRATCH_BYTES)
		iov[n++] =
		    (struct iovec){scratch, left < SCRATCH_BYTES ? (size_t)left : SCRATCH_BYTES};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
	ssize_t peeked = real.recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);
	return peeked < 0 ? bytes : (int)peeked;
}

int bytes_to_read(int fd, int *to)
{
	int bytes = 0, inline_ = 0;
	socklen_t len = sizeof(inline_);
	if (real.ioctl(fd, FIONREAD, &bytes) < 0)
		return -1;
	if (f_poll(fd, POLLPRI, 0) > 0 &&
	    real.getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &inline_, &len) == 0 && !inline_)
		bytes = bytes_before_mark(fd, bytes);
	return copy_out(to, &bytes, sizeof(bytes)) ? 0 : fail(EFAULT);
}
