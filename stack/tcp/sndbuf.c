/* SPDX-License-Identifier: MIT */
/*
 * The send buffer: the bytes a program has written and the peer has not acknowledged, and the
 * records of how they were sent.
 *
 * Theory of operation
 *   - Bytes lie in blocks, in sequence order: [snd_una, write_seq). The caller fills blocks in
 *     place (tcp_send_reserve, tcp_send_commit) and segments point into them, so a byte is written
 *     once and never moved. Every block but the last is full. A block goes when its last byte is
 *     acknowledged; an idle connection holds none.
 *   - A connection begins with small blocks, and gets large ones once it has a backlog.
 *   - The limit counts bytes of payload against sndbuf_bytes. Unless the program has fixed it, it
 *     follows cwnd up to tcp_wmem[2] (as Linux's tcp_sndbuf_expand()). A program that found too
 *     little space hears TCP_EVENT_WRITABLE when a third of the buffer is free. With
 *     TCP_NOTSENT_LOWAT a quarter of the mark, or a segment, may wait here unsent, and as much again
 *     while the windows take it: the rest of the mark is for what waits in front of this buffer
 *     (rpc/rpc.h).
 *   - tx_segs, the records of the retransmit queue, tile [snd_una, snd_nxt); they name sequence
 *     ranges, not memory, so splitting one copies nothing.
 */
#include "stack/tcp/tcp_send.h"

#define LARGE_FROM_BYTES 16384u /* backlog from which on blocks are large */

/* --- blocks ------------------------------------------------------------------------------- */

static struct snd_block *block_of(struct list *node)
{
	return container_of(node, struct snd_block, node);
}

static void block_free(struct tcp_sock *sk, struct snd_block *b)
{
	if (sk->snd_cursor == b)
		sk->snd_cursor = NULL;
	tcp_owner_uncharge(sk, b->cap);
	snd_block_free(sk->stack, b);
}

/* Gives back the blocks at the end that a reserve took and no commit filled. */
static void free_unused_blocks(struct tcp_sock *sk)
{
	while (!list_empty(&sk->snd_blocks)) {
		struct snd_block *b = block_of(sk->snd_blocks.prev);
		if (b->used > 0)
			break;
		block_free(sk, b);
	}
}

static bool may_write(const struct tcp_sock *sk)
{
	bool fast = sk->fastopen_deferred || (sk->c.state == TCP_SYN_RECV && sk->fastopen_child);
	return (sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_CLOSE_WAIT || fast) &&
	       !sk->fin_queued;
}

uint32_t tcp_notsent_mark(const struct tcp_sock *sk)
{
	return sk->notsent_lowat ? sk->notsent_lowat : sk->stack->sysctl.tcp_notsent_lowat;
}

static uint32_t notsent_share(const struct tcp_sock *sk)
{
	return max_u32(tcp_notsent_mark(sk) / 4, sk->mss_cache);
}

/* What TCP_NOTSENT_LOWAT leaves; less than a segment is not worth a read. */
static uint32_t notsent_room(const struct tcp_sock *sk)
{
	if (tcp_notsent_mark(sk) == UINT32_MAX)
		return UINT32_MAX;
	uint32_t unsent = tcp_unsent_bytes(sk), share = notsent_share(sk);
	uint32_t may_wait = share + min_u32(tcp_sendable_bytes(sk), share);
	return may_wait < unsent + sk->mss_cache ? 0 : may_wait - unsent;
}

/* Free space; too little of it to be worth a write counts as none (a third must be free first). */
static uint32_t write_space(const struct tcp_sock *sk, uint32_t want)
{
	if (sk->sndq_bytes >= sk->sndbuf_bytes || write_marks_full(sk))
		return 0;
	uint32_t space = sk->sndbuf_bytes - sk->sndq_bytes;
	if (space < want && space < sk->sndbuf_bytes / 8)
		return 0;
	return min_u32(space, notsent_room(sk));
}

/* A span of b's free room, of at most *left bytes. */
static struct iovec span_of(struct snd_block *b, uint32_t *left)
{
	uint32_t len = min_u32(b->cap - b->used, *left);
	*left -= len;
	return (struct iovec){.iov_base = b->data + b->used, .iov_len = len};
}

static bool tail_has_room(const struct tcp_sock *sk)
{
	const struct snd_block *tail = block_of(sk->snd_blocks.prev);
	return !list_empty(&sk->snd_blocks) && tail->used < tail->cap;
}

/* Whatever its user holds: one, or it could never send and free any. */
static bool may_take_block(const struct tcp_sock *sk)
{
	return list_empty(&sk->snd_blocks) || !tcp_owner_is_full(sk);
}

int tcp_send_reserve(struct tcp_sock *sk, size_t want_bytes, struct iovec *iov, int max)
{
	if (!may_write(sk) || max <= 0)
		return 0;
	uint32_t want = want_bytes > TCP_CWND_MAX_BYTES ? TCP_CWND_MAX_BYTES : (uint32_t)want_bytes;
	uint32_t space = write_space(sk, want), left = min_u32(max_u32(want, 1), space);
	uint32_t all = left;
	int n = 0;
	if (left < want)
		sk->write_blocked = true;
	free_unused_blocks(sk);
	if (left > 0 && tail_has_room(sk))
		iov[n++] = span_of(block_of(sk->snd_blocks.prev), &left);
	while (left > 0 && n < max) {
		uint32_t backlog = sk->sndq_bytes + (all - left);
		struct snd_block *b = may_take_block(sk)
					  ? snd_block_alloc(sk->stack, backlog >= LARGE_FROM_BYTES)
					  : NULL;
		if (!b) {
			sk->write_blocked = true;
			break;
		}
		tcp_owner_charge(sk, b->cap);
		list_add_tail(&sk->snd_blocks, &b->node);
		iov[n++] = span_of(b, &left);
	}
	return n;
}

/* The block that takes the next byte: the first, from the end, behind a full one. */
static struct snd_block *first_with_room(struct tcp_sock *sk)
{
	struct list *at = sk->snd_blocks.prev;
	while (at->prev != &sk->snd_blocks && block_of(at->prev)->used < block_of(at->prev)->cap)
		at = at->prev;
	return block_of(at);
}

void tcp_send_commit(struct tcp_sock *sk, size_t n)
{
	if (list_empty(&sk->snd_blocks))
		return;
	struct snd_block *b = first_with_room(sk);
	uint32_t left = (uint32_t)n;
	if (n > 0) {
		write_marks_committed(sk);
		rate_check_app_limited(sk);
		chrono_start(sk, CHRONO_BUSY);
	}
	while (left > 0) {
		uint32_t take = min_u32(b->cap - b->used, left);
		if (b->used == 0)
			b->seq = sk->write_seq;
		b->used += take;
		sk->write_seq += take;
		sk->sndq_bytes += take;
		left -= take;
		if (b->node.next == &sk->snd_blocks)
			break;
		b = block_of(b->node.next);
	}
	free_unused_blocks(sk);
	if (n > 0)
		tcp_want_flush(sk);
}

void sndbuf_ack(struct tcp_sock *sk, uint32_t bytes)
{
	sk->sndq_bytes -= bytes;
	while (bytes > 0 && !list_empty(&sk->snd_blocks)) {
		struct snd_block *b = block_of(sk->snd_blocks.next);
		uint32_t take = min_u32(b->used - b->acked, bytes);
		b->acked += take;
		bytes -= take;
		if (b->acked < b->used || (b->used < b->cap && sk->sndq_bytes > 0))
			break;
		block_free(sk, b);
	}
}

/* The block that holds seq; most look-ups continue where the last one ended. */
static struct snd_block *block_at(struct tcp_sock *sk, uint32_t seq)
{
	struct snd_block *b = sk->snd_cursor ? sk->snd_cursor : block_of(sk->snd_blocks.next);
	while (seq_geq(seq, b->seq + b->used) && b->node.next != &sk->snd_blocks)
		b = block_of(b->node.next);
	while (seq_lt(seq, b->seq) && b->node.prev != &sk->snd_blocks)
		b = block_of(b->node.prev);
	sk->snd_cursor = b;
	return b;
}

/* Spans of [seq, seq + len), which must be in the buffer. At most `max` of them. */
int sndbuf_iov(struct tcp_sock *sk, uint32_t seq, uint32_t len, struct iovec *iov, int max)
{
	if (len == 0 || list_empty(&sk->snd_blocks))
		return 0;
	struct snd_block *b = block_at(sk, seq);
	uint32_t off = seq - b->seq;
	int n = 0;
	while (len > 0 && n < max) {
		uint32_t take = min_u32(b->used - off, len);
		iov[n++] = (struct iovec){.iov_base = b->data + off, .iov_len = take};
		len -= take;
		off = 0;
		if (b->node.next == &sk->snd_blocks)
			break;
		b = block_of(b->node.next);
	}
	return n;
}

void sndbuf_purge(struct tcp_sock *sk)
{
	while (!list_empty(&sk->snd_blocks))
		block_free(sk, block_of(sk->snd_blocks.next));
	while (!list_empty(&sk->rtx_queue))
		tx_seg_free(sk->stack, rtx_head(sk));
	sk->sndq_bytes = 0;
	sk->sacked_bytes = sk->dup_acked_bytes = sk->lost_bytes = sk->retrans_bytes = 0;
	sk->urg_pending = sk->more_holds = false;
	write_marks_forget(sk);
	chrono_end(sk);
}

/* Room for what is in flight, for as much again that slow start will add, and for the program's
 * next write. */
void sndbuf_expand(struct tcp_sock *sk)
{
	if (sk->sndbuf_locked)
		return;
	uint64_t want = 3 * (uint64_t)sk->cwnd_bytes;
	uint32_t limit = sk->stack->sysctl.tcp_wmem[2];
	if (want > limit)
		want = limit;
	if (want > sk->sndbuf_bytes)
		sk->sndbuf_bytes = (uint32_t)want;
}

bool sndbuf_is_full(const struct tcp_sock *sk)
{
	return sk->write_blocked && sk->sndbuf_bytes - sk->sndbuf_bytes / 8 <= sk->sndq_bytes;
}

void sndbuf_check_space(struct tcp_sock *sk)
{
	if (!sk->write_blocked || !may_write(sk))
		return;
	if ((uint64_t)sk->sndq_bytes * 3 > (uint64_t)sk->sndbuf_bytes * 2)
		return;
	uint32_t room = notsent_room(sk);
	if (room == 0 || room < notsent_share(sk) / 2 || write_marks_full(sk))
		return;
	sk->write_blocked = false;
	chrono_stop(sk, CHRONO_SNDBUF_LIMITED);
	tcp_event(sk, TCP_EVENT_WRITABLE);
}

void sndbuf_check_unsent(struct tcp_sock *sk)
{
	if (sk->write_blocked)
		sndbuf_check_space(sk);
}

/* As Linux's SIOCOUTQ: an unacknowledged SYN or FIN counts one. */
size_t tcp_outq_bytes(const struct tcp_sock *sk)
{
	if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN)
		return 0;
	uint32_t end = sk->write_seq + (sk->fin_queued ? 1 : 0);
	return seq_gt(end, sk->snd_una) ? end - sk->snd_una : 0;
}

size_t tcp_outq_unsent_bytes(const struct tcp_sock *sk)
{
	bool open = sk->c.state != TCP_CLOSE && sk->c.state != TCP_LISTEN;
	return open && sk->c.state != TCP_SYN_SENT ? tcp_unsent_bytes(sk) : 0;
}

/* --- records of the retransmit queue -------------------------------------------------------- */

struct tx_seg *tx_seg_split(struct tcp_sock *sk, struct tx_seg *seg, uint32_t at)
{
	struct tx_seg *rest = tx_seg_alloc(sk->stack);
	if (!rest)
		return NULL;
	*rest = *seg;
	list_init(&rest->node);
	rest->seq = at;
	rest->syn = false;
	seg->end_seq = at;
	seg->fin = seg->psh = false;
	list_insert_before(seg->node.next, &rest->node);
	return rest;
}
