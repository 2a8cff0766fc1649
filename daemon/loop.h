/* SPDX-License-Identifier: MIT */
/*
 * The event loop: one epoll instance, one clock, one timer wheel.
 *
 * Theory of operation: a source is a descriptor and a function, embedded in whatever owns it.
 * loop_wait() sleeps and reads the clock; loop_dispatch() calls what became ready. A source may be
 * removed from within any handler, its own included: events of it that are still in the batch are
 * dropped. Handlers do a bounded amount of work and return; what is left stays ready
 * (level-triggered) or is remembered by its owner (EPOLLET).
 *
 * Where it pays (spin.h), loop_wait() looks again and again for a while (spin_us) before it sleeps, and lets
 * whoever else wants the core have it in between.
 *
 * Timers are those of stack/base/timer.h on the loop's own wheel:
 *         timer_init(&loop->wheel, &t, fn);
 *         timer_set(&loop->wheel, &t, loop->now_us + 5000000);
 * fn is called with the `struct daemon *` as its ctx.
 */
#ifndef XTCP_DAEMON_LOOP_H
#define XTCP_DAEMON_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "daemon/spin.h"
#include "stack/base/timer.h"

#define LOOP_BATCH 256

struct loop_source;
typedef void loop_fn(struct loop_source *src, uint32_t epoll_events);

struct loop_source {
	int fd;
	uint32_t events; /* registered; 0 with fd -1: not in the loop */
	loop_fn *fn;
};

struct loop {
	int epoll_fd;
	uint64_t now_us; /* CLOCK_MONOTONIC at the last loop_wait() */
	struct timer_wheel wheel;
	uint32_t spin_us; /* how long to look before sleeping; 0: not at all */
	struct spin spin;
	struct epoll_event batch[LOOP_BATCH];
	int batch_len, batch_pos;
};

int loop_init(struct loop *loop); /* 0 or -errno */
void loop_destroy(struct loop *loop);

/* Registers fd under src. events: EPOLLIN ... EPOLLET. 0 or -errno. */
int loop_add(struct loop *loop, struct loop_source *src, int fd, uint32_t events, loop_fn *fn);
int loop_modify(struct loop *loop, struct loop_source *src, uint32_t events);
/* Takes src out; closing the descriptor is the caller's. Safe to repeat. */
void loop_remove(struct loop *loop, struct loop_source *src);
/* The same for a descriptor nobody else holds and which is closed now: epoll then forgets it. */
void loop_forget(struct loop *loop, struct loop_source *src);

/* Sleeps until something is ready, a signal arrives or deadline_us (0: do not sleep; TIMER_NEVER:
 * no limit) has passed; then updates now_us. */
void loop_wait(struct loop *loop, uint64_t deadline_us);
void loop_dispatch(struct loop *loop);
uint64_t loop_clock_us(void);

#endif
