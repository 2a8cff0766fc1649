/* SPDX-License-Identifier: MIT */
/*
 * Sending. The call goes to the kernel first; a failure is put into TCP's words.
 *
 *   - EPIPE stands for whatever ended the connection: xtcpd knows the errno, and TCP raises no
 *     SIGPIPE where it has one to tell. So the kernel is told to be quiet, and SIGPIPE raised here;
 *   - what is not a stream of bytes is asked about first (ask.c);
 *   - a name given on a connected socket is ignored, as TCP does (AF_UNIX refuses it);
 *   - an unconnected socket is ENOTCONN for AF_UNIX, and EPIPE with SIGPIPE for TCP;
 *   - descriptors and credentials among the ancillary data mean nothing to TCP, and stay here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/hint.h"
#include "shim/shim.h"

ssize_t broken_pipe(int flags)
{
	if (!(flags & MSG_NOSIGNAL))
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGPIPE);
	return fail(EPIPE);
}

static bool is_broken(int err)
{
	return err == EPIPE || err == ECONNRESET || err == ENOTCONN;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	return real.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* As TCP has it, whose peer answers the first write after its close() with a RST: a program on the
 * same stack has gone, and its end with it. */
static bool counts_as_sent(int fd, size_t want)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (!f_is_local(fd))
		return false;
	rpc_init(&req, RPC_LATE);
	req.arg = want > 0;
	return xtcpd_ask(fd, &req, &reply) && reply.arg;
}

ssize_t explain_sent(int fd, ssize_t n, size_t want, int flags, bool quiet)
{
	int saved = errno;
	if (n >= 0 || !is_broken(saved))
		return n;
	if (!f_is_ours(fd)) { /* a hint that was wrong: as the kernel would have done it */
		if (saved == EPIPE && quiet && is_stream(fd))
			return broken_pipe(flags);
		errno = saved;
		return n;
	}
	if (saved == ENOTCONN)
		return broken_pipe(flags);
	int err = f_hungup(fd) ? xtcpd_take_error(fd) : 0;
	f_take_native_error(fd);
	if (err)
		return fail(err);
	if (want != UNTOLD && saved == EPIPE && quiet && counts_as_sent(fd, want))
		return (ssize_t)want;
	return quiet ? broken_pipe(flags) : fail(EPIPE);
}

static inline ssize_t sent(int fd, ssize_t n, size_t want, int flags, bool quiet)
{
	return __builtin_expect(n >= 0, 1) ? n : explain_sent(fd, n, want, flags, quiet);
}

static ssize_t sent_spans(int fd, ssize_t n, const struct msghdr *m, int flags, bool quiet)
{
	size_t want = 0;
	if (__builtin_expect(n >= 0, 1))
		return n;
	for (size_t i = 0; !is_nowhere(m) && errno == EPIPE && i < m->msg_iovlen; i++)
		want += m->msg_iov[i].iov_len;
	return explain_sent(fd, n, want, flags, quiet);
}

static inline bool must_ask(int fd)
{
	return __builtin_expect(hint_of(fd) & HINT_ASK, 0);
}

static inline bool hinted_ours(int fd)
{
	return hint_of(fd) & HINT_OURS;
}

static bool asked_spans(int fd, const struct msghdr *m, int flags, ssize_t *rc)
{
	struct msghdr copy;
	return (copy_in(&copy, m, sizeof(copy)) && fastopen_write(fd, &copy, flags, rc)) ||
	       ask_before_writing(fd, flags, rc);
}

static bool asked(int fd, const void *p, size_t n, int flags, ssize_t *rc)
{
	struct iovec iov = {(void *)p, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	return fastopen_write(fd, &m, flags, rc) || ask_before_writing(fd, flags, rc);
}

/* write() on what may be a socket of ours: the number may be a file's by now. */
EXPORT ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t rc;
	if (!hinted_ours(fd))
		return sent(fd, real.write(fd, p, n), n, 0, false);
	if (must_ask(fd) && asked(fd, p, n, 0, &rc))
		return rc;
	rc = real.sendto(fd, p, n, MSG_NOSIGNAL, NULL, 0);
	if (rc >= 0 || errno != ENOTSOCK)
		return sent(fd, rc, n, 0, true);
	hint_set(fd, 0);
	return real.write(fd, p, n);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	ssize_t rc;
	if (!hinted_ours(fd) || count <= 0)
		return sent(fd, real.writev(fd, iov, count), UNTOLD, 0, false);
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	if (must_ask(fd) && asked_spans(fd, &m, 0, &rc))
		return rc;
	rc = real.sendmsg(fd, &m, MSG_NOSIGNAL);
	if (rc >= 0 || (errno != ENOTSOCK && errno != EMSGSIZE))
		return sent_spans(fd, rc, &m, 0, true);
	if (errno == ENOTSOCK)
		hint_set(fd, 0);
	return real.writev(fd, iov, count); /* EMSGSIZE: more than UIO_MAXIOV is EINVAL here */
}

/* The kernel has read a name and AF_UNIX has refused it: TCP does not look at it. */
static bool is_about_the_name(int err)
{
	return err == EISCONN || err == EOPNOTSUPP;
}

/* What the kernel says of a name before it asks the socket. */
static bool address_is_good(const struct sockaddr *addr, socklen_t len)
{
	char copy[SOCKADDR_MAX];
	return !addr || (len <= sizeof(copy) && copy_in(copy, addr, len));
}

/* An urgent byte is announced, lest xtcpd read over its mark. */
static void announce_urgent(int fd, int flags)
{
	struct rpc_request req;
	struct rpc_reply reply;
	int saved = errno;
	if (!(flags & MSG_OOB) || !f_is_ours(fd) || !f_attached(fd) || f_hungup(fd))
		return;
	rpc_init(&req, RPC_URGENT);
	(void)xtcpd_ask(fd, &req, &reply); /* that it is over, sending will tell */
	errno = saved;
}

EXPORT ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *addr,
		      socklen_t len)
{
	ssize_t rc;
	bool quiet = hinted_ours(fd);
	int native = quiet ? flags | MSG_NOSIGNAL : flags;
	if (flags & MSG_FASTOPEN && f_is_ours(fd)) {
		struct iovec iov = {(void *)p, n};
		struct msghdr m = {.msg_name = (void *)addr,
				   .msg_namelen = addr ? len : 0,
				   .msg_iov = &iov,
				   .msg_iovlen = 1};
		return fastopen_send(fd, &m, flags);
	}
	if (must_ask(fd) && address_is_good(addr, len) && asked(fd, p, n, flags, &rc))
		return rc;
	announce_urgent(fd, n ? flags : 0);
	if (flags & (MSG_MORE | MSG_EOR) && n > 0 && f_is_ours(fd)) {
		struct iovec iov = {(void *)p, n};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		return sent(fd, send_marked(fd, &m, native), n, flags, quiet);
	}
	rc = real.sendto(fd, p, n, native, addr, len);
	if (rc < 0 && addr && is_about_the_name(errno) && f_is_ours(fd))
		rc = real.sendto(fd, p, n, native, NULL, 0);
	if (rc < 0 && n == 0 && flags & MSG_OOB && errno == EOPNOTSUPP && f_is_ours(fd))
		rc = real.sendto(fd, p, n, native & ~MSG_OOB, NULL, 0);
	return sent(fd, rc, n, flags, quiet);
}

EXPORT ssize_t send(int fd, const void *p, size_t n, int flags)
{
	return sendto(fd, p, n, flags, NULL, 0);
}

/* What TCP makes of ancillary data (sock_cmsg_send()): other levels and AF_UNIX's own mean nothing
 * to it; of SOL_SOCKET nothing is known here. 0, or -1 with errno. */
static int judge_control(const struct msghdr *m)
{
	const char *at = m->msg_control;
	size_t left = m->msg_controllen;
	struct cmsghdr c;
	while (left >= sizeof(c)) {
		if (!copy_in(&c, at, sizeof(c)))
			return fail(EFAULT);
		if (c.cmsg_len < sizeof(c) || c.cmsg_len > left)
			return fail(EINVAL);
		bool unix_own = c.cmsg_type == SCM_RIGHTS || c.cmsg_type == SCM_CREDENTIALS;
		if (c.cmsg_level == SOL_SOCKET && !unix_own)
			return fail(EINVAL);
		size_t step = CMSG_ALIGN(c.cmsg_len);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return 0;
}

/* The message as TCP sees it: no name, no descriptors. */
static ssize_t send_plain(int fd, const struct msghdr *m, int flags)
{
	struct msghdr to;
	if (is_nowhere(m) || (!m->msg_name && !m->msg_controllen) || !f_is_ours(fd))
		return real.sendmsg(fd, m, flags);
	if (m->msg_controllen && judge_control(m) < 0)
		return -1;
	to = *m;
	to.msg_name = NULL;
	to.msg_namelen = 0;
	to.msg_control = NULL;
	to.msg_controllen = 0;
	return real.sendmsg(fd, &to, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t rc;
	bool quiet = hinted_ours(fd);
	int native = quiet ? flags | MSG_NOSIGNAL : flags;
	if (flags & MSG_FASTOPEN && f_is_ours(fd)) {
		struct msghdr copy;
		return copy_in(&copy, m, sizeof(copy)) ? fastopen_send(fd, &copy, flags)
						       : fail(EFAULT);
	}
	if (must_ask(fd) && !is_nowhere(m) && asked_spans(fd, m, flags, &rc))
		return rc;
	announce_urgent(fd, flags);
	if (flags & (MSG_MORE | MSG_EOR) && !is_nowhere(m) && f_is_ours(fd))
		return sent_spans(fd, send_marked(fd, m, native), m, flags, quiet);
	return sent_spans(fd, send_plain(fd, m, native), m, flags, quiet);
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

/* --- calls that cannot be told to raise no SIGPIPE: it is held back meanwhile, and taken if it
 * came */

struct held {
	bool held, was_pending;
	sigset_t before;
};

static void hold_sigpipe(int fd, struct held *h)
{
	sigset_t set;
	int saved = errno;
	*h = (struct held){.held = hinted_ours(fd)};
	if (!h->held)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &h->before);
	if (sigismember(&h->before, SIGPIPE) == 1 && sigpending(&set) == 0)
		h->was_pending = sigismember(&set, SIGPIPE) == 1;
	errno = saved;
}

static void release_sigpipe(const struct held *h, ssize_t rc)
{
	static const struct timespec at_once;
	sigset_t set;
	int saved = errno;
	if (!h->held)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (rc < 0 && saved == EPIPE && !h->was_pending)
		sigtimedwait(&set, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &h->before, NULL);
	errno = saved;
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	struct held h;
	ssize_t rc;
	if (must_ask(out) && n > 0 && ask_before_writing(out, 0, &rc))
		return rc;
	hold_sigpipe(out, &h);
	rc = real.sendfile(out, in, offset, n);
	release_sigpipe(&h, rc);
	return sent(out, rc, UNTOLD, 0, h.held);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
	return sendfile(out, in, (off_t *)offset, n);
}

static int splice_flags(unsigned flags)
{
	return flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;
}

/* TCP's splice() ends at the urgent byte, and goes no further; AF_UNIX's would wait behind it. */
static bool stands_at_urgent(int fd)
{
	int at = 0, saved = errno;
	bool yes = hinted_ours(fd) && real.ioctl(fd, SIOCATMARK, &at) == 0 && at;
	errno = saved;
	return yes;
}

EXPORT ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	struct held h;
	ssize_t done;
	if (must_ask(in) && n > 0 && ask_before_reading(in, 0, &done))
		return done;
	if (must_ask(out) && n > 0 && ask_before_writing(out, splice_flags(flags), &done))
		return done;
	if (stands_at_urgent(in))
		return 0;
	hold_sigpipe(out, &h);
	done = real.splice(in, in_at, out, out_at, n, flags);
	release_sigpipe(&h, done);
	if (done > 0 || n == 0)
		return done;
	return done < 0 ? explain_sent(out, explain_received(in, done), UNTOLD, 0, h.held)
			: explain_received(in, done);
}

EXPORT ssize_t __write(int fd, const void *p, size_t n) ALIAS_OF(write);
EXPORT ssize_t __send(int fd, const void *p, size_t n, int flags) ALIAS_OF(send);
