/* SPDX-License-Identifier: MIT */
/*
 * What must hold after every step, whatever the network does, and what must be left at the end.
 * Here the stack's own structures are read, never written.
 */
#include <stdarg.h>
#include <string.h>

#include "stack/stack_impl.h"
#include "stack/tcp/tcp_send.h"
#include "tests/sim/sim.h"

#define STUCK_US (1200 * SEC_US)

void sim_fail(struct sim *sim, const char *fmt, ...)
{
	if (sim->failure[0])
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sim->failure, sizeof(sim->failure), fmt, ap);
	va_end(ap);
}

static void check_sequence_numbers(struct sim *sim, const struct tcp_sock *sk)
{
	if (!seq_leq(sk->snd_una, sk->snd_nxt))
		sim_fail(sim, "snd_una %u beyond snd_nxt %u", sk->snd_una, sk->snd_nxt);
	if (!seq_leq(sk->copied_seq, sk->rcv_nxt))
		sim_fail(sim, "copied_seq %u beyond rcv_nxt %u", sk->copied_seq, sk->rcv_nxt);
	/* RFC 9293 3.8.6.2.1: what was offered is not taken back. */
	if (seq_gt(sk->rcv_nxt, sk->rcv_wup + sk->rcv_wnd + 1))
		sim_fail(sim, "rcv_nxt %u beyond the window offered, %u + %u", sk->rcv_nxt,
			 sk->rcv_wup, sk->rcv_wnd);
}

/* Something unacknowledged: a timer must be running, or nobody will ever repeat it. */
static void check_timers(struct sim *sim, const struct tcp_sock *sk)
{
	bool in_flight = sk->snd_una != sk->snd_nxt;
	if (in_flight && !timer_armed(&sk->rtx_timer))
		sim_fail(sim, "state %u: %u bytes in flight and no retransmission timer",
			 sk->c.state, sk->snd_nxt - sk->snd_una);
	if (!in_flight && sk->sndq_bytes > 0 && sk->snd_wnd == 0 &&
	    (sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_CLOSE_WAIT) &&
	    !timer_armed(&sk->rtx_timer))
		sim_fail(sim, "zero window, %u bytes waiting and no persist timer", sk->sndq_bytes);
}

static void check_scoreboard(struct sim *sim, const struct tcp_sock *sk)
{
	uint32_t sacked = 0, lost = 0, retrans = 0, at = sk->snd_una;
	list_for_each (pos, &sk->rtx_queue) {
		const struct tx_seg *s = container_of(pos, struct tx_seg, node);
		uint32_t len = s->end_seq - s->seq;
		if (pos != sk->rtx_queue.next && s->seq != at)
			sim_fail(sim, "retransmit queue has a hole at %u", at);
		at = s->end_seq;
		sacked += s->sacked ? len : 0;
		lost += s->lost ? len : 0;
		retrans += s->retransmitted ? len : 0;
		if (s->sacked && s->lost)
			sim_fail(sim, "a segment is both sacked and lost");
	}
	if (sacked != sk->sacked_bytes || lost != sk->lost_bytes || retrans != sk->retrans_bytes)
		sim_fail(
		    sim, "scoreboard counts: sacked %u (has %u), lost %u (%u), retrans %u (%u)",
		    sk->sacked_bytes, sacked, sk->lost_bytes, lost, sk->retrans_bytes, retrans);
	if (sk->cwnd_bytes == 0)
		sim_fail(sim, "cwnd is zero");
}

static void check_out_of_order_queue(struct sim *sim, const struct tcp_sock *sk)
{
	uint32_t at = sk->rcv_nxt;
	if (!sk->ooo)
		return;
	if (list_empty(&sk->ooo->segs))
		sim_fail(sim, "an out-of-order queue is kept although it is empty");
	list_for_each (pos, &sk->ooo->segs) {
		const struct pkt *p = container_of(pos, struct pkt, node);
		if (!seq_lt(at, p->seq + (p->len ? 0 : 1)) && pos == sk->ooo->segs.next &&
		    seq_leq(p->seq, at))
			sim_fail(sim, "out-of-order queue starts at %u, rcv_nxt is %u", p->seq, at);
		if (seq_lt(p->seq, at))
			sim_fail(sim, "out-of-order queue overlaps at %u", p->seq);
		at = p->seq + p->len;
	}
}

/* RFC 5681 3.1: new data stays within the congestion window and the window the peer offered. A loss
 * probe may be a segment more (RFC 8985 7.3), and the last segment of a burst may not fit. */
static void check_flight(struct sim *sim, const struct app *a)
{
	const struct tcp_sock *sk = a->sk;
	uint32_t pipe = tcp_pipe_bytes(sk), cwnd = sk->cwnd_bytes;
	if (!seq_gt(sk->snd_nxt, a->snd_nxt_seen))
		return;
	if (seq_gt(sk->snd_nxt, a->edge_seen + 1))
		sim_fail(sim, "conn %u: sent up to %u, the peer's window ends at %u", a->index,
			 sk->snd_nxt, a->edge_seen);
	if (cwnd < a->cwnd_seen)
		cwnd = a->cwnd_seen;
	/* BBR may shrink its window far below what is in flight; the probe leaves all the same. */
	bool probe =
	    sk->tlp_high_seq == sk->snd_nxt && sk->snd_nxt - a->snd_nxt_seen <= sk->mss_cache + 1u;
	if (pipe > cwnd + 3u * sk->mss_cache && !probe)
		sim_fail(sim, "conn %u: %u bytes in flight, cwnd is %u", a->index, pipe, cwnd);
}

/* RFC 5681 3.1, RFC 9438 4.6: a loss makes ssthresh smaller than the window was. What is sent again
 * because it was too large for a hop says nothing of congestion. BBR does not go by losses. */
static void check_reduction(struct sim *sim, const struct app *a)
{
	const struct tcp_sock *sk = a->sk;
	bool undone = sk->undo_marker == 0; /* RFC 4015: it was not lost */
	if (sk->ca_state < CA_RECOVERY || a->ca_state_seen >= CA_CWR || sim->hop.mtu || undone)
		return;
	if (sk->cc->owns_cwnd)
		return;
	uint32_t was = sk->prior_cwnd_bytes > a->cwnd_seen ? sk->prior_cwnd_bytes : a->cwnd_seen;
	uint32_t tenths = sk->ecn & ECN_OK ? 9 : 8; /* RFC 8511: a mark that came with the loss */
	if (sk->ssthresh_bytes > 2u * sk->mss_cache && sk->ssthresh_bytes > was / 10 * tenths)
		sim_fail(sim, "conn %u: a loss left ssthresh at %u, cwnd was %u", a->index,
			 sk->ssthresh_bytes, was);
}

static void check_app(struct sim *sim, struct app *a)
{
	const struct tcp_sock *sk = a->sk;
	if (!sk || !a->connected || a->done || sk->c.state == TCP_CLOSE)
		return;
	uint32_t edge = sk->snd_una + sk->snd_wnd;
	if (!a->seen || seq_gt(edge, a->edge_seen))
		a->edge_seen = edge;
	if (a->seen) {
		check_flight(sim, a);
		check_reduction(sim, a);
	}
	a->snd_nxt_seen = sk->snd_nxt;
	a->cwnd_seen = sk->cwnd_bytes;
	a->ca_state_seen = sk->ca_state;
	a->seen = true;
}

static bool has_connection_state(const struct tcp_sock *sk)
{
	return sk->c.state != TCP_CLOSE && sk->c.state != TCP_LISTEN;
}

static void check_stack(struct sim *sim, struct stack *st)
{
	list_for_each (pos, &st->tcp.all) {
		const struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		if (!has_connection_state(sk))
			continue;
		check_sequence_numbers(sim, sk);
		check_timers(sim, sk);
		check_scoreboard(sim, sk);
		check_out_of_order_queue(sim, sk);
		keys_check(sim, sk);
	}
}

void invariants_check(struct sim *sim)
{
	for (int i = 0; i < 2; i++)
		check_stack(sim, sim->host[i].stack);
	for (unsigned i = 0; i < sim->apps; i++) {
		check_app(sim, &sim->client[i]);
		check_app(sim, &sim->server[i]);
	}
	bool path_up = !(sim->now_us >= sim->cut.from_us && sim->now_us < sim->cut.until_us);
	if (path_up && !app_all_done(sim) && sim->now_us > sim->last_progress_us + STUCK_US)
		sim_fail(sim, "no progress for %llu s with the path up",
			 (unsigned long long)(STUCK_US / SEC_US));
}

static void check_delivered(struct sim *sim, const struct app *a, const struct app *peer)
{
	if (a->err || peer->err || a->aborted || peer->aborted || a->closed_early ||
	    peer->closed_early)
		return;
	if (a->received != peer->send_total)
		sim_fail(sim, "conn %u %s received %llu of %llu bytes", a->index,
			 a->is_server ? "server" : "client", (unsigned long long)a->received,
			 (unsigned long long)peer->send_total);
}

/* Everything is closed and every TIME_WAIT has run out: nothing may be left. */
void invariants_at_end(struct sim *sim)
{
	for (unsigned i = 0; i < sim->apps; i++) {
		check_delivered(sim, &sim->client[i], &sim->server[i]);
		check_delivered(sim, &sim->server[i], &sim->client[i]);
	}
	for (int i = 0; i < 2; i++) {
		struct tcp_counts n = tcp_count(sim->host[i].stack);
		if (n.sockets || n.orphans || n.timewait || n.request_socks || n.listeners)
			sim_fail(sim,
				 "host %d keeps %u sockets, %u orphans, %u timewait, %u requests, "
				 "%u listeners",
				 i, n.sockets, n.orphans, n.timewait, n.request_socks, n.listeners);
		if (n.rcvbuf_bytes || n.sndbuf_bytes)
			sim_fail(sim, "host %d keeps %zu bytes received, %zu to send", i,
				 n.rcvbuf_bytes, n.sndbuf_bytes);
		if (stack_pkt_pool(sim->host[i].stack)->used_bytes)
			sim_fail(sim, "host %d keeps %zu bytes of packets", i,
				 stack_pkt_pool(sim->host[i].stack)->used_bytes);
	}
}
