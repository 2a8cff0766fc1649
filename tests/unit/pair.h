/* SPDX-License-Identifier: MIT */
/*
 * Two stacks and a bad link between them, in virtual time: a stream from one to the other, as fast
 * as its congestion control lets it.
 */
#ifndef XTCP_TESTS_PAIR_H
#define XTCP_TESTS_PAIR_H

#include "stack/link/impair.h"
#include "stack/stack_impl.h"

struct pair {
	struct stack *st[2];
	struct impair out[2];
	struct tcp_sock *listener, *sender, *receiver;
	uint64_t now_us, received;
	uint64_t queue_us_sum, queue_us_max, steps; /* how long what is sent waits for the link */
};

/* there: from the sender to the receiver; back has its delay only. */
struct pair *pair_new(const struct impair_config *there);
void pair_free(struct pair *p);
/* A connection is made; its sender uses this congestion control. */
void pair_connect(struct pair *p, const char *congestion_control);
/* The stream for so long; what arrived in it, in bits per second. The queue is measured anew. */
uint64_t pair_stream(struct pair *p, uint64_t us);
uint64_t pair_queue_us(const struct pair *p); /* on average */

#endif
