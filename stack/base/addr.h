/* SPDX-License-Identifier: MIT */
/*
 * Addresses, tagged by family so that IPv6 can follow without a new type.
 *
 * Theory of operation: inside the stack every address and port is in host byte order; the wire
 * readers and writers (base/bytes.h) convert. An address of family ADDR_NONE is "unspecified";
 * INADDR_ANY is the family ADDR_IPV4 with v4 == 0. What there are a hundred thousand of keeps its
 * addresses as struct addr4, without what another family would need.
 */
#ifndef XTCP_BASE_ADDR_H
#define XTCP_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum addr_family { ADDR_NONE = 0, ADDR_IPV4 = 4, ADDR_IPV6 = 6 };

struct ip_addr {
	uint32_t family; /* enum addr_family */
	union {
		uint32_t v4; /* host byte order */
		uint8_t v6[16];
	};
};

/* An IPv4 address as it is stored; 0: any, or none. */
struct addr4 {
	uint32_t v4; /* host byte order */
};

/* An address and a port; `port` in host byte order. */
struct sock_addr {
	struct ip_addr addr;
	uint16_t port;
};

struct mac_addr {
	uint8_t b[6];
};

static inline struct ip_addr ip_v4(uint32_t host_order)
{
	struct ip_addr a;
	memset(&a, 0, sizeof(a));
	a.family = ADDR_IPV4;
	a.v4 = host_order;
	return a;
}

static inline struct ip_addr addr4_tagged(struct addr4 a)
{
	return ip_v4(a.v4);
}

/* {0} for an address of another family. */
static inline struct addr4 addr4_of(const struct ip_addr *a)
{
	return (struct addr4){a->family == ADDR_IPV4 ? a->v4 : 0};
}

static inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return false;
	return a->family == ADDR_IPV4 ? a->v4 == b->v4 : memcmp(a->v6, b->v6, 16) == 0;
}

static inline bool ip_addr_is_any(const struct ip_addr *a)
{
	static const uint8_t zero[16];
	if (a->family == ADDR_NONE)
		return true;
	return a->family == ADDR_IPV4 ? a->v4 == 0 : memcmp(a->v6, zero, 16) == 0;
}

static inline bool ipv4_is_loopback(uint32_t v4)
{
	return v4 >> 24 == 127;
}

static inline bool ipv4_is_multicast(uint32_t v4)
{
	return v4 >> 28 == 14;
}

#endif
