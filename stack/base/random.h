/* SPDX-License-Identifier: MIT */
/* A deterministic generator seeded by the creator of the stack (from getrandom() in xtcpd, from a
 * test's seed in simulation): a SipHash of a counter under a secret key, so outputs that are seen
 * tell nothing of those to come. */
#ifndef XTCP_BASE_RANDOM_H
#define XTCP_BASE_RANDOM_H

#include <stdint.h>

#include "stack/base/siphash.h"

struct random {
	struct siphash_key key;
	uint64_t counter;
};

void random_seed(struct random *r, const uint8_t seed[32]);
uint64_t random_u64(struct random *r);
uint32_t random_below(struct random *r, uint32_t bound); /* uniform in [0, bound); bound > 0 */
struct siphash_key random_key(struct random *r);

#endif
