/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() and setsockopt().
 *
 * Three kinds of option: those the kernel keeps for the descriptor itself (time-outs, SO_RCVLOWAT);
 * constants of a TCP socket; and those of the connection, which xtcpd has: it says what Linux would,
 * unless there is no doubt (inband.c).
 */
#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

/* --- the kernel's own */

static bool is_native(int level, int name)
{
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
	case SO_RCVLOWAT:
	case SO_COOKIE:
	case SO_DEBUG:
	case SO_OOBINLINE: /* the mark is passed on to AF_UNIX, which has the option as well */
	case SO_PRIORITY:  /* from here on: they mean nothing to TCP over this link */
	case SO_NO_CHECK:
	case SO_BSDCOMPAT:
	case SO_RXQ_OVFL:
	case SO_NOFCS:
	case SO_SELECT_ERR_QUEUE:
	case SO_BROADCAST:
		return true;
	default:
		return false;
	}
}

/* Kept by the kernel as well, because the shim or AF_UNIX itself needs it there. */
static bool is_native_too(int level, int name)
{
	return level == SOL_SOCKET && name == SO_LINGER;
}

/* --- what needs no question */

static bool constant_of(int fd, int level, int name, int *value)
{
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_ACCEPTCONN:
		*value = f_state_of(fd) == F_LISTENING;
		return true;
	case SO_SNDLOWAT:
		*value = 1;
		return true;
	case SO_TYPE:
		*value = SOCK_STREAM;
		return true;
	case SO_DOMAIN:
		*value = AF_INET;
		return true;
	case SO_PROTOCOL:
		*value = IPPROTO_TCP;
		return true;
	default:
		return false;
	}
}

/* --- setsockopt */

/* Waits for the answer, after which xtcpd holds no copy of F: one that the program has closed would
 * keep F in its epoll sets, with events for whoever has the number next. */
static int set_at_xtcpd(int fd, struct rpc_request *req)
{
	struct rpc_reply reply;
	req->flags |= RPC_FLAG_REPLY;
	if (rules_may_leave())
		req->flags |= RPC_FLAG_KEEP;
	if (!xtcpd_ask(fd, req, &reply))
		return -1;
	if (req->level == IPPROTO_TCP && req->name == TCP_NOTSENT_LOWAT)
		memcpy(req->value, &reply.arg, sizeof(reply.arg)); /* the sysctl's, if it was 0 */
	return 0;
}

/* Padding that was enough to keep F from being writable would not be in a larger buffer. A
 * listener's is for nobody. */
static bool may_hold(int fd, int buffer)
{
	int now = 0;
	socklen_t len = sizeof(now);
	enum f_state state = f_state_of(fd);
	if (state != F_CONNECTING)
		return state != F_LISTENING;
	return real.getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &now, &len) == 0 && 2 * buffer <= now;
}

static void limit_unsent(int fd, uint32_t mark)
{
	int buffer = rpc_notsent_sndbuf(mark);
	int saved = errno;
	if (may_hold(fd, buffer))
		real.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	errno = saved;
}

/* As rt_tos2priority(). */
static void set_priority(int fd, int tos)
{
	static const uint8_t priority[16] = {0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4};
	int value = priority[(unsigned)tos >> 1 & 0xf], saved = errno;
	if (real.setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value)) == 0)
		f_note_options(fd);
	errno = saved;
}

/* What follows here from an option that xtcpd has taken. */
static void follow_up(int fd, const struct rpc_request *req)
{
	int value = 0;
	memcpy(&value, req->value, sizeof(value));
	if (req->level == IPPROTO_IP && req->name == IP_TOS)
		set_priority(fd, req->value_len < sizeof(value) ? req->value[0] : value);
	if (req->level != IPPROTO_TCP)
		return;
	if (req->name == TCP_NOTSENT_LOWAT)
		limit_unsent(fd, (uint32_t)value);
	if (req->name == TCP_INQ)
		f_set_inq(fd, req->value[0] != 0);
	if (req->name == TCP_FASTOPEN_CONNECT)
		f_set_fast(fd, req->value[0] != 0);
}

static int set_native(int fd, int level, int name, const void *val, socklen_t len)
{
	if (real.setsockopt(fd, level, name, val, len) < 0)
		return -1;
	f_note_options(fd);
	return 0;
}

static int set_ours(int fd, int level, int name, const void *val, socklen_t len)
{
	struct rpc_request req;
	if (is_native(level, name))
		return set_native(fd, level, name, val, len);
	if ((int)len < 0)
		return fail(EINVAL);
	rpc_init(&req, RPC_SETSOCKOPT);
	req.level = level;
	req.name = name;
	req.value_len = len < RPC_VALUE_MAX ? len : RPC_VALUE_MAX;
	if (!copy_in(req.value, val, req.value_len))
		return fail(EFAULT);
	if (is_native_too(level, name) && set_native(fd, level, name, val, len) < 0)
		return -1;
	int rc = inband_send(fd, &req) ? 0 : set_at_xtcpd(fd, &req);
	if (rc == 0)
		follow_up(fd, &req);
	return rc;
}

EXPORT int setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return f_is_ours(fd) ? set_ours(fd, level, name, val, len)
			     : real.setsockopt(fd, level, name, val, len);
}

/* --- getsockopt */

static int put_value(const void *from, socklen_t have, void *val, socklen_t *len)
{
	socklen_t room;
	if (!copy_in(&room, len, sizeof(room)))
		return fail(EFAULT);
	if ((int)room < 0)
		return fail(EINVAL);
	if (have > room)
		have = room;
	if (!copy_out(val, from, have) || !copy_out(len, &have, sizeof(have)))
		return fail(EFAULT);
	return 0;
}

/* SO_ERROR: as long as nothing has gone wrong the kernel knows it as well as xtcpd. */
static int get_error(int fd, void *val, socklen_t *len)
{
	int err = hint_of(fd) & HINT_ASK ? f_take_pending(fd) : 0;
	if (!err && f_attached(fd) && f_hungup(fd)) {
		err = xtcpd_take_error(fd);
		f_take_native_error(fd);
	}
	return put_value(&err, sizeof(err), val, len);
}

static int get_at_xtcpd(int fd, int level, int name, void *val, socklen_t *len)
{
	struct rpc_request req;
	struct rpc_reply reply;
	socklen_t room;
	if (!copy_in(&room, len, sizeof(room)))
		return fail(EFAULT);
	if ((int)room < 0)
		return fail(EINVAL);
	rpc_init(&req, RPC_GETSOCKOPT);
	req.level = level;
	req.name = name;
	req.value_len = room < RPC_VALUE_MAX ? room : RPC_VALUE_MAX;
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	return put_value(reply.value, reply.value_len, val, len);
}

static int get_ours(int fd, int level, int name, void *val, socklen_t *len)
{
	int constant;
	if (level == SOL_SOCKET && name == SO_ERROR)
		return get_error(fd, val, len);
	if (constant_of(fd, level, name, &constant))
		return put_value(&constant, sizeof(constant), val, len);
	/* Cannot be set here, so they are what they were made. */
	bool unset = level == SOL_SOCKET && name == SO_DONTROUTE;
	if (unset || is_native(level, name))
		return real.getsockopt(fd, level, name, val, len);
	if (option_reads_value(level, name))
		return option_get_reading(fd, name, val, len);
	return get_at_xtcpd(fd, level, name, val, len);
}

EXPORT int getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return f_is_ours(fd) ? get_ours(fd, level, name, val, len)
			     : real.getsockopt(fd, level, name, val, len);
}
