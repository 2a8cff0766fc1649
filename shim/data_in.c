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
 *   - a read on a listener must not eat the record of a connection. recv() and its kin look first
 *     (one getsockopt, and only for flags or names that make them look anyway); a plain read()
 * finds out by the record's magic, and that connection is then lost, as if it had been reset.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "shim/shim.h"

#define DISCARD_CHUNK 4096

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
		return fail(f_attached(fd) ? EINVAL : ENOTCONN);
	int err = f_attached(fd) ? xtcpd_take_error(fd) : 0;
	if (f_state_of(fd) == F_CONNECTING)
		f_set_state(fd, F_FAILED);
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

/* What must be decided before the kernel is asked. True: *rc is the answer. */
static bool decided(int fd, size_t n, int flags, ssize_t *rc)
{
	if (!f_is_ours(fd))
		return false;
	if (f_state_of(fd) == F_LISTENING)
		*rc = fail(ENOTCONN);
	else if (flags & MSG_ERRQUEUE)
		*rc = fail(EAGAIN);
	else if (flags & MSG_TRUNC)
		*rc = discard(fd, n, flags);
	else
		return false;
	return true;
}

EXPORT ssize_t read(int fd, void *p, size_t n)
{
	return received(fd, p, n, real.read(fd, p, n));
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	ssize_t n = real.readv(fd, iov, count);
	return n > 0 ? n : n == 0 && count == 0 ? 0 : explain_received(fd, n);
}

EXPORT ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
	ssize_t rc;
	if ((addr || flags & (MSG_TRUNC | MSG_ERRQUEUE)) && decided(fd, n, flags, &rc))
		return rc;
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

static size_t iov_bytes(const struct msghdr *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += m->msg_iov[i].iov_len;
	return n;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	bool look = flags & (MSG_TRUNC | MSG_ERRQUEUE) || (m && m->msg_name);
	ssize_t rc;
	if (!look || !m || !f_is_ours(fd)) {
		rc = real.recvmsg(fd, m, flags);
		return rc > 0 ? rc : explain_received(fd, rc);
	}
	if (decided(fd, iov_bytes(m), flags, &rc))
		return rc;
	struct msghdr nameless = *m;
	nameless.msg_name = NULL;
	nameless.msg_namelen = 0;
	rc = real.recvmsg(fd, &nameless, flags);
	if (rc <= 0)
		rc = explain_received(fd, rc);
	if (rc >= 0) {
		m->msg_namelen = 0;
		m->msg_controllen = nameless.msg_controllen;
		m->msg_flags = nameless.msg_flags;
	}
	return rc;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	int rc = real.recvmmsg(fd, m, n, flags, timeout);
	return rc >= 0 ? rc : (int)explain_received(fd, rc);
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
