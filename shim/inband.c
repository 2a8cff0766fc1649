/* SPDX-License-Identifier: MIT */
/*
 * setsockopt() without waiting: an option that cannot fail goes down F among the bytes. See
 * rpc/inband.h.
 *
 * It is to count when the call returns, for whoever asks afterwards. With few bytes of F's unread
 * xtcpd sees it at once. With many, it is asked: but for what the options are that are about
 * those very bytes.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "rpc/inband.h"
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

static bool much_is_unread(int fd)
{
	int bytes;
	return real.ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes > RPC_INBAND_AHEAD_BYTES;
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

bool inband_send(int fd, const struct rpc_request *req)
{
	struct rpc_inband rec;
	int saved = errno;
	bool sent = kernel_keeps_apart &&
		    inband_make(&rec, req->level, req->name, req->value, req->value_len) &&
		    f_is_xtcpds_stream(fd) &&
		    (inband_is_about_bytes(&rec) || !much_is_unread(fd)) && send_record(fd, &rec);
	errno = saved;
	return sent;
}
