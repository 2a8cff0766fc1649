/* SPDX-License-Identifier: MIT */
/*
 * Where the send side's memory comes from: blocks of two sizes, and the records of the retransmit
 * queue. What is freed stays warm on the layer's free lists, up to a bound, so that steady traffic
 * allocates nothing. tcp_layer.sndbuf_bytes is what the connections hold.
 */
#include <stdlib.h>

#include "stack/tcp/tcp_send.h"

/* A small block with malloc's header fits a page; a large one holds a whole TSO frame. */
#define SMALL_BLOCK_BYTES (4096 - 64)
#define LARGE_BLOCK_BYTES 65536
#define WARM_SMALL_MAX 512
#define WARM_LARGE_MAX 64
#define WARM_TX_SEGS_MAX 4096

static struct list *take_warm(struct list *warm, uint32_t *count)
{
	struct list *node = warm->next;
	if (node == warm)
		return NULL;
	list_del(node);
	(*count)--;
	return node;
}

/* False: there are enough of them. */
static bool keep_warm(struct list *warm, uint32_t *count, uint32_t max, struct list *node)
{
	if (*count >= max)
		return false;
	list_add_head(warm, node);
	(*count)++;
	return true;
}

struct snd_block *snd_block_alloc(struct stack *st, bool large)
{
	struct tcp_layer *tcp = &st->tcp;
	uint32_t cap = large ? LARGE_BLOCK_BYTES : SMALL_BLOCK_BYTES;
	struct list *node = large ? take_warm(&tcp->free_blocks_large, &tcp->free_blocks_large_cnt)
				  : take_warm(&tcp->free_blocks_small, &tcp->free_blocks_small_cnt);
	struct snd_block *b =
	    node ? container_of(node, struct snd_block, node) : malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	list_init(&b->node);
	b->cap = cap;
	b->used = b->acked = b->seq = 0;
	tcp->sndbuf_bytes += cap;
	return b;
}

void snd_block_free(struct stack *st, struct snd_block *b)
{
	struct tcp_layer *tcp = &st->tcp;
	list_del(&b->node);
	tcp->sndbuf_bytes -= b->cap;
	bool kept = b->cap == LARGE_BLOCK_BYTES
			? keep_warm(&tcp->free_blocks_large, &tcp->free_blocks_large_cnt,
				    WARM_LARGE_MAX, &b->node)
			: keep_warm(&tcp->free_blocks_small, &tcp->free_blocks_small_cnt,
				    WARM_SMALL_MAX, &b->node);
	if (!kept)
		free(b);
}

struct tx_seg *tx_seg_alloc(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	struct list *node = take_warm(&tcp->free_tx_segs, &tcp->free_tx_segs_cnt);
	struct tx_seg *seg = node ? tx_seg_of(node) : malloc(sizeof(*seg));
	if (!seg)
		return NULL;
	memset(seg, 0, sizeof(*seg));
	list_init(&seg->node);
	return seg;
}

void tx_seg_free(struct stack *st, struct tx_seg *seg)
{
	struct tcp_layer *tcp = &st->tcp;
	list_del(&seg->node);
	if (!keep_warm(&tcp->free_tx_segs, &tcp->free_tx_segs_cnt, WARM_TX_SEGS_MAX, &seg->node))
		free(seg);
}

void sndbuf_pool_trim(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	struct list *node;
	while ((node = take_warm(&tcp->free_blocks_small, &tcp->free_blocks_small_cnt)))
		free(container_of(node, struct snd_block, node));
	while ((node = take_warm(&tcp->free_blocks_large, &tcp->free_blocks_large_cnt)))
		free(container_of(node, struct snd_block, node));
	while ((node = take_warm(&tcp->free_tx_segs, &tcp->free_tx_segs_cnt)))
		free(tx_seg_of(node));
}
