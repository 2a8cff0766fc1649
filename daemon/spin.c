/* SPDX-License-Identifier: MIT */
/* What is learnt of waits: see spin.h. */
#include "daemon/spin.h"

#define SHARED_WEIGHT 16
#define SHARED_TOO_OFTEN (SPIN_ALWAYS * 7 / 8)

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

void spin_looked(struct spin *s, uint64_t longest_ns)
{
	int sample = longest_ns > SPIN_GIVEN_AWAY_NS ? SPIN_ALWAYS : 0;

	s->shared = (uint16_t)(s->shared + (sample - s->shared) / SHARED_WEIGHT);
	if (s->shared > SHARED_TOO_OFTEN)
		s->rest = SPIN_REST;
}

void spin_waited(struct spin *s, uint64_t waited_ns)
{
	int64_t sample = waited_ns < SPIN_WAIT_LONG_NS ? (int64_t)waited_ns : SPIN_WAIT_LONG_NS;
	int64_t ewma = s->wait_ewma_ns;

	s->wait_ewma_ns = (uint32_t)(ewma + (sample - ewma) / 8);
}
