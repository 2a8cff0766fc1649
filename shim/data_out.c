/* SPDX-License-Identifier: MIT */
/*
 * Sending. The call goes to the kernel first; a failure is put into TCP's words.
 *
 *   - EPIPE stands for whatever ended the connection: xtcpd knows the errno;
 *   - a name given on a connected socket is ignored, as TCP does (AF_UNIX refuses it);
 *   - an unconnected socket is ENOTCONN for AF_UNIX, and EPIPE with SIGPIPE for TCP;
 *   - descriptors and credentials among the ancillary data mean nothing to TCP, and stay here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/shim.h"

static ssize_t broken_pipe(int flags)
{
	if (!(flags & MSG_NOSIGNAL))
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGPIPE);
	return fail(EPIPE);
}

static bool is_broken(int err)
{
	return err == EPIPE || err == ECONNRESET || err == ENOTCONN;
}

ssize_t explain_sent(int fd, ssize_t n, int flags)
{
	int saved = errno;
	if (n >= 0 || !is_broken(saved) || !f_is_ours(fd)) {
		errno = saved;
		return n;
	}
	if (saved == ENOTCONN)
		return broken_pipe(flags);
	int err = f_hungup(fd) ? xtcpd_take_error(fd) : 0;
	if (f_state_of(fd) == F_CONNECTING)
		f_set_state(fd, F_FAILED);
	return fail(err ? err : EPIPE);
}

static inline ssize_t sent(int fd, ssize_t n, int flags)
{
	return __builtin_expect(n >= 0, 1) ? n : explain_sent(fd, n, flags);
}

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
	return sent(fd, real.write(fd, p, n), 0);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	return sent(fd, real.writev(fd, iov, count), 0);
}

EXPORT ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *addr,
		      socklen_t len)
{
	if (flags & MSG_FASTOPEN && f_is_ours(fd))
		return fail(EOPNOTSUPP);
	if (addr && f_is_ours(fd))
		addr = NULL, len = 0;
	return sent(fd, real.sendto(fd, p, n, flags, addr, len), flags);
}

EXPORT ssize_t send(int fd, const void *p, size_t n, int flags)
{
	return sendto(fd, p, n, flags, NULL, 0);
}

/* The message as TCP sees it: no name, no descriptors. False: leave it as it is. */
static bool plain(int fd, const struct msghdr *m, struct msghdr *to)
{
	if (!m || (!m->msg_name && !m->msg_controllen) || !f_is_ours(fd))
		return false;
	*to = *m;
	to->msg_name = NULL;
	to->msg_namelen = 0;
	to->msg_control = NULL;
	to->msg_controllen = 0;
	return true;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct msghdr stripped;
	if (flags & MSG_FASTOPEN && f_is_ours(fd))
		return fail(EOPNOTSUPP);
	return sent(fd, real.sendmsg(fd, plain(fd, m, &stripped) ? &stripped : m, flags), flags);
}

/* One by one where the messages must be looked at, at once where not. */
EXPORT int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	unsigned i;
	if (!f_is_ours(fd))
		return real.sendmmsg(fd, m, n, flags);
	for (i = 0; i < n; i++) {
		ssize_t rc = sendmsg(fd, &m[i].msg_hdr, flags);
		if (rc < 0)
			return i ? (int)i : -1;
		m[i].msg_len = (unsigned)rc;
	}
	return (int)i;
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	return sent(out, real.sendfile(out, in, offset, n), 0);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
	return sendfile(out, in, (off_t *)offset, n);
}

EXPORT ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	ssize_t done = real.splice(in, in_at, out, out_at, n, flags);
	if (done > 0 || n == 0)
		return done;
	return done < 0 ? explain_sent(out, explain_received(in, done), 0)
			: explain_received(in, done);
}

EXPORT ssize_t __write(int fd, const void *p, size_t n) ALIAS_OF(write);
EXPORT ssize_t __send(int fd, const void *p, size_t n, int flags) ALIAS_OF(send);
