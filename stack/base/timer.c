/* SPDX-License-Identifier: MIT */
/*
 * The timer wheel: TIMER_LEVELS rings of TIMER_SLOTS slots. A slot of level n spans 256^n ticks.
 *
 * Theory of operation
 *   - A timer that is due in d ticks lies in the level n with 256^n <= d < 256^(n+1), in the slot
 *     its tick falls in. What lies beyond the last level waits in its farthest slot.
 *   - When the time reaches the beginning of a slot of level n > 0, its timers are dealt out anew,
 *     to lower levels ("cascade"). Slots of level 0 are run.
 *   - A bitmap per level tells which slots hold timers, so that time jumps from one stop (a slot to
 *     run or to deal out) to the next, however far.
 * Invariant: every armed timer's tick is later than now_tick, except while its slot is being run.
 */
#include <stdlib.h>
#include <string.h>

#include "stack/base/timer.h"

#define SLOT_BITS 8
#define SLOT_MASK (TIMER_SLOTS - 1u)
#define EXPIRES_MAX_US ((1ull << 56) - 1)
#define SPAN_TICKS (1ull << (SLOT_BITS * TIMER_LEVELS))

_Static_assert(TIMER_SLOTS == 1 << SLOT_BITS, "a level's index is SLOT_BITS wide");
_Static_assert(TIMER_FNS_MAX <= UINT8_MAX + 1, "timer.fn has eight bits");

/* Never early: the first tick at or after the time. */
static uint64_t tick_of(uint64_t us)
{
	return us / TIMER_TICK_US + (us % TIMER_TICK_US != 0);
}

static void bitmap_sync(struct timer_wheel *w, unsigned level, unsigned slot)
{
	uint64_t bit = 1ull << (slot % 64);
	if (list_empty(&w->slot[level][slot]))
		w->bitmap[level][slot / 64] &= ~bit;
	else
		w->bitmap[level][slot / 64] |= bit;
}

/* Where a timer that is due at `tick` lies, seen from now_tick. */
static void place(const struct timer_wheel *w, uint64_t tick, unsigned *level, unsigned *slot)
{
	uint64_t ahead = tick - w->now_tick;
	if (ahead >= SPAN_TICKS) {
		ahead = SPAN_TICKS - 1;
		tick = w->now_tick + ahead;
	}
	*level = 0;
	while (ahead >= TIMER_SLOTS) {
		ahead >>= SLOT_BITS;
		(*level)++;
	}
	*slot = (unsigned)(tick >> (SLOT_BITS * *level)) & SLOT_MASK;
}

static void insert(struct timer_wheel *w, struct timer *t, uint64_t tick)
{
	unsigned level, slot;
	place(w, tick, &level, &slot);
	list_add_tail(&w->slot[level][slot], &t->node);
	bitmap_sync(w, level, slot);
}

void timer_wheel_init(struct timer_wheel *w, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->now_tick = now_us / TIMER_TICK_US;
	for (unsigned level = 0; level < TIMER_LEVELS; level++)
		for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
			list_init(&w->slot[level][slot]);
}

static unsigned fn_number(struct timer_wheel *w, timer_fn *fn)
{
	for (unsigned i = 0; i < w->fn_count; i++)
		if (w->fns[i] == fn)
			return i;
	/* Mistakes in the program's text: a wheel that is not there yet, or too many functions. */
	if (!w->slot[0][0].next || w->fn_count == TIMER_FNS_MAX)
		abort();
	w->fns[w->fn_count] = fn;
	return w->fn_count++;
}

void timer_init(struct timer_wheel *w, struct timer *t, timer_fn *fn)
{
	list_init(&t->node);
	t->expires_us = 0;
	t->fn = fn_number(w, fn) & UINT8_MAX;
}

static void unlink_timer(struct timer_wheel *w, struct timer *t)
{
	/* Both neighbours the same: it is alone, and they are its slot's head. */
	struct list *head = t->node.next == t->node.prev ? t->node.next : NULL;
	list_del(&t->node);
	if (head) {
		unsigned index = (unsigned)(head - &w->slot[0][0]);
		bitmap_sync(w, index / TIMER_SLOTS, index % TIMER_SLOTS);
	}
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t expires_us)
{
	timer_cancel(w, t);
	uint64_t tick = tick_of(expires_us);
	t->expires_us = expires_us < EXPIRES_MAX_US ? expires_us : EXPIRES_MAX_US;
	insert(w, t, tick > w->now_tick ? tick : w->now_tick + 1);
	w->armed_count++;
}

void timer_cancel(struct timer_wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	unlink_timer(w, t);
	w->armed_count--;
}

/* Slots from `from` on (1..TIMER_SLOTS ahead, around the ring) to the first that is occupied;
 * 0: none is. */
static unsigned occupied_ahead(const uint64_t *bitmap, unsigned from)
{
	for (unsigned ahead = 1; ahead <= TIMER_SLOTS;) {
		unsigned slot = (from + ahead) & SLOT_MASK;
		uint64_t rest = bitmap[slot / 64] >> (slot % 64);
		if (rest) {
			ahead += (unsigned)__builtin_ctzll(rest);
			return ahead <= TIMER_SLOTS ? ahead : 0;
		}
		ahead += 64 - slot % 64;
	}
	return 0;
}

/* The next tick at which a slot is to be run or dealt out; UINT64_MAX: none. */
static uint64_t next_stop(const struct timer_wheel *w)
{
	uint64_t stop = UINT64_MAX;
	for (unsigned level = 0; level < TIMER_LEVELS; level++) {
		uint64_t now_slot = w->now_tick >> (SLOT_BITS * level);
		unsigned ahead = occupied_ahead(w->bitmap[level], (unsigned)(now_slot & SLOT_MASK));
		uint64_t at = (now_slot + ahead) << (SLOT_BITS * level);
		if (ahead > 0 && at < stop)
			stop = at;
	}
	return stop;
}

/* now_tick has just reached the beginning of a slot of these levels: deal them out anew. */
static void cascade(struct timer_wheel *w)
{
	for (unsigned level = 1; level < TIMER_LEVELS; level++) {
		unsigned shift = SLOT_BITS * level;
		if (w->now_tick & ((1ull << shift) - 1))
			return;
		unsigned slot = (unsigned)(w->now_tick >> shift) & SLOT_MASK;
		struct list due;
		list_init(&due);
		list_splice_tail(&due, &w->slot[level][slot]);
		bitmap_sync(w, level, slot);
		while (!list_empty(&due)) {
			struct timer *t = container_of(due.next, struct timer, node);
			list_del(&t->node);
			uint64_t tick = tick_of(t->expires_us);
			insert(w, t, tick > w->now_tick ? tick : w->now_tick);
		}
	}
}

static void run_slot(struct timer_wheel *w, void *ctx)
{
	unsigned slot = (unsigned)w->now_tick & SLOT_MASK;
	struct list *head = &w->slot[0][slot];
	/* Nothing can be added meanwhile: this slot is 256 ticks ahead, which is the next level. */
	while (!list_empty(head)) {
		struct timer *t = container_of(head->next, struct timer, node);
		timer_cancel(w, t);
		w->fns[t->fn](t, ctx);
	}
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_us, void *ctx)
{
	uint64_t until = now_us / TIMER_TICK_US;
	while (w->now_tick < until) {
		uint64_t stop = next_stop(w);
		if (stop > until) {
			w->now_tick = until;
			return;
		}
		w->now_tick = stop;
		cascade(w);
		run_slot(w, ctx);
	}
}

uint64_t timer_next_us(const struct timer_wheel *w)
{
	uint64_t stop = w->armed_count > 0 ? next_stop(w) : UINT64_MAX;
	return stop == UINT64_MAX ? TIMER_NEVER : stop * TIMER_TICK_US;
}
