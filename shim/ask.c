/* SPDX-License-Identifier: MIT */
/*
 * Data calls on a socket that is not a stream of bytes, or not yet: fresh, bound, listening,
 * connecting, or unconnected again with an error to tell. AF_UNIX would read a listener's
 * records, write to xtcpd before there is a connection, or wait for what never comes; here TCP's
 * answers are given instead (tcp_recvmsg(), sk_stream_wait_connect()). Who has become a stream
 * meanwhile loses the hint.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>

#include "shim/hint.h"
#include "shim/shim.h"

/* --- waiting for a connection */

static int send_timeout_ms(int fd)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);
	if (real.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) < 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return -1;
	int64_t ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* poll() always ends at a signal, connect() only where the handler is not to restart it. Which it
 * was nobody tells; all that may have been must agree. */
static bool handlers_restart(void)
{
	sigset_t blocked;
	struct sigaction sa;
	if (pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0)
		return false;
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (sigismember(&blocked, sig) != 0 || sigaction(sig, NULL, &sa) < 0)
			continue;
		if (sa.sa_handler != SIG_DFL && sa.sa_handler != SIG_IGN &&
		    !(sa.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

short f_wait_writable(int fd)
{
	int timeout_ms = send_timeout_ms(fd);
	for (;;) {
		short got = f_poll(fd, POLLOUT, timeout_ms);
		if (got != -1 || errno != EINTR)
			return got;
		if (timeout_ms >= 0 || !handlers_restart())
			return (short)fail(EINTR);
	}
}

/* --- reading */

/* Attached to xtcpd and not connected: AF_UNIX would wait for bytes. */
static bool is_idle(int fd)
{
	struct rpc_name name;
	return f_attached(fd) && !f_accepted_name(fd, &name);
}

static ssize_t nothing_to_read(int fd, int flags, bool listening)
{
	if (flags & MSG_OOB)
		return fail(listening ? ENOTCONN : EINVAL);
	return f_read_shut(fd) ? 0 : fail(ENOTCONN);
}

bool ask_before_reading(int fd, int flags, ssize_t *rc)
{
	int err;
	if (!f_is_ours(fd)) {
		hint_set(fd, 0);
		return false;
	}
	switch (f_state_of(fd)) {
	case F_LISTENING:
	case F_UNLISTENED:
		*rc = nothing_to_read(fd, flags, f_state_of(fd) == F_LISTENING);
		return true;
	case F_CONNECTING:
		if (f_poll(fd, POLLOUT, 0) > 0)
			hint_set(fd, HINT_OURS);
		return false;
	case F_NONE:
		err = flags & MSG_OOB ? 0 : f_take_pending(fd);
		if (err)
			*rc = fail(err);
		else if (is_idle(fd))
			*rc = nothing_to_read(fd, flags, false);
		else
			break;
		return true;
	case F_CONNECTED:
		if (f_is_deferred(fd)) /* the first write is to be asked about, too */
			return false;
		break;
	}
	if (f_attached(fd))
		hint_set(fd, HINT_OURS);
	return false;
}

/* --- writing */

/* False: it is connected, or has failed, and the call may go on to find out. */
static bool still_connecting(int fd, int flags, ssize_t *rc)
{
	short got = f_poll(fd, POLLOUT, 0);
	if (got == 0 && (flags & MSG_DONTWAIT || fcntl(fd, F_GETFL) & O_NONBLOCK)) {
		*rc = fail(EAGAIN);
		return true;
	}
	if (got == 0)
		got = f_wait_writable(fd);
	if (got > 0) {
		hint_set(fd, HINT_OURS);
		return false;
	}
	*rc = got == 0 ? fail(EAGAIN) : -1;
	return true;
}

bool ask_before_writing(int fd, int flags, ssize_t *rc)
{
	int err;
	if (!f_is_ours(fd)) {
		hint_set(fd, 0);
		return false;
	}
	switch (f_state_of(fd)) {
	case F_CONNECTING:
		return still_connecting(fd, flags, rc);
	case F_LISTENING:
	case F_UNLISTENED:
		*rc = broken_pipe(flags);
		return true;
	case F_NONE:
		err = f_take_pending(fd);
		if (err)
			*rc = fail(err);
		else if (is_idle(fd))
			*rc = broken_pipe(flags);
		else
			break;
		return true;
	case F_CONNECTED:
		if (f_is_deferred(fd)) /* sendfile(), splice(): xtcpd takes what it finds */
			f_set_state(fd, F_CONNECTED);
		break;
	}
	if (f_attached(fd))
		hint_set(fd, HINT_OURS);
	return false;
}
