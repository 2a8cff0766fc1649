/* SPDX-License-Identifier: MIT */
/*
 * struct pkt: one received frame and the buffer it lives in (the stack's sk_buff).
 *
 * Theory of operation: the caller of stack_input() allocates a pkt, reads a frame into its buffer
 * and hands it over; from then on the stack owns it. `data`/`len` is the part not yet consumed:
 * each layer strips its header with pkt_pull(). TCP payload stays in the pkt from the frame to the
 * program's socket: the receive queue and the out-of-order queue are lists of pkts, so nothing is
 * copied on the way. A large buffer that holds little and has to wait is replaced by a small copy
 * (pkt_compact), so that memory held is proportional to bytes held.
 *
 * Buffers come from a pool with a bound in bytes; freed ones are kept warm on a free list of
 * their class. Single-threaded, as is everything that hangs off one struct stack.
 */
#ifndef XTCP_BASE_PKT_H
#define XTCP_BASE_PKT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/list.h"

#define PKT_LINK_BYTES 12 /* what a link may put in front of a frame, aligned as the frame is */
/* The largest frame: Ethernet header, 64 KiB IPv4 packet. */
#define PKT_LARGE_BYTES (PKT_LINK_BYTES + 14 + 65535 + 3)
#define PKT_SMALL_BYTES 2048

struct pkt_pool {
	struct list free_small, free_large;
	size_t used_bytes;  /* buffers handed out */
	size_t limit_bytes; /* pkt_alloc() fails beyond this */
	unsigned free_small_count, free_large_count;
};

struct pkt {
	struct list node; /* on at most one queue */
	struct pkt_pool *pool;
	uint8_t *data;	     /* first byte not yet consumed */
	uint32_t len;	     /* bytes from data on */
	uint32_t cap;	     /* bytes in buf */
	uint32_t seq;	     /* TCP: sequence number of data[0] */
	uint32_t tsval;	     /* TCP: for queues that need it */
	uint16_t gso_size;   /* link: payload bytes per original segment, 0 when not aggregated */
	uint16_t frame_at;   /* link: where in buf the frame begins */
	bool csum_valid : 1; /* link: L4 checksum already verified or never computed (offload) */
	bool fin : 1;	     /* TCP: FIN follows the last byte */
	bool psh : 1;	     /* TCP: PSH was set */
	uint8_t ecn;	     /* IP: ECN codepoint of the packet that brought it */
	uint8_t buf[];
};

void pkt_pool_init(struct pkt_pool *pool, size_t limit_bytes);
void pkt_pool_trim(struct pkt_pool *pool);    /* frees what is kept warm */
void pkt_pool_destroy(struct pkt_pool *pool); /* used_bytes must be 0 */

/* A pkt with at least `cap` bytes of buffer, data at buf, len 0. NULL beyond the limit. */
struct pkt *pkt_alloc(struct pkt_pool *pool, size_t cap);
void pkt_free(struct pkt *p); /* NULL allowed; p must be on no list */

/* What the buffer costs, for accounting against a receive buffer (the truesize). */
static inline size_t pkt_truesize(const struct pkt *p)
{
	return sizeof(*p) + p->cap;
}

/* Consumes n bytes from the front; false (and unchanged) when fewer are there. */
static inline bool pkt_pull(struct pkt *p, size_t n)
{
	if (n > p->len)
		return false;
	p->data += n;
	p->len -= (uint32_t)n;
	return true;
}

/* Cuts the pkt to n bytes from its front. n <= p->len. */
static inline void pkt_trim(struct pkt *p, size_t n)
{
	p->len = (uint32_t)n;
}

/*
 * Returns a pkt with the same contents in a buffer of fitting size, or p itself where that saves
 * nothing or no memory is to be had. p must be on no list; the returned one replaces it.
 */
struct pkt *pkt_compact(struct pkt *p);

#endif
