/* SPDX-License-Identifier: MIT */
/*
 * A new F in the place of one whose connection is over: after a connect() that failed, after
 * connect(AF_UNSPEC). An AF_UNIX socket connects but once, a TCP socket may again, and keeps what
 * was set: the options that the kernel holds are copied here, the others and the bound address
 * are handed over by xtcpd from one to the other. Every descriptor and epoll set of this process
 * that has the old one gets the new one; where there are too many, the one number alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

static void copy_option(int from, int to, int name)
{
	char value[sizeof(struct timeval)];
	socklen_t len = sizeof(value);
	if (real.getsockopt(from, SOL_SOCKET, name, value, &len) == 0)
		real.setsockopt(to, SOL_SOCKET, name, value, len);
}

void copy_options(int from, int to)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO,  SO_RCVLOWAT,
				    SO_LINGER,	 SO_OOBINLINE, SO_BROADCAST};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		copy_option(from, to, names[i]);
	if (f_tells_inq(from))
		f_set_inq(to, true);
}

/* TCP_NOTSENT_LOWAT's; an accepted socket has its own from xtcpd. */
static void copy_buffer(int from, int to)
{
	int half;
	socklen_t len = sizeof(half);
	if (real.getsockopt(from, SOL_SOCKET, SO_SNDBUF, &half, &len) == 0) {
		half /= 2; /* the kernel doubles it */
		real.setsockopt(to, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
	}
}

static void copy_owner(int from, int to)
{
	struct f_owner_ex owner;
	if (fcntl(from, F_GETOWN_EX, &owner) == 0 && owner.pid)
		fcntl(to, F_SETOWN_EX, &owner);
	int sig = fcntl(from, F_GETSIG);
	if (sig > 0)
		fcntl(to, F_SETSIG, sig);
}

/* What xtcpd has of it. One that was bound is attached at once: the address is taken. */
static int take_over(int fd, int fresh)
{
	struct rpc_reply reply;
	if (!f_attached(fd) || !xtcpd_hand_over(fd, fresh, &reply))
		return 0;
	if (reply.addr.sin_port)
		xtcpd_attach(fresh);
	return reply.arg;
}

static void tell(int fd, int err)
{
	f_set_decided(fd);
	if (err)
		f_set_pending(fd, err);
	hint_set(fd, err || f_attached(fd) ? HINT_OURS | HINT_ASK : HINT_OURS);
}

bool f_renew(int fd, int pending)
{
	struct fall_places places;
	int status = fcntl(fd, F_GETFL), closing = fcntl(fd, F_GETFD);
	int fresh = unix_socket(SOCK_CLOEXEC | (status & O_NONBLOCK ? SOCK_NONBLOCK : 0));
	if (fresh < 0 || f_make(fresh) < 0)
		return false;
	copy_options(fd, fresh);
	copy_option(fd, fresh, SO_PRIORITY);
	copy_buffer(fd, fresh);
	if (f_has_options(fd))
		f_note_options(fresh);
	copy_owner(fd, fresh);
	int err = take_over(fd, fresh);
	bool ok = places_find(&places, fd)
		      ? places_replace(&places, fresh)
		      : dup3(fresh, fd, closing & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0;
	int saved = errno;
	real.close(fresh);
	if (ok)
		tell(fd, pending < 0 ? err : pending);
	if (ok && status & O_ASYNC)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
	errno = saved;
	return ok;
}
