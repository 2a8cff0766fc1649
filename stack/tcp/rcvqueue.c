/* SPDX-License-Identifier: MIT */
/*
 * Received bytes: which of them are new, and the in-order queue the program reads from.
 *
 * Theory of operation
 *   - Both queues hold the very pkts the frames came in. rcv_queue is [copied_seq, rcv_nxt) without
 *     holes; behind it, beyond rcv_nxt, is the out-of-order queue (oooqueue.c). What came twice is
 *     cut off before it is queued, and told to the peer as D-SACK (RFC 2883). Both are bounded by
 *     rcvmem.c.
 *   - What came twice is acknowledged at once, as what is out of order is: the peer counts these
 *     ACKs (RFC 5681 4.2). The rest is rcvwindow.c's to decide.
 */
#include "stack/tcp/tcp_receive.h"

static void rcv_remove(struct tcp_sock *sk, struct pkt *p)
{
	list_del(&p->node);
	rcv_account(sk, &sk->rcvq_truesize, p, false);
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
		taken = rcv_coalesce(sk, pkt_of(sk->rcv_queue.prev), p);
	if (taken) {
		pkt_free(p);
		return;
	}
	rcv_account(sk, &sk->rcvq_truesize, p, true);
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
	struct pkt *p;
	if (!sk->ooo)
		return false;
	while ((p = ooo_next(sk)) != NULL) {
		bool fin = p->fin;
		append(sk, p);
		if (fin && take_fin(sk))
			return true;
	}
	ooo_advanced(sk);
	return false;
}

static void queue_in_order(struct tcp_sock *sk, struct pkt *p, const struct tcp_options *opt)
{
	uint32_t edge = sk->rcv_nxt + tcp_receive_window(sk);
	if (seq_gt(p->seq + p->len, edge)) { /* RFC 9293 3.10.7.4: only what lies in the window */
		pkt_cut_back(p, edge);
		tcp_ack_at_flush(sk);
	}
	bool fin = p->fin, data = p->len > 0;
	bool first = list_empty(&sk->rcv_queue) && tcp_owner_may_have_one(sk);
	if (data && !first && !rcv_make_room(sk, p->seq, pkt_truesize(p))) {
		rcv_drop_for_memory(sk, p, TcpExtTCPRcvQDrop);
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
		tcp_dsack(sk, p->seq, sk->rcv_nxt, TcpExtTCPDSACKOldSent);
		pkt_cut_front(p, sk->rcv_nxt);
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
		ooo_receive(sk, p);
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
