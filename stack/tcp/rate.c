/* SPDX-License-Identifier: MIT */
/*
 * Delivery rate samples (draft-cheng-iccrg-delivery-rate-estimation, here "the draft"): how fast
 * the path has lately delivered, from the ACKs alone.
 *
 * Theory of operation
 *   - Each transmission notes how much had been delivered by then, when, and when the flight that
 *     this began with was sent. When it is delivered, the sample is what has been delivered since,
 *     over the longer of the time in which it was sent and the time in which it was acknowledged:
 *     so neither a burst of sending nor one of ACKs makes the path look faster than it is.
 *   - Of several segments delivered by one ACK the one sent last counts.
 *   - app_limited marks the samples of flights that the program, not the path, kept small: it is
 *     the end of that flight on the axis of delivered_bytes, and 0 once it is delivered.
 *   - A record that SACK has already delivered has delivered_us 0, so that it is sampled once.
 */
#include "stack/tcp/tcp_send.h"

/* The draft's 3.2, on each transmission and before the record joins the queue. */
void rate_seg_sent(struct tcp_sock *sk, struct tx_seg *seg)
{
	uint64_t now = sk->stack->now_us;
	if (sk->snd_nxt == sk->snd_una)
		sk->first_sent_us = sk->delivered_us = now;
	seg->flight_us = sk->first_sent_us;
	seg->delivered_us = sk->delivered_us;
	seg->delivered = sk->delivered_bytes;
	seg->app_limited = sk->app_limited != 0;
}

/* 3.3, UpdateRateSample() */
void rate_seg_delivered(struct tcp_sock *sk, const struct tx_seg *seg, struct ack_sample *s)
{
	if (seg->delivered_us == 0)
		return;
	if (s->prior_us != 0 &&
	    !rack_sent_after(seg->sent_us, seg->end_seq, sk->first_sent_us, s->last_end_seq))
		return;
	s->prior_delivered = seg->delivered;
	s->prior_us = seg->delivered_us;
	s->app_limited = seg->app_limited;
	s->last_end_seq = seg->end_seq;
	sk->first_sent_us = seg->sent_us;
	s->interval_us = seg->sent_us - seg->flight_us;
}

/* For TCP_INFO: the newest sample, but of those that the program limited only the best. */
static void remember(struct tcp_sock *sk, const struct ack_sample *s)
{
	uint64_t rate = s->delivered * 1000000 / s->interval_us;
	if (s->app_limited && rate < sk->delivery_bytes_per_s)
		return;
	sk->delivery_bytes_per_s = rate;
	sk->rate_app_limited = s->app_limited;
}

/* 3.3, GenerateRateSample(): delivered_bytes and delivered_us are up to date. */
void rate_sample(struct tcp_sock *sk, struct ack_sample *s)
{
	if (sk->app_limited && sk->delivered_bytes > sk->app_limited)
		sk->app_limited = 0;
	if (s->prior_us == 0)
		return;
	uint64_t ack_us = sk->stack->now_us - s->prior_us;
	s->delivered = sk->delivered_bytes - s->prior_delivered;
	if (s->interval_us < ack_us)
		s->interval_us = ack_us;
	/* What is quicker than the path can be was not delivered by this transmission. */
	if (s->interval_us < sk->min_rtt_us)
		s->interval_us = 0;
	if (s->interval_us > 0)
		remember(sk, s);
}

/* 3.4: the program writes, and the network had time to run dry before it did. */
void rate_check_app_limited(struct tcp_sock *sk)
{
	uint32_t pipe = tcp_pipe_bytes(sk);
	if (tcp_unsent_bytes(sk) >= sk->mss_cache || pipe >= sk->cwnd_bytes ||
	    sk->lost_bytes > sk->retrans_bytes)
		return;
	sk->app_limited = sk->delivered_bytes + pipe;
	if (sk->app_limited == 0)
		sk->app_limited = 1;
}
