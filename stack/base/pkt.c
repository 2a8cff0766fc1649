/* SPDX-License-Identifier: MIT */
/*
 * Packet buffers: two classes that are kept warm (a frame of ordinary size, a whole 64 KiB one) and
 * buffers cut to measure by pkt_compact(), which go back to malloc. What is handed out is
 * counted by truesize against the pool's limit.
 */
#include <stdlib.h>
#include <string.h>

#include "stack/base/pkt.h"

#define KEEP_SMALL 1024
#define KEEP_LARGE 128
#define COMPACT_GRAIN_BYTES 64

void pkt_pool_init(struct pkt_pool *pool, size_t limit_bytes)
{
	memset(pool, 0, sizeof(*pool));
	list_init(&pool->free_small);
	list_init(&pool->free_large);
	pool->limit_bytes = limit_bytes;
}

static void free_all(struct list *l)
{
	list_for_each_safe (node, l) {
		list_del(node);
		free(container_of(node, struct pkt, node));
	}
}

void pkt_pool_trim(struct pkt_pool *pool)
{
	free_all(&pool->free_small);
	free_all(&pool->free_large);
	pool->free_small_count = pool->free_large_count = 0;
}

void pkt_pool_destroy(struct pkt_pool *pool)
{
	pkt_pool_trim(pool);
}

static struct pkt *take_warm(struct list *free_list, unsigned *count)
{
	if (list_empty(free_list))
		return NULL;
	struct list *node = free_list->next;
	list_del(node);
	(*count)--;
	return container_of(node, struct pkt, node);
}

/* A pkt whose buffer has exactly cap bytes, warm where that is a class. */
static struct pkt *alloc_exact(struct pkt_pool *pool, size_t cap)
{
	struct pkt *p = NULL;
	if (pool->used_bytes + sizeof(*p) + cap > pool->limit_bytes)
		return NULL;
	if (cap == PKT_SMALL_BYTES)
		p = take_warm(&pool->free_small, &pool->free_small_count);
	else if (cap == PKT_LARGE_BYTES)
		p = take_warm(&pool->free_large, &pool->free_large_count);
	if (!p)
		p = malloc(sizeof(*p) + cap);
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	list_init(&p->node);
	p->pool = pool;
	p->data = p->buf;
	p->cap = (uint32_t)cap;
	pool->used_bytes += pkt_truesize(p);
	return p;
}

struct pkt *pkt_alloc(struct pkt_pool *pool, size_t cap)
{
	if (cap > PKT_LARGE_BYTES)
		return NULL;
	return alloc_exact(pool, cap <= PKT_SMALL_BYTES ? PKT_SMALL_BYTES : PKT_LARGE_BYTES);
}

void pkt_free(struct pkt *p)
{
	if (!p)
		return;
	struct pkt_pool *pool = p->pool;
	pool->used_bytes -= pkt_truesize(p);
	if (p->cap == PKT_SMALL_BYTES && pool->free_small_count < KEEP_SMALL) {
		list_add_head(&pool->free_small, &p->node);
		pool->free_small_count++;
	} else if (p->cap == PKT_LARGE_BYTES && pool->free_large_count < KEEP_LARGE) {
		list_add_head(&pool->free_large, &p->node);
		pool->free_large_count++;
	} else {
		free(p);
	}
}

struct pkt *pkt_compact(struct pkt *p)
{
	size_t cap = (p->len + COMPACT_GRAIN_BYTES - 1) / COMPACT_GRAIN_BYTES * COMPACT_GRAIN_BYTES;
	if (cap > p->cap / 2)
		return p;
	struct pkt *small = alloc_exact(p->pool, cap);
	if (!small)
		return p;
	struct pkt fields = *p;
	fields.node = small->node;
	fields.data = small->buf;
	fields.frame_at = 0;
	fields.cap = small->cap;
	*small = fields;
	list_init(&small->node);
	memcpy(small->buf, p->data, p->len);
	pkt_free(p);
	return small;
}
