/* SPDX-License-Identifier: MIT */
/*
 * The end of slow start when the path's queue begins to fill, instead of when it has overflowed.
 *
 * Theory of operation
 *   - Both ways look at rounds: what is in flight when one begins has been acknowledged when it ends.
 *   - HyStart++ (RFC 9406), the default: a round whose least RTT has risen by an eighth over that of
 *     the round before begins conservative slow start, which grows a quarter as fast. Five such
 *     rounds end slow start; an RTT that falls again resumes it.
 *   - HyStart, as Linux has it (after Ha and Rhee): slow start ends at once when the least RTT of a round is
 *     an eighth above the least there ever was, or when ACKs have come close behind each other for
 *     half the least RTT: then what is in flight fills the path. Only from 16 segments on.
 */
#include "stack/tcp/hystart.h"

#include "stack/tcp/tcp_send.h"

/* RFC 9406 4.3 */
#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define RTT_SAMPLES 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u
/* Linux */
#define LOW_WINDOW_SEGS 16u
#define ACK_DELTA_US 2000u
#define ACK_DELAY_MAX_US 1000u

static uint32_t now_of(const struct tcp_sock *sk)
{
	return (uint32_t)sk->stack->now_us;
}

static uint32_t thresh_of(uint32_t rtt_us)
{
	return max_u32(MIN_RTT_THRESH_US, min_u32(rtt_us / 8, MAX_RTT_THRESH_US));
}

static void new_round(struct hystart *h, const struct tcp_sock *sk)
{
	h->round_end = sk->snd_nxt;
	if (h->mode == HYSTART_LINUX)
		h->round_start_us = h->last_ack_us = now_of(sk);
	else
		h->last_round_min_rtt_us = h->round_min_rtt_us;
	h->round_min_rtt_us = UINT32_MAX;
	h->rtt_samples = 0;
}

void hystart_begin(struct hystart *h, const struct tcp_sock *sk)
{
	memset(h, 0, sizeof(*h));
	h->mode = sk->stack->sysctl.tcp_cubic_hystart & 3;
	h->done = h->mode == HYSTART_NONE;
	h->round_min_rtt_us = UINT32_MAX;
	new_round(h, sk);
}

void hystart_again(struct hystart *h, const struct tcp_sock *sk)
{
	if (h->mode == HYSTART_LINUX)
		hystart_begin(h, sk);
	else
		h->done = true;
}

static void end_slow_start(struct hystart *h, struct tcp_sock *sk)
{
	h->done = true;
	sk->ssthresh_bytes = sk->cwnd_bytes;
}

/* --- HyStart++ -------------------------------------------------------------------------------- */

/* RFC 9406 4.2 */
static bool rtt_has_risen(const struct hystart *h)
{
	if (h->rtt_samples < RTT_SAMPLES || h->last_round_min_rtt_us == UINT32_MAX)
		return false;
	return h->round_min_rtt_us >=
	       h->last_round_min_rtt_us + thresh_of(h->last_round_min_rtt_us);
}

static void plusplus_on_ack(struct hystart *h, struct tcp_sock *sk, const struct ack_sample *s)
{
	if (!tcp_is_cwnd_limited(sk))
		return;
	if (seq_gt(sk->snd_una, h->round_end)) {
		if (h->in_css && ++h->css_rounds >= CSS_ROUNDS)
			end_slow_start(h, sk);
		new_round(h, sk);
	}
	if (s->rtt_us >= 0) {
		h->round_min_rtt_us = min_u32(h->round_min_rtt_us, (uint32_t)s->rtt_us);
		if (h->rtt_samples < UINT16_MAX)
			h->rtt_samples++;
	}
	if (!h->in_css && rtt_has_risen(h)) {
		h->in_css = true;
		h->css_rounds = 0;
		h->css_baseline_us = h->round_min_rtt_us;
	} else if (h->in_css && h->rtt_samples >= RTT_SAMPLES &&
		   h->round_min_rtt_us < h->css_baseline_us) {
		h->in_css = false; /* the rise was jitter */
	}
}

/* --- HyStart ---------------------------------------------------------------------------------- */

static void found(struct hystart *h, struct tcp_sock *sk, enum snmp detected, enum snmp cwnd)
{
	end_slow_start(h, sk);
	snmp_inc(sk->stack, detected);
	sk->stack->mib.counter[cwnd] += sk->cwnd_bytes / max_u32(sk->mss_cache, 1);
}

/* How long four of the largest bursts hold ACKs together that would come one by one. */
static uint32_t ack_delay_us(const struct tcp_sock *sk)
{
	uint64_t rate = pacing_rate_shown(sk), burst = 4ull * tcp_tso_limit(sk, sk->mss_cache);
	uint64_t us = rate ? burst * 1000000 / rate : 0;
	return us < ACK_DELAY_MAX_US ? (uint32_t)us : ACK_DELAY_MAX_US;
}

static bool train_fills_path(struct hystart *h, const struct tcp_sock *sk)
{
	uint32_t now = now_of(sk), length = sk->min_rtt_us + ack_delay_us(sk);
	if (now - h->last_ack_us > ACK_DELTA_US)
		return false;
	h->last_ack_us = now;
	if (!sk->pace) /* pacing may have spread them over half an RTT */
		length /= 2;
	return now - h->round_start_us > length;
}

static bool delay_has_risen(struct hystart *h, const struct tcp_sock *sk, uint32_t rtt_us)
{
	h->round_min_rtt_us = min_u32(h->round_min_rtt_us, rtt_us);
	if (h->rtt_samples < RTT_SAMPLES) {
		h->rtt_samples++;
		return false;
	}
	return h->round_min_rtt_us > sk->min_rtt_us + thresh_of(sk->min_rtt_us);
}

static void linux_on_ack(struct hystart *h, struct tcp_sock *sk, const struct ack_sample *s)
{
	if (s->rtt_us < 0)
		return;
	if (seq_gt(sk->snd_una, h->round_end))
		new_round(h, sk);
	if (sk->cwnd_bytes < (uint64_t)LOW_WINDOW_SEGS * sk->mss_cache)
		return;
	if (train_fills_path(h, sk))
		found(h, sk, TcpExtTCPHystartTrainDetect, TcpExtTCPHystartTrainCwnd);
	if (delay_has_risen(h, sk, (uint32_t)s->rtt_us))
		found(h, sk, TcpExtTCPHystartDelayDetect, TcpExtTCPHystartDelayCwnd);
}

/* ---------------------------------------------------------------------------------------------- */

void hystart_on_ack(struct hystart *h, struct tcp_sock *sk, const struct ack_sample *s)
{
	if (h->done)
		return;
	if (h->mode == HYSTART_LINUX)
		linux_on_ack(h, sk, s);
	else
		plusplus_on_ack(h, sk, s);
}

uint32_t hystart_grow(const struct hystart *h, struct tcp_sock *sk, uint32_t acked_bytes)
{
	if (!h->in_css)
		return tcp_slow_start(sk, acked_bytes);
	(void)tcp_slow_start(sk, acked_bytes / CSS_GROWTH_DIVISOR);
	return 0;
}
