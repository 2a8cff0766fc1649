/* SPDX-License-Identifier: MIT */
/*
 * The worker of bench-ring (ring.c): the calls, or the operations of io_uring, that xtcpd makes for
 * a request on a kept connection.
 *
 * Theory of operation: a turn is one wait and all that it brought. What a submission refers to
 * stays in its place until it is made: frames and answers in their buffers, small frames out in
 * `flat`, whose slots are those of the submission queue. No send is unfinished when the call
 * returns, as none may wait (neither socket nor TAP blocks): then buffers are provided again. One
 * that succeeds leaves no event. The queues hold more than two turns.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/ring.h"
#include "tests/bench/ring_queue.h"

#define FLAT_BYTES 1536	 /* as daemon/tap.c */
#define CONTROL_BYTES 64 /* beside an answer */
#define ANSWER_AT (sizeof(struct io_uring_recvmsg_out) + CONTROL_BYTES)
#define OP_READ_MULTISHOT 49 /* IORING_OP_READ_MULTISHOT, Linux 6.7 */
#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define OF_SENDS UINT64_MAX /* user_data; of reads: 0 the TAP, 1 + i connection i */

const struct variant variants[VARIANTS] = {
    {.name = "epoll and calls, as xtcpd"},
    {.name = "epoll and calls, sends submitted", .setup = DEFER, .ring_out = true},
    {.name = "multishot, sends by calls", .setup = DEFER, .ring_in = true},
    {.name = "multishot, sends submitted", .ring_in = true, .ring_out = true},
    {.name = "... task work deferred", .setup = DEFER, .ring_in = true, .ring_out = true},
    {.name = "... files and buffers fixed",
     .setup = DEFER,
     .ring_in = true,
     .ring_out = true,
     .fixed = true},
    {.name = "... answers into send buffers",
     .setup = DEFER,
     .ring_in = true,
     .ring_out = true,
     .fixed = true,
     .copy = true},
    {.name = "... sockets polled, recvmsg by call",
     .setup = DEFER,
     .ring_in = true,
     .ring_out = true,
     .fixed = true,
     .polled = true},
};

/* What a turn has read and now sends: a frame's payload to a program, or an answer to the link. */
struct item {
	bool answer;
	uint8_t conn;
	int buf; /* that is provided again after it, or -1 */
	const uint8_t *bytes;
	size_t len;
};

struct worker {
	const struct variant *v;
	const struct load *load;
	const struct lab *lab;
	int epoll;
	struct ring ring;
	uint64_t answered_bytes, calls;
	struct msghdr asked; /* of multishot recvmsg */
	struct item items[SQES];
	unsigned item_count;
	struct iovec iov[SQES][2];
	uint8_t (*flat)[FLAT_BYTES], (*small)[FLAT_BYTES], (*bufs)[BUF_BYTES],
	    (*sendbuf)[BUF_BYTES];
};

static void set_file(const struct worker *w, struct io_uring_sqe *sqe, int fd, unsigned index)
{
	sqe->fd = w->v->fixed ? (int)index : fd;
	sqe->flags |= w->v->fixed ? IOSQE_FIXED_FILE : 0;
}

static void send_to_program(struct worker *w, unsigned conn, const uint8_t *bytes, size_t len)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	unsigned slot;

	if (!w->v->ring_out) {
		w->calls++;
		if (send(w->lab->e[conn], bytes, len, flags) != (ssize_t)len)
			die("send");
		return;
	}
	struct io_uring_sqe *sqe = ring_sqe(&w->ring, &slot);
	sqe->opcode = IORING_OP_SEND;
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	set_file(w, sqe, w->lab->e[conn], 1 + conn);
	sqe->addr = (uintptr_t)bytes;
	sqe->len = (uint32_t)len;
	sqe->msg_flags = (uint32_t)flags;
	sqe->user_data = OF_SENDS;
}

static bool is_flat(size_t len)
{
	return HEAD + len <= FLAT_BYTES;
}

static void make_frame(struct worker *w, unsigned slot, unsigned conn, const uint8_t *bytes,
		       size_t len)
{
	uint8_t *flat = w->flat[slot], *frame = flat + sizeof(struct virtio_net_hdr);

	memset(flat, 0, HEAD);
	((struct virtio_net_hdr *)flat)->hdr_len = HEADERS;
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	frame[CONN_AT] = (uint8_t)conn;
	if (is_flat(len))
		memcpy(flat + HEAD, bytes, len);
	w->iov[slot][0] = (struct iovec){flat, HEAD};
	w->iov[slot][1] = (struct iovec){(void *)bytes, len};
}

static void send_to_link(struct worker *w, unsigned conn, const uint8_t *bytes, size_t len)
{
	bool flat = is_flat(len);
	unsigned slot = 0;

	w->answered_bytes += len;
	if (!w->v->ring_out) {
		make_frame(w, slot, conn, bytes, len);
		w->calls++;
		ssize_t n = flat ? write(w->lab->tap, w->flat[slot], HEAD + len)
				 : writev(w->lab->tap, w->iov[slot], 2);
		if (n != (ssize_t)(HEAD + len))
			die("writing to the TAP");
		return;
	}
	struct io_uring_sqe *sqe = ring_sqe(&w->ring, &slot);
	make_frame(w, slot, conn, bytes, len);
	sqe->opcode = IORING_OP_WRITEV;
	if (flat)
		sqe->opcode = w->v->fixed ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE;
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	set_file(w, sqe, w->lab->tap, 0);
	sqe->addr = flat ? (uintptr_t)w->flat[slot] : (uintptr_t)w->iov[slot];
	sqe->len = flat ? (uint32_t)(HEAD + len) : 2;
	sqe->user_data = OF_SENDS;
}

/* As xtcpd, which sends when all was read, frames last. */
static void send_items(struct worker *w)
{
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < w->item_count; i++) {
			const struct item *it = &w->items[i];
			if (it->answer != pass)
				continue;
			if (it->answer)
				send_to_link(w, it->conn, it->bytes, it->len);
			else
				send_to_program(w, it->conn, it->bytes, it->len);
		}
}

static void items_done(struct worker *w)
{
	for (unsigned i = 0; i < w->item_count; i++)
		if (w->items[i].buf >= 0)
			ring_provide(&w->ring, (unsigned)w->items[i].buf);
	w->item_count = 0;
}

static void add_item(struct worker *w, struct item it)
{
	if (w->item_count == SQES)
		die("more than a turn may have");
	w->items[w->item_count++] = it;
}

/* False: none of ours; the kernel may say something on the link, too. */
static bool frame_came(struct worker *w, const uint8_t *buf, size_t len, int id)
{
	const uint8_t *frame = buf + sizeof(struct virtio_net_hdr);

	if (len <= HEAD || (frame[12] << 8 | frame[13]) != ETHERTYPE ||
	    frame[CONN_AT] >= w->load->conns)
		return false;
	add_item(w, (struct item){false, frame[CONN_AT], id, buf + HEAD, len - HEAD});
	return true;
}

/* As daemon/link.c: a large frame keeps the buffer, a small one is copied out. */
static void read_frames(struct worker *w)
{
	unsigned standby = 0, slot = 0;
	ssize_t n;

	while (w->calls++, (n = read(w->lab->tap, w->bufs[standby], BUF_BYTES)) > 0) {
		const uint8_t *frame = w->bufs[standby];
		if (n <= FLAT_BYTES)
			frame = memcpy(w->small[slot++ % BUFS], frame, (size_t)n);
		else
			standby = (standby + 1) % BUFS;
		frame_came(w, frame, (size_t)n, -1);
	}
	if (errno != EAGAIN)
		die("reading from the TAP");
}

static void read_answer(struct worker *w, unsigned conn)
{
	_Alignas(struct cmsghdr) char control[CONTROL_BYTES];
	struct iovec to = {w->sendbuf[conn], BUF_BYTES};
	struct msghdr msg = {.msg_iov = &to,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	w->calls++;
	ssize_t n = recvmsg(w->lab->e[conn], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("recvmsg");
	add_item(w, (struct item){true, (uint8_t)conn, -1, w->sendbuf[conn], (size_t)n});
}

static void epoll_turn(struct worker *w)
{
	struct timespec limit = {.tv_nsec = WAIT_NS};
	struct epoll_event ready[2 * CONNS_MAX];

	w->calls++;
	int n = must(epoll_pwait2(w->epoll, ready, 2 * CONNS_MAX, &limit, NULL), "epoll_pwait2");
	for (int i = 0; i < n; i++)
		if (ready[i].data.u32 == 0)
			read_frames(w);
		else
			read_answer(w, ready[i].data.u32 - 1);
	send_items(w);
	if (w->ring.queued)
		ring_enter(&w->ring, false);
	items_done(w);
}

static void arm(struct worker *w, uint64_t of)
{
	unsigned slot, conn = (unsigned)of - 1;
	struct io_uring_sqe *sqe = ring_sqe(&w->ring, &slot);

	sqe->user_data = of;
	if (of && w->v->polled) {
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->len = IORING_POLL_ADD_MULTI;
		sqe->poll32_events = POLLIN;
		set_file(w, sqe, w->lab->e[conn], (unsigned)of);
		return;
	}
	sqe->opcode = of ? IORING_OP_RECVMSG : OP_READ_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	set_file(w, sqe, of ? w->lab->e[conn] : w->lab->tap, (unsigned)of);
	if (of) {
		sqe->addr = (uintptr_t)&w->asked;
		sqe->len = 1;
		sqe->msg_flags = MSG_CMSG_CLOEXEC;
		sqe->ioprio = IORING_RECV_MULTISHOT | IORING_RECVSEND_POLL_FIRST;
	}
}

static void answer_completed(struct worker *w, unsigned conn, unsigned id, size_t len)
{
	const uint8_t *answer = w->bufs[id] + ANSWER_AT;
	struct item it = {true, (uint8_t)conn, (int)id, answer, len};

	if (w->v->copy) {
		it.bytes = memcpy(w->sendbuf[conn], answer, len);
		it.buf = -1;
		ring_provide(&w->ring, id);
	}
	add_item(w, it);
}

static void completed(struct worker *w, const struct io_uring_cqe *cqe)
{
	unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	if (cqe->res <= 0 && (cqe->user_data == OF_SENDS || cqe->res != -ENOBUFS)) {
		errno = -cqe->res;
		die("an operation of the ring");
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		arm(w, cqe->user_data);
	if (cqe->res <= 0)
		return;
	if (cqe->user_data && w->v->polled)
		read_answer(w, (unsigned)cqe->user_data - 1);
	else if (cqe->user_data)
		answer_completed(w, (unsigned)cqe->user_data - 1, id, (size_t)cqe->res - ANSWER_AT);
	else if (!frame_came(w, w->bufs[id], (size_t)cqe->res, (int)id))
		ring_provide(&w->ring, id);
}

static void ring_turn(struct worker *w)
{
	struct ring *r = &w->ring;

	ring_enter(r, true);
	items_done(w);
	unsigned tail = __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE), head = *r->cq_head;
	for (; head != tail; head++)
		completed(w, &r->cqes[head % CQES]);
	__atomic_store_n(r->cq_head, head, __ATOMIC_RELEASE);
	send_items(w);
	if (!w->v->ring_out)
		items_done(w);
}

static void open_ring(struct worker *w)
{
	int fds[1 + CONNS_MAX] = {w->lab->tap};

	ring_open(&w->ring, w->v->setup, w->bufs, 2 * w->load->conns + 2);
	memcpy(fds + 1, w->lab->e, sizeof(w->lab->e));
	if (w->v->fixed)
		ring_fix(&w->ring, fds, 1 + CONNS_MAX, w->flat, SQES * sizeof(w->flat[0]));
}

static void watch(struct worker *w, int fd, unsigned of)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = of};

	if (w->v->ring_in)
		arm(w, of);
	else
		must(epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
}

static void worker_until(struct worker *w, uint64_t answered_bytes)
{
	while (w->answered_bytes < answered_bytes)
		if (w->v->ring_in)
			ring_turn(w);
		else
			epoll_turn(w);
}

void worker_run(const struct lab *lab, const struct load *load, const struct variant *v,
		uint64_t warm_bytes, uint64_t bytes)
{
	struct worker *w = pages(sizeof(*w));

	w->v = v;
	w->load = load;
	w->lab = lab;
	w->asked.msg_controllen = CONTROL_BYTES;
	w->flat = pages(SQES * sizeof(w->flat[0]));
	w->small = pages(BUFS * sizeof(w->small[0]));
	w->bufs = pages(BUFS * sizeof(w->bufs[0]));
	w->sendbuf = pages(CONNS_MAX * sizeof(w->sendbuf[0]));
	w->epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	if (v->ring_in || v->ring_out)
		open_ring(w);
	watch(w, lab->tap, 0);
	for (unsigned i = 0; i < load->conns; i++)
		watch(w, lab->e[i], 1 + i);
	worker_until(w, warm_bytes);
	struct cost began = cost_now(w->calls + w->ring.calls);
	worker_until(w, warm_bytes + bytes);
	if (w->ring.queued)
		ring_enter(&w->ring, false);
	*lab->worker = cost_since(began, w->calls + w->ring.calls);
}
