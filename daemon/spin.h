/* SPDX-License-Identifier: MIT */
/*
 * Whether it pays to look for work for a while before going to sleep.
 *
 * Theory of operation: to sleep and to be woken on another core costs some twenty microseconds, more than
 * most of what there is to do. So where waits have been shorter of late than one would look, it is
 * looked. That is learnt from two things:
 *   - How long waits have taken (wait_ewma_ns). A wait that was in vain counts as a long one: an idle
 *     daemon sleeps at once.
 *   - How often somebody else was at work on this core meanwhile (shared), since who looks lets others
 *     have it in between. Now and then that is so wherever there are more programs than cores. Where it
 *     is so nearly always, as on a machine of one core, or one that is busy, looking only delays the
 *     program that is waited for: SPIN_REST waits are slept through before it is tried again.
 * Nothing here reads a clock.
 */
#ifndef XTCP_DAEMON_SPIN_H
#define XTCP_DAEMON_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_WAIT_LONG_NS 1000000
#define SPIN_REST 256 /* waits */
/* Between two looks: longer, and somebody else was at work on this core. */
#define SPIN_GIVEN_AWAY_NS 5000

struct spin {
	uint32_t wait_ewma_ns; /* how long waits take, each counted as SPIN_WAIT_LONG_NS at most */
	uint16_t rest;	       /* waits to sleep through */
	uint16_t shared;       /* how much of the looking others had the core in: of SPIN_ALWAYS */
};

#define SPIN_ALWAYS 4096

void spin_init(struct spin *s);
/* Is this wait, in which one would look for spin_ns, worth it? Asked once a wait. */
bool spin_pays(struct spin *s, uint64_t spin_ns);
/* The looking is over, in which others could have the core; the longest time from one look to the next. */
void spin_looked(struct spin *s, uint64_t longest_ns);
void spin_waited(struct spin *s, uint64_t waited_ns); /* looked or slept */

#endif
