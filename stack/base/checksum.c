/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum, eight bytes at a time.
 *
 * Theory of operation: the one's complement sum does not care in which byte order the 16-bit words
 * are added, as long as the result is swapped back (RFC 1071 2(B)), nor how wide the words are
 * while they are added (2(C)). So native 32-bit halves go into 64-bit accumulators, which cannot
 * overflow below 2^32 words, and the folding to 16 bits comes last.
 */
#include <string.h>

#include "stack/base/checksum.h"

static uint16_t fold64(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t big_endian_word(uint16_t native)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(native) : native;
}

/* Up to seven bytes, as if zeros followed. */
static uint64_t sum_tail(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	uint32_t four;
	uint16_t two;
	if (len & 4) {
		memcpy(&four, p, 4);
		sum += four;
		p += 4;
	}
	if (len & 2) {
		memcpy(&two, p, 2);
		sum += two;
		p += 2;
	}
	if (len & 1) {
		two = 0;
		memcpy(&two, p, 1);
		sum += two;
	}
	return sum;
}

uint32_t csum_partial(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;
	uint64_t a = 0, b = 0;
	for (; len >= 32; p += 32, len -= 32) {
		uint64_t w[4];
		memcpy(w, p, 32);
		a += (w[0] & 0xffffffff) + (w[1] & 0xffffffff);
		b += (w[0] >> 32) + (w[1] >> 32);
		a += (w[2] & 0xffffffff) + (w[3] & 0xffffffff);
		b += (w[2] >> 32) + (w[3] >> 32);
	}
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		a += (w & 0xffffffff) + (w >> 32);
	}
	a += b + sum_tail(p, len);
	uint64_t total = (uint64_t)sum + big_endian_word(fold64(a));
	return (uint32_t)((total & 0xffffffff) + (total >> 32));
}

uint16_t csum_fold(uint32_t sum)
{
	return fold64(sum);
}

uint32_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
		     uint32_t len)
{
	uint32_t sum = (uint32_t)proto + (len >> 16) + (len & 0xffff);
	if (src->family == ADDR_IPV4)
		return sum + (src->v4 >> 16) + (src->v4 & 0xffff) + (dst->v4 >> 16) +
		       (dst->v4 & 0xffff);
	sum = csum_partial(src->v6, sizeof(src->v6), sum);
	return csum_partial(dst->v6, sizeof(dst->v6), sum);
}
