/* SPDX-License-Identifier: MIT */
/* See stack_invariants.h. The stack's structures are read, never written. */
#include "tests/sim/stack_invariants.h"

#include <stdarg.h>
#include <stdio.h>

#include "stack/stack_impl.h"
#include "stack/tcp/tcp_send.h"

/* The first that does not hold. */
struct findings {
	char *why;
	size_t len;
	bool any;
};

static void found(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void found(struct findings *f, const char *fmt, ...)
{
	va_list ap;
	if (f->any)
		return;
	f->any = true;
	va_start(ap, fmt);
	vsnprintf(f->why, f->len, fmt, ap);
	va_end(ap);
}

static void check_sequence_numbers(struct findings *f, const struct tcp_sock *sk)
{
	if (!seq_leq(sk->snd_una, sk->snd_nxt))
		found(f, "snd_una %u beyond snd_nxt %u", sk->snd_una, sk->snd_nxt);
	if (!seq_leq(sk->copied_seq, sk->rcv_nxt))
		found(f, "copied_seq %u beyond rcv_nxt %u", sk->copied_seq, sk->rcv_nxt);
	/* RFC 9293 3.8.6.2.1: what was offered is not taken back. */
	if (seq_gt(sk->rcv_nxt, sk->rcv_wup + sk->rcv_wnd + 1))
		found(f, "rcv_nxt %u beyond the window offered, %u + %u", sk->rcv_nxt, sk->rcv_wup,
		      sk->rcv_wnd);
}

/* Something unacknowledged: a timer must be running, or nobody will ever repeat it. */
static void check_timers(struct findings *f, const struct tcp_sock *sk)
{
	if ((sk->timers_armed != 0) != timer_armed(&sk->timer))
		found(f, "timers %x and the timer that runs for them disagree", sk->timers_armed);
	bool in_flight = sk->snd_una != sk->snd_nxt;
	if (in_flight && !tcp_timer_armed(sk, TCP_TIMER_RTX))
		found(f, "state %u: %u bytes in flight and no retransmission timer", sk->c.state,
		      sk->snd_nxt - sk->snd_una);
	if (!in_flight && sk->sndq_bytes > 0 && sk->snd_wnd == 0 &&
	    (sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_CLOSE_WAIT) &&
	    !tcp_timer_armed(sk, TCP_TIMER_RTX))
		found(f, "zero window, %u bytes waiting and no persist timer", sk->sndq_bytes);
}

static void check_scoreboard(struct findings *f, const struct tcp_sock *sk)
{
	uint32_t sacked = 0, lost = 0, retrans = 0, at = sk->snd_una;
	list_for_each (pos, &sk->rtx_queue) {
		const struct tx_seg *s = container_of(pos, struct tx_seg, node);
		uint32_t len = s->end_seq - s->seq;
		if (pos != sk->rtx_queue.next && s->seq != at)
			found(f, "retransmit queue has a hole at %u", at);
		at = s->end_seq;
		sacked += s->sacked ? len : 0;
		lost += s->lost ? len : 0;
		retrans += s->retransmitted ? len : 0;
		if (s->sacked && s->lost)
			found(f, "a segment is both sacked and lost");
	}
	if (sacked != sk->sacked_bytes || lost != sk->lost_bytes || retrans != sk->retrans_bytes)
		found(f, "scoreboard counts: sacked %u (has %u), lost %u (%u), retrans %u (%u)",
		      sk->sacked_bytes, sacked, sk->lost_bytes, lost, sk->retrans_bytes, retrans);
	if (sk->cwnd_bytes == 0)
		found(f, "cwnd is zero");
}

static void check_out_of_order_queue(struct findings *f, const struct tcp_sock *sk)
{
	uint32_t at = sk->rcv_nxt;
	if (!sk->ooo)
		return;
	if (list_empty(&sk->ooo->segs))
		found(f, "an out-of-order queue is kept although it is empty");
	list_for_each (pos, &sk->ooo->segs) {
		const struct pkt *p = container_of(pos, struct pkt, node);
		if (!seq_lt(at, p->seq + (p->len ? 0 : 1)) && pos == sk->ooo->segs.next &&
		    seq_leq(p->seq, at))
			found(f, "out-of-order queue starts at %u, rcv_nxt is %u", p->seq, at);
		if (seq_lt(p->seq, at))
			found(f, "out-of-order queue overlaps at %u", p->seq);
		at = p->seq + p->len;
	}
}

bool stack_invariants_hold(struct stack *st, char *why, size_t len)
{
	struct findings f = {.why = why, .len = len};
	list_for_each (pos, &st->tcp.all) {
		const struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN)
			continue;
		check_sequence_numbers(&f, sk);
		check_timers(&f, sk);
		check_scoreboard(&f, sk);
		check_out_of_order_queue(&f, sk);
	}
	return !f.any;
}

bool stack_is_empty(struct stack *st, char *why, size_t len)
{
	struct findings f = {.why = why, .len = len};
	struct tcp_counts n = tcp_count(st);
	if (n.sockets || n.orphans || n.timewait || n.request_socks || n.listeners)
		found(&f, "%u sockets, %u orphans, %u timewait, %u requests, %u listeners",
		      n.sockets, n.orphans, n.timewait, n.request_socks, n.listeners);
	if (n.rcvbuf_bytes || n.sndbuf_bytes)
		found(&f, "%zu bytes received, %zu to send", n.rcvbuf_bytes, n.sndbuf_bytes);
	if (stack_pkt_pool(st)->used_bytes)
		found(&f, "%zu bytes of packets", stack_pkt_pool(st)->used_bytes);
	return !f.any;
}
