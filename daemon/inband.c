/* SPDX-License-Identifier: MIT */
/* See inband.h. */
#include "daemon/inband.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/socket.h"

#define RECORD sizeof(struct rpc_inband)

unsigned inband_descriptors(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(fd));
	for (unsigned i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
	return n;
}

/* --- in what was read */

/* The last bytes of the first `got`, at most as many as a record has. */
static size_t copy_tail(const struct iovec *iov, size_t got, uint8_t tail[RECORD])
{
	size_t skip = got > RECORD ? got - RECORD : 0, n = 0;

	for (; n < got && n < RECORD; iov++) {
		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		size_t here = iov->iov_len - skip, left = (got < RECORD ? got : RECORD) - n;
		here = here < left ? here : left;
		memcpy(tail + n, (const uint8_t *)iov->iov_base + skip, here);
		n += here;
		skip = 0;
	}
	return n;
}

/* The read ended within it: what is missing is what comes next. */
static size_t join(int fd, const uint8_t *tail, size_t len, struct rpc_inband *rec)
{
	uint8_t next[RECORD];
	ssize_t more = recv(fd, next, RECORD - 1, MSG_PEEK | MSG_DONTWAIT);

	for (size_t have = len < RECORD ? len : RECORD - 1; have > 0; have--) {
		size_t missing = RECORD - have;
		if (more < (ssize_t)missing)
			break;
		memcpy(rec, tail + len - have, have);
		memcpy((uint8_t *)rec + have, next, missing);
		if (inband_valid(rec))
			return recv(fd, next, missing, MSG_DONTWAIT) == (ssize_t)missing ? have : 0;
	}
	return 0;
}

size_t inband_find(const struct xsocket *xs, const struct iovec *iov, size_t got, size_t asked,
		   struct rpc_inband *rec)
{
	uint8_t tail[RECORD];
	size_t len = copy_tail(iov, got, tail);

	if (len == RECORD) {
		memcpy(rec, tail, RECORD);
		if (inband_valid(rec))
			return RECORD;
	}
	return got == asked ? join(xs->source.fd, tail, len, rec) : 0;
}

static void carry_out(struct xsocket *xs, const struct rpc_inband *rec)
{
	daemon_count(xs->d, XtcpdRpcInBand);
	if (tcp_setsockopt(xs->sk, rec->level, rec->name, rec->value, rec->value_len) < 0)
		daemon_count(xs->d, XtcpdRpcBad);
}

void inband_reached(struct xsocket *xs, const struct rpc_inband *rec)
{
	if (xs->ahead)
		xs->ahead--;
	else
		carry_out(xs, rec);
}

/* --- in what is unread */

static bool set_peek_offset(int fd, int offset)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0;
}

/* One peek from where the last one ended, into `bytes` behind the end of that one: what a peek has
 * cut is put together so. How many bytes; -1: no more. *option: they end in a record. */
static ssize_t peek_on(int fd, uint8_t *bytes, size_t room, bool *option, struct rpc_inband *rec)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(RPC_MARKS_MAX * sizeof(int))];
	struct iovec iov = {bytes + RECORD, room};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return -1;
	memcpy(rec, bytes + n, RECORD);
	memmove(bytes, bytes + n, RECORD);
	*option =
	    msg.msg_controllen && inband_descriptors(&msg) == RPC_MARK_OPTION && inband_valid(rec);
	return n;
}

/* Each peek ends where descriptors are; most often there are none, and the first is the last. */
static void look_through(struct xsocket *xs, size_t seen, size_t limit)
{
	uint8_t bytes[RECORD + RPC_INBAND_AHEAD_BYTES];
	struct rpc_inband rec;
	unsigned found = 0;
	bool option, set = false;
	int fd = xs->source.fd;

	memset(bytes, 0, RECORD);
	while (seen < limit && xs->ahead < UINT16_MAX) {
		if (seen > 0 && !set && !(set = set_peek_offset(fd, (int)seen)))
			return;
		ssize_t n = peek_on(fd, bytes, sizeof(bytes) - RECORD, &option, &rec);
		if (n < 0)
			break;
		seen += (size_t)n;
		if (option && found++ == xs->ahead) {
			xs->ahead++;
			carry_out(xs, &rec);
		}
	}
	if (set)
		set_peek_offset(fd, -1);
}

void inband_look_ahead(struct xsocket *xs, size_t limit)
{
	size_t in_front = (size_t)xs->syn_left + xs->pad_left;
	int unread = 0;

	if (ioctl(xs->source.fd, SIOCINQ, &unread) < 0 || (size_t)unread < in_front + RECORD)
		return;
	size_t behind = (size_t)unread - in_front;
	look_through(xs, in_front, in_front + (limit < behind ? limit : behind));
}

/* --- in front of a connection */

bool inband_take(struct xsocket *xs)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(RPC_MARKS_MAX * sizeof(int))];
	struct rpc_inband rec;
	struct iovec iov = {&rec, sizeof(rec)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(xs->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n > 0 && msg.msg_controllen)
		inband_descriptors(&msg);
	if (n != (ssize_t)RECORD || !inband_valid(&rec))
		return false;
	carry_out(xs, &rec);
	return true;
}
