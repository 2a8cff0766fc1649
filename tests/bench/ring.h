/* SPDX-License-Identifier: MIT */
/*
 * What bench-ring's worker, which does as xtcpd does in one way or another (ring_worker.c), shares
 * with all around it (ring.c, where the theory of operation is).
 */
#ifndef XTCP_TESTS_BENCH_RING_H
#define XTCP_TESTS_BENCH_RING_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNS_MAX 32
#define ETHERTYPE 0x88b5 /* IEEE 802: for local experiments */
#define HEADERS 54
#define HEAD (sizeof(struct virtio_net_hdr) + HEADERS)
#define CONN_AT (HEADERS - 1) /* in a frame, the connection's number */

struct variant {
	const char *name;
	unsigned setup;		/* of the ring */
	bool ring_in, ring_out; /* read by it; send by it */
	bool fixed, copy, polled;
};

#define VARIANTS 8
extern const struct variant variants[VARIANTS];

struct load {
	const char *name;
	size_t request_bytes, answer_bytes;
	unsigned requests, conns;
};

/* For all requests of a run; the first three are nanoseconds. */
struct cost {
	uint64_t process, thread, wall, calls;
};

struct lab {
	int tap, wire; /* the TAP's two ends */
	int e[CONNS_MAX], program[CONNS_MAX];
	struct cost *worker; /* shared with it */
};

_Noreturn void die(const char *what);
int must(long result, const char *what);
void *pages(size_t bytes);

struct cost cost_now(uint64_t calls);
struct cost cost_since(struct cost then, uint64_t calls);

/* Answers warm_bytes, and bytes more, of which it writes the cost. */
void worker_run(const struct lab *lab, const struct load *load, const struct variant *v,
		uint64_t warm_bytes, uint64_t bytes);

#endif
