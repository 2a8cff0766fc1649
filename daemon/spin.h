/* SPDX-License-Identifier: MIT */
/*
 * Whether it pays to look for work for a while before going to sleep.
 *
 * Theory of operation: to sleep and to be woken on another core costs some twenty microseconds, more than
 * most of what there is to do. So where waits have been shorter of late than one would look, it is
 * looked. That is learnt from two things:
 *   - How long waits have taken (wait_ewma_ns). A wait that was in vain counts as a long one: an idle
 *     daemon sleeps at once.
 *   - Whether somebody else wanted the core. Who looks lets others have it in between; if one has taken it,
 *     there was none to spare, and what came then would have woken a sleeper as soon. On a machine of one
 *     core, or one that is busy, looking only delays the program that is waited for. Then as many waits
 *     are slept through before it is tried again as were the last time, twice over; a wait that found
 *     something on a core of its own halves that.
 * Nothing here reads a clock.
 */
#ifndef XTCP_DAEMON_SPIN_H
#define XTCP_DAEMON_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_WAIT_LONG_NS 1000000
#define SPIN_REST_MAX 1024 /* waits */
/* Between two looks: longer, and somebody else was at work on this core. */
#define SPIN_GIVEN_AWAY_NS 5000

struct spin {
	uint32_t wait_ewma_ns; /* how long waits take, each counted as SPIN_WAIT_LONG_NS at most */
	uint32_t rest;	       /* waits to sleep through */
	uint32_t rest_last;    /* as many were the last time; 0: none */
};

void spin_init(struct spin *s);
/* Is this wait, in which one would look for spin_ns, worth it? Asked once a wait. */
bool spin_pays(struct spin *s, uint64_t spin_ns);
/* Others could have the core, and then it was looked again, which took so long together. True: the looking is
 * over. What is there at the first look, before anybody was let in, says nothing. */
bool spin_looked(struct spin *s, uint64_t took_ns, bool found);
void spin_waited(struct spin *s, uint64_t waited_ns); /* looked or slept */

#endif
