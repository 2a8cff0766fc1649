/* SPDX-License-Identifier: MIT */
/*
 * An io_uring by its system calls, as far as bench-ring needs one: no library for a measurement.
 *
 * Theory of operation: submissions are queued by ring_sqe() and made by ring_enter(), one call a
 * turn; the kernel reads the queue only within that call, so its head is of no interest.
 * Multishot operations receive into `bufs`, which are provided through a ring of their own.
 */
#ifndef XTCP_TESTS_BENCH_RING_QUEUE_H
#define XTCP_TESTS_BENCH_RING_QUEUE_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQES 128
#define CQES (4 * SQES)
#define BUFS 128
#define BUF_BYTES (17 * 4096 + 192) /* apart in the cache, too */
#define WAIT_NS 200000000	    /* of every wait: xtcpd's have a limit, for its timers */

struct ring {
	int fd;
	unsigned enter_flags, *sq_tail, *cq_head, *cq_tail, queued;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	struct io_uring_buf_ring *provided;
	uint8_t (*bufs)[BUF_BYTES];
	uint64_t calls;
};

void ring_open(struct ring *r, unsigned setup_flags, uint8_t (*bufs)[BUF_BYTES], unsigned provide);
/* Registers files, memory and the ring itself. */
void ring_fix(struct ring *r, const int *fds, unsigned fd_count, void *memory, size_t bytes);

struct io_uring_sqe *ring_sqe(struct ring *r, unsigned *slot);
void ring_provide(struct ring *r, unsigned id);
/* Submits what is queued, and waits for an event where one is asked for. */
void ring_enter(struct ring *r, bool wait);

#endif
