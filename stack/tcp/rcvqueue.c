/* SPDX-License-Identifier: MIT */
/*
 * Received bytes: the in-order queue the program reads from, the out-of-order queue behind it, and
 * the window that both are measured against.
 *
 * Theory of operation
 *   - Both queues hold the very pkts the frames came in. rcv_queue is [copied_seq, rcv_nxt) without
 *     holes; ooo_queue is sorted and free of overlaps, and lies beyond rcv_nxt. What duplicates or
 *     overlaps is cut off before it is queued, and told to the peer as D-SACK (RFC 2883).
 *   - A buffer that would wait with little in it is replaced by a small copy, or its bytes are
 *     added to the last pkt's free room, so memory held stays near bytes held. The limit in
 * truesize is rcvbuf_bytes; beyond it the out-of-order queue is pruned from its end.
 *   - The window is half of rcvbuf_bytes (Linux's tcp_adv_win_scale of 1) less what is queued; its
 *     right edge never moves back (RFC 9293 3.8.6.2.1), and it opens in steps worth a segment
 *     (3.8.6.2.2).
 *   - ACKs: what is out of order is acknowledged at once, each pkt; what is in order sets ack_now
 * or the delayed ACK timer, and the ACK leaves at the flush, one for a batch.
 */
#include "stack/stack_impl.h"

#define QUICK_ACKS_MAX 16
#define ATO_MIN_US 40000u
#define COALESCE_MAX_BYTES 2048
#define TRUESIZE_SLACK (2 * PKT_LARGE_BYTES) /* one batch may always be queued */

static struct pkt *pkt_of(struct list *node)
{
	return container_of(node, struct pkt, node);
}

static uint32_t pkt_end(const struct pkt *p)
{
	return p->seq + p->len + (p->fin ? 1 : 0);
}

/* --- the window ---------------------------------------------------------------------------------
 */

static uint32_t full_space(const struct tcp_sock *sk)
{
	uint32_t space = sk->rcvbuf_bytes / 2;
	return sk->window_clamp && sk->window_clamp < space ? sk->window_clamp : space;
}

uint32_t tcp_receive_window(const struct tcp_sock *sk)
{
	uint32_t edge = sk->rcv_wup + sk->rcv_wnd;
	return seq_gt(edge, sk->rcv_nxt) ? edge - sk->rcv_nxt : 0;
}

/* What could be offered, regardless of what already is. RFC 9293 3.8.6.2.2: nothing rather than a
 * silly window; a multiple of what the scale can express. */
static uint32_t window_to_offer(const struct tcp_sock *sk)
{
	uint32_t full = full_space(sk), mss = sk->rcv_mss ? sk->rcv_mss : TCP_DEFAULT_MSS;
	uint32_t free = full > sk->rcvq_bytes ? full - sk->rcvq_bytes : 0;
	if (mss > full)
		mss = full;
	if (free < full / 2 && (free < full / 16 || free < mss))
		return 0;
	if (sk->rcv_wscale)
		return free & ~((1u << sk->rcv_wscale) - 1);
	uint32_t now = sk->rcv_wnd;
	if (now > free || now + mss <= free)
		return mss > 1 ? free - free % mss : free;
	return now;
}

static uint32_t window_max(const struct tcp_sock *sk)
{
	return 65535u << sk->rcv_wscale;
}

uint32_t tcp_select_window(struct tcp_sock *sk)
{
	uint32_t now = tcp_receive_window(sk), wnd = window_to_offer(sk);
	uint32_t old = sk->rcv_wnd, unit = 1u << sk->rcv_wscale;
	if (wnd < now) { /* never shrink */
		if (wnd == 0)
			snmp_inc(sk->stack, TcpExtTCPWantZeroWindowAdv);
		wnd = (now + unit - 1) & ~(unit - 1);
	}
	if (wnd > window_max(sk))
		wnd = window_max(sk);
	sk->rcv_wnd = wnd;
	sk->rcv_wup = sk->rcv_nxt;
	if (wnd == 0 && old)
		snmp_inc(sk->stack, TcpExtTCPToZeroWindowAdv);
	else if (wnd && old == 0)
		snmp_inc(sk->stack, TcpExtTCPFromZeroWindowAdv);
	return wnd;
}

/* --- acknowledging ------------------------------------------------------------------------------
 */

void tcp_enter_quickack(struct tcp_sock *sk, unsigned max)
{
	uint32_t mss = sk->rcv_mss ? sk->rcv_mss : TCP_DEFAULT_MSS;
	uint32_t quick = sk->rcv_wnd / (2 * mss);
	quick = quick == 0 ? 2 : quick > max ? max : quick;
	if (quick > sk->quick_acks)
		sk->quick_acks = (uint8_t)quick;
	sk->pingpong = 0;
	sk->ato_us = ATO_MIN_US;
}

static void ack_at_flush(struct tcp_sock *sk)
{
	sk->ack_now = true;
	tcp_want_flush(sk);
}

/* RFC 9293 3.8.6.3: at least every second full segment; at once while a hole is open. */
static void ack_decide(struct tcp_sock *sk)
{
	bool two_segments = sk->rcv_nxt - sk->rcv_wup > sk->rcv_mss;
	bool quick = sk->quick_acks > 0 && !sk->pingpong;
	if (sk->ack_now || quick || two_segments || !list_empty(&sk->ooo_queue))
		ack_at_flush(sk);
	else
		tcp_schedule_delack(sk);
}

static void measure_rcv_mss(struct tcp_sock *sk, const struct pkt *p)
{
	uint32_t len = p->gso_size ? p->gso_size : p->len;
	if (len >= sk->rcv_mss && len > 0) {
		sk->rcv_mss = (uint16_t)(len < sk->advmss ? len : sk->advmss);
		if (sk->rcv_mss == 0)
			sk->rcv_mss = 1;
	}
}

/* As Linux's tcp_event_data_recv(): how far apart segments come says how long an ACK may wait. */
static void adapt_ato(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us, since = now - sk->last_rcv_us;
	if (sk->ato_us == 0) {
		tcp_enter_quickack(sk, QUICK_ACKS_MAX);
	} else if (since <= ATO_MIN_US / 2) {
		sk->ato_us = sk->ato_us / 2 + ATO_MIN_US / 2;
	} else if (since < sk->ato_us) {
		sk->ato_us = sk->ato_us / 2 + (uint32_t)since;
		if (sk->ato_us > sk->rto_us)
			sk->ato_us = sk->rto_us;
	} else if (since > sk->rto_us) {
		tcp_enter_quickack(sk, QUICK_ACKS_MAX); /* the peer is in slow start again */
	}
	sk->last_rcv_us = now;
}

/* RFC 2883 4: what came twice. */
static void set_dsack(struct tcp_sock *sk, uint32_t start, uint32_t end, enum snmp counter)
{
	if (!sk->sack_ok || start == end)
		return;
	snmp_inc(sk->stack, counter);
	sk->dup_sack = true;
	sk->dsack = (struct sack_block){start, end};
}

/* --- autotuning (dynamic right-sizing, as Linux's tcp_rcv_space_adjust()) ------------------------
 */

static void measure_rcv_rtt(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	if (sk->rcv_rtt_start_us && seq_lt(sk->rcv_nxt, sk->rcv_rtt_seq))
		return;
	if (sk->rcv_rtt_start_us) {
		uint32_t m = (uint32_t)(now - sk->rcv_rtt_start_us);
		if (m == 0)
			m = 1;
		if (sk->rcv_rtt_us == 0 || m < sk->rcv_rtt_us)
			sk->rcv_rtt_us = m;
		else
			sk->rcv_rtt_us += (m - sk->rcv_rtt_us) / 8;
	}
	sk->rcv_rtt_seq = sk->rcv_nxt + sk->rcv_wnd;
	sk->rcv_rtt_start_us = now;
}

/* Twice what was read in a round trip, and more while the rate grows, up to tcp_rmem[2]. */
static void grow_rcvbuf(struct tcp_sock *sk, uint32_t copied)
{
	uint64_t window = 2ull * copied + 16u * sk->advmss;
	if (sk->rcvq_space_bytes)
		window += 2 * window * (copied - sk->rcvq_space_bytes) / sk->rcvq_space_bytes;
	uint64_t want = 2 * window, max = sk->stack->sysctl.tcp_rmem[2];
	if (want > max)
		want = max;
	if (want > sk->rcvbuf_bytes)
		sk->rcvbuf_bytes = (uint32_t)want;
}

static void adjust_rcv_space(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	uint32_t rtt = sk->rcv_rtt_us ? sk->rcv_rtt_us : sk->srtt_us;
	if (rtt == 0 || now - sk->rcvq_space_us < rtt)
		return;
	uint32_t copied = sk->copied_seq - sk->rcvq_space_seq;
	if (copied > sk->rcvq_space_bytes) {
		if (!sk->rcvbuf_locked)
			grow_rcvbuf(sk, copied);
		sk->rcvq_space_bytes = copied;
	}
	sk->rcvq_space_seq = sk->copied_seq;
	sk->rcvq_space_us = now;
}

void tcp_rcv_init(struct tcp_sock *sk)
{
	uint16_t mss = sk->advmss < sk->mss_cache ? sk->advmss : sk->mss_cache;
	sk->rcv_mss = mss < TCP_DEFAULT_MSS ? mss : TCP_DEFAULT_MSS;
	sk->rcvq_space_bytes = 10u * sk->advmss;
	if (sk->rcvq_space_bytes > sk->rcv_wnd)
		sk->rcvq_space_bytes = sk->rcv_wnd;
	sk->rcvq_space_seq = sk->copied_seq;
	sk->rcvq_space_us = sk->last_rcv_us = sk->last_ack_rcv_us = sk->stack->now_us;
}

/* --- SACK blocks (RFC 2018 4: the newest first) --------------------------------------------------
 */

static bool touches(const struct sack_block *a, const struct sack_block *b)
{
	return seq_leq(a->start, b->end) && seq_leq(b->start, a->end);
}

static void sack_add(struct tcp_sock *sk, uint32_t start, uint32_t end)
{
	struct sack_block add = {start, end};
	uint8_t n = 0;
	struct sack_block kept[TCP_SACK_BLOCKS_MAX];
	if (!sk->sack_ok)
		return;
	for (uint8_t i = 0; i < sk->rcv_sack_cnt; i++) {
		const struct sack_block *b = &sk->rcv_sacks[i];
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
	sk->rcv_sacks[0] = add;
	for (uint8_t i = 0; i < n; i++)
		sk->rcv_sacks[i + 1] = kept[i];
	sk->rcv_sack_cnt = (uint8_t)(n + 1);
}

static void sack_forget_passed(struct tcp_sock *sk)
{
	uint8_t n = 0;
	for (uint8_t i = 0; i < sk->rcv_sack_cnt; i++)
		if (seq_gt(sk->rcv_sacks[i].start, sk->rcv_nxt))
			sk->rcv_sacks[n++] = sk->rcv_sacks[i];
	sk->rcv_sack_cnt = list_empty(&sk->ooo_queue) ? 0 : n;
}

/* --- queues -------------------------------------------------------------------------------------
 */

static void account(struct tcp_sock *sk, size_t *truesize, const struct pkt *p, bool add)
{
	size_t size = pkt_truesize(p);
	*truesize = add ? *truesize + size : *truesize - size;
	sk->stack->tcp.rcvbuf_bytes += add ? size : -size;
}

static void ooo_remove(struct tcp_sock *sk, struct pkt *p)
{
	list_del(&p->node);
	account(sk, &sk->ooo_truesize, p, false);
}

static void ooo_purge(struct tcp_sock *sk)
{
	while (!list_empty(&sk->ooo_queue)) {
		struct pkt *p = pkt_of(sk->ooo_queue.next);
		ooo_remove(sk, p);
		pkt_free(p);
	}
	sk->rcv_sack_cnt = 0;
}

void tcp_rcv_queues_purge(struct tcp_sock *sk)
{
	while (!list_empty(&sk->rcv_queue)) {
		struct pkt *p = pkt_of(sk->rcv_queue.next);
		list_del(&p->node);
		account(sk, &sk->rcvq_truesize, p, false);
		pkt_free(p);
	}
	sk->rcvq_bytes = 0;
	ooo_purge(sk);
}

static bool over_limit(const struct tcp_sock *sk, size_t more)
{
	return sk->rcvq_truesize + sk->ooo_truesize + more > sk->rcvbuf_bytes + TRUESIZE_SLACK;
}

/* RFC 2018 8: what was SACKed may be dropped when memory is short; the farthest first. */
static void ooo_prune(struct tcp_sock *sk, size_t more)
{
	if (list_empty(&sk->ooo_queue))
		return;
	snmp_inc(sk->stack, TcpExtOfoPruned);
	while (over_limit(sk, more) && !list_empty(&sk->ooo_queue)) {
		struct pkt *p = pkt_of(sk->ooo_queue.prev);
		ooo_remove(sk, p);
		stack_drop(sk->stack, p, DROP_TCP_OFO_QUEUE_PRUNE);
	}
	sk->rcv_sack_cnt = 0;
}

static bool make_room(struct tcp_sock *sk, size_t more)
{
	if (!over_limit(sk, more))
		return true;
	snmp_inc(sk->stack, TcpExtPruneCalled);
	tcp_recv_compact(sk);
	if (over_limit(sk, more))
		ooo_prune(sk, more);
	return !over_limit(sk, more);
}

/* Adds the bytes to the last pkt if that has room: many small segments do not hold many buffers. */
static bool coalesce(struct tcp_sock *sk, const struct pkt *p)
{
	if (list_empty(&sk->rcv_queue) || p->len > COALESCE_MAX_BYTES)
		return false;
	struct pkt *tail = pkt_of(sk->rcv_queue.prev);
	size_t used = (size_t)(tail->data - tail->buf) + tail->len;
	if (tail->cap - used < p->len)
		return false;
	memcpy(tail->data + tail->len, p->data, p->len);
	tail->len += p->len;
	snmp_inc(sk->stack, TcpExtTCPRcvCoalesce);
	return true;
}

/* p continues the stream at rcv_nxt. Takes p. */
static void append(struct tcp_sock *sk, struct pkt *p)
{
	sk->rcv_nxt = pkt_end(p);
	sk->bytes_received += p->len;
	sk->rcvq_bytes += p->len;
	if (p->len == 0 || coalesce(sk, p)) {
		pkt_free(p);
		return;
	}
	if (!list_empty(&sk->rcv_queue))
		p = pkt_compact(p);
	account(sk, &sk->rcvq_truesize, p, true);
	list_add_tail(&sk->rcv_queue, &p->node);
}

/* --- FIN ----------------------------------------------------------------------------------------
 */

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
		return false;
	case TCP_FIN_WAIT1:
		tcp_set_state(sk, TCP_CLOSING);
		ack_at_flush(sk);
		return false;
	case TCP_FIN_WAIT2:
		tcp_send_ack(sk);
		timewait_enter(sk, TCP_TIME_WAIT, sk->stack->sysctl.tcp_timewait_len_ms * 1000ull);
		tcp_done(sk, 0);
		return true;
	default:
		return false;
	}
}

/* Moves what has become contiguous. True: a FIN was among it and the connection is over. */
static bool ooo_drain(struct tcp_sock *sk)
{
	while (!list_empty(&sk->ooo_queue)) {
		struct pkt *p = pkt_of(sk->ooo_queue.next);
		if (seq_gt(p->seq, sk->rcv_nxt))
			break;
		ooo_remove(sk, p);
		uint32_t end = pkt_end(p), old = sk->rcv_nxt - p->seq;
		if (seq_leq(end, sk->rcv_nxt)) {
			set_dsack(sk, p->seq, end, TcpExtTCPDSACKOfoSent);
			pkt_free(p);
			continue;
		}
		if (old > 0) {
			set_dsack(sk, p->seq, sk->rcv_nxt, TcpExtTCPDSACKOfoSent);
			pkt_pull(p, old < p->len ? old : p->len);
			p->seq = sk->rcv_nxt;
		}
		bool fin = p->fin;
		append(sk, p);
		if (fin && take_fin(sk))
			return true;
	}
	sack_forget_passed(sk);
	return false;
}

/* --- arrival ------------------------------------------------------------------------------------
 */

/* SHUT_RD: acknowledged, and nobody's. */
static void discard_if_shut(struct tcp_sock *sk)
{
	if (sk->rcv_shutdown && sk->rcvq_bytes > 0)
		tcp_recv_done(sk, sk->rcvq_bytes);
}

static void queue_in_order(struct tcp_sock *sk, struct pkt *p)
{
	uint32_t window = tcp_receive_window(sk);
	if (p->len > window) { /* RFC 9293 3.10.7.4: only what lies in the window */
		pkt_trim(p, window);
		p->fin = false;
		ack_at_flush(sk);
	}
	if (p->len > 0 && !make_room(sk, p->cap)) {
		snmp_inc(sk->stack, TcpExtTCPRcvQDrop);
		stack_drop(sk->stack, p, DROP_TCP_RCVQ_FULL);
		ack_at_flush(sk);
		return;
	}
	bool fin = p->fin, data = p->len > 0;
	measure_rcv_mss(sk, p);
	append(sk, p);
	adapt_ato(sk);
	measure_rcv_rtt(sk);
	if (fin && take_fin(sk))
		return;
	if (!list_empty(&sk->ooo_queue) && ooo_drain(sk))
		return;
	if (data)
		tcp_event(sk, TCP_EVENT_READABLE);
	ack_decide(sk);
	discard_if_shut(sk);
}

/* Cuts p where it overlaps what is queued before `next`; false: nothing of it is new. */
static bool cut_front(struct tcp_sock *sk, struct pkt *p, struct list *next)
{
	if (next->prev == &sk->ooo_queue)
		return true;
	uint32_t have = pkt_end(pkt_of(next->prev)), end = pkt_end(p);
	if (seq_leq(have, p->seq))
		return true;
	if (seq_geq(have, end)) {
		set_dsack(sk, p->seq, end, TcpExtTCPDSACKOfoSent);
		return false;
	}
	set_dsack(sk, p->seq, have, TcpExtTCPDSACKOfoSent);
	pkt_pull(p, have - p->seq < p->len ? have - p->seq : p->len);
	p->seq = have;
	return true;
}

/* Removes what p covers, and cuts p where it reaches into what follows. */
static void cut_back(struct tcp_sock *sk, struct pkt *p, struct list *next)
{
	while (next != &sk->ooo_queue) {
		struct pkt *n = pkt_of(next);
		uint32_t end = pkt_end(p);
		if (seq_geq(n->seq, end))
			return;
		if (seq_gt(pkt_end(n), end)) {
			set_dsack(sk, n->seq, end, TcpExtTCPDSACKOfoSent);
			pkt_trim(p, n->seq - p->seq);
			p->fin = false;
			return;
		}
		set_dsack(sk, n->seq, pkt_end(n), TcpExtTCPDSACKOfoSent);
		snmp_inc(sk->stack, TcpExtTCPOFOMerge);
		next = next->next;
		ooo_remove(sk, n);
		stack_drop(sk->stack, n, DROP_TCP_OFOMERGE);
	}
}

static void queue_out_of_order(struct tcp_sock *sk, struct pkt *p)
{
	uint32_t seq = p->seq, end = pkt_end(p);
	p = pkt_compact(p);
	if (!make_room(sk, p->cap)) {
		snmp_inc(sk->stack, TcpExtTCPOFODrop);
		stack_drop(sk->stack, p, DROP_TCP_RCVQ_FULL);
		tcp_send_ack(sk);
		return;
	}
	snmp_inc(sk->stack, TcpExtTCPOFOQueue);
	struct list *next = &sk->ooo_queue;
	while (next->prev != &sk->ooo_queue && seq_gt(pkt_of(next->prev)->seq, p->seq))
		next = next->prev;
	if (!cut_front(sk, p, next)) {
		snmp_inc(sk->stack, TcpExtTCPOFOMerge);
		stack_drop(sk->stack, p, DROP_TCP_OFOMERGE);
	} else {
		cut_back(sk, p, next);
		/* cut_back() may have removed `next`: find the place again from p's end. */
		next = &sk->ooo_queue;
		while (next->prev != &sk->ooo_queue && seq_gt(pkt_of(next->prev)->seq, p->seq))
			next = next->prev;
		list_insert_before(next, &p->node);
		account(sk, &sk->ooo_truesize, p, true);
	}
	sack_add(sk, seq, end);
	tcp_send_ack(sk); /* RFC 5681 4.2: at once, for each */
}

static void drop_and_ack(struct tcp_sock *sk, struct tcp_segment *seg, enum drop_reason why)
{
	stack_drop(sk->stack, seg->pkt, why);
	seg->pkt = NULL;
	tcp_enter_quickack(sk, QUICK_ACKS_MAX);
	ack_at_flush(sk);
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
	sk->data_segs_in +=
	    p->len ? (p->gso_size ? (p->len + p->gso_size - 1) / p->gso_size : 1) : 0;
	if (seq_leq(end, sk->rcv_nxt)) {
		snmp_inc(sk->stack, TcpExtDelayedACKLost);
		set_dsack(sk, p->seq, end, TcpExtTCPDSACKOldSent);
		drop_and_ack(sk, seg, DROP_TCP_OLD_DATA);
		return;
	}
	if (seq_geq(p->seq, sk->rcv_nxt + window) &&
	    (p->len > 0 || window > 0 || p->seq != sk->rcv_nxt)) {
		drop_and_ack(sk, seg, window ? DROP_TCP_OVERWINDOW : DROP_TCP_ZEROWINDOW);
		return;
	}
	seg->pkt = NULL;
	if (seq_lt(p->seq, sk->rcv_nxt)) {
		uint32_t old = sk->rcv_nxt - p->seq;
		set_dsack(sk, p->seq, sk->rcv_nxt, TcpExtTCPDSACKOldSent);
		pkt_pull(p, old < p->len ? old : p->len);
		p->seq = sk->rcv_nxt;
		if (window == 0 && p->len > 0) {
			stack_drop(sk->stack, p, DROP_TCP_ZEROWINDOW);
			ack_at_flush(sk);
			return;
		}
	}
	if (p->seq == sk->rcv_nxt)
		queue_in_order(sk, p);
	else
		queue_out_of_order(sk, p);
}

/* --- urgent data (RFC 9293 3.8.5, RFC 6093) ------------------------------------------------------
 */

void tcp_urgent(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!(seg->flags & TCP_URG))
		return;
	/* The pointer names the byte after the last urgent one; that last one is the urgent byte.
	 */
	uint32_t at = seg->seq + seg->urg - (seg->urg ? 1 : 0);
	if (seq_lt(at, sk->copied_seq) || seq_lt(at, sk->rcv_nxt))
		return;
	if (sk->urg_state && !seq_gt(at, sk->urg_seq))
		return;
	sk->urg_state = 1;
	sk->urg_seq = at;
}

bool tcp_recv_at_mark(const struct tcp_sock *sk)
{
	return sk->urg_state == 1 && sk->copied_seq == sk->urg_seq && sk->rcvq_bytes > 0;
}

/* How far a read may go: to the urgent byte, and then over it alone. */
static uint32_t readable_bytes(const struct tcp_sock *sk)
{
	if (sk->urg_state != 1 || seq_lt(sk->urg_seq, sk->copied_seq))
		return sk->rcvq_bytes;
	uint32_t before = sk->urg_seq - sk->copied_seq;
	if (before == 0)
		return sk->rcvq_bytes ? 1 : 0;
	return before < sk->rcvq_bytes ? before : sk->rcvq_bytes;
}

/* --- the program's side -------------------------------------------------------------------------
 */

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
		list_del(&p->node);
		account(sk, &sk->rcvq_truesize, p, false);
		pkt_free(p);
	}
}

static bool receives(const struct tcp_sock *sk)
{
	return sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_FIN_WAIT1 ||
	       sk->c.state == TCP_FIN_WAIT2;
}

/* RFC 9293 3.8.6.2.2: the peer is told when the window has at least doubled. */
static void update_window(struct tcp_sock *sk)
{
	uint32_t now = tcp_receive_window(sk);
	if (2 * (uint64_t)now > full_space(sk))
		return;
	uint32_t offer = window_to_offer(sk);
	if (offer > 0 && offer >= 2 * (uint64_t)now)
		ack_at_flush(sk);
}

void tcp_recv_done(struct tcp_sock *sk, size_t n)
{
	consume(sk, n);
	if (sk->urg_state == 1 && seq_gt(sk->copied_seq, sk->urg_seq))
		sk->urg_state = 2;
	if (!receives(sk))
		return;
	adjust_rcv_space(sk);
	update_window(sk);
}

bool tcp_recv_eof(const struct tcp_sock *sk)
{
	return sk->rcv_fin && sk->rcvq_bytes == 0;
}

void tcp_recv_shutdown(struct tcp_sock *sk)
{
	sk->rcv_shutdown = true;
	discard_if_shut(sk);
}

void tcp_recv_compact(struct tcp_sock *sk)
{
	for (struct list *pos = sk->rcv_queue.next; pos != &sk->rcv_queue;) {
		struct list *after = pos->next;
		struct pkt *p = pkt_of(pos);
		account(sk, &sk->rcvq_truesize, p, false);
		list_del(&p->node);
		p = pkt_compact(p);
		list_insert_before(after, &p->node);
		account(sk, &sk->rcvq_truesize, p, true);
		pos = after;
	}
}

size_t tcp_inq_bytes(const struct tcp_sock *sk)
{
	return sk->rcvq_bytes;
}
