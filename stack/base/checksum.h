/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071). Partial sums are unfolded 32-bit sums of 16-bit big-endian
 * words; pieces other than the last must have even length. */
#ifndef XTCP_BASE_CHECKSUM_H
#define XTCP_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "stack/base/addr.h"

uint32_t csum_partial(const void *data, size_t len, uint32_t sum);
uint16_t csum_fold(uint32_t sum);		 /* folded, NOT complemented */
static inline uint16_t csum_finish(uint32_t sum) /* what goes into the header (host order) */
{
	return (uint16_t)~csum_fold(sum);
}
/* RFC 9293 3.1: the pseudo-header's part of a TCP (or UDP) checksum. */
uint32_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
		     uint32_t len);

#endif
