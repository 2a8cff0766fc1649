/* SPDX-License-Identifier: MIT */
#include "daemon/patience.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "daemon/log.h"

void patience_start(struct patience *p, uint64_t now_us)
{
	*p = (struct patience){.chosen_elsewhere = sched_getscheduler(0) != SCHED_OTHER,
			       .period_began_us = now_us};
}

static void become(struct patience *p, bool patient)
{
	const struct sched_param none = {0};

	if (p->patient == patient)
		return;
	p->patient = patient;
	if (sched_setscheduler(0, patient ? SCHED_BATCH : SCHED_OTHER, &none) == 0)
		return;
	log_warning("cannot change the scheduling policy: %s", strerror(errno));
	p->chosen_elsewhere = true; /* by whoever forbids it */
}

void patience_turn(struct patience *p, uint64_t now_us)
{
	if (p->chosen_elsewhere || now_us - p->period_began_us < PATIENCE_PERIOD_US)
		return;
	int sockets = __builtin_popcountll(p->seen);

	if (sockets >= PATIENCE_MANY)
		become(p, true);
	else if (sockets <= PATIENCE_FEW)
		become(p, false);
	p->seen = 0;
	p->period_began_us = now_us;
}
