/* SPDX-License-Identifier: MIT */
/*
 * Addresses and routes: where a packet goes, from which address, and how large it may be.
 *
 * The table is an array ordered by prefix length (longest first) and metric, so the first match is
 * the answer. Addresses of ours are not in it: they are always local, as is 127.0.0.0/8.
 * Broadcast and multicast destinations have no route: nothing here can use them.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack_impl.h"

#define IPV4_TCP_HDRS_BYTES 40

bool ip_is_own_v4(const struct stack *st, uint32_t v4)
{
	if (ipv4_is_loopback(v4))
		return true;
	for (unsigned i = 0; i < st->ip.addr_count; i++)
		if (st->ip.addr[i].v4 == v4)
			return true;
	return false;
}

static bool in_prefix(const struct ifaddr *a, uint32_t v4)
{
	return ((a->v4 ^ v4) & ipv4_mask(a->prefix_len)) == 0;
}

/* RFC 3021: a 31-bit prefix (as a single address) has no broadcast address. */
static bool is_prefix_broadcast(const struct ifaddr *a, uint32_t v4)
{
	return a->prefix_len < 31 && v4 == (a->v4 | ~ipv4_mask(a->prefix_len));
}

bool ip_is_broadcast_v4(const struct stack *st, uint32_t v4)
{
	if (v4 == INADDR_BROADCAST_V4)
		return true;
	for (unsigned i = 0; i < st->ip.addr_count; i++)
		if (is_prefix_broadcast(&st->ip.addr[i], v4))
			return true;
	return false;
}

bool ip_is_on_link_v4(const struct stack *st, uint32_t v4)
{
	if (v4 == 0 || ip_is_own_v4(st, v4) || ip_is_broadcast_v4(st, v4))
		return false;
	for (unsigned i = 0; i < st->ip.addr_count; i++)
		if (in_prefix(&st->ip.addr[i], v4))
			return true;
	return false;
}

static const struct route *route_lookup(const struct stack *st, uint32_t dst)
{
	for (unsigned i = 0; i < st->ip.route_count; i++) {
		const struct route *r = &st->ip.routes[i];
		if (((r->dst ^ dst) & ipv4_mask(r->prefix_len)) == 0)
			return r;
	}
	return NULL;
}

/* RFC 1122 3.3.4.3: the route's choice, else an address of the next hop's prefix, else any. */
static uint32_t choose_source(const struct stack *st, const struct route *r, uint32_t nexthop)
{
	if (r->prefsrc)
		return r->prefsrc;
	for (unsigned i = 0; i < st->ip.addr_count; i++)
		if (in_prefix(&st->ip.addr[i], nexthop))
			return st->ip.addr[i].v4;
	return st->ip.addr_count > 0 ? st->ip.addr[0].v4 : 0;
}

static void local_path(uint32_t dst, uint32_t src_hint, struct ip_path *out)
{
	uint32_t self = ipv4_is_loopback(dst) ? INADDR_LOOPBACK_V4 : dst;
	*out = (struct ip_path){.src = src_hint ? src_hint : self,
				.nexthop = dst,
				.mtu_bytes = IP_LOOPBACK_MTU,
				.advmss = IP_LOOPBACK_MTU - IPV4_TCP_HDRS_BYTES,
				.local = true};
}

uint32_t ip_mtu_to_advmss(uint32_t mtu_bytes)
{
	uint32_t mss = mtu_bytes - IPV4_TCP_HDRS_BYTES;
	return mss < IP_MIN_ADVMSS ? IP_MIN_ADVMSS : mss;
}

/* RFC 9293 3.7.1: of the effective MTU. As Linux that is the path's, as far as it is known: its way
 * back is likely to be as narrow. */
static uint32_t advertised_mss(const struct route *r, uint32_t mtu)
{
	uint32_t most = ip_mtu_to_advmss(mtu);
	uint32_t mss = r->advmss && r->advmss < most ? r->advmss : most;
	return mss < IP_MIN_ADVMSS ? IP_MIN_ADVMSS : mss;
}

int ip_route_output(struct stack *st, uint32_t dst, uint32_t src_hint, struct ip_path *out)
{
	if (src_hint && !ip_is_own_v4(st, src_hint))
		return -ENETUNREACH;
	if (ip_is_own_v4(st, dst)) {
		local_path(dst, src_hint, out);
		return 0;
	}
	if (dst == 0 || ipv4_is_multicast(dst) || ip_is_broadcast_v4(st, dst))
		return -ENETUNREACH;
	if (ipv4_is_loopback(src_hint))
		return -EINVAL; /* RFC 1122 3.2.1.3 (g): never on the wire */
	const struct route *r = route_lookup(st, dst);
	if (!r)
		return -ENETUNREACH;
	uint32_t nexthop = r->gateway ? r->gateway : dst;
	uint32_t src = src_hint ? src_hint : choose_source(st, r, nexthop);
	if (!src)
		return -ENETUNREACH;
	uint32_t mtu = st->config.mtu_bytes;
	if (r->mtu && r->mtu < mtu)
		mtu = r->mtu;
	mtu = ip_pmtu(st, dst, mtu);
	*out = (struct ip_path){.src = src,
				.nexthop = nexthop,
				.mtu_bytes = mtu,
				.advmss = advertised_mss(r, mtu),
				.window = r->window,
				.initcwnd = r->initcwnd};
	return 0;
}

void ip_confirm(struct stack *st, uint32_t dst)
{
	const struct route *r = ip_is_own_v4(st, dst) ? NULL : route_lookup(st, dst);
	if (r)
		neigh_confirm(st, r->gateway ? r->gateway : dst);
}

/* --- changing the table --------------------------------------------------------------------- */

static bool same_key(const struct route *a, const struct route *b)
{
	return a->dst == b->dst && a->prefix_len == b->prefix_len && a->metric == b->metric;
}

static int route_check(const struct stack *st, const struct route *r)
{
	if (r->prefix_len > 32 || (r->dst & ~ipv4_mask(r->prefix_len)) != 0)
		return -EINVAL;
	if (ipv4_is_multicast(r->dst) || (r->prefix_len >= 8 && ipv4_is_loopback(r->dst)))
		return -EINVAL;
	if (r->mtu && (r->mtu < 68 || r->mtu > 65535)) /* RFC 791 3.2: 68 must pass */
		return -EINVAL;
	if (r->prefsrc && (!ip_is_own_v4(st, r->prefsrc) || ipv4_is_loopback(r->prefsrc)))
		return -EINVAL;
	if (!r->gateway)
		return 0;
	if (ip_is_own_v4(st, r->gateway) || ip_is_broadcast_v4(st, r->gateway) ||
	    ipv4_is_multicast(r->gateway))
		return -EINVAL;
	const struct route *via = route_lookup(st, r->gateway);
	return via && !via->gateway ? 0 : -ENETUNREACH;
}

static int grow(struct ip_layer *ip)
{
	if (ip->route_count >= IP_ROUTES_MAX)
		return -ENOSPC;
	if (ip->route_count < ip->route_cap)
		return 0;
	unsigned cap = ip->route_cap ? ip->route_cap * 2 : 8;
	struct route *routes = realloc(ip->routes, cap * sizeof(*routes));
	if (!routes)
		return -ENOSPC;
	ip->routes = routes;
	ip->route_cap = cap;
	return 0;
}

static bool goes_before(const struct route *a, const struct route *b)
{
	if (a->prefix_len != b->prefix_len)
		return a->prefix_len > b->prefix_len;
	return a->metric < b->metric;
}

int ip_route_add(struct stack *st, const struct route *r)
{
	struct ip_layer *ip = &st->ip;
	int err = route_check(st, r);
	if (err)
		return err;
	for (unsigned i = 0; i < ip->route_count; i++)
		if (same_key(&ip->routes[i], r))
			return -EEXIST;
	err = grow(ip);
	if (err)
		return err;
	unsigned at = 0;
	while (at < ip->route_count && !goes_before(r, &ip->routes[at]))
		at++;
	memmove(&ip->routes[at + 1], &ip->routes[at], (ip->route_count - at) * sizeof(*r));
	ip->routes[at] = *r;
	ip->route_count++;
	return 0;
}

int ip_route_replace(struct stack *st, const struct route *r)
{
	struct ip_layer *ip = &st->ip;
	int err = route_check(st, r);
	if (err)
		return err;
	for (unsigned i = 0; i < ip->route_count; i++) {
		if (!same_key(&ip->routes[i], r))
			continue;
		if (ip->routes[i].connected) /* it is the address's */
			return -EEXIST;
		ip->routes[i] = *r; /* the same key, so the same place */
		return 0;
	}
	return ip_route_add(st, r);
}

int ip_route_connect(struct stack *st, const struct ifaddr *a)
{
	struct route r = {.dst = a->v4 & ipv4_mask(a->prefix_len),
			  .prefix_len = a->prefix_len,
			  .prefsrc = a->v4,
			  .connected = true};
	if (a->prefix_len == 32)
		return 0;
	int err = ip_route_add(st, &r);
	return err == -EEXIST ? 0 : err;
}

int ip_route_del(struct stack *st, uint32_t dst, unsigned prefix_len, uint32_t gateway)
{
	struct ip_layer *ip = &st->ip;
	for (unsigned i = 0; i < ip->route_count; i++) {
		const struct route *r = &ip->routes[i];
		if (r->dst != dst || r->prefix_len != prefix_len ||
		    (gateway && r->gateway != gateway))
			continue;
		ip->route_count--;
		memmove(&ip->routes[i], &ip->routes[i + 1], (ip->route_count - i) * sizeof(*r));
		return 0;
	}
	return -ESRCH;
}

bool ip_route_get(const struct stack *st, unsigned i, struct route *out)
{
	if (i >= st->ip.route_count)
		return false;
	*out = st->ip.routes[i];
	return true;
}
