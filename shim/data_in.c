/* SPDX-License-Identifier: MIT */
/*
 * Receiving. The call goes to the kernel first and nearly always that is all: only an end of file,
 * an error, or a flag or argument that AF_UNIX treats in its own way is looked at again.
 *
 * What differs, and is made good here:
 *   - an end with POLLHUP may be a reset: xtcpd knows the errno;
 *   - ECONNRESET stands for whatever ended the connection;
 *   - an unconnected socket is EINVAL for AF_UNIX and ENOTCONN for TCP;
 *   - no sender's name is reported; MSG_TRUNC discards; there is no error queue;
 *   - what is not a stream of bytes is asked about first (ask.c), where this process knows of it:
 *     a read on a listener must not eat the record of a connection. Without the hint a read() finds
 *     out by the record's magic, and that connection is then lost, as if it had been reset;
 *   - recvmmsg() begins with the socket's error.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

#define DISCARD_CHUNK 4096

/* AF_UNIX's word for a socket that is not connected. */
static ssize_t explain_invalid(int fd)
{
	if (f_attached(fd))
		return fail(EINVAL);
	int saved = errno;
	short got = f_poll(fd, POLLRDHUP, 0);
	errno = saved;
	return got > 0 && got & POLLRDHUP ? 0 : fail(ENOTCONN); /* after shutdown(SHUT_RD): 0 */
}

ssize_t explain_received(int fd, ssize_t n)
{
	int saved = errno;
	if (n < 0 && saved != ECONNRESET && saved != EINVAL)
		return n;
	if (n == 0 && !f_hungup(fd))
		return 0;
	if (!f_is_ours(fd)) {
		errno = saved;
		return n;
	}
	if (n < 0 && saved == EINVAL)
		return explain_invalid(fd);
	int err = f_attached(fd) ? xtcpd_take_error(fd) : 0;
	f_take_native_error(fd);
	if (err)
		return fail(err);
	errno = saved;
	return n < 0 ? fail(ECONNRESET) : 0;
}

static inline bool looks_like_record(const void *p, ssize_t n)
{
	const uint32_t magic = RPC_MAGIC;
	size_t len = n < (ssize_t)sizeof(magic) ? (size_t)n : sizeof(magic);
	return __builtin_expect(memcmp(p, &magic, len) == 0, 0);
}

/* n bytes of a record have been read in error: the rest goes as well, so that the next is whole. */
static ssize_t not_connected(int fd, ssize_t n)
{
	struct rpc_accept rest;
	if (n < (ssize_t)sizeof(rest))
		real.recvfrom(fd, &rest, sizeof(rest) - (size_t)n, MSG_DONTWAIT, NULL, NULL);
	return fail(ENOTCONN);
}

static inline bool must_ask(int fd)
{
	return __builtin_expect(hint_of(fd) & HINT_ASK, 0);
}

static inline ssize_t received(int fd, const void *p, size_t want, ssize_t n)
{
	if (__builtin_expect(n > 0, 1)) {
		if (looks_like_record(p, n) && f_state_of(fd) == F_LISTENING)
			return not_connected(fd, n);
		return n;
	}
	return n == 0 && want == 0 ? 0 : explain_received(fd, n);
}

/* MSG_TRUNC on TCP: the bytes are discarded, the buffer is not touched. */
static ssize_t discard(int fd, size_t n, int flags)
{
	char chunk[DISCARD_CHUNK];
	size_t done = 0;
	flags &= ~MSG_TRUNC;
	while (done < n) {
		size_t want = n - done < sizeof(chunk) ? n - done : sizeof(chunk);
		ssize_t got = real.recvfrom(fd, chunk, want, flags, NULL, NULL);
		if (got <= 0)
			return done ? (ssize_t)done : explain_received(fd, got);
		done += (size_t)got;
		if (flags & MSG_PEEK)
			break;
		if (!(flags & MSG_WAITALL))
			flags |= MSG_DONTWAIT;
	}
	return (ssize_t)done;
}

/* There is no error queue, and urgent bytes have errors of their own. True: *rc is the answer. */
static bool decided(int fd, size_t n, int flags, ssize_t *rc)
{
	if (!f_is_ours(fd))
		return false;
	if (flags & MSG_ERRQUEUE)
		*rc = fail(EAGAIN);
	else if (ask_before_reading(fd, flags, rc))
		return true;
	else if (flags & MSG_OOB && !f_attached(fd))
		*rc = fail(EINVAL);
	else if (flags & MSG_TRUNC)
		*rc = discard(fd, n, flags);
	else
		return false;
	return true;
}

EXPORT ssize_t read(int fd, void *p, size_t n)
{
	ssize_t rc;
	if (must_ask(fd) && n > 0 && ask_before_reading(fd, 0, &rc))
		return rc;
	return received(fd, p, n, real.read(fd, p, n));
}

static size_t iov_bytes(const struct iovec *iov, size_t count)
{
	size_t n = 0;
	if (is_nowhere(iov))
		return 0;
	for (size_t i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	ssize_t n;
	if (must_ask(fd) && count > 0 && ask_before_reading(fd, 0, &n))
		return n;
	n = real.readv(fd, iov, count);
	if (n > 0 || (n == 0 && (count == 0 || iov_bytes(iov, (size_t)count) == 0)))
		return n;
	return explain_received(fd, n);
}

#define PEEKING_ALL (MSG_PEEK | MSG_WAITALL)
#define LOOKED_AT (MSG_TRUNC | MSG_ERRQUEUE | MSG_OOB)

/* recv() of nothing: an end only if nothing is there. */
static ssize_t received_nothing(int fd, ssize_t rc)
{
	int bytes = 0;
	if (rc == 0 && real.ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0)
		return 0;
	return explain_received(fd, rc);
}

/* TCP tells no name. AF_UNIX has one: it goes to a scratch, and its length to *len, which the kernel
 * has thereby found to be writable. Another family's name: the hint was wrong. */
static ssize_t received_nameless(int fd, void *p, size_t n, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
	const socklen_t given = *len;
	ssize_t rc = real.recvfrom(fd, p, n, 0, (struct sockaddr *)&name, len);
	if (rc < 0)
		return received(fd, p, n, rc);
	if (name.ss_family != AF_UNSPEC && name.ss_family != AF_UNIX) {
		hint_set(fd, 0);
		memcpy(addr, &name, *len < given ? *len : given);
		return rc;
	}
	*len = 0;
	rc = received(fd, p, n, rc);
	if (rc < 0)
		*len = given;
	return rc;
}

EXPORT ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
	ssize_t rc;
	if (addr && !is_nowhere(len) && n > 0 && flags == 0 && hint_of(fd) == HINT_OURS)
		return received_nameless(fd, p, n, addr, len);
	if ((addr || flags & LOOKED_AT || must_ask(fd)) && decided(fd, n, flags, &rc))
		return rc;
	if ((flags & PEEKING_ALL) == PEEKING_ALL && f_is_ours(fd)) {
		struct iovec iov = {p, n};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		return received(fd, p, n, peek_all(fd, &m, n, flags));
	}
	if (n == 0 && !addr)
		return received_nothing(fd, real.recvfrom(fd, p, n, flags, NULL, NULL));
	if (addr && f_is_ours(fd)) {
		const socklen_t none = 0;
		rc = received(fd, p, n, real.recvfrom(fd, p, n, flags, NULL, NULL));
		if (rc >= 0 && !copy_out(len, &none, sizeof(none)))
			return fail(EFAULT);
		return rc;
	}
	return received(fd, p, n, real.recvfrom(fd, p, n, flags, addr, len));
}

EXPORT ssize_t recv(int fd, void *p, size_t n, int flags)
{
	return recvfrom(fd, p, n, flags, NULL, NULL);
}

static ssize_t received_message(int fd, const struct msghdr *m, ssize_t rc)
{
	if (rc == 0 && iov_bytes(m->msg_iov, m->msg_iovlen) == 0)
		return received_nothing(fd, rc);
	return explain_received(fd, rc);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t rc;
	if (is_nowhere(m))
		return real.recvmsg(fd, m, flags);
	bool all = (flags & PEEKING_ALL) == PEEKING_ALL;
	const size_t room = m->msg_controllen;
	bool inq = room > 0 && f_tells_inq(fd);
	bool look = flags & LOOKED_AT || m->msg_name || all || inq || must_ask(fd);
	if (!look || !f_is_ours(fd)) {
		rc = real.recvmsg(fd, m, flags);
		return rc > 0 ? rc : received_message(fd, m, rc);
	}
	if (decided(fd, iov_bytes(m->msg_iov, m->msg_iovlen), flags, &rc))
		return rc;
	struct msghdr nameless = *m;
	nameless.msg_name = NULL;
	nameless.msg_namelen = 0;
	rc = all ? peek_all(fd, &nameless, iov_bytes(m->msg_iov, m->msg_iovlen), flags)
		 : real.recvmsg(fd, &nameless, flags);
	if (rc <= 0)
		rc = received_message(fd, m, rc);
	if (rc >= 0) {
		if (m->msg_name)
			m->msg_namelen = 0;
		m->msg_controllen = nameless.msg_controllen;
		m->msg_flags = nameless.msg_flags;
		if (inq)
			inq_tell(fd, m, room);
	}
	return rc;
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What is left of the time, which the kernel looks at after each message. */
static bool time_is_over(struct timespec *timeout, int64_t until_ns)
{
	int64_t left = until_ns - now_ns();
	if (left < 0)
		left = 0;
	*timeout = (struct timespec){left / 1000000000, left % 1000000000};
	return left == 0;
}

/* As do_recvmmsg(). */
static int recvmmsg_ours(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	int64_t until_ns = 0;
	unsigned done = 0;
	if (timeout) {
		if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999)
			return fail(EINVAL);
		until_ns = now_ns() + timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
	}
	int err = f_hungup(fd) && f_attached(fd) ? xtcpd_take_error(fd) : 0;
	if (err) {
		f_take_native_error(fd);
		return fail(err);
	}
	while (done < n) {
		ssize_t rc = recvmsg(fd, &m[done].msg_hdr, flags & ~MSG_WAITFORONE);
		if (rc < 0)
			return done ? (int)done : -1;
		m[done++].msg_len = (unsigned)rc;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if ((timeout && time_is_over(timeout, until_ns)) ||
		    m[done - 1].msg_hdr.msg_flags & MSG_OOB)
			break;
	}
	return (int)done;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	if (f_is_ours(fd))
		return recvmmsg_ours(fd, m, n, flags, timeout);
	return real.recvmmsg(fd, m, n, flags, timeout);
}

/* --- the names libc gives the same calls */

EXPORT ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
EXPORT ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
EXPORT ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t room, int flags,
			      struct sockaddr *addr, socklen_t *len);
extern void __chk_fail(void) __attribute__((noreturn));

ssize_t __read_chk(int fd, void *p, size_t n, size_t room)
{
	if (n > room)
		__chk_fail();
	return read(fd, p, n);
}

ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
	if (n > room)
		__chk_fail();
	return recv(fd, p, n, flags);
}

ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t room, int flags, struct sockaddr *addr,
		       socklen_t *len)
{
	if (n > room)
		__chk_fail();
	return recvfrom(fd, p, n, flags, addr, len);
}

EXPORT ssize_t __read(int fd, void *p, size_t n) ALIAS_OF(read);
EXPORT ssize_t __recv(int fd, void *p, size_t n, int flags) ALIAS_OF(recv);
