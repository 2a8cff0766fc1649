/* SPDX-License-Identifier: MIT */
/*
 * BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00, "the draft"; as in Linux): sends at
 * the rate the path delivers, with about a round trip's worth in flight, whatever is lost.
 *
 * Theory of operation
 *   - A model of the path in two numbers: the greatest delivery rate of the last ten round trips
 *     (bottleneck bandwidth) and the least round trip time of the last ten seconds. Their product
 *     is what the path holds without a queue.
 *   - The rate is set by pacing, gain times the bandwidth; cwnd, twice the product, only bounds what
 *     delayed and merged ACKs can do.
 *   - STARTUP doubles the rate each round trip until three in a row bring less than a quarter more;
 *     DRAIN takes out the queue that made; PROBE_BW goes round eight phases of one round trip, one
 *     faster to find more, one slower to drain what that queued; PROBE_RTT shrinks to four segments
 *     for 200 ms when no smaller round trip time was seen for ten seconds.
 *   - Loss is no signal. Recovery conserves packets for its first round trip, and cwnd is given back
 *     when it ends. ECN echoes change nothing.
 *   - What of Linux's is not here: the detection of policers by long-term sampling, and the
 *     allowance for aggregated ACKs, neither of which the draft has.
 */
#include "stack/tcp/tcp_send.h"

/* Gains in 256ths. */
#define UNIT 256u
#define HIGH_GAIN (UNIT * 2885 / 1000 + 1) /* 2/ln(2): doubles the rate in a round trip */
#define DRAIN_GAIN (UNIT * 1000 / 2885)
#define CWND_GAIN (UNIT * 2)
#define FULL_BW_GROWTH (UNIT * 5 / 4)
#define FULL_BW_ROUNDS 3
#define CYCLE_PHASES 8u
#define CYCLE_RANDOM 7u
#define PACING_MARGIN_PERCENT 1

#define BW_ROUNDS 10u
#define MIN_RTT_US_WINDOW 10000000ull
#define PROBE_RTT_US 200000ull
#define MIN_CWND_SEGS 4u
#define RTT_UNKNOWN_US 1000u /* to pace by until there is a sample */
#define US_PER_S 1000000ull

enum mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

static const uint16_t cycle_gain[CYCLE_PHASES] = {UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT,
						  UNIT,		UNIT,	      UNIT, UNIT};

struct bbr {
	/* The greatest, second and third greatest rate of the window, each later than the last. */
	uint64_t bw[3];
	uint32_t bw_round[3];
	uint32_t rounds;
	uint64_t round_end; /* in delivered_bytes */
	uint64_t full_bw;
	uint64_t min_rtt_stamp_us, probe_rtt_end_us, phase_start_us;
	uint32_t min_rtt_us; /* UINT32_MAX: unknown */
	uint32_t prior_cwnd; /* before recovery or PROBE_RTT */
	uint16_t pacing_gain, cwnd_gain;
	uint8_t mode, phase, full_bw_rounds, prev_ca_state;
	bool full_bw_reached : 1, round_start : 1, conserving : 1, idle_restart : 1,
	    probe_rtt_round_done : 1, has_rtt : 1;
};

static struct bbr *bbr_of(struct tcp_sock *sk)
{
	return sk->cc_heap;
}

static uint32_t mss_of(const struct tcp_sock *sk)
{
	return max_u32(sk->mss_cache, 1);
}

static uint32_t min_cwnd(const struct tcp_sock *sk)
{
	return MIN_CWND_SEGS * mss_of(sk);
}

/* --- the bandwidth: a maximum over a window of rounds (K. Nichols's three best estimates) -------- */

static uint64_t max_bw(const struct bbr *b)
{
	return b->bw[0];
}

static void bw_set_from(struct bbr *b, unsigned first, uint64_t bw)
{
	for (unsigned i = first; i < 3; i++) {
		b->bw[i] = bw;
		b->bw_round[i] = b->rounds;
	}
}

static void bw_drop_oldest(struct bbr *b, uint64_t newest)
{
	b->bw[0] = b->bw[1];
	b->bw_round[0] = b->bw_round[1];
	b->bw[1] = b->bw[2];
	b->bw_round[1] = b->bw_round[2];
	bw_set_from(b, 2, newest);
}

static void bw_sample(struct bbr *b, uint64_t bw)
{
	if (bw >= b->bw[0] || b->rounds - b->bw_round[2] > BW_ROUNDS) {
		bw_set_from(b, 0, bw);
		return;
	}
	if (bw >= b->bw[1])
		bw_set_from(b, 1, bw);
	else if (bw >= b->bw[2])
		bw_set_from(b, 2, bw);
	uint32_t age = b->rounds - b->bw_round[0];
	if (age > BW_ROUNDS) {
		bw_drop_oldest(b, bw);
		if (b->rounds - b->bw_round[0] > BW_ROUNDS)
			bw_drop_oldest(b, bw);
	} else if (b->bw_round[1] == b->bw_round[0] && age > BW_ROUNDS / 4) {
		bw_set_from(b, 1, bw); /* a quarter of the window without a second best */
	} else if (b->bw_round[2] == b->bw_round[1] && age > BW_ROUNDS / 2) {
		bw_set_from(b, 2, bw);
	}
}

/* --- what follows from the model ---------------------------------------------------------------- */

static uint32_t clamp_cwnd(uint64_t bytes)
{
	return bytes < TCP_CWND_MAX_BYTES ? (uint32_t)bytes : TCP_CWND_MAX_BYTES;
}

/* The draft's 4.2.3.2, BBRInflight(): gain times the product, and room for what is on its way
 * between the layers. */
static uint32_t inflight(const struct tcp_sock *sk, const struct bbr *b, unsigned gain)
{
	uint32_t mss = mss_of(sk);
	if (b->min_rtt_us == UINT32_MAX || max_bw(b) == 0)
		return clamp_cwnd((uint64_t)sk->stack->sysctl.tcp_initial_cwnd * mss);
	uint64_t bdp = max_bw(b) * b->min_rtt_us / US_PER_S;
	uint64_t bytes = bdp * gain / UNIT + 3 * (uint64_t)tcp_tso_limit(sk, mss);
	if (b->mode == PROBE_BW && b->phase == 0)
		bytes += 2 * (uint64_t)mss; /* so that a small window can be probed too */
	return clamp_cwnd(bytes);
}

static uint64_t rate_with_gain(uint64_t bw, unsigned gain)
{
	return bw * gain / UNIT / 100 * (100 - PACING_MARGIN_PERCENT);
}

/* 4.2.1: until there are samples, cwnd over the round trip time. */
static void init_pacing_rate(struct tcp_sock *sk, struct bbr *b)
{
	uint32_t rtt_us = sk->srtt_us ? sk->srtt_us : RTT_UNKNOWN_US;
	b->has_rtt = sk->srtt_us != 0;
	pacing_set_rate(sk, rate_with_gain(sk->cwnd_bytes * US_PER_S / rtt_us, HIGH_GAIN));
}

/* In STARTUP the rate does not fall: a few early samples say little. */
static void set_pacing_rate(struct tcp_sock *sk, struct bbr *b, unsigned gain)
{
	uint64_t rate = rate_with_gain(max_bw(b), gain);
	if (!b->has_rtt && sk->srtt_us)
		init_pacing_rate(sk, b);
	if (b->full_bw_reached || rate > sk->pace->bytes_per_s)
		pacing_set_rate(sk, rate);
}

/* --- modes --------------------------------------------------------------------------------------- */

static void enter_startup(struct bbr *b)
{
	b->mode = STARTUP;
}

static void next_phase(struct tcp_sock *sk, struct bbr *b)
{
	b->phase = (b->phase + 1) % CYCLE_PHASES;
	b->phase_start_us = sk->delivered_us;
}

/* 4.3.4.2: begins anywhere but in the phase that drains, so that flows do not march in step. */
static void enter_probe_bw(struct tcp_sock *sk, struct bbr *b)
{
	b->mode = PROBE_BW;
	b->phase = (uint8_t)(CYCLE_PHASES - 1 - random_below(&sk->stack->random, CYCLE_RANDOM));
	next_phase(sk, b);
}

static void leave_probe_rtt(struct tcp_sock *sk, struct bbr *b)
{
	if (b->full_bw_reached)
		enter_probe_bw(sk, b);
	else
		enter_startup(b);
}

static void save_cwnd(struct tcp_sock *sk, struct bbr *b)
{
	bool whole = b->prev_ca_state < CA_RECOVERY && b->mode != PROBE_RTT;
	b->prior_cwnd = whole ? sk->cwnd_bytes : max_u32(b->prior_cwnd, sk->cwnd_bytes);
}

/* 4.3.4.3: a phase lasts a round trip; the fast one until it has put its queue there or lost
 * something, the slow one no longer than there is a queue. */
static bool phase_is_over(const struct tcp_sock *sk, const struct bbr *b,
			  const struct ack_sample *s)
{
	bool full = sk->delivered_us - b->phase_start_us > b->min_rtt_us;
	if (cycle_gain[b->phase] == UNIT)
		return full;
	if (cycle_gain[b->phase] > UNIT)
		return full && (s->lost_bytes > 0 ||
				s->prior_in_flight >= inflight(sk, b, cycle_gain[b->phase]));
	return full || s->prior_in_flight <= inflight(sk, b, UNIT);
}

/* 4.3.2.2 */
static void check_full_bw(struct bbr *b, const struct ack_sample *s)
{
	if (b->full_bw_reached || !b->round_start || s->app_limited)
		return;
	if (max_bw(b) >= b->full_bw * FULL_BW_GROWTH / UNIT) {
		b->full_bw = max_bw(b);
		b->full_bw_rounds = 0;
		return;
	}
	b->full_bw_reached = ++b->full_bw_rounds >= FULL_BW_ROUNDS;
}

/* 4.3.3 */
static void check_drain(struct tcp_sock *sk, struct bbr *b)
{
	if (b->mode == STARTUP && b->full_bw_reached) {
		b->mode = DRAIN;
		sk->ssthresh_bytes = inflight(sk, b, UNIT);
	}
	if (b->mode == DRAIN && tcp_pipe_bytes(sk) <= inflight(sk, b, UNIT))
		enter_probe_bw(sk, b);
}

static void check_probe_rtt_done(struct tcp_sock *sk, struct bbr *b)
{
	uint64_t now = sk->stack->now_us;
	if (b->probe_rtt_end_us == 0 || now <= b->probe_rtt_end_us)
		return;
	b->min_rtt_stamp_us = now;
	sk->cwnd_bytes = max_u32(sk->cwnd_bytes, b->prior_cwnd);
	leave_probe_rtt(sk, b);
}

/* 4.3.5: at least 200 ms and a round trip with four segments in flight. */
static void run_probe_rtt(struct tcp_sock *sk, struct bbr *b)
{
	sk->app_limited = sk->delivered_bytes + max_u32(tcp_pipe_bytes(sk), 1);
	if (b->probe_rtt_end_us == 0) {
		if (tcp_pipe_bytes(sk) > min_cwnd(sk))
			return;
		b->probe_rtt_end_us = sk->stack->now_us + PROBE_RTT_US;
		b->probe_rtt_round_done = false;
		b->round_end = sk->delivered_bytes;
		return;
	}
	if (b->round_start)
		b->probe_rtt_round_done = true;
	if (b->probe_rtt_round_done)
		check_probe_rtt_done(sk, b);
}

/* --- the model ------------------------------------------------------------------------------------ */

/* A lone segment's ACK may have been delayed by the peer. */
static bool maybe_delayed(const struct tcp_sock *sk, const struct ack_sample *s)
{
	return s->acked_bytes <= mss_of(sk) && s->prior_in_flight <= mss_of(sk);
}

/* 4.1.2.3, 4.3.5 */
static void update_min_rtt(struct tcp_sock *sk, struct bbr *b, const struct ack_sample *s)
{
	uint64_t now = sk->stack->now_us;
	bool expired = now > b->min_rtt_stamp_us + MIN_RTT_US_WINDOW;
	if (s->rtt_us >= 0 &&
	    ((uint64_t)s->rtt_us < b->min_rtt_us || (expired && !maybe_delayed(sk, s)))) {
		b->min_rtt_us = max_u32((uint32_t)s->rtt_us, 1);
		b->min_rtt_stamp_us = now;
	}
	if (expired && !b->idle_restart && b->mode != PROBE_RTT) {
		save_cwnd(sk, b);
		b->mode = PROBE_RTT;
		b->probe_rtt_end_us = 0;
	}
	if (b->mode == PROBE_RTT)
		run_probe_rtt(sk, b);
	if (s->acked_bytes > 0)
		b->idle_restart = false;
}

/* 4.1.1 */
static void update_bw(struct tcp_sock *sk, struct bbr *b, const struct ack_sample *s)
{
	b->round_start = false;
	if (s->interval_us == 0)
		return;
	if (s->prior_delivered >= b->round_end) {
		b->round_end = sk->delivered_bytes;
		b->rounds++;
		b->round_start = true;
		b->conserving = false;
	}
	uint64_t bw = s->delivered * US_PER_S / s->interval_us;
	if (!s->app_limited || bw >= max_bw(b))
		bw_sample(b, bw);
}

static void update_gains(struct bbr *b)
{
	static const uint16_t pacing[] = {HIGH_GAIN, DRAIN_GAIN, UNIT, UNIT};
	static const uint16_t cwnd[] = {HIGH_GAIN, HIGH_GAIN, CWND_GAIN, UNIT};
	b->pacing_gain = b->mode == PROBE_BW ? cycle_gain[b->phase] : pacing[b->mode];
	b->cwnd_gain = cwnd[b->mode];
}

static void update_model(struct tcp_sock *sk, struct bbr *b, const struct ack_sample *s)
{
	update_bw(sk, b, s);
	if (b->mode == PROBE_BW && phase_is_over(sk, b, s))
		next_phase(sk, b);
	check_full_bw(b, s);
	check_drain(sk, b);
	update_min_rtt(sk, b, s);
	update_gains(b);
}

/* --- cwnd ----------------------------------------------------------------------------------------- */

/* 4.2.3.4: the first round trip of recovery sends as much as is delivered; its end gives cwnd back. */
static uint32_t cwnd_in_recovery(struct tcp_sock *sk, struct bbr *b, const struct ack_sample *s)
{
	uint32_t cwnd = sk->cwnd_bytes, pipe = tcp_pipe_bytes(sk), mss = mss_of(sk);
	uint8_t was = b->prev_ca_state, is = sk->ca_state;
	if (s->lost_bytes > 0)
		cwnd = cwnd > s->lost_bytes + mss ? cwnd - s->lost_bytes : mss;
	if (is == CA_RECOVERY && was != CA_RECOVERY) {
		b->conserving = true;
		b->round_end = sk->delivered_bytes;
		cwnd = pipe + s->acked_bytes;
	} else if (was >= CA_RECOVERY && is < CA_RECOVERY) {
		b->conserving = false;
		cwnd = max_u32(cwnd, b->prior_cwnd);
	}
	b->prev_ca_state = is;
	return b->conserving ? max_u32(cwnd, pipe + s->acked_bytes) : cwnd;
}

/* 4.2.3.5 */
static void set_cwnd(struct tcp_sock *sk, struct bbr *b, const struct ack_sample *s)
{
	if (s->acked_bytes > 0) {
		uint32_t cwnd = cwnd_in_recovery(sk, b, s), target = inflight(sk, b, b->cwnd_gain);
		uint32_t initial = sk->stack->sysctl.tcp_initial_cwnd * mss_of(sk);
		if (!b->conserving && b->full_bw_reached)
			cwnd = min_u32(cwnd + s->acked_bytes, target);
		else if (!b->conserving && (cwnd < target || sk->delivered_bytes < initial))
			cwnd += s->acked_bytes;
		sk->cwnd_bytes = clamp_cwnd(max_u32(cwnd, b->conserving ? 1 : min_cwnd(sk)));
	}
	if (b->mode == PROBE_RTT)
		sk->cwnd_bytes = min_u32(sk->cwnd_bytes, min_cwnd(sk));
}

/* --- the operations --------------------------------------------------------------------------------- */

static void bbr_init(struct tcp_sock *sk)
{
	struct bbr *b = bbr_of(sk);
	memset(b, 0, sizeof(*b));
	b->min_rtt_us = sk->min_rtt_us ? sk->min_rtt_us : UINT32_MAX;
	b->min_rtt_stamp_us = sk->stack->now_us;
	b->round_end = sk->delivered_bytes;
	sk->ssthresh_bytes = TCP_INFINITE_SSTHRESH;
	sk->pace->bytes_per_s = 0;
	init_pacing_rate(sk, b);
	enter_startup(b);
	update_gains(b);
}

static void bbr_on_ack(struct tcp_sock *sk, const struct ack_sample *s)
{
	struct bbr *b = bbr_of(sk);
	update_model(sk, b, s);
	set_pacing_rate(sk, b, b->pacing_gain);
	set_cwnd(sk, b, s);
}

/* Loss changes nothing but what there is to come back to. */
static uint32_t bbr_ssthresh(struct tcp_sock *sk)
{
	save_cwnd(sk, bbr_of(sk));
	return sk->ssthresh_bytes;
}

/* 4.2.3.4: an RTO ends the round trip, and the bandwidth is looked for anew. */
static void bbr_loss(struct tcp_sock *sk)
{
	struct bbr *b = bbr_of(sk);
	b->prev_ca_state = CA_LOSS;
	b->full_bw = 0;
	b->round_start = true;
}

static uint32_t bbr_undo_cwnd(struct tcp_sock *sk)
{
	struct bbr *b = bbr_of(sk);
	b->full_bw = 0;
	b->full_bw_rounds = 0;
	return sk->cwnd_bytes;
}

/* 4.3.4.4: after idleness at the program's will, go on at the rate that was. */
static void bbr_idle(struct tcp_sock *sk)
{
	struct bbr *b = bbr_of(sk);
	if (!sk->app_limited)
		return;
	b->idle_restart = true;
	if (b->mode == PROBE_BW)
		set_pacing_rate(sk, b, UNIT);
	else if (b->mode == PROBE_RTT)
		check_probe_rtt_done(sk, b);
}

/* What TCP_CC_INFO gives: Linux's struct tcp_bbr_info. */
struct bbr_info {
	uint32_t bw_low, bw_high, min_rtt_us, pacing_gain, cwnd_gain;
};

static size_t bbr_get_info(struct tcp_sock *sk, void *to, size_t room)
{
	const struct bbr *b = bbr_of(sk);
	if (!b) /* no connection yet */
		return 0;
	struct bbr_info info = {
	    .bw_low = (uint32_t)max_bw(b),
	    .bw_high = (uint32_t)(max_bw(b) >> 32),
	    .min_rtt_us = b->min_rtt_us,
	    .pacing_gain = b->pacing_gain,
	    .cwnd_gain = b->cwnd_gain,
	};
	size_t n = room < sizeof(info) ? room : sizeof(info);
	memcpy(to, &info, n);
	return n;
}

const struct cc_ops cc_bbr = {
    .name = "bbr",
    .init = bbr_init,
    .ssthresh = bbr_ssthresh,
    .cong_avoid = bbr_on_ack,
    .cwnd_event_idle = bbr_idle,
    .loss_event = bbr_loss,
    .undo_cwnd = bbr_undo_cwnd,
    .owns_cwnd = true,
    .heap_bytes = sizeof(struct bbr),
    .get_info = bbr_get_info,
};
