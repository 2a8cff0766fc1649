/* SPDX-License-Identifier: MIT */
/*
 * Congestion control: the algorithms by name, and what is the same for all of them.
 *
 * Theory of operation
 *   - An algorithm (struct cc_ops) sets ssthresh on loss and grows cwnd outside recovery; detection
 *     and recovery (recovery.c) know nothing of it. Its state is cc_priv or, where
 *     that is too small, cc_heap; without memory for it a connection has reno.
 *   - The initial window is RFC 6928's. cwnd grows only while it is what limits the sender, and
 * what was not used for an RTO is given back: half way to what was used (RFC 7661's aim, with RFC
 * 2861's means as in Linux); a connection idle for an RTO starts anew (RFC 5681 4.1).
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

static const struct cc_ops *const cc_list[] = {&cc_reno, &cc_cubic, &cc_bbr};

const struct cc_ops *cc_find(const char *name)
{
	for (size_t i = 0; i < sizeof(cc_list) / sizeof(cc_list[0]); i++)
		if (strcmp(cc_list[i]->name, name) == 0)
			return cc_list[i];
	return NULL;
}

const char *tcp_available_congestion_control(void)
{
	return "reno cubic bbr";
}

bool tcp_congestion_control_listed(const char *list, const char *name, size_t len)
{
	for (size_t n; *list; list += n, list += *list == ' ') {
		n = strcspn(list, " ");
		if (len && len == n && !strncmp(list, name, len))
			return true;
	}
	return false;
}

/* From here on it is ops', without state. 0 or -ENOMEM: nothing has changed. */
static int take(struct tcp_sock *sk, const struct cc_ops *ops)
{
	void *heap = ops->heap_bytes ? calloc(1, ops->heap_bytes) : NULL;
	if (ops->heap_bytes && !heap)
		return -ENOMEM;
	if ((ops->owns_cwnd || sk->stack->sysctl.tcp_pacing) && pacing_start(sk) != 0) {
		free(heap);
		return -ENOMEM;
	}
	free(sk->cc_heap);
	sk->cc_heap = heap;
	sk->cc = ops;
	memset(sk->cc_priv, 0, sizeof(sk->cc_priv));
	return 0;
}

int tcp_set_congestion_control(struct tcp_sock *sk, const char *name)
{
	const struct cc_ops *ops = cc_find(name);
	if (!ops)
		return -ENOENT;
	if (ops == sk->cc)
		return 0;
	int err = take(sk, ops);
	if (!err)
		ops->init(sk);
	return err;
}

/* --- windows --------------------------------------------------------------------------------- */

static uint32_t mss_of(const struct tcp_sock *sk)
{
	return max_u32(sk->mss_cache, 1);
}

/* RFC 6928 2, in segments as Linux counts it; a route may say otherwise. */
static uint32_t initial_cwnd(const struct tcp_sock *sk)
{
	struct ip_path path;
	uint32_t segs = sk->stack->sysctl.tcp_initial_cwnd;
	if (ip_route_output(sk->stack, sk->c.raddr.v4, sk->c.laddr.v4, &path) == 0 && path.initcwnd)
		segs = path.initcwnd;
	uint64_t bytes = (uint64_t)max_u32(segs, 1) * mss_of(sk);
	return bytes < TCP_CWND_MAX_BYTES ? (uint32_t)bytes : TCP_CWND_MAX_BYTES;
}

void tcp_cc_init(struct tcp_sock *sk)
{
	const struct cc_ops *ops =
	    sk->cc ? sk->cc : cc_find(sk->stack->sysctl.tcp_congestion_control);
	if (!ops || take(sk, ops) != 0)
		(void)take(sk, &cc_reno); /* needs no memory */
	/* RFC 5681 3.1: one segment if the SYN was lost; Linux forgives the first. */
	sk->cwnd_bytes = sk->total_retrans > 1 ? mss_of(sk) : initial_cwnd(sk);
	sk->ssthresh_bytes = TCP_INFINITE_SSTHRESH;
	sk->prior_cwnd_bytes = sk->prior_ssthresh_bytes = 0;
	sk->cwnd_used_bytes = sk->max_flight_bytes = 0;
	sk->is_cwnd_limited = false;
	sk->cwnd_usage_seq = sk->rtt_seq = sk->rack_dsack_seq = sk->snd_una;
	sk->cwnd_stamp_us = sk->stack->now_us;
	sk->snd_sml = sk->pushed_seq = sk->highest_sack_seq = sk->high_seq = sk->snd_una;
	sk->undo_marker = sk->tlp_high_seq = 0;
	sk->frto = FRTO_OFF;
	/* The handshake's, as Linux counts; a Fast Open child's is under way yet. */
	sk->delivered_segs = sk->fastopen_child ? 0 : 1;
	sk->first_retrans_ms = 0;
	tcp_rto_run_ends(sk);
	sk->ca_state = CA_OPEN;
	/* RFC 6298 5.7: the SYN timed out and nothing has told the round trip time. */
	if (sk->srtt_us == 0) {
		sk->rto_us = sk->total_retrans > 0 ? TCP_RTO_SYN_LOST_US : TCP_RTO_INITIAL_US;
		sk->backoff = 0;
	}
	sk->cc->init(sk);
	pacing_update(sk);
	sndbuf_expand(sk);
}

uint32_t tcp_slow_start(struct tcp_sock *sk, uint32_t acked_bytes)
{
	uint32_t room = sk->ssthresh_bytes - sk->cwnd_bytes;
	uint32_t grow = min_u32(acked_bytes, room);
	sk->cwnd_bytes = min_u32(sk->cwnd_bytes + grow, TCP_CWND_MAX_BYTES);
	return acked_bytes - grow;
}

/* What ssthresh would be now: a window that is reduced without loss keeps most of itself. */
uint32_t tcp_current_ssthresh(const struct tcp_sock *sk)
{
	if (tcp_in_cwnd_reduction(sk))
		return sk->ssthresh_bytes;
	return max_u32(sk->ssthresh_bytes, sk->cwnd_bytes / 2 + sk->cwnd_bytes / 4);
}

/* --- validation ------------------------------------------------------------------------------ */

bool tcp_is_cwnd_limited(const struct tcp_sock *sk)
{
	if (sk->is_cwnd_limited)
		return true;
	/* In slow start cwnd may grow to twice what is used. */
	return tcp_in_slow_start(sk) && sk->cwnd_bytes / 2 < sk->max_flight_bytes;
}

static void give_back_unused(struct tcp_sock *sk)
{
	uint32_t used = max_u32(sk->cwnd_used_bytes, initial_cwnd(sk));
	struct cwnd_mark was = trace_cwnd_before(sk);
	/* As Linux: a program that waits for send buffer would have used more. */
	if (sk->ca_state == CA_OPEN && !sndbuf_is_full(sk) && used < sk->cwnd_bytes) {
		sk->ssthresh_bytes = tcp_current_ssthresh(sk);
		sk->cwnd_bytes = sk->cwnd_bytes / 2 + used / 2;
	}
	sk->cwnd_used_bytes = 0;
	sk->cwnd_stamp_us = sk->stack->now_us;
	trace_cwnd_because(sk, &was, TRACE_UNUSED);
}

/* After sending: was it cwnd that stopped the sender? Judged once per window of data. */
void tcp_cwnd_validate(struct tcp_sock *sk, bool cwnd_limited)
{
	uint32_t flight = sk->snd_nxt - sk->snd_una;
	uint64_t now = sk->stack->now_us;
	if (seq_geq(sk->snd_una, sk->cwnd_usage_seq) || cwnd_limited ||
	    (!sk->is_cwnd_limited && flight > sk->max_flight_bytes)) {
		sk->is_cwnd_limited = cwnd_limited;
		sk->max_flight_bytes = flight;
		sk->cwnd_usage_seq = sk->snd_nxt;
	}
	if (tcp_is_cwnd_limited(sk)) {
		sk->cwnd_used_bytes = 0;
		sk->cwnd_stamp_us = now;
		return;
	}
	sk->cwnd_used_bytes = max_u32(sk->cwnd_used_bytes, flight);
	if (!tcp_has_unsent(sk) && sndbuf_is_full(sk))
		chrono_start(sk, CHRONO_SNDBUF_LIMITED);
	if (sk->stack->sysctl.tcp_slow_start_after_idle && !sk->cc->owns_cwnd &&
	    now - sk->cwnd_stamp_us >= sk->rto_us)
		give_back_unused(sk);
}

/* RFC 5681 4.1, with RFC 2861's halving for each RTO of idleness. Called before the first segment
 * into an empty pipe. */
void tcp_slow_start_after_idle(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us, idle = now - sk->last_snd_us;
	if (!sk->stack->sysctl.tcp_slow_start_after_idle || sk->last_snd_us == 0 ||
	    (sk->cc && sk->cc->owns_cwnd) || idle <= sk->rto_us)
		return;
	struct cwnd_mark was = trace_cwnd_before(sk);
	uint32_t restart = min_u32(initial_cwnd(sk), sk->cwnd_bytes), cwnd = sk->cwnd_bytes;
	sk->ssthresh_bytes = tcp_current_ssthresh(sk);
	for (; idle > sk->rto_us && cwnd > restart; idle -= sk->rto_us)
		cwnd /= 2;
	sk->cwnd_bytes = max_u32(cwnd, restart);
	trace_cwnd_because(sk, &was, TRACE_IDLE);
	sk->cwnd_stamp_us = now;
	sk->cwnd_used_bytes = 0;
}
