/* SPDX-License-Identifier: MIT */
/*
 * Bytes between programs and the stack, both ways, with back-pressure and nothing lost.
 *
 * Theory of operation
 *   - To the net: bytes are read from E straight into the free spans of the stack's send buffer. No
 *     room: the bytes stay in E, whose buffer fills, which is what makes the program's write()
 *     wait; TCP_EVENT_WRITABLE resumes.
 *   - To the program: the spans of the stack's receive queue are written to E by one sendmsg().
 *     E full: the bytes stay in the receive queue, whose window closes; EPOLLOUT resumes.
 *   - E is watched edge-triggered. A read that gives less than was asked for has emptied it, and
 *     what comes later is a new edge; unless the read stopped at an urgent byte or at descriptors
 *     somebody sent along: then the next try is in the next round, after the segments have left. If
 *     E has said that its end is near, it is read again at once, so that the FIN rides on the last
 *     bytes; should the end be one that calls for a RST, those bytes leave first.
 *   - What marks the end of a write comes with the first of its bytes, so a read that is cut in the
 *     midst of one ends it too early: reads of who marks are as long as the send buffer allows.
 *   - Every call does a bounded amount; what is left keeps its work bit.
 */
#include "daemon/pump.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/daemon.h"
#include "daemon/inband.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"
#include "rpc/rpc.h"

#define COLLECT_BYTES (256 * 1024) /* per socket and round */
#define COLLECT_FIRST_BYTES 16384  /* of one read, until a read has filled that */
#define COLLECT_SMALL_SPANS 2	   /* what is free of the last block, and one more */
#define DELIVER_BYTES (1024 * 1024)
#define SPANS 64
#define EVENTS_MAX 4096 /* per round */
#define SCRATCH_BYTES 8192
#define PADDING_SPANS 16
#define RECORDS_MAX 512 /* more than E holds */

/* --- from the program */

size_t pump_unread_bytes(const struct xsocket *xs)
{
	int n = 0;

	if (ioctl(xs->source.fd, SIOCINQ, &n) < 0 || n < 0)
		return 0;
	size_t other = xs->pad_left + xs->ahead * sizeof(struct rpc_inband);
	return (size_t)n > other ? (size_t)n - other : 0;
}

void pump_padding(struct xsocket *xs)
{
	char scratch[SCRATCH_BYTES];
	struct iovec iov[PADDING_SPANS];

	while (xs->pad_left) {
		/* All of it by one call, into the same place over and over. */
		size_t left = xs->pad_left, spans = 0;
		for (; left && spans < PADDING_SPANS; spans++) {
			size_t len = left < sizeof(scratch) ? left : sizeof(scratch);
			iov[spans] = (struct iovec){scratch, len};
			left -= len;
		}
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = spans};
		ssize_t n = recvmsg(xs->source.fd, &msg, MSG_DONTWAIT);
		if (n <= 0)
			return;
		xs->pad_left -= (uint32_t)n;
	}
}

/* The bytes that MSG_FASTOPEN put in front of the padding. False: not all of them yet. */
static bool collect_head(struct xsocket *xs)
{
	struct iovec iov[SPANS];

	while (xs->syn_left) {
		int n = tcp_send_reserve(xs->sk, xs->syn_left, iov, SPANS);
		if (n == 0)
			return false;
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
		ssize_t got = recvmsg(xs->source.fd, &msg, MSG_DONTWAIT);
		tcp_send_commit(xs->sk, got > 0 ? (size_t)got : 0);
		if (got <= 0)
			return false;
		xs->syn_left -= (uint32_t)got;
	}
	return true;
}

void pump_begin(struct xsocket *xs)
{
	if (collect_head(xs))
		pump_padding(xs);
}

/* RFC 7413: the SYN waits for data. Of TCP_FASTOPEN_CONNECT the program is to write it, so F must be
 * writable. */
void pump_connecting(struct xsocket *xs)
{
	if (!tcp_connect_deferred(xs->sk))
		return;
	if (xs->fast)
		(void)collect_head(xs);
	else
		pump_collect(xs);
}

/* The next byte in E is the one F sent with MSG_OOB. */
static bool at_urgent(const struct xsocket *xs)
{
	int at = 0;
	return ioctl(xs->source.fd, SIOCATMARK, &at) == 0 && at;
}

/* E is at its end: the program has shut down writing, or is gone. */
static void collected(struct xsocket *xs, bool unread)
{
	if (!xs->hungup && fd_hungup(xs->source.fd)) {
		xsocket_note_hangup(xs);
		if (!unread)
			return; /* and back here once its last requests are handled */
	}
	if (!unread && !xs->collected) {
		xs->collected = true;
		tcp_send_fin(xs->sk);
	}
	if (xs->hungup)
		xsocket_hangup(xs, unread);
}

/* No room in the send buffer. Of a program that is gone and has left bytes unread nothing more is
 * to be sent but a RST: that does not wait for room. Nor do options. */
static void send_buffer_full(struct xsocket *xs)
{
	inband_look_ahead(xs, RPC_INBAND_AHEAD_BYTES);
	if (xs->hungup && (fd_error(xs->source.fd) || tcp_state(xs->sk) == TCP_CLOSE))
		xsocket_hangup(xs, true);
}

/* The end of a write that says something of itself: rpc.h. */
static void write_ended(struct xsocket *xs, unsigned mark)
{
	bool more = mark == RPC_MARK_MORE || mark == RPC_MARK_BOTH;
	bool eor = mark == RPC_MARK_EOR || mark == RPC_MARK_BOTH;

	if (more || eor)
		tcp_send_flags(xs->sk, (more ? TCP_SEND_MORE : 0) | (eor ? TCP_SEND_EOR : 0));
}

/* Where the next read may put its bytes: how many fit, 0: none. */
static size_t room_of(struct xsocket *xs, size_t want, int spans, struct msghdr *msg)
{
	size_t bytes = 0;
	int n = tcp_send_reserve(xs->sk, want, msg->msg_iov, want == 1 ? 1 : spans);

	msg->msg_iovlen = (size_t)n;
	if (n > 0 && want == 1)
		msg->msg_iov[0].iov_len = 1;
	for (int i = 0; i < n; i++)
		bytes += msg->msg_iov[i].iov_len;
	return bytes;
}

/* ECONNRESET: F was closed with bytes unread. What was just read leaves before the RST does. */
static void torn(struct xsocket *xs, bool just_read)
{
	xs->torn = just_read;
	if (just_read)
		xsocket_want(xs, WORK_COLLECT);
	else
		collected(xs, true);
}

/* One recvmsg(), and what came beside the bytes. False: there were none. */
static bool read_stream(struct xsocket *xs, struct msghdr *msg, size_t asked, bool just_read,
			size_t *bytes)
{
	struct rpc_inband rec;
	ssize_t got = recvmsg(xs->source.fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0) {
		int err = errno;
		tcp_send_commit(xs->sk, 0);
		if (err != EAGAIN && err != EINTR)
			torn(xs, just_read);
		return false;
	}
	*bytes = (size_t)got;
	unsigned mark = msg->msg_controllen ? inband_descriptors(msg) : 0;
	size_t option =
	    mark == RPC_MARK_OPTION ? inband_find(xs, msg->msg_iov, *bytes, asked, &rec) : 0;
	tcp_send_commit(xs->sk, *bytes - option);
	if (option && option < *bytes && inband_holds_bytes(&rec))
		stack_flush(xs->d->stack);
	if (option)
		inband_reached(xs, &rec);
	else if (mark)
		write_ended(xs, mark);
	xs->marks |= mark && !option;
	if (got == 0)
		collected(xs, false);
	return got > 0;
}

/* One read. True: there may be more, and it may go on now. */
static bool collect_once(struct xsocket *xs, size_t *budget)
{
	struct iovec iov[SPANS];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(RPC_MARKS_MAX * sizeof(int))];
	struct msghdr msg = {
	    .msg_iov = iov, .msg_control = control, .msg_controllen = sizeof(control)};
	bool urgent = xs->urgent && at_urgent(xs);
	bool much = (xs->bulk || xs->marks) && *budget > COLLECT_FIRST_BYTES;
	size_t want = much ? *budget : COLLECT_FIRST_BYTES;
	int spans = xs->wide || xs->bulk || xs->marks ? SPANS : COLLECT_SMALL_SPANS;
	size_t asked = room_of(xs, urgent ? 1 : want, spans, &msg), got;

	if (asked == 0) {
		send_buffer_full(xs);
		return false;
	}
	if (!read_stream(xs, &msg, asked, *budget < COLLECT_BYTES, &got))
		return false;
	bool marked = msg.msg_controllen != 0; /* where the read ended, whatever follows */
	if (urgent) {
		tcp_send_urgent(xs->sk);
		xs->urgent = false;
	}
	if (!xs->wrote) {
		xs->wrote = true;
		accept_taken(xs);
	}
	*budget -= got < *budget ? got : *budget;
	xs->bulk = got == asked;
	xs->wide =
	    msg.msg_iovlen > COLLECT_SMALL_SPANS ? got > iov[0].iov_len + iov[1].iov_len : xs->bulk;
	bool stopped = urgent || xs->urgent || marked || msg.msg_flags & MSG_CTRUNC;
	if (*budget > 0 && !marked && (xs->bulk || (xs->ending && !stopped)))
		return true;
	if (xs->bulk || xs->ending || stopped)
		xsocket_want(xs, WORK_COLLECT);
	return false;
}

void pump_collect(struct xsocket *xs)
{
	size_t budget = COLLECT_BYTES;

	if (xs->torn) {
		torn(xs, false);
		return;
	}
	if (xs->syn_left && !collect_head(xs) && !xs->hungup)
		return;
	if (xs->pad_left)
		pump_padding(xs);
	if (xs->pad_left && !xs->hungup)
		return; /* the shim is still at it */
	if (xs->collected) {
		if (xs->hungup)
			xsocket_hangup(xs, fd_error(xs->source.fd) != 0);
		return;
	}
	while (xs->sk && collect_once(xs, &budget))
		;
}

void pump_catch_up(struct xsocket *xs)
{
	pump_collect(xs);
	if (xs->sk && !xs->collected)
		inband_look_ahead(xs, SIZE_MAX);
}

/* --- to the program */

static void deliver_error(struct xsocket *xs, int err)
{
	if (err == EAGAIN || err == EINTR || err == ENOBUFS || err == ENOMEM) {
		if (err == EAGAIN && xsocket_widen(xs))
			xsocket_want(xs, WORK_DELIVER);
		else
			xsocket_block(xs);
		return;
	}
	/* EPIPE. RFC 1122 4.2.2.13: bytes for a program that is gone are answered with a RST, which
	 * tcp_close() sends when it finds them; shutdown(SHUT_RD) alone lets them go unread. */
	xs->rcv_dead = true;
	if (fd_hungup(xs->source.fd))
		xsocket_note_hangup(xs);
	else
		tcp_recv_shutdown(xs->sk);
}

/* A single span, the ordinary case, needs no array that the kernel would have to fetch. */
static ssize_t send_spans(int fd, struct iovec *iov, int n, int flags)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};

	return n == 1 ? send(fd, iov[0].iov_base, iov[0].iov_len, flags) : sendmsg(fd, &msg, flags);
}

/* One write. True: it went whole, and there may be more. */
static bool deliver_once(struct xsocket *xs, size_t *budget)
{
	struct iovec iov[SPANS];
	bool urgent = tcp_recv_at_mark(xs->sk);
	size_t len = 0;

	int n = tcp_recv_iov(xs->sk, iov, SPANS);
	if (n == 0)
		return false;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t sent = send_spans(xs->source.fd, iov, n, urgent ? flags | MSG_OOB : flags);
	if (sent < 0 && urgent && errno == EOPNOTSUPP) /* a kernel without AF_UNIX MSG_OOB */
		sent = send_spans(xs->source.fd, iov, n, flags);
	if (sent < 0) {
		deliver_error(xs, errno);
		return false;
	}
	tcp_recv_done(xs->sk, (size_t)sent);
	if ((size_t)sent < len) {
		if (xsocket_widen(xs))
			return true;
		xsocket_block(xs);
		return false;
	}
	*budget -= len < *budget ? len : *budget;
	if (tcp_inq_bytes(xs->sk) == 0)
		return false;
	if (*budget == 0)
		xsocket_want(xs, WORK_DELIVER);
	return *budget > 0;
}

void pump_deliver(struct xsocket *xs)
{
	size_t budget = DELIVER_BYTES;

	if (xs->state == XS_DIRECT && xs->hungup && tcp_recv_eof(xs->sk))
		xsocket_close(xs, false);
	if (xs->state != XS_CONNECTED || xs->rx_blocked || xs->rcv_dead)
		return;
	while (deliver_once(xs, &budget))
		;
	if (xs->failed && (xs->rcv_dead || tcp_inq_bytes(xs->sk) == 0)) {
		xsocket_fail(xs, xs->error);
	} else if (xs->rx_blocked) {
		tcp_recv_compact(xs->sk);
	} else if (!xs->eof_sent && tcp_recv_eof(xs->sk)) {
		xs->eof_sent = true;
		shutdown(xs->source.fd, SHUT_WR);
	}
}

/* --- what is not a stream yet */

static void bad_record(struct xsocket *xs)
{
	daemon_count(xs->d, XtcpdRpcBad);
	xsocket_reset(xs);
}

static void read_connect(struct xsocket *xs)
{
	struct rpc_request req;
	struct rpc_received got;

	rpc_receive(xs->source.fd, &req, &got);
	bool stray = got.fds > 1 || (got.fds == 1 && got.cookie != xs->cookie);
	bool valid = !stray && rpc_request_valid(&req, got.len) && req.type == RPC_CONNECT;
	if (valid && got.fds)
		xsocket_watch(xs, &req, got.fd);
	rpc_received_close(&got);
	if (!valid) {
		bad_record(xs);
		return;
	}
	daemon_count(xs->d, XtcpdRpcRequests);
	xsocket_connect(xs, &req);
}

/*
 * F is attached and idle. What is in E are options (inband.h), and then either the record
 * RPC_CONNECT or the padding of an RPC_LISTEN that is on its way by another connection: the magic
 * tells.
 */
static void read_records(struct xsocket *xs)
{
	uint32_t magic;

	for (unsigned n = 0; n < RECORDS_MAX; n++) {
		ssize_t got = recv(xs->source.fd, &magic, sizeof(magic), MSG_PEEK | MSG_DONTWAIT);
		if (xs->hungup) {
			xsocket_close(xs, false);
			return;
		}
		if (got == sizeof(magic) && magic == RPC_MAGIC)
			read_connect(xs);
		if (got != sizeof(magic) || magic != RPC_INBAND_MAGIC)
			return;
		if (!inband_take(xs)) {
			bad_record(xs);
			return;
		}
	}
	xsocket_want(xs, WORK_COLLECT);
}

void pump_take_records(struct xsocket *xs)
{
	if (xs->state == XS_ATTACHED)
		read_records(xs);
	else if (xs->state == XS_CONNECTING)
		inband_look_ahead(xs, SIZE_MAX);
}

static void collect(struct xsocket *xs)
{
	switch (xs->state) {
	case XS_ATTACHED:
		read_records(xs);
		break;
	case XS_CONNECTED:
		pump_collect(xs);
		break;
	case XS_DIRECT:
		break;
	case XS_CONNECTING:
		pump_connecting(xs);
		if (xs->sk && !xs->hungup)
			inband_look_ahead(xs, RPC_INBAND_AHEAD_BYTES);
		/* fall through */
	default: /* padding: only the end of the program counts */
		if (xs->sk && xs->hungup)
			xsocket_close(xs, false);
	}
}

bool pump_work(struct daemon *d)
{
	struct list now;

	list_init(&now);
	list_splice_tail(&now, &d->sockets.work);
	if (list_empty(&now))
		return false;
	while (!list_empty(&now)) {
		struct xsocket *xs = container_of(now.next, struct xsocket, work_node);
		unsigned work = xs->work;

		list_del(&xs->work_node);
		xs->work = 0;
		patience_saw(&d->patience, xs);
		if (work & WORK_ACCEPT)
			accept_push(xs);
		if (xs->sk && (work & WORK_DELIVER))
			pump_deliver(xs);
		if (xs->sk && (work & WORK_COLLECT))
			collect(xs);
	}
	return true;
}

bool pump_events(struct daemon *d)
{
	unsigned events;
	int n;

	for (n = 0; n < EVENTS_MAX; n++) {
		struct tcp_sock *sk = stack_next_event(d->stack, &events);
		if (!sk)
			break;
		struct xsocket *xs = tcp_user(sk);
		if (xs)
			xsocket_stack_event(xs, events);
	}
	return n > 0;
}
