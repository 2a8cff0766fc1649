/* SPDX-License-Identifier: MIT */
/* Readers of the values people write: whole string or nothing. */
#ifndef XTCP_DAEMON_PARSE_H
#define XTCP_DAEMON_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/addr.h"

/* False, and *to unchanged: from does not fit. */
bool copy_string(char *to, size_t size, const char *from);
bool parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out);   /* decimal */
bool parse_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *out); /* 64K, 128M, 2G */
bool parse_bool(const char *s, bool *out); /* yes no true false on off 1 0 */
bool parse_mac(const char *s, struct mac_addr *out);

static inline uint32_t prefix_mask(unsigned prefix_len)
{
	return prefix_len == 0 ? 0 : ~(uint32_t)0 << (32 - prefix_len);
}

static inline bool same_network(uint32_t a, uint32_t b, unsigned prefix_len)
{
	return ((a ^ b) & prefix_mask(prefix_len)) == 0;
}

#endif
