/* SPDX-License-Identifier: MIT */
/*
 * Readers of the values people write: numbers, addresses, routes as ip(8) writes them. Each takes
 * the whole string or nothing.
 */
#include "daemon/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config.h"

bool copy_string(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size)
		return false;
	memcpy(to, from, len + 1);
	return true;
}

bool parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
		if (n > max)
			return false;
	}
	if (n < min)
		return false;
	*out = (uint32_t)n;
	return true;
}

bool parse_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	static const char units[] = "KMG";
	char digits[16];
	uint32_t n;
	size_t len = strlen(s);
	const char *unit = len ? strchr(units, s[len - 1]) : NULL;

	if (unit)
		len--;
	if (len >= sizeof(digits))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (!parse_u32(digits, 0, UINT32_MAX, &n))
		return false;
	*out = unit ? (uint64_t)n << (10 * (unit - units + 1)) : n;
	return *out >= min && *out <= max;
}

bool parse_bool(const char *s, bool *out)
{
	static const char *const words[2][4] = {{"no", "false", "off", "0"},
						{"yes", "true", "on", "1"}};

	for (unsigned i = 0; i < 8; i++) {
		if (!strcasecmp(s, words[i / 4][i % 4])) {
			*out = i / 4;
			return true;
		}
	}
	return false;
}

bool parse_mac(const char *s, struct mac_addr *out)
{
	unsigned any = 0;

	if (strlen(s) != 17)
		return false;
	for (int i = 0; i < 6; i++, s += 3) {
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    s[2] != (i < 5 ? ':' : '\0'))
			return false;
		out->b[i] = (uint8_t)strtoul(s, NULL, 16);
		any |= out->b[i];
	}
	return any != 0 && (out->b[0] & 1) == 0;
}

bool config_parse_v4(const char *s, uint32_t *v4)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return false;
	*v4 = ntohl(a.s_addr);
	return true;
}

/* "A/N"; without "/N" the prefix length is 32 if that is allowed. */
static bool parse_prefix(const char *s, bool bare, uint32_t *v4, unsigned *prefix_len)
{
	char addr[INET_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	uint32_t n = 32;

	if (len >= sizeof(addr) || (!slash && !bare))
		return false;
	memcpy(addr, s, len);
	addr[len] = '\0';
	if (!config_parse_v4(addr, v4) || (slash && !parse_u32(slash + 1, 0, 32, &n)))
		return false;
	*prefix_len = n;
	return true;
}

/* A host's address: neither the network itself, its broadcast address nor multicast. */
bool config_parse_cidr(const char *s, uint32_t *v4, unsigned *prefix_len)
{
	if (!parse_prefix(s, false, v4, prefix_len) || *prefix_len == 0)
		return false;
	if (*v4 >> 24 == 0 || *v4 >> 24 == 127 || *v4 >> 28 >= 14)
		return false;
	uint32_t host = *v4 & ~prefix_mask(*prefix_len);
	return *prefix_len >= 31 || (host != 0 && host != ~prefix_mask(*prefix_len));
}

/* One "word value" pair of a route. */
static const char *route_option(struct route *r, const char *word, const char *value)
{
	const struct {
		const char *name;
		uint32_t *to, min, max;
	} number[] = {
	    {"mtu", &r->mtu, 552, 65535},	   {"advmss", &r->advmss, 48, 65495},
	    {"window", &r->window, 1, 1u << 30},   {"initcwnd", &r->initcwnd, 1, 65535},
	    {"metric", &r->metric, 0, UINT32_MAX},
	};

	if (!strcmp(word, "via"))
		return config_parse_v4(value, &r->gateway) && r->gateway
			   ? NULL
			   : "after \"via\" comes an IPv4 address";
	if (!strcmp(word, "src"))
		return config_parse_v4(value, &r->prefsrc) ? NULL
							   : "after \"src\" comes an IPv4 address";
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		if (!strcmp(word, number[i].name))
			return parse_u32(value, number[i].min, number[i].max, number[i].to)
				   ? NULL
				   : "a number of a route is out of its range";
	return "a route has via, src, mtu, advmss, window, initcwnd, metric";
}

const char *config_parse_route(const char *s, struct route *r)
{
	char copy[256], *save = NULL;
	unsigned prefix_len = 0;

	memset(r, 0, sizeof(*r));
	if (!copy_string(copy, sizeof(copy), s))
		return "a route is not that long";
	char *word = strtok_r(copy, " \t", &save);
	if (!word)
		return "a route begins with its destination";
	if (strcmp(word, "default") != 0 && !parse_prefix(word, true, &r->dst, &prefix_len))
		return "a route begins with \"default\" or a destination, as 10.0.0.0/8";
	if (r->dst & ~prefix_mask(prefix_len))
		return "the destination has bits beyond its prefix length";
	r->prefix_len = (uint8_t)prefix_len;
	while ((word = strtok_r(NULL, " \t", &save))) {
		const char *value = strtok_r(NULL, " \t", &save);
		const char *why = value ? route_option(r, word, value) : "a value is missing";
		if (why)
			return why;
	}
	return NULL;
}
