/* SPDX-License-Identifier: MIT */
/* What is learnt of waits: see spin.h. */
#include "daemon/spin.h"

void spin_init(struct spin *s)
{
	*s = (struct spin){.wait_ewma_ns = SPIN_WAIT_LONG_NS};
}

bool spin_pays(struct spin *s, uint64_t spin_ns)
{
	if (s->wait_ewma_ns >= spin_ns)
		return false;
	if (s->rest == 0)
		return true;
	s->rest--;
	return false;
}

static void rest(struct spin *s)
{
	s->rest_last = s->rest_last ? 2 * s->rest_last : 1;
	if (s->rest_last > SPIN_REST_MAX)
		s->rest_last = SPIN_REST_MAX;
	s->rest = s->rest_last;
}

bool spin_looked(struct spin *s, uint64_t took_ns, bool found)
{
	bool given_away = took_ns > SPIN_GIVEN_AWAY_NS;

	if (given_away)
		rest(s);
	else if (found)
		s->rest_last /= 2;
	return given_away || found;
}

void spin_waited(struct spin *s, uint64_t waited_ns)
{
	int64_t sample = waited_ns < SPIN_WAIT_LONG_NS ? (int64_t)waited_ns : SPIN_WAIT_LONG_NS;
	int64_t ewma = s->wait_ewma_ns;

	s->wait_ewma_ns = (uint32_t)(ewma + (sample - ewma) / 8);
}
