/* SPDX-License-Identifier: MIT */
/*
 * Path MTU per destination (RFC 1191): what ICMP's "fragmentation needed" taught, once TCP has
 * believed it.
 *
 * An entry only ever shrinks, and is forgotten after ip_pmtu_expires_s, so that a better path is
 * found again (RFC 1191 6.3). A path that claims less than ip_min_pmtu is not followed down, since
 * a forger would like us to send tiny segments: we stay at ip_min_pmtu and let routers fragment (no
 * DF), as Linux does. At most IP_PMTU_MAX destinations; the oldest gives way.
 */
#include <stdlib.h>

#include "stack/stack_impl.h"

static struct list *bucket_of(struct stack *st, uint32_t dst)
{
	return &st->ip.pmtu_bucket[siphash(&st->ip.hash_key, &dst, sizeof(dst)) % IP_PMTU_BUCKETS];
}

static void entry_free(struct stack *st, struct pmtu_entry *e)
{
	list_del(&e->hash_node);
	list_del(&e->lru_node);
	st->ip.pmtu_count--;
	free(e);
}

/* The live entry, or NULL; one that has expired goes. */
static struct pmtu_entry *lookup(struct stack *st, uint32_t dst)
{
	if (st->ip.pmtu_count == 0)
		return NULL;
	list_for_each (node, bucket_of(st, dst)) {
		struct pmtu_entry *e = container_of(node, struct pmtu_entry, hash_node);
		if (e->dst != dst)
			continue;
		if (st->now_us < e->expires_us)
			return e;
		entry_free(st, e);
		return NULL;
	}
	return NULL;
}

static struct pmtu_entry *entry_create(struct stack *st, uint32_t dst)
{
	while (st->ip.pmtu_count >= IP_PMTU_MAX)
		entry_free(st, container_of(st->ip.pmtu_lru.next, struct pmtu_entry, lru_node));
	struct pmtu_entry *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->dst = dst;
	e->mtu = UINT32_MAX;
	list_add_tail(bucket_of(st, dst), &e->hash_node);
	list_add_tail(&st->ip.pmtu_lru, &e->lru_node);
	st->ip.pmtu_count++;
	return e;
}

uint32_t ip_pmtu(struct stack *st, uint32_t dst, uint32_t link_mtu)
{
	const struct pmtu_entry *e = lookup(st, dst);
	return e && e->mtu < link_mtu ? e->mtu : link_mtu;
}

bool ip_pmtu_locked(struct stack *st, uint32_t dst)
{
	const struct pmtu_entry *e = lookup(st, dst);
	return e && e->locked;
}

void ip_pmtu_update(struct stack *st, uint32_t dst, uint32_t mtu)
{
	struct pmtu_entry *e = lookup(st, dst);
	bool locked = mtu < st->sysctl.ip_min_pmtu;
	if (locked)
		mtu = st->sysctl.ip_min_pmtu;
	if (mtu >= st->config.mtu_bytes && !locked)
		return;
	if (e && e->mtu <= mtu && e->locked >= locked)
		return;
	if (!e)
		e = entry_create(st, dst);
	if (!e)
		return;
	e->mtu = mtu < e->mtu ? mtu : e->mtu;
	e->locked |= locked;
	e->expires_us = st->now_us + (uint64_t)st->sysctl.ip_pmtu_expires_s * 1000000;
	list_del(&e->lru_node);
	list_add_tail(&st->ip.pmtu_lru, &e->lru_node);
}

void ip_pmtu_destroy(struct stack *st)
{
	while (!list_empty(&st->ip.pmtu_lru))
		entry_free(st, container_of(st->ip.pmtu_lru.next, struct pmtu_entry, lru_node));
}
