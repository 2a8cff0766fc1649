/* SPDX-License-Identifier: MIT */
/*
 * The SACK scoreboard (RFC 2018, RFC 2883, RFC 6675): what the peer says it holds beyond snd_una
 * is marked on the tx_segs of the retransmit queue.
 *
 * Theory of operation
 *   - The blocks of an ACK are checked (a block outside [snd_una, snd_nxt) is ignored), sorted, and
 *     applied in one pass over the queue that ends with the highest block. A record that a block's
 *     edge cuts is split there, or rather at the next edge of a segment within the block: of a
 *     segment of which only a part has arrived all will be sent again (as Linux has it).
 *   - Neighbours that are both SACKed become one record, so in a long recovery the queue stays as
 *     short as its number of holes.
 *   - A first block below snd_una, or inside the second, is a D-SACK: something arrived twice. It
 *     counts towards undoing a recovery that was not needed and widens RACK's reordering window.
 */
#include "stack/tcp/tcp_send.h"

static uint32_t segs_of(const struct tcp_sock *sk, uint32_t bytes)
{
	uint32_t mss = max_u32(sk->mss_cache, 1);
	return max_u32((bytes + mss - 1) / mss, 1);
}

static bool is_dsack(struct tcp_sock *sk, const struct sack_block *b, unsigned n)
{
	if (seq_lt(b[0].start, sk->snd_una)) {
		snmp_inc(sk->stack, TcpExtTCPDSACKRecv);
		return true;
	}
	if (n > 1 && seq_geq(b[0].start, b[1].start) && seq_leq(b[0].end, b[1].end)) {
		snmp_inc(sk->stack, TcpExtTCPDSACKOfoRecv);
		return true;
	}
	return false;
}

/* One retransmission fewer that may still prove to have been needed. */
static void note_dsack(struct tcp_sock *sk, const struct sack_block *b, struct ack_sample *s)
{
	uint32_t len = b->end - b->start;
	if (len == 0 || len > sk->max_window + 1 || seq_gt(b->end, sk->snd_nxt))
		return;
	uint32_t segs = segs_of(sk, len);
	s->dsack = true;
	sk->dsack_dups += segs;
	if (sk->undo_marker && sk->undo_retrans != UNDO_RETRANS_NONE &&
	    seq_gt(b->end, sk->undo_marker))
		sk->undo_retrans -= min_u32(segs, sk->undo_retrans);
}

static bool block_valid(const struct tcp_sock *sk, const struct sack_block *b)
{
	return seq_lt(b->start, b->end) && seq_leq(b->end, sk->snd_nxt) &&
	       seq_gt(b->end, sk->snd_una);
}

/* The valid blocks of the segment in ascending order; returns how many. */
static unsigned sorted_blocks(const struct tcp_sock *sk, const struct sack_block *from, unsigned n,
			      struct sack_block *to)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!block_valid(sk, &from[i]))
			continue;
		unsigned at = count++;
		for (; at > 0 && seq_lt(from[i].start, to[at - 1].start); at--)
			to[at] = to[at - 1];
		to[at] = from[i];
	}
	return count;
}

static void merge_into(struct tcp_sock *sk, struct tx_seg *left, struct tx_seg *right)
{
	left->end_seq = right->end_seq;
	left->fin |= right->fin;
	tx_seg_free(sk->stack, right);
	snmp_inc(sk->stack, TcpExtTCPSackShifted);
}

/* Joins seg with a SACKed record before it; returns the record that now holds it. */
static struct tx_seg *merge_back(struct tcp_sock *sk, struct tx_seg *seg)
{
	if (seg->node.prev == &sk->rtx_queue)
		return seg;
	struct tx_seg *prev = tx_seg_of(seg->node.prev);
	if (!prev->sacked || prev->end_seq != seg->seq)
		return seg;
	merge_into(sk, prev, seg);
	return prev;
}

static void mark_sacked(struct tcp_sock *sk, struct tx_seg *seg, struct ack_sample *s)
{
	uint32_t len = tx_seg_len(seg);
	if (seg->lost)
		sk->lost_bytes -= len;
	if (seg->retransmitted)
		sk->retrans_bytes -= len;
	if (seg->retrans == 0) {
		rack_check_reordering(sk, seg->seq, sk->highest_sack_seq);
		s->orig_acked |= seq_leq(seg->end_seq, sk->high_seq);
		s->rtt_us = (int64_t)(sk->stack->now_us - seg->sent_us);
	}
	rack_advance(sk, seg);
	rate_seg_delivered(sk, seg, s);
	seg->delivered_us = 0;
	seg->lost = seg->retransmitted = false;
	seg->sacked = true;
	sk->sacked_bytes += len;
	s->acked_bytes += len;
	s->acked_segs += tx_seg_count(seg, len);
	s->sacked_bytes += len;
	if (seq_gt(seg->end_seq, sk->highest_sack_seq))
		sk->highest_sack_seq = seg->end_seq;
}

/* The part of seg that b covers in whole segments as they were sent; false: none. */
static bool whole_part(const struct tx_seg *seg, const struct sack_block *b,
		       struct sack_block *part)
{
	uint32_t mss = max_u32(seg->mss, 1);
	*part = (struct sack_block){seg->seq, seg->end_seq};
	if (seq_lt(seg->seq, b->start))
		part->start += (b->start - seg->seq + mss - 1) / mss * mss;
	if (seq_lt(b->end, seg->end_seq))
		part->end = seg->seq + (b->end - seg->seq) / mss * mss;
	return seq_lt(part->start, part->end);
}

static bool first_part(const struct tx_seg *seg, const struct sack_block *b, unsigned n,
		       struct sack_block *part)
{
	for (; n > 0 && seq_lt(b->start, seg->end_seq); b++, n--)
		if (whole_part(seg, b, part))
			return true;
	return false;
}

/* Marks that part of seg. Returns the record to go on with; NULL when memory is short. */
static struct tx_seg *apply_part(struct tcp_sock *sk, struct tx_seg *seg,
				 const struct sack_block *part, struct ack_sample *s)
{
	if (seq_lt(seg->seq, part->start)) {
		seg = tx_seg_split(sk, seg, part->start);
		if (!seg)
			return NULL;
	}
	if (seq_gt(seg->end_seq, part->end) && !tx_seg_split(sk, seg, part->end))
		return NULL;
	mark_sacked(sk, seg, s);
	return merge_back(sk, seg);
}

static void apply_blocks(struct tcp_sock *sk, const struct sack_block *b, unsigned n,
			 struct ack_sample *s)
{
	unsigned i = 0;
	for (struct list *node = sk->rtx_queue.next; node != &sk->rtx_queue; node = node->next) {
		struct tx_seg *seg = tx_seg_of(node);
		while (i < n && seq_leq(b[i].end, seg->seq))
			i++;
		if (i == n)
			return;
		if (seq_leq(seg->end_seq, b[i].start))
			continue;
		if (seg->sacked) {
			node = &merge_back(sk, seg)->node;
			continue;
		}
		struct sack_block part;
		if (!first_part(seg, b + i, n - i, &part))
			continue;
		seg = apply_part(sk, seg, &part, s);
		if (!seg)
			return;
		node = &seg->node;
	}
}

/* The blocks of an ACK whose cumulative part is already in snd_una. */
void sack_update(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *sample)
{
	const struct sack_block *from = seg->opt.sack;
	unsigned n = seg->opt.sack_cnt;
	if (!sk->sack_ok || n == 0)
		return;
	if (sk->sacked_bytes == 0)
		sk->highest_sack_seq = sk->snd_una;
	if (is_dsack(sk, from, n)) {
		note_dsack(sk, from, sample);
		from++;
		n--;
	}
	struct sack_block blocks[TCP_SACK_BLOCKS_MAX];
	n = sorted_blocks(sk, from, n, blocks);
	if (n > 0)
		apply_blocks(sk, blocks, n, sample);
	if (sample->sacked_bytes > 0 && !sample->una_advanced && sk->dupacks < UINT8_MAX)
		sk->dupacks++;
}
