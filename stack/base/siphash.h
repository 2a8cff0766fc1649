/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 (Aumasson, Bernstein): the keyed hash behind hash tables, ISNs, ports and cookies. */
#ifndef XTCP_BASE_SIPHASH_H
#define XTCP_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
