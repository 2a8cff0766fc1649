/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438): after a loss the window follows a cubic function of time around the window at
 * which the loss came, W_max: steep at first, flat near W_max, then probing beyond it. Where
 * Reno would be faster it does as Reno would (4.3). Slow start ends before the queue overflows
 * (hystart.c).
 *
 * As Linux has it, so that windows compare one for one:
 *   - windows count whole segments. Growth is the number of segments to be acknowledged for one
 *     more, 2 at least (4.4: half a window a round trip), and is worked out anew when the window
 *     has changed, else every 31 ms;
 *   - t + RTT of 4.4 is t and the least RTT: the queue that the sender itself fills is not a path
 *     on which to be faster;
 *   - while no W_max is known, neither from before slow start's end nor after an RTO (4.8),
 *     one segment of twenty is the least.
 */
#include "stack/tcp/hystart.h"
#include "stack/tcp/tcp_send.h"

#define OFFSET_MAX_MS 100000ll /* of the cubic's argument: beyond it cwnd is bounded anyway */
#define UPDATE_US 31250u
#define CNT_MIN 2u
#define CNT_MAX_W_MAX_UNKNOWN 20u

struct cubic {
	uint32_t epoch_ms;	     /* when this congestion avoidance stage began; 0: not yet */
	uint32_t w_max, w_est;	     /* segments; W_max 0: not known */
	uint32_t cwnd_prior;	     /* segments, at the last reduction */
	uint32_t k_ms;		     /* time from the epoch to the plateau */
	uint32_t origin;	     /* the plateau: W_max, or cwnd when above it */
	uint32_t cnt;		     /* segments acknowledged for one that cwnd grows */
	uint32_t credit, est_credit; /* bytes acknowledged, towards the next of cwnd and of w_est */
	uint32_t last_cwnd, last_us; /* cnt is of then */
	struct hystart hystart;
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

static uint32_t cwnd_segs(const struct tcp_sock *sk)
{
	return max_u32(sk->cwnd_bytes / mss_of(sk), 1);
}

static uint32_t now_ms(const struct tcp_sock *sk)
{
	return (uint32_t)(sk->stack->now_us / 1000);
}

static void cubic_init(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	memset(c, 0, sizeof(*c));
	hystart_begin(&c->hystart, sk);
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
static void begin_epoch(struct tcp_sock *sk, struct cubic *c, uint32_t cwnd)
{
	c->epoch_ms = max_u32(now_ms(sk), 1);
	c->est_credit = 0;
	c->w_est = cwnd;
	c->origin = max_u32(c->w_max, cwnd);
	c->k_ms = cube_root((uint64_t)(c->origin - cwnd) * 2500000000ull);
	if (c->cwnd_prior == 0)
		c->cwnd_prior = cwnd;
}

/* RFC 9438 4.2, equation 1: W_cubic(t) = C * (t - K)^3 + W_max */
static int64_t w_cubic(const struct cubic *c, uint64_t t_ms)
{
	int64_t off = (int64_t)t_ms - c->k_ms;
	if (off > OFFSET_MAX_MS)
		off = OFFSET_MAX_MS;
	if (off < -OFFSET_MAX_MS)
		off = -OFFSET_MAX_MS;
	return (int64_t)c->origin + off * off * off * 4 / 10000000000ll;
}

/* RFC 9438 4.3, equation 4: alpha = 3 * (1 - beta) / (1 + beta) = 9/17 until W_est has reached the
 * window before the loss, then 1. */
static void grow_w_est(struct tcp_sock *sk, struct cubic *c)
{
	for (;;) {
		uint64_t need = sk->cwnd_bytes;
		if (c->w_est < c->cwnd_prior)
			need = need * 17 / 9;
		if (c->est_credit < need)
			return;
		c->est_credit -= (uint32_t)need;
		c->w_est++;
	}
}

/* RFC 9438 4.4, 4.5: (target - cwnd) / cwnd of each segment acknowledged. */
static void update_cnt(struct tcp_sock *sk, struct cubic *c, uint32_t cwnd)
{
	uint64_t t_ms = (uint64_t)(now_ms(sk) - c->epoch_ms) + sk->min_rtt_us / 1000;
	int64_t target = w_cubic(c, t_ms);
	c->cnt = target > cwnd ? (uint32_t)(cwnd / (target - cwnd)) : 100 * cwnd;
	if (c->w_max == 0)
		c->cnt = min_u32(c->cnt, CNT_MAX_W_MAX_UNKNOWN);
	grow_w_est(sk, c);
	if (c->w_est > cwnd)
		c->cnt = min_u32(c->cnt, cwnd / (c->w_est - cwnd));
	c->cnt = max_u32(c->cnt, CNT_MIN);
}

static void grow(struct tcp_sock *sk, struct cubic *c, uint32_t acked)
{
	uint64_t need = (uint64_t)c->cnt * mss_of(sk), segs = 0, credit = c->credit;
	if (credit >= need) { /* gathered when it would have taken longer: one, not many */
		credit = 0;
		segs = 1;
	}
	credit += acked;
	segs += credit / need;
	credit %= need;
	c->credit = credit < UINT32_MAX ? (uint32_t)credit : UINT32_MAX;
	uint64_t cwnd = sk->cwnd_bytes + segs * mss_of(sk);
	sk->cwnd_bytes = cwnd < TCP_CWND_MAX_BYTES ? (uint32_t)cwnd : TCP_CWND_MAX_BYTES;
}

static void cubic_avoidance(struct tcp_sock *sk, uint32_t acked)
{
	struct cubic *c = cubic_of(sk);
	uint32_t cwnd = cwnd_segs(sk), now = (uint32_t)sk->stack->now_us;
	bool begins = c->epoch_ms == 0;
	if (begins)
		begin_epoch(sk, c, cwnd);
	uint64_t est_credit = (uint64_t)c->est_credit + acked;
	c->est_credit = est_credit < UINT32_MAX ? (uint32_t)est_credit : UINT32_MAX;
	if (begins || cwnd != c->last_cwnd || now - c->last_us > UPDATE_US) {
		c->last_cwnd = cwnd;
		c->last_us = now;
		update_cnt(sk, c, cwnd);
	}
	grow(sk, c, acked);
}

static void cubic_cong_avoid(struct tcp_sock *sk, const struct ack_sample *s)
{
	struct cubic *c = cubic_of(sk);
	uint32_t acked = s->acked_bytes;
	if (tcp_in_slow_start(sk))
		hystart_on_ack(&c->hystart, sk, s);
	if (!tcp_is_cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(sk))
		acked = hystart_grow(&c->hystart, sk, acked);
	if (acked > 0)
		cubic_avoidance(sk, min_u32(acked, sk->cwnd_bytes));
}

/* --- loss ------------------------------------------------------------------------------------- */

/* RFC 9438 4.6 (beta = 0.7; RFC 8511 3.1: 0.85 for a mark) and 4.7 (fast convergence). */
static uint32_t cubic_ssthresh(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	uint32_t cwnd = cwnd_segs(sk);
	c->epoch_ms = 0;
	c->credit = 0;
	c->hystart.done = true;
	c->cwnd_prior = cwnd;
	c->w_max = cwnd < c->w_max ? (uint32_t)((uint64_t)cwnd * 17 / 20) : cwnd;
	unsigned percent = sk->ecn_reduces ? 85 : 70;
	return max_u32((uint32_t)((uint64_t)sk->cwnd_bytes * percent / 100), 2 * mss_of(sk));
}

/* RFC 9438 4.8: after an RTO there is slow start; the plateau of what follows is where that ends. */
static void cubic_loss(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	c->epoch_ms = 0;
	c->w_max = 0;
	hystart_again(&c->hystart, sk);
}

/* RFC 9438 5.8: time in which nothing was sent is not part of the function's time. */
static void cubic_idle(struct tcp_sock *sk)
{
	struct cubic *c = cubic_of(sk);
	uint32_t now = now_ms(sk), sent = (uint32_t)(sk->last_snd_us / 1000);
	if (c->epoch_ms == 0 || sk->last_snd_us == 0)
		return;
	c->epoch_ms += now - sent;
	if ((int32_t)(c->epoch_ms - now) > 0 || c->epoch_ms == 0)
		c->epoch_ms = max_u32(now, 1);
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
