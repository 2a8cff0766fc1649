/* SPDX-License-Identifier: MIT */
/*
 * struct stack itself, for the stack's own files: each layer keeps its state in a struct of its
 * own, declared in its own header, and only here do they come together.
 */
#ifndef XTCP_STACK_IMPL_H
#define XTCP_STACK_IMPL_H

#include "stack/base/random.h"
#include "stack/base/snmp.h"
#include "stack/base/timer.h"
#include "stack/ip/ip_impl.h"
#include "stack/link/neigh.h"
#include "stack/stack.h"
#include "stack/tcp/tcp_impl.h"

struct stack {
	struct stack_config config;
	struct stack_ops ops;
	void *ctx;
	uint64_t now_us;
	struct random random;
	struct timer_wheel wheel;
	struct pkt_pool pkts;
	struct snmp_mib mib;
	struct sysctls sysctl;
	struct neigh_table neigh; /* link/ */
	struct ip_layer ip;	  /* ip/ */
	struct tcp_layer tcp;	  /* tcp/ */
};

/* For times that are kept in 32 bits: only differences mean anything. */
static inline uint32_t stack_now_ms(const struct stack *st)
{
	return (uint32_t)(st->now_us / 1000);
}

/* How long ago that was; less than a millisecond too much. */
static inline uint64_t stack_since_us(const struct stack *st, uint32_t then_ms)
{
	return (uint32_t)(stack_now_ms(st) - then_ms) * 1000ull + st->now_us % 1000;
}

static inline void snmp_inc(struct stack *st, enum snmp c)
{
	st->mib.counter[c]++;
}

/* Tells who watches of a dropped frame: a received one or one to be sent, NULL if not at hand. */
void stack_trace_drop(struct stack *st, const struct pkt *p, const struct frame_out *out,
		      enum drop_reason why);

/* Counts a dropped frame, whoever frees it: the one that is being received, or `out`. */
static inline void stack_count_drop(struct stack *st, const struct frame_out *out,
				    enum drop_reason why)
{
	st->mib.drop[why]++;
	if (st->ops.trace)
		stack_trace_drop(st, NULL, out, why);
}

/* Counts a dropped frame and frees it (NULL allowed). */
static inline void stack_drop(struct stack *st, struct pkt *p, enum drop_reason why)
{
	st->mib.drop[why]++;
	if (st->ops.trace)
		stack_trace_drop(st, p, NULL, why);
	pkt_free(p);
}

#endif
