/* SPDX-License-Identifier: MIT */
/*
 * See ring_queue.h. A tail that the kernel reads is published with release.
 */
#include "tests/bench/ring_queue.h"

#include <errno.h>
#include <linux/time_types.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/bench/ring.h"

static void ring_register(const struct ring *r, unsigned what, const void *arg, unsigned n)
{
	must(syscall(SYS_io_uring_register, r->fd, what, arg, n), "io_uring_register");
}

struct io_uring_sqe *ring_sqe(struct ring *r, unsigned *slot)
{
	if (r->queued == SQES)
		die("more submissions than a turn may have");
	*slot = (*r->sq_tail + r->queued++) % SQES;
	memset(&r->sqes[*slot], 0, sizeof(r->sqes[0]));
	return &r->sqes[*slot];
}

void ring_provide(struct ring *r, unsigned id)
{
	uint16_t tail = r->provided->tail;
	struct io_uring_buf *b = &r->provided->bufs[tail % BUFS];

	b->addr = (uintptr_t)r->bufs[id];
	b->len = BUF_BYTES;
	b->bid = (uint16_t)id;
	__atomic_store_n(&r->provided->tail, tail + 1, __ATOMIC_RELEASE);
}

void ring_enter(struct ring *r, bool wait)
{
	struct __kernel_timespec limit = {.tv_nsec = WAIT_NS};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&limit};
	unsigned flags = r->enter_flags, queued = r->queued;

	if (wait)
		flags |= IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	__atomic_store_n(r->sq_tail, *r->sq_tail + queued, __ATOMIC_RELEASE);
	r->queued = 0;
	r->calls++;
	long n = syscall(SYS_io_uring_enter, r->fd, queued, wait, flags, wait ? &arg : NULL,
			 wait ? sizeof(arg) : 0);
	if (n != (long)queued && (n >= 0 || errno != ETIME))
		die("io_uring_enter");
}

void ring_fix(struct ring *r, const int *fds, unsigned fd_count, void *memory, size_t bytes)
{
	struct iovec one = {memory, bytes};
	struct io_uring_rsrc_update self = {.offset = -1u, .data = (uint64_t)r->fd};

	ring_register(r, IORING_REGISTER_FILES, fds, fd_count);
	ring_register(r, IORING_REGISTER_BUFFERS, &one, 1);
	ring_register(r, IORING_REGISTER_RING_FDS, &self, 1);
	r->fd = (int)self.offset;
	r->enter_flags = IORING_ENTER_REGISTERED_RING;
}

static void map_queues(struct ring *r, const struct io_uring_params *p)
{
	size_t bytes = p->cq_off.cqes + CQES * sizeof(r->cqes[0]) + SQES * sizeof(unsigned);
	int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;

	if (p->sq_entries != SQES || p->cq_entries != CQES ||
	    !(p->features & IORING_FEAT_SINGLE_MMAP))
		die("the ring's queues are not as asked for");
	uint8_t *at = mmap(NULL, bytes, prot, flags, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, SQES * sizeof(r->sqes[0]), prot, flags, r->fd, IORING_OFF_SQES);
	if (at == MAP_FAILED || r->sqes == MAP_FAILED)
		die("the ring's memory");
	r->sq_tail = (unsigned *)(at + p->sq_off.tail);
	r->cq_head = (unsigned *)(at + p->cq_off.head);
	r->cq_tail = (unsigned *)(at + p->cq_off.tail);
	r->cqes = (struct io_uring_cqe *)(at + p->cq_off.cqes);
	for (unsigned i = 0; i < SQES; i++)
		((unsigned *)(at + p->sq_off.array))[i] = i;
}

void ring_open(struct ring *r, unsigned setup_flags, uint8_t (*bufs)[BUF_BYTES], unsigned provide)
{
	struct io_uring_params p = {.flags = setup_flags | IORING_SETUP_CQSIZE, .cq_entries = CQES};

	r->fd = must(syscall(SYS_io_uring_setup, SQES, &p), "io_uring_setup");
	map_queues(r, &p);
	r->bufs = bufs;
	r->provided = pages(BUFS * sizeof(struct io_uring_buf));
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)r->provided, .ring_entries = BUFS};
	ring_register(r, IORING_REGISTER_PBUF_RING, &reg, 1);
	for (unsigned i = 0; i < provide; i++)
		ring_provide(r, i);
}
