/* SPDX-License-Identifier: MIT */
/*
 * What this host has learnt of Fast Open servers (RFC 7413 4.1.3): for each pair of addresses the
 * cookie and the MSS of the last SYN-ACK. At most FASTOPEN_CACHE_MAX; the one that was learnt or used
 * longest ago gives way.
 */
#include <stdlib.h>

#include "stack/tcp/fastopen.h"

struct fastopen_entry {
	struct list hash_node, lru_node;
	struct addr4 laddr, raddr;
	uint64_t learnt_us;
	struct fastopen_known known;
};

static struct list *bucket_of(struct stack *st, const struct sock_common *c)
{
	uint32_t key[2] = {c->laddr.v4, c->raddr.v4};
	uint64_t hash = siphash(&st->tcp.ehash_key, key, sizeof(key));
	return &st->tcp.fastopen.bucket[hash % FASTOPEN_CACHE_BUCKETS];
}

static struct fastopen_entry *look_up(struct stack *st, const struct sock_common *c)
{
	list_for_each (node, bucket_of(st, c)) {
		struct fastopen_entry *e = container_of(node, struct fastopen_entry, hash_node);
		if (e->raddr.v4 == c->raddr.v4 && e->laddr.v4 == c->laddr.v4)
			return e;
	}
	return NULL;
}

static void touch(struct stack *st, struct fastopen_entry *e)
{
	list_del(&e->lru_node);
	list_add_tail(&st->tcp.fastopen.lru, &e->lru_node);
}

static void entry_free(struct stack *st, struct fastopen_entry *e)
{
	list_del(&e->hash_node);
	list_del(&e->lru_node);
	st->tcp.fastopen.count--;
	free(e);
}

static struct fastopen_entry *entry_create(struct stack *st, const struct sock_common *c)
{
	struct fastopen_layer *layer = &st->tcp.fastopen;
	if (layer->count >= FASTOPEN_CACHE_MAX)
		entry_free(st, container_of(layer->lru.next, struct fastopen_entry, lru_node));
	struct fastopen_entry *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->laddr = c->laddr;
	e->raddr = c->raddr;
	list_init(&e->lru_node);
	list_add_tail(bucket_of(st, c), &e->hash_node);
	layer->count++;
	return e;
}

struct fastopen_known fastopen_cache_get(struct stack *st, const struct sock_common *c)
{
	struct fastopen_entry *e = look_up(st, c);
	if (!e)
		return (struct fastopen_known){0};
	touch(st, e);
	return e->known;
}

/* The MSS is the newest; a cookie stays until there is another. */
void fastopen_cache_set(struct stack *st, const struct sock_common *c, uint16_t mss,
			const struct tcp_options *opt, uint8_t try_exp)
{
	struct fastopen_entry *e = look_up(st, c);
	bool cookie = opt->has_tfo && opt->tfo_len > 0;
	if (!e)
		e = entry_create(st, c);
	if (!e)
		return;
	touch(st, e);
	e->learnt_us = st->now_us;
	e->known.mss = mss;
	if (!cookie) {
		if (e->known.cookie_len == 0 && try_exp > e->known.try_exp)
			e->known.try_exp = try_exp;
		return;
	}
	e->known.exp = opt->tfo_exp;
	e->known.cookie_len = opt->tfo_len;
	memcpy(e->known.cookie, opt->tfo, opt->tfo_len);
}

void tcp_metrics_for_each(const struct stack *st,
			  bool (*fn)(void *arg, const struct tcp_metrics *m), void *arg)
{
	list_for_each (node, &st->tcp.fastopen.lru) {
		const struct fastopen_entry *e =
		    container_of(node, struct fastopen_entry, lru_node);
		struct tcp_metrics m = {.laddr = e->laddr.v4,
					.raddr = e->raddr.v4,
					.learnt_us = e->learnt_us,
					.fastopen_mss = e->known.mss,
					.cookie_len = e->known.cookie_len};
		memcpy(m.cookie, e->known.cookie, m.cookie_len);
		if (!fn(arg, &m))
			return;
	}
}

unsigned tcp_metrics_flush(struct stack *st, const uint32_t *raddr)
{
	struct list *lru = &st->tcp.fastopen.lru;
	unsigned gone = 0;
	for (struct list *node = lru->next, *next; node != lru; node = next) {
		struct fastopen_entry *e = container_of(node, struct fastopen_entry, lru_node);
		next = node->next;
		if (raddr && e->raddr.v4 != *raddr)
			continue;
		entry_free(st, e);
		gone++;
	}
	return gone;
}

void fastopen_layer_init(struct stack *st)
{
	struct fastopen_layer *layer = &st->tcp.fastopen;
	list_init(&layer->lru);
	for (unsigned i = 0; i < FASTOPEN_CACHE_BUCKETS; i++)
		list_init(&layer->bucket[i]);
}

void fastopen_layer_destroy(struct stack *st)
{
	while (!list_empty(&st->tcp.fastopen.lru))
		entry_free(
		    st, container_of(st->tcp.fastopen.lru.next, struct fastopen_entry, lru_node));
}
