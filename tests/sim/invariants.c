/* SPDX-License-Identifier: MIT */
/*
 * What must hold after every step, whatever the network does, and what must be left at the end.
 * What holds of each stack by itself is in stack_invariants.c; here is what takes both ends, or the past, to
 * see. The stack's own structures are read, never written.
 */
#include <stdarg.h>
#include <string.h>

#include "stack/stack_impl.h"
#include "stack/tcp/tcp_send.h"
#include "tests/sim/sim.h"
#include "tests/sim/stack_invariants.h"

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

static void check_stack(struct sim *sim, struct stack *st)
{
	char why[200];
	if (!stack_invariants_hold(st, why, sizeof(why)))
		sim_fail(sim, "%s", why);
	list_for_each (pos, &st->tcp.all) {
		const struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		if (sk->c.state != TCP_CLOSE && sk->c.state != TCP_LISTEN)
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
		char why[200];
		if (!stack_is_empty(sim->host[i].stack, why, sizeof(why)))
			sim_fail(sim, "host %d keeps %s", i, why);
	}
}
