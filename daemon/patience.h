/* SPDX-License-Identifier: MIT */
/*
 * Whether xtcpd interrupts who is at work when it is woken, or waits for the core.
 *
 * Theory of operation: who wakes xtcpd is a program that writes an answer and goes on to its next.
 *   - With many sockets at work xtcpd waits for a core that is free (SCHED_BATCH): were it to take
 *     the program's at once, as a process that has slept may, each answer would cost a turn of the
 *     loop and two changes of process. Patient, a turn finds several answers and frames.
 *   - With few, everybody waits for this one answer, and it takes the core (SCHED_OTHER). It also looks
 *     for work before it sleeps (loop.h), which with many would only keep a core from the programs.
 * Which it is, the sockets that had work in the last few milliseconds tell. They are counted by a hash
 * of 64 bits, which is enough to tell few from many. A policy that somebody chose for this process
 * (chrt, CPUSchedulingPolicy=) stays.
 */
#ifndef XTCP_DAEMON_PATIENCE_H
#define XTCP_DAEMON_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_PERIOD_US 5000
#define PATIENCE_MANY 6 /* sockets in a period */
#define PATIENCE_FEW 3

struct patience {
	bool chosen_elsewhere, patient;
	uint64_t seen; /* a bit for each socket that had work in this period */
	uint64_t period_began_us;
};

void patience_start(struct patience *p, uint64_t now_us);
void patience_turn(struct patience *p, uint64_t now_us);

static inline void patience_saw(struct patience *p, const void *socket)
{
	p->seen |= 1ull << (((uint64_t)(uintptr_t)socket * 0x9e3779b97f4a7c15ull) >> 58);
}

#endif
