/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timer wheel in virtual time.
 *
 * Theory of operation: time is whatever the caller says it is (microseconds, monotonic). The wheel
 * ticks in TIMER_TICK_US; a timer fires at the first tick at or after its expiry, never early.
 * Add, move and delete are O(1) whatever the number of timers. timer_next_us() gives the time by
 * which timer_wheel_advance() wants to be called again. A timer keeps its function as a number, the
 * wheel knows which that is.
 */
#ifndef XTCP_BASE_TIMER_H
#define XTCP_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/list.h"

#define TIMER_TICK_US 1000
#define TIMER_LEVELS 4
#define TIMER_SLOTS 256
#define TIMER_NEVER UINT64_MAX

#define TIMER_FNS_MAX 16

struct timer;
/* Called with the timer already disarmed; may re-arm it or free its owner. */
typedef void timer_fn(struct timer *t, void *ctx);

/* Three words, as there are several in each connection. */
struct timer {
	struct list node; /* linked while armed */
	uint64_t expires_us : 56;
	uint64_t fn : 8; /* which of the wheel's */
};

struct timer_wheel {
	timer_fn *fns[TIMER_FNS_MAX]; /* those its timers have been made with */
	unsigned fn_count;
	uint64_t now_tick;
	uint64_t armed_count;
	uint64_t bitmap[TIMER_LEVELS][TIMER_SLOTS / 64];
	struct list slot[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *w, uint64_t now_us);
/* For this wheel, whose timers have no more than TIMER_FNS_MAX different functions. */
void timer_init(struct timer_wheel *w, struct timer *t, timer_fn *fn);
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t expires_us); /* arms or moves */
void timer_cancel(struct timer_wheel *w, struct timer *t);		     /* idempotent */
/* Runs what is due at now_us, passing ctx. Time never goes back: an earlier now_us is ignored. */
void timer_wheel_advance(struct timer_wheel *w, uint64_t now_us, void *ctx);
/* When the earliest timer may fire (never later than its true tick), TIMER_NEVER when none. */
uint64_t timer_next_us(const struct timer_wheel *w);

static inline bool timer_armed(const struct timer *t)
{
	return list_linked(&t->node);
}

#endif
