/* SPDX-License-Identifier: MIT */
/*
 * Received bytes: the in-order queue the program reads from, and the out-of-order queue behind it.
 *
 * Theory of operation
 *   - Both queues hold the very pkts the frames came in. rcv_queue is [copied_seq, rcv_nxt) without
 *     holes; ooo is sorted and free of overlaps, and lies beyond rcv_nxt. What duplicates or
 *     overlaps is cut off before it is queued, and told to the peer as D-SACK (RFC 2883).
 *   - A small segment's bytes go into the free room behind those that precede it, so that many of
 *     them do not hold many buffers. A large buffer with little in it is replaced by a small one
 *     when it has to wait: at the flush if nobody is about to read it, or under pressure. Memory
 *     held so stays near bytes held.
 *   - The limit is rcvbuf_bytes of truesize and one batch of frames. Beyond it the out-of-order
 *     queue is pruned from its end (what was SACKed may be reneged on: RFC 2018 8); only then is
 *     data in order dropped.
 *   - All sockets share one pool of buffers. Once half of it waits in queues nobody may hold more
 *     than a share of it; once three quarters do, only who holds nothing may queue, and only what
 *     is in order. So a program that never reads and a peer that leaves holes hurt themselves, and
 *     the frames of others always find a buffer.
 *   - What is out of order, or came twice, is acknowledged at once, each segment, since the peer
 *     counts these ACKs (RFC 5681 4.2). The rest is rcvwindow.c's to decide.
 */
#include <stdlib.h>

#include "stack/tcp/tcp_receive.h"

#define COALESCE_MAX_BYTES 2048
#define TRUESIZE_SLACK (2 * PKT_LARGE_BYTES) /* one batch may always be queued */
#define FAIR_SHARES 16
#define OOO_PKTS_MAX 4096 /* the queue is searched from its nearer end */

/* --- accounts -------------------------------------------------------------------------------- */

static void account(struct tcp_sock *sk, uint32_t *truesize, const struct pkt *p, bool add)
{
	uint32_t size = (uint32_t)pkt_truesize(p);
	*truesize = add ? *truesize + size : *truesize - size;
	sk->stack->tcp.rcvbuf_bytes += add ? size : -(size_t)size;
	if (add)
		tcp_owner_charge(sk, size);
	else
		tcp_owner_uncharge(sk, size);
}

static void ooo_insert(struct tcp_sock *sk, struct list *before, struct pkt *p)
{
	list_insert_before(before, &p->node);
	account(sk, &sk->ooo->truesize, p, true);
	sk->ooo->pkts++;
}

static void ooo_remove(struct tcp_sock *sk, struct pkt *p)
{
	list_del(&p->node);
	account(sk, &sk->ooo->truesize, p, false);
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

static void ooo_purge(struct tcp_sock *sk)
{
	while (sk->ooo && !list_empty(&sk->ooo->segs)) {
		struct pkt *p = pkt_of(sk->ooo->segs.next);
		ooo_remove(sk, p);
		pkt_free(p);
	}
	ooo_end_if_empty(sk);
}

static void rcv_remove(struct tcp_sock *sk, struct pkt *p)
{
	list_del(&p->node);
	account(sk, &sk->rcvq_truesize, p, false);
}

void tcp_rcv_queues_purge(struct tcp_sock *sk)
{
	while (!list_empty(&sk->rcv_queue)) {
		struct pkt *p = pkt_of(sk->rcv_queue.next);
		rcv_remove(sk, p);
		pkt_free(p);
	}
	sk->rcvq_bytes = 0;
	ooo_purge(sk);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* A buffer of fitting size for p, which is on no list. The last of a queue keeps room for what
 * follows it, if that is likely to be small as well. */
static struct pkt *fitting(struct pkt *p, bool last)
{
	if (!last || p->len > PKT_SMALL_BYTES / 2)
		return pkt_compact(p);
	if (p->cap <= PKT_SMALL_BYTES)
		return p;
	struct pkt *small = pkt_alloc(p->pool, PKT_SMALL_BYTES);
	if (!small)
		return p;
	memcpy(small->data, p->data, p->len);
	small->len = p->len;
	small->seq = p->seq;
	small->gso_size = p->gso_size;
	small->fin = p->fin;
	small->psh = p->psh;
	small->ecn = p->ecn;
	pkt_free(p);
	return small;
}

/* From the queue's end, where the new ones are, to the first pkt that is no looser than it may be.
 */
static void compact_queue(struct tcp_sock *sk, struct list *queue, uint32_t *truesize)
{
	for (struct list *pos = queue->prev; pos != queue;) {
		struct list *after = pos->next;
		struct pkt *p = pkt_of(pos), *tight;
		bool last = after == queue;
		account(sk, truesize, p, false);
		list_del(&p->node);
		tight = fitting(p, last);
		list_insert_before(after, &tight->node);
		account(sk, truesize, tight, true);
		if (tight == p && !last)
			return;
		pos = tight->node.prev;
	}
}

void tcp_recv_compact(struct tcp_sock *sk)
{
	compact_queue(sk, &sk->rcv_queue, &sk->rcvq_truesize);
}

static void ooo_compact(struct tcp_sock *sk)
{
	if (sk->ooo)
		compact_queue(sk, &sk->ooo->segs, &sk->ooo->truesize);
}

void tcp_rcv_queues_settle(struct tcp_sock *sk)
{
	ooo_compact(sk);
	if (tcp_parent(sk)) /* until tcp_accept() nobody reads */
		tcp_recv_compact(sk);
}

bool tcp_memory_pressure(struct stack *st)
{
	const uint32_t *mem = st->sysctl.tcp_mem;
	size_t pages = st->tcp.rcvbuf_bytes / STACK_PAGE_BYTES;
	if (!st->tcp.memory_pressed && pages > mem[1]) {
		st->tcp.memory_pressed = true;
		snmp_inc(st, TcpExtTCPMemoryPressures);
	} else if (st->tcp.memory_pressed && pages <= mem[0]) {
		st->tcp.memory_pressed = false;
	}
	return st->tcp.memory_pressed;
}

/* What the socket may hold, given what all of them hold. */
static size_t truesize_limit(const struct tcp_sock *sk)
{
	size_t limit = (size_t)sk->rcvbuf_bytes + TRUESIZE_SLACK;
	size_t all = sk->stack->tcp.rcvbuf_bytes, pool = sk->stack->pkts.limit_bytes;
	if (all > pool - pool / 4 || tcp_owner_is_full(sk))
		return 0;
	if (tcp_memory_pressure(sk->stack) && limit > pool / FAIR_SHARES)
		limit = pool / FAIR_SHARES;
	return limit;
}

static bool over_limit(const struct tcp_sock *sk, size_t more)
{
	return (size_t)sk->rcvq_truesize + ooo_truesize(sk) + more > truesize_limit(sk);
}

static void ooo_drop_last(struct tcp_sock *sk)
{
	struct pkt *p = pkt_of(sk->ooo->segs.prev);
	ooo_remove(sk, p);
	stack_drop(sk->stack, p, DROP_TCP_OFO_QUEUE_PRUNE);
}

/* RFC 2018 8: what was SACKed may be dropped when memory is short; the farthest first, and nothing
 * for the sake of a segment (at seq) that lies farther still. */
static void ooo_prune(struct tcp_sock *sk, uint32_t seq, size_t more)
{
	if (!sk->ooo)
		return;
	snmp_inc(sk->stack, TcpExtOfoPruned);
	while (over_limit(sk, more) && !list_empty(&sk->ooo->segs) &&
	       seq_gt(pkt_of(sk->ooo->segs.prev)->seq, seq))
		ooo_drop_last(sk);
	sk->ooo->sack_cnt = 0;
	ooo_end_if_empty(sk);
}

static bool make_room(struct tcp_sock *sk, uint32_t seq, size_t more)
{
	if (!over_limit(sk, more))
		return true;
	snmp_inc(sk->stack, TcpExtPruneCalled);
	ooo_compact(sk);
	tcp_recv_compact(sk);
	if (over_limit(sk, more))
		ooo_prune(sk, seq, more);
	if (!over_limit(sk, more))
		return true;
	snmp_inc(sk->stack, TcpExtRcvPruned);
	return false;
}

/* Adds p's bytes behind those of `before` if that is worth the copy; p is then the caller's to
 * free. */
static bool coalesce(struct tcp_sock *sk, struct pkt *before, const struct pkt *p)
{
	size_t used = (size_t)(before->data - before->buf) + before->len;
	if (p->len > COALESCE_MAX_BYTES || before->cap - used < p->len)
		return false;
	memcpy(before->data + before->len, p->data, p->len);
	before->len += p->len;
	before->psh |= p->psh;
	before->fin = p->fin;
	snmp_inc(sk->stack, TcpExtTCPRcvCoalesce);
	return true;
}

/* --- SACK blocks (RFC 2018 4: the newest first) ---------------------------------------------- */

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

/* RFC 2883 4: what came twice. Several pieces before one ACK become one if they touch. */
static void set_dsack(struct tcp_sock *sk, uint32_t start, uint32_t end, enum snmp counter)
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
	set_dsack(sk, start, end, TcpExtTCPDSACKOldSent);
}

/* --- cutting --------------------------------------------------------------------------------- */

/* p begins at seq now; a part of it remains. */
static void cut_front(struct pkt *p, uint32_t seq)
{
	uint32_t old = seq - p->seq;
	pkt_pull(p, old < p->len ? old : p->len); /* only its FIN may be left */
	p->seq = seq;
}

/* p ends before seq now. */
static void cut_back(struct pkt *p, uint32_t seq)
{
	if (!seq_gt(pkt_end(p), seq))
		return;
	pkt_trim(p, seq - p->seq < p->len ? seq - p->seq : p->len);
	p->fin = false;
}

/* --- in order -------------------------------------------------------------------------------- */

/* p continues the stream at rcv_nxt. Takes p. */
static void append(struct tcp_sock *sk, struct pkt *p)
{
	sk->rcv_nxt = pkt_end(p);
	sk->bytes_received += p->len;
	if (sk->rcv_shutdown)
		sk->copied_seq += p->len;
	else
		sk->rcvq_bytes += p->len;
	bool taken = p->len == 0 || sk->rcv_shutdown;
	if (!taken && !list_empty(&sk->rcv_queue))
		taken = coalesce(sk, pkt_of(sk->rcv_queue.prev), p);
	if (taken) {
		pkt_free(p);
		return;
	}
	account(sk, &sk->rcvq_truesize, p, true);
	list_add_tail(&sk->rcv_queue, &p->node);
	if (tcp_parent(sk))
		tcp_want_flush(sk); /* which settles the queue */
}

static void enter_time_wait(struct tcp_sock *sk)
{
	tcp_send_ack(sk);
	timewait_enter(sk, TCP_TIME_WAIT, sk->stack->sysctl.tcp_timewait_len_ms * 1000ull);
	tcp_done(sk, 0);
}

/* RFC 9293 3.10.7.4, eighth. True: the connection is over and sk may be gone. */
static bool take_fin(struct tcp_sock *sk)
{
	sk->rcv_fin = true;
	ooo_purge(sk);
	tcp_event(sk, TCP_EVENT_EOF);
	switch (sk->c.state) {
	case TCP_SYN_RECV:
	case TCP_ESTABLISHED:
		tcp_set_state(sk, TCP_CLOSE_WAIT);
		sk->pingpong = 1; /* our own FIN, or an answer, is likely to follow */
		return false;
	case TCP_FIN_WAIT1: /* RFC 9293 figure 13: simultaneous close */
		tcp_set_state(sk, TCP_CLOSING);
		tcp_ack_at_flush(sk);
		return false;
	case TCP_FIN_WAIT2:
		enter_time_wait(sk);
		return true;
	default:
		return false;
	}
}

/* Moves what has become contiguous. True: a FIN was among it and the connection is over. */
static bool ooo_drain(struct tcp_sock *sk)
{
	if (!sk->ooo)
		return false;
	while (sk->ooo && !list_empty(&sk->ooo->segs)) { /* a FIN purges it */
		struct pkt *p = pkt_of(sk->ooo->segs.next);
		uint32_t end = pkt_end(p);
		if (seq_gt(p->seq, sk->rcv_nxt))
			break;
		ooo_remove(sk, p);
		if (seq_lt(p->seq, sk->rcv_nxt))
			set_dsack(sk, p->seq, seq_lt(end, sk->rcv_nxt) ? end : sk->rcv_nxt,
				  TcpExtTCPDSACKOfoSent);
		if (seq_leq(end, sk->rcv_nxt)) {
			stack_drop(sk->stack, p, DROP_TCP_OFOMERGE);
			continue;
		}
		cut_front(p, sk->rcv_nxt);
		bool fin = p->fin;
		append(sk, p);
		if (fin && take_fin(sk))
			return true;
	}
	ooo_end_if_empty(sk);
	if (sk->ooo)
		sack_forget_passed(sk);
	else /* RFC 5681 4.2: the hole is filled */
		tcp_ack_at_flush(sk);
	return false;
}

static void drop_for_memory(struct tcp_sock *sk, struct pkt *p, enum snmp counter)
{
	snmp_inc(sk->stack, counter);
	stack_drop(sk->stack, p, DROP_TCP_RCVQ_FULL);
	tcp_ack_at_flush(sk);
}

static void queue_in_order(struct tcp_sock *sk, struct pkt *p, const struct tcp_options *opt)
{
	uint32_t edge = sk->rcv_nxt + tcp_receive_window(sk);
	if (seq_gt(p->seq + p->len, edge)) { /* RFC 9293 3.10.7.4: only what lies in the window */
		cut_back(p, edge);
		tcp_ack_at_flush(sk);
	}
	bool fin = p->fin, data = p->len > 0;
	bool first = list_empty(&sk->rcv_queue) && tcp_owner_may_have_one(sk);
	if (data && !first && !make_room(sk, p->seq, pkt_truesize(p))) {
		drop_for_memory(sk, p, TcpExtTCPRcvQDrop);
		return;
	}
	tcp_data_arrives(sk, p, opt);
	append(sk, p);
	if (data && !sk->rcv_shutdown)
		tcp_event(sk, TCP_EVENT_READABLE);
	if ((fin && take_fin(sk)) || ooo_drain(sk))
		return;
	tcp_ack_decide(sk);
}

/* --- out of order ---------------------------------------------------------------------------- */

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
	set_dsack(sk, p->seq, nothing_new ? end : have, TcpExtTCPDSACKOfoSent);
	if (!nothing_new)
		cut_front(p, have);
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
			set_dsack(sk, n->seq, end, TcpExtTCPDSACKOfoSent);
			cut_back(p, n->seq);
			break;
		}
		set_dsack(sk, n->seq, pkt_end(n), TcpExtTCPDSACKOfoSent);
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
		if (pkt_end(before) == p->seq && !before->fin && coalesce(sk, before, p)) {
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

static void queue_out_of_order(struct tcp_sock *sk, struct pkt *p)
{
	cut_back(p, sk->rcv_nxt + tcp_receive_window(sk));
	uint32_t seq = p->seq, end = pkt_end(p);
	if (!make_room(sk, seq, pkt_truesize(p)) || !ooo_begin(sk)) {
		drop_for_memory(sk, p, TcpExtTCPOFODrop);
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

/* --- arrival --------------------------------------------------------------------------------- */

static void out_of_window(struct tcp_sock *sk, struct tcp_segment *seg, enum drop_reason why)
{
	stack_drop(sk->stack, seg->pkt, why);
	seg->pkt = NULL;
	tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	tcp_ack_at_flush(sk);
}

/* A segment of which every byte is here already: our ACK was lost, or the peer was impatient. */
static void repeated(struct tcp_sock *sk, struct tcp_segment *seg)
{
	tcp_dsack_old(sk, seg->pkt->seq, pkt_end(seg->pkt));
	stack_drop(sk->stack, seg->pkt, DROP_TCP_OLD_DATA);
	seg->pkt = NULL;
	tcp_send_ack(sk);
}

void tcp_data_queue(struct tcp_sock *sk, struct tcp_segment *seg)
{
	struct pkt *p = seg->pkt;
	bool fin = seg->flags & TCP_FIN;
	if (!p || (p->len == 0 && !fin))
		return;
	p->seq = seg->seq;
	p->fin = fin;
	p->psh = seg->flags & TCP_PSH;
	uint32_t end = pkt_end(p), window = tcp_receive_window(sk);
	sk->data_segs_in += p->len ? pkt_segments(p) : 0;
	if (seq_leq(end, sk->rcv_nxt)) {
		repeated(sk, seg);
		return;
	}
	/* RFC 9293 3.10.7.4: a bare FIN is taken even where the window is closed, as Linux does. */
	bool bare_fin = p->len == 0 && p->seq == sk->rcv_nxt;
	if (seq_geq(p->seq, sk->rcv_nxt + window) && !bare_fin) {
		out_of_window(sk, seg, window ? DROP_TCP_OVERWINDOW : DROP_TCP_ZEROWINDOW);
		return;
	}
	if (seq_lt(p->seq, sk->rcv_nxt)) {
		set_dsack(sk, p->seq, sk->rcv_nxt, TcpExtTCPDSACKOldSent);
		cut_front(p, sk->rcv_nxt);
		if (window == 0 && p->len > 0) {
			out_of_window(sk, seg, DROP_TCP_ZEROWINDOW);
			return;
		}
	}
	if (sk->ecn & ECN_OK && p->len > 0)
		ecn_rcv_data(sk, seg);
	seg->pkt = NULL;
	if (p->seq == sk->rcv_nxt)
		queue_in_order(sk, p, &seg->opt);
	else
		queue_out_of_order(sk, p);
}

/* --- urgent data (RFC 9293 3.8.5, RFC 6093) -------------------------------------------------- */

/* The pointer names the byte after the last urgent one; that last one is the urgent byte (with
 * tcp_stdurg, RFC 1122 4.2.2.4: the pointer names it). A mark that is not reached yet moves on when a
 * later one comes. */
void tcp_urgent(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!(seg->flags & TCP_URG))
		return;
	bool named = sk->stack->sysctl.tcp_stdurg || seg->urg == 0;
	uint32_t at = seg->seq + seg->urg - (named ? 0 : 1);
	if (seq_lt(at, sk->rcv_nxt) || (sk->urg_state && !seq_gt(at, sk->urg_seq)))
		return;
	sk->urg_state = 1;
	sk->urg_seq = at;
	tcp_event(sk, TCP_EVENT_READABLE);
}

/* The urgent byte is ahead and is to be read by itself. */
static bool urgent_ahead(const struct tcp_sock *sk)
{
	return sk->urg_state == 1 && !sk->oobinline && seq_geq(sk->urg_seq, sk->copied_seq);
}

bool tcp_recv_at_mark(const struct tcp_sock *sk)
{
	return urgent_ahead(sk) && sk->copied_seq == sk->urg_seq && sk->rcvq_bytes > 0;
}

/* How far a read may go: to the urgent byte, and then over it alone. */
static uint32_t readable_bytes(const struct tcp_sock *sk)
{
	if (!urgent_ahead(sk))
		return sk->rcvq_bytes;
	uint32_t before = sk->urg_seq - sk->copied_seq;
	if (before == 0)
		return sk->rcvq_bytes ? 1 : 0;
	return before < sk->rcvq_bytes ? before : sk->rcvq_bytes;
}

/* --- the program's side ---------------------------------------------------------------------- */

int tcp_recv_iov(struct tcp_sock *sk, struct iovec *iov, int max)
{
	uint32_t left = readable_bytes(sk);
	int n = 0;
	list_for_each (pos, &sk->rcv_queue) {
		struct pkt *p = pkt_of(pos);
		if (left == 0 || n == max)
			break;
		uint32_t len = p->len < left ? p->len : left;
		iov[n++] = (struct iovec){p->data, len};
		left -= len;
	}
	return n;
}

static void consume(struct tcp_sock *sk, size_t n)
{
	while (n > 0 && !list_empty(&sk->rcv_queue)) {
		struct pkt *p = pkt_of(sk->rcv_queue.next);
		size_t take = p->len < n ? p->len : n;
		pkt_pull(p, take);
		p->seq += (uint32_t)take;
		sk->copied_seq += (uint32_t)take;
		sk->rcvq_bytes -= (uint32_t)take;
		n -= take;
		if (p->len > 0)
			return;
		rcv_remove(sk, p);
		pkt_free(p);
	}
}

void tcp_recv_done(struct tcp_sock *sk, size_t n)
{
	consume(sk, n);
	if (sk->urg_state == 1 && seq_gt(sk->copied_seq, sk->urg_seq))
		sk->urg_state = 2;
	if (n > 0)
		tcp_data_consumed(sk);
}

bool tcp_recv_eof(const struct tcp_sock *sk)
{
	return sk->rcv_fin && sk->rcvq_bytes == 0;
}

void tcp_recv_shutdown(struct tcp_sock *sk)
{
	sk->rcv_shutdown = true;
	tcp_recv_done(sk, sk->rcvq_bytes);
}

size_t tcp_inq_bytes(const struct tcp_sock *sk)
{
	return sk->rcvq_bytes;
}
