/* SPDX-License-Identifier: MIT */
/*
 * Reno (RFC 5681 3.1): slow start, then one segment per round trip; half on loss. Growth counts
 * bytes acknowledged (RFC 3465), so delayed and merged ACKs do not slow it down.
 */
#include "stack/tcp/tcp_send.h"

/* cc_priv[0]: bytes acknowledged in congestion avoidance and not yet turned into a segment. */
static void reno_init(struct tcp_sock *sk)
{
	sk->cc_priv[0] = 0;
}

/* RFC 5681 3.1 equation 4; a mark means a shorter queue than a loss does: RFC 8511 3.1. */
static uint32_t reno_ssthresh(struct tcp_sock *sk)
{
	uint32_t kept = sk->ecn_reduces ? sk->cwnd_bytes / 5 * 4 : sk->cwnd_bytes / 2;
	return max_u32(kept, 2 * max_u32(sk->mss_cache, 1));
}

static void reno_cong_avoid(struct tcp_sock *sk, const struct ack_sample *s)
{
	uint32_t acked = s->acked_bytes;
	if (!tcp_is_cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(sk))
		acked = tcp_slow_start(sk, acked);
	sk->cc_priv[0] += acked;
	while (sk->cc_priv[0] >= sk->cwnd_bytes) {
		sk->cc_priv[0] -= sk->cwnd_bytes;
		sk->cwnd_bytes =
		    min_u32(sk->cwnd_bytes + max_u32(sk->mss_cache, 1), TCP_CWND_MAX_BYTES);
	}
}

static void reno_loss(struct tcp_sock *sk)
{
	sk->cc_priv[0] = 0;
}

static uint32_t reno_undo_cwnd(struct tcp_sock *sk)
{
	return max_u32(sk->cwnd_bytes, sk->prior_cwnd_bytes);
}

const struct cc_ops cc_reno = {
    .name = "reno",
    .init = reno_init,
    .ssthresh = reno_ssthresh,
    .cong_avoid = reno_cong_avoid,
    .loss_event = reno_loss,
    .undo_cwnd = reno_undo_cwnd,
};
