/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438): after a loss the window follows a cubic function of time around the window at
 * which the loss came, W_max: steep at first, flat near W_max, then probing beyond it. Where
 * Reno would be faster it does as Reno would (4.3). Slow start ends by HyStart++ (RFC 9406) before
 * the queue overflows, when the round trip time is seen to rise.
 *
 * Units: windows in bytes, times in microseconds; the cubic function in milliseconds, so that
 * 64-bit integers hold it.
 */
#include "stack/tcp/tcp_send.h"

/* RFC 9406 4.3 */
#define HYSTART_MIN_RTT_THRESH_US 4000u
#define HYSTART_MAX_RTT_THRESH_US 16000u
#define HYSTART_RTT_SAMPLES 8u
#define HYSTART_CSS_GROWTH_DIVISOR 4u
#define HYSTART_CSS_ROUNDS 5u

#define OFFSET_MAX_MS 100000ll /* of the cubic's argument: beyond it cwnd is bounded anyway */

struct cubic {
	uint64_t epoch_us;	/* when this congestion avoidance stage began; 0: not yet */
	uint64_t growth_credit; /* of cwnd, in bytes * cwnd */
	uint64_t est_credit;	/* of w_est, the same */
	uint32_t w_max, w_est;	/* bytes */
	uint32_t cwnd_prior;	/* cwnd at the last reduction */
	uint32_t k_ms;		/* time from the epoch to W_max */
	uint32_t origin;	/* the plateau: W_max, or cwnd when above it */
	/* HyStart++ */
	uint32_t round_end;
	uint32_t round_min_rtt_us, last_round_min_rtt_us, css_baseline_us;
	uint16_t rtt_samples;
	uint8_t css_rounds;
	bool in_css : 1, done : 1;
};

_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_sock *)0)->cc_priv), "cc_priv");

static struct cubic *cubic_of(struct tcp_sock *sk)
{
	return (struct cubic *)(void *)sk->cc_priv;
}

static uint32_t mss_of(const struct tcp_sock *sk)
{
	return max_u32(sk->mss_cache, 1);
}

static void new_round(struct cubic *c, const struct tcp_sock *sk)
{
	c->round_end = sk->snd_nxt;
	c->last_round_min_rtt_us = c->round_min_rtt_us;
	c->round_min_rtt_us = UINT32_MAX;
	c->rtt_samples = 0;
}

static void cubic_init(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	memset(c, 0, sizeof(*c));
	c->round_min_rtt_us = UINT32_MAX;
	new_round(c, sk);
}

/* --- slow start ------------------------------------------------------------------------------ */

/* RFC 9406 4.2: has this round's least RTT risen by an eighth over the last round's? */
static bool rtt_has_risen(const struct cubic *c)
{
	if (c->rtt_samples < HYSTART_RTT_SAMPLES || c->last_round_min_rtt_us == UINT32_MAX)
		return false;
	uint32_t thresh = c->last_round_min_rtt_us / 8;
	thresh = max_u32(HYSTART_MIN_RTT_THRESH_US, min_u32(thresh, HYSTART_MAX_RTT_THRESH_US));
	return c->round_min_rtt_us >= c->last_round_min_rtt_us + thresh;
}

static void hystart_round(struct tcp_sock *sk, struct cubic *c)
{
	if (c->in_css && ++c->css_rounds >= HYSTART_CSS_ROUNDS) {
		c->done = true;
		sk->ssthresh_bytes = sk->cwnd_bytes;
	}
	new_round(c, sk);
}

static void hystart_sample(struct tcp_sock *sk, const struct ack_sample *s)
{
	struct cubic *c = cubic_of(sk);
	if (c->done)
		return;
	if (seq_gt(sk->snd_una, c->round_end))
		hystart_round(sk, c);
	if (s->rtt_us >= 0) {
		c->round_min_rtt_us = min_u32(c->round_min_rtt_us, (uint32_t)s->rtt_us);
		if (c->rtt_samples < UINT16_MAX)
			c->rtt_samples++;
	}
	if (!c->in_css && rtt_has_risen(c)) {
		c->in_css = true;
		c->css_rounds = 0;
		c->css_baseline_us = c->round_min_rtt_us;
	} else if (c->in_css && c->rtt_samples >= HYSTART_RTT_SAMPLES &&
		   c->round_min_rtt_us < c->css_baseline_us) {
		c->in_css = false; /* the rise was jitter */
	}
}

static uint32_t cubic_slow_start(struct tcp_sock *sk, const struct ack_sample *s)
{
	struct cubic *c = cubic_of(sk);
	hystart_sample(sk, s);
	if (!tcp_in_slow_start(sk))
		return s->acked_bytes;
	if (!c->in_css)
		return tcp_slow_start(sk, s->acked_bytes);
	(void)tcp_slow_start(sk, s->acked_bytes / HYSTART_CSS_GROWTH_DIVISOR);
	return 0;
}

/* --- congestion avoidance -------------------------------------------------------------------- */

static uint32_t cube_root(uint64_t v)
{
	uint64_t root = 0;
	for (int bit = 21; bit >= 0; bit--) {
		uint64_t next = root | 1ull << bit;
		if (next * next * next <= v)
			root = next;
	}
	return (uint32_t)root;
}

/* RFC 9438 4.2: K = cbrt((W_max - cwnd_epoch) / C), C = 0.4, in milliseconds. */
static void begin_epoch(struct tcp_sock *sk, struct cubic *c)
{
	uint32_t cwnd = sk->cwnd_bytes;
	c->epoch_us = sk->stack->now_us;
	c->growth_credit = c->est_credit = 0;
	c->w_est = cwnd;
	c->origin = max_u32(c->w_max, cwnd);
	c->k_ms = cube_root((uint64_t)(c->origin - cwnd) * 2500000000ull / mss_of(sk));
	if (c->cwnd_prior == 0)
		c->cwnd_prior = cwnd;
}

/* RFC 9438 4.2, equation 1: W_cubic(t) = C * (t - K)^3 + W_max */
static int64_t w_cubic(const struct tcp_sock *sk, const struct cubic *c, uint64_t t_us)
{
	int64_t off = (int64_t)(t_us / 1000) - c->k_ms;
	if (off > OFFSET_MAX_MS)
		off = OFFSET_MAX_MS;
	if (off < -OFFSET_MAX_MS)
		off = -OFFSET_MAX_MS;
	int64_t cubed = off * off * off / 1000; /* ms^3 / 1000 */
	return (int64_t)c->origin + cubed * 4 * mss_of(sk) / 10000000;
}

/* RFC 9438 4.3, equation 4: alpha = 3 * (1 - beta) / (1 + beta) = 9/17 until W_est has reached the
 * window before the loss, then 1. */
static void grow_w_est(struct tcp_sock *sk, struct cubic *c, uint32_t acked)
{
	uint64_t per_window = c->w_est < c->cwnd_prior ? (uint64_t)mss_of(sk) * 9 / 17 : mss_of(sk);
	c->est_credit += acked * per_window;
	c->w_est =
	    min_u32(c->w_est + (uint32_t)(c->est_credit / sk->cwnd_bytes), TCP_CWND_MAX_BYTES);
	c->est_credit %= sk->cwnd_bytes;
}

/* RFC 9438 4.4, 4.5: (target - cwnd) / cwnd of each byte acknowledged, at most half. */
static void grow_towards(struct tcp_sock *sk, struct cubic *c, int64_t target, uint32_t acked)
{
	int64_t most = (int64_t)sk->cwnd_bytes + sk->cwnd_bytes / 2;
	if (target > most)
		target = most;
	if (target <= sk->cwnd_bytes)
		return;
	uint64_t step = (uint64_t)target - sk->cwnd_bytes;
	c->growth_credit += step * acked;
	sk->cwnd_bytes += (uint32_t)(c->growth_credit / sk->cwnd_bytes);
	c->growth_credit %= sk->cwnd_bytes;
}

static void cubic_avoidance(struct tcp_sock *sk, uint32_t acked)
{
	struct cubic *c = cubic_of(sk);
	if (c->epoch_us == 0)
		begin_epoch(sk, c);
	grow_w_est(sk, c, acked);
	uint64_t t = sk->stack->now_us - c->epoch_us;
	if (w_cubic(sk, c, t) < (int64_t)c->w_est)
		sk->cwnd_bytes = max_u32(sk->cwnd_bytes, c->w_est);
	else
		grow_towards(sk, c, w_cubic(sk, c, t + sk->srtt_us), acked);
	sk->cwnd_bytes = min_u32(sk->cwnd_bytes, TCP_CWND_MAX_BYTES);
}

static void cubic_cong_avoid(struct tcp_sock *sk, const struct ack_sample *s)
{
	uint32_t acked = s->acked_bytes;
	if (!tcp_is_cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(sk))
		acked = cubic_slow_start(sk, s);
	if (acked > 0)
		cubic_avoidance(sk, min_u32(acked, sk->cwnd_bytes));
}

/* --- loss ------------------------------------------------------------------------------------- */

/* RFC 9438 4.6 (beta = 0.7; RFC 8511 3.1: 0.85 for a mark) and 4.7 (fast convergence). */
static uint32_t cubic_ssthresh(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	uint32_t cwnd = sk->cwnd_bytes;
	c->epoch_us = 0;
	c->done = true;
	c->cwnd_prior = cwnd;
	c->w_max = cwnd < c->w_max ? (uint32_t)((uint64_t)cwnd * 17 / 20) : cwnd;
	unsigned percent = sk->ecn_reduces ? 85 : 70;
	return max_u32((uint32_t)((uint64_t)cwnd * percent / 100), 2 * mss_of(sk));
}

/* RFC 9438 4.8: after an RTO there is slow start, with a fresh epoch behind it. */
static void cubic_loss(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	c->epoch_us = 0;
	c->done = c->in_css = false;
	c->round_min_rtt_us = UINT32_MAX;
	new_round(c, sk);
}

/* RFC 9438 5.8: time in which nothing was sent is not part of the function's time. */
static void cubic_idle(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	uint64_t now = sk->stack->now_us;
	if (c->epoch_us == 0 || sk->last_snd_us == 0)
		return;
	c->epoch_us += now - sk->last_snd_us;
	if (c->epoch_us > now)
		c->epoch_us = now;
}

static uint32_t cubic_undo_cwnd(struct tcp_sock *sk)
{
	return max_u32(sk->cwnd_bytes, sk->prior_cwnd_bytes);
}

const struct cc_ops cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .ssthresh = cubic_ssthresh,
    .cong_avoid = cubic_cong_avoid,
    .cwnd_event_idle = cubic_idle,
    .loss_event = cubic_loss,
    .undo_cwnd = cubic_undo_cwnd,
};
