/* SPDX-License-Identifier: MIT */
/*
 * The out-of-order queue, and the blocks that tell the peer of it (SACK: RFC 2018, D-SACK: RFC 2883).
 *
 * Theory of operation
 *   - ooo is sorted and free of overlaps, and lies beyond rcv_nxt. It is there only while a hole is
 *     waited for. What arrives is cut where it overlaps what is here already, and that is told to
 *     the peer as D-SACK.
 *   - Each segment is acknowledged at once, since the peer counts these ACKs (RFC 5681 4.2).
 *   - The SACK blocks are kept beside the queue, the newest first; what the queue was pruned of is
 *     not known block by block, so pruning forgets them all.
 */
#include <stdlib.h>

#include "stack/tcp/tcp_receive.h"

#define OOO_PKTS_MAX 4096 /* the queue is searched from its nearer end */

static void ooo_insert(struct tcp_sock *sk, struct list *before, struct pkt *p)
{
	list_insert_before(before, &p->node);
	rcv_account(sk, &sk->ooo->truesize, p, true);
	sk->ooo->pkts++;
}

static void ooo_remove(struct tcp_sock *sk, struct pkt *p)
{
	list_del(&p->node);
	rcv_account(sk, &sk->ooo->truesize, p, false);
	sk->ooo->pkts--;
}

/* There is one while a hole is waited for. False: no memory. */
static bool ooo_begin(struct tcp_sock *sk)
{
	if (sk->ooo)
		return true;
	sk->ooo = calloc(1, sizeof(*sk->ooo));
	if (!sk->ooo)
		return false;
	list_init(&sk->ooo->segs);
	return true;
}

/* After something was removed. */
static void ooo_end_if_empty(struct tcp_sock *sk)
{
	if (!sk->ooo || !list_empty(&sk->ooo->segs))
		return;
	free(sk->ooo);
	sk->ooo = NULL;
}

void ooo_purge(struct tcp_sock *sk)
{
	while (sk->ooo && !list_empty(&sk->ooo->segs)) {
		struct pkt *p = pkt_of(sk->ooo->segs.next);
		ooo_remove(sk, p);
		pkt_free(p);
	}
	ooo_end_if_empty(sk);
}

static void ooo_drop_last(struct tcp_sock *sk)
{
	struct pkt *p = pkt_of(sk->ooo->segs.prev);
	ooo_remove(sk, p);
	stack_drop(sk->stack, p, DROP_TCP_OFO_QUEUE_PRUNE);
}

void ooo_prune(struct tcp_sock *sk, uint32_t seq, size_t more)
{
	if (!sk->ooo)
		return;
	snmp_inc(sk->stack, TcpExtOfoPruned);
	while (rcv_over_limit(sk, more) && !list_empty(&sk->ooo->segs) &&
	       seq_gt(pkt_of(sk->ooo->segs.prev)->seq, seq))
		ooo_drop_last(sk);
	sk->ooo->sack_cnt = 0;
	ooo_end_if_empty(sk);
}

/* --- SACK blocks (RFC 2018 4: the newest first) */

static bool touches(const struct sack_block *a, const struct sack_block *b)
{
	return seq_leq(a->start, b->end) && seq_leq(b->start, a->end);
}

static void sack_add(struct tcp_sock *sk, uint32_t start, uint32_t end)
{
	struct ooo_queue *q = sk->ooo;
	struct sack_block add = {start, end}, kept[TCP_SACK_BLOCKS_MAX];
	uint32_t n = 0;
	if (!sk->sack_ok)
		return;
	for (uint32_t i = 0; i < q->sack_cnt; i++) {
		const struct sack_block *b = &q->sacks[i];
		if (!touches(b, &add)) {
			kept[n++] = *b;
			continue;
		}
		if (seq_lt(b->start, add.start))
			add.start = b->start;
		if (seq_gt(b->end, add.end))
			add.end = b->end;
	}
	if (n == TCP_SACK_BLOCKS_MAX)
		n--;
	q->sacks[0] = add;
	memcpy(&q->sacks[1], kept, n * sizeof(kept[0]));
	q->sack_cnt = n + 1;
}

static void sack_forget_passed(struct tcp_sock *sk)
{
	struct ooo_queue *q = sk->ooo;
	uint32_t n = 0;
	for (uint32_t i = 0; i < q->sack_cnt; i++)
		if (seq_gt(q->sacks[i].start, sk->rcv_nxt))
			q->sacks[n++] = q->sacks[i];
	q->sack_cnt = n;
}

void tcp_dsack(struct tcp_sock *sk, uint32_t start, uint32_t end, enum snmp counter)
{
	struct sack_block add = {start, end};
	if (!sk->sack_ok || start == end || !sk->stack->sysctl.tcp_dsack)
		return;
	snmp_inc(sk->stack, counter);
	if (sk->dup_sack && touches(&sk->dsack, &add)) {
		if (seq_gt(sk->dsack.start, start))
			sk->dsack.start = start;
		if (seq_lt(sk->dsack.end, end))
			sk->dsack.end = end;
		return;
	}
	sk->dup_sack = true;
	sk->dsack = add;
}

void tcp_dsack_old(struct tcp_sock *sk, uint32_t start, uint32_t end)
{
	snmp_inc(sk->stack, TcpExtDelayedACKLost); /* our ACK of it, perhaps */
	tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	tcp_dsack(sk, start, end, TcpExtTCPDSACKOldSent);
}

/* --- in */

/* The first in the queue that begins beyond seq (or the queue's head), from the nearer end. */
static struct list *ooo_place(struct tcp_sock *sk, uint32_t seq)
{
	struct list *head = &sk->ooo->segs, *pos = head;
	if (list_empty(head))
		return head;
	uint32_t first = pkt_of(head->next)->seq, last = pkt_of(head->prev)->seq;
	if (seq_gt(last, seq) && seq - first < last - seq) {
		pos = head->next;
		while (pos != head && !seq_gt(pkt_of(pos)->seq, seq))
			pos = pos->next;
		return pos;
	}
	while (pos->prev != head && seq_gt(pkt_of(pos->prev)->seq, seq))
		pos = pos->prev;
	return pos;
}

/* Cuts p where it overlaps what precedes it; false: nothing of it is new. */
static bool ooo_cut_front(struct tcp_sock *sk, struct pkt *p, const struct list *next)
{
	if (next->prev == &sk->ooo->segs)
		return true;
	uint32_t have = pkt_end(pkt_of(next->prev)), end = pkt_end(p);
	if (seq_leq(have, p->seq))
		return true;
	bool nothing_new = seq_geq(have, end);
	tcp_dsack(sk, p->seq, nothing_new ? end : have, TcpExtTCPDSACKOfoSent);
	if (!nothing_new)
		pkt_cut_front(p, have);
	return !nothing_new;
}

/* Removes what p covers, and cuts p where it reaches into what follows. The place for p. */
static struct list *ooo_cut_back(struct tcp_sock *sk, struct pkt *p, struct list *next)
{
	while (next != &sk->ooo->segs) {
		struct pkt *n = pkt_of(next);
		uint32_t end = pkt_end(p);
		if (seq_geq(n->seq, end))
			break;
		if (seq_gt(pkt_end(n), end)) {
			tcp_dsack(sk, n->seq, end, TcpExtTCPDSACKOfoSent);
			pkt_cut_back(p, n->seq);
			break;
		}
		tcp_dsack(sk, n->seq, pkt_end(n), TcpExtTCPDSACKOfoSent);
		snmp_inc(sk->stack, TcpExtTCPOFOMerge);
		next = next->next;
		ooo_remove(sk, n);
		stack_drop(sk->stack, n, DROP_TCP_OFOMERGE);
	}
	return next;
}

/* Takes p, which is new in part at least if true comes back. */
static bool ooo_add(struct tcp_sock *sk, struct pkt *p)
{
	struct list *next = ooo_place(sk, p->seq);
	if (!ooo_cut_front(sk, p, next)) {
		snmp_inc(sk->stack, TcpExtTCPOFOMerge);
		stack_drop(sk->stack, p, DROP_TCP_OFOMERGE);
		return false;
	}
	next = ooo_cut_back(sk, p, next);
	if (next->prev != &sk->ooo->segs) {
		struct pkt *before = pkt_of(next->prev);
		if (pkt_end(before) == p->seq && !before->fin && rcv_coalesce(sk, before, p)) {
			pkt_free(p);
			return true;
		}
	}
	ooo_insert(sk, next, p);
	if (sk->ooo->pkts > OOO_PKTS_MAX) {
		ooo_drop_last(sk);
		sk->ooo->sack_cnt = 0;
	}
	return true;
}

void ooo_receive(struct tcp_sock *sk, struct pkt *p)
{
	pkt_cut_back(p, sk->rcv_nxt + tcp_receive_window(sk));
	uint32_t seq = p->seq, end = pkt_end(p);
	if (!rcv_make_room(sk, seq, pkt_truesize(p)) || !ooo_begin(sk)) {
		rcv_drop_for_memory(sk, p, TcpExtTCPOFODrop);
		return;
	}
	snmp_inc(sk->stack, TcpExtTCPOFOQueue);
	if (p->len > 0)
		tcp_measure_rcv_mss(sk, p);
	tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	(void)ooo_add(sk, p);
	sack_add(sk, seq, end);
	tcp_send_ack(sk);
	tcp_want_flush(sk); /* which settles the queue */
}

/* --- out */

struct pkt *ooo_next(struct tcp_sock *sk)
{
	while (sk->ooo && !list_empty(&sk->ooo->segs)) {
		struct pkt *p = pkt_of(sk->ooo->segs.next);
		uint32_t end = pkt_end(p);
		if (seq_gt(p->seq, sk->rcv_nxt))
			return NULL;
		ooo_remove(sk, p);
		if (seq_lt(p->seq, sk->rcv_nxt))
			tcp_dsack(sk, p->seq, seq_lt(end, sk->rcv_nxt) ? end : sk->rcv_nxt,
				  TcpExtTCPDSACKOfoSent);
		if (seq_gt(end, sk->rcv_nxt)) {
			pkt_cut_front(p, sk->rcv_nxt);
			return p;
		}
		stack_drop(sk->stack, p, DROP_TCP_OFOMERGE);
	}
	return NULL;
}

void ooo_advanced(struct tcp_sock *sk)
{
	ooo_end_if_empty(sk);
	if (sk->ooo)
		sack_forget_passed(sk);
	else /* RFC 5681 4.2: the hole is filled */
		tcp_ack_at_flush(sk);
}
