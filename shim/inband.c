/* SPDX-License-Identifier: MIT */
/*
 * setsockopt() without waiting: an option that cannot fail goes down F among the bytes. See
 * rpc/inband.h.
 *
 * It is to count when the call returns, for whoever asks afterwards. With few bytes of F's unread
 * xtcpd sees it at once. With many, it is asked: but for what the options are that are about
 * those very bytes. Before there is a connection, records must leave room for what connect() sends.
 */
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "rpc/inband.h"
#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

#define SENDFILE_JOINS_BEFORE 605 /* Linux 6.5 */

/* Before, bytes of sendfile() may join the buffer of a record. */
static bool kernel_keeps_apart;

__attribute__((constructor)) static void look_at_kernel(void)
{
	struct utsname u;
	char *end;
	if (uname(&u) < 0)
		return;
	unsigned long major = strtoul(u.release, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	kernel_keeps_apart = major * 100 + minor >= SENDFILE_JOINS_BEFORE;
}

static int sndbuf_of(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);
	return real.getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len) < 0 ? 0 : bytes;
}

/* How much memory of what was sent may be unread. */
static int unread_limit(int fd, enum f_stage stage, const struct rpc_inband *rec)
{
	int sndbuf;
	switch (stage) {
	case F_STAGE_FRESH:
		sndbuf = sndbuf_of(fd);
		return sndbuf / 4 < RPC_INBAND_AHEAD_BYTES ? sndbuf / 4 : RPC_INBAND_AHEAD_BYTES;
	case F_STAGE_PADDED:
		return sndbuf_of(fd) / 2;
	case F_STAGE_STREAM:
		return inband_is_about_bytes(rec) ? INT_MAX : RPC_INBAND_AHEAD_BYTES;
	default:
		return -1;
	}
}

static bool much_is_unread(int fd, int limit)
{
	int bytes;
	return limit < INT_MAX && (real.ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes > limit);
}

/* The descriptor is there to be one: nothing depends on when xtcpd closes it, as it would on a copy
 * of F. */
static bool send_record(int fd, const struct rpc_inband *rec)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)rec, sizeof(*rec)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	int along = eventfd(0, EFD_CLOEXEC);
	if (along < 0)
		return false;
	control.align = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.align), &along, sizeof(along));
	ssize_t n = real.sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	real.close(along);
	return n == sizeof(*rec);
}

/* The first word of a fresh socket. */
static bool attach_with(int fd, const struct rpc_inband *rec)
{
	struct rpc_request req;
	rpc_init(&req, RPC_ATTACH);
	hint_set(fd, HINT_OURS | HINT_ASK);
	return xtcpd_send_own(fd, &req, rec, sizeof(*rec));
}

/* What a rule may leave to the kernel is kept by xtcpd, if there is room: it is asked. */
static bool send_at(int fd, enum f_stage stage, const struct rpc_inband *rec)
{
	if (stage == F_STAGE_OTHER || (stage == F_STAGE_FRESH && rules_may_leave()))
		return false;
	if (stage == F_STAGE_FRESH && !f_attached(fd))
		return attach_with(fd, rec);
	if (inband_is_about_ports(rec)) /* this one may have one by now */
		return false;
	return !much_is_unread(fd, unread_limit(fd, stage, rec)) && send_record(fd, rec);
}

bool inband_send(int fd, const struct rpc_request *req)
{
	struct rpc_inband rec;
	int saved = errno;
	bool sent = kernel_keeps_apart &&
		    inband_make(&rec, req->level, req->name, req->value, req->value_len) &&
		    send_at(fd, f_stage_of(fd), &rec);
	errno = saved;
	return sent;
}
