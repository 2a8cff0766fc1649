/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4, after the paper ("SipHash: a fast short-input PRF", 2012): two rounds a word, four
 * at the end; words are little-endian, the last one carries the length in its top byte.
 */
#include <string.h>

#include "stack/base/siphash.h"

static inline uint64_t rotl(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* Inlined by order: the state must stay in registers, a call for each round costs more than the round. */
__attribute__((always_inline)) static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

__attribute__((always_inline)) static inline void compress(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static uint64_t from_little_endian(uint64_t word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

static uint64_t whole_word(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return from_little_endian(word);
}

/* The n < 8 bytes that are left, the first of them the least significant. */
static uint64_t last_word(const uint8_t *p, size_t n)
{
	uint64_t word = 0;
	if (n == 4) { /* without a loop: what is hashed here is made of 32-bit words */
		memcpy(&word, p, 4);
		return from_little_endian(word);
	}
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4] = {key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
			 key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573};
	size_t left = len;
	for (; left >= 8; p += 8, left -= 8)
		compress(v, whole_word(p));
	compress(v, last_word(p, left) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
