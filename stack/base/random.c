/* SPDX-License-Identifier: MIT */
/*
 * The generator: siphash(key, counter). All 32 bytes of the seed go into the key: its halves are
 * keys that hash each other.
 */
#include <string.h>

#include "stack/base/random.h"

void random_seed(struct random *r, const uint8_t seed[32])
{
	struct siphash_key half[2];
	memcpy(half, seed, sizeof(half));
	r->key.k[0] = siphash(&half[0], &half[1], sizeof(half[1]));
	r->key.k[1] = siphash(&half[1], &half[0], sizeof(half[0]));
	r->counter = 0;
}

uint64_t random_u64(struct random *r)
{
	r->counter++;
	return siphash(&r->key, &r->counter, sizeof(r->counter));
}

/* The upper half of a product of 32 bits each, rejecting what would favour some results (Lemire,
 * "Fast random integer generation in an interval"). */
uint32_t random_below(struct random *r, uint32_t bound)
{
	uint32_t reject_below = -bound % bound;
	for (;;) {
		uint64_t product = (random_u64(r) >> 32) * bound;
		if ((uint32_t)product >= reject_below)
			return (uint32_t)(product >> 32);
	}
}

struct siphash_key random_key(struct random *r)
{
	struct siphash_key key;
	key.k[0] = random_u64(r);
	key.k[1] = random_u64(r);
	return key;
}
