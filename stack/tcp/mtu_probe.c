/* SPDX-License-Identifier: MIT */
/*
 * Packetization layer path MTU discovery (RFC 4821), as Linux has it: for paths whose routers say
 * nothing.
 *
 * Theory of operation
 *   - The path MTU is searched for between `low`, which works, and `high`, which is not known to
 *     fail: by sending a segment of new data of the size in the middle (7.2). Its ACK makes that the
 *     new `low`; its loss, found while nothing else is, makes it the new `high`, and is no sign of
 *     congestion (7.7). Any other retransmission meanwhile leaves the question open.
 *   - A probe leaves only when all is well: CA_OPEN, a window of eleven segments, and enough data
 *     behind the probe for its loss to be seen by duplicate ACKs (7.4). When the interval has become
 *     small, the search rests, and begins again after tcp_probe_interval.
 *   - tcp_mtu_probing 2: from the start; who connects begins with tcp_base_mss, and who accepts, as
 *     in Linux, with what the path is said to carry, which then is probed only where it has grown. 1: from when a connection has timed out
 *     tcp_retries1 times, which is how a black hole looks (7.7); each further time halves `low`,
 *     down to tcp_mtu_probe_floor. 0: never.
 */
#include <stdlib.h>

#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"

#define CWND_SEGS_MIN 11 /* below it the loss of a probe costs too much */

static uint32_t current_high(const struct tcp_sock *sk)
{
	return sk->mss_clamp + IPV4_HDR_BYTES + TCP_HDR_BYTES;
}

/* Without memory for it there is no search: the path MTU is what ICMP says. */
static void begin(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu = calloc(1, sizeof(*m));
	if (!m)
		return;
	m->high = current_high(sk);
	m->low = tcp_mss_to_mtu(sk, sk->stack->sysctl.tcp_base_mss);
	m->since_us = sk->stack->now_us;
}

void mtu_probe_init(struct tcp_sock *sk)
{
	mtu_probe_end(sk);
	if (sk->stack->sysctl.tcp_mtu_probing > 1)
		begin(sk);
}

void mtu_probe_end(struct tcp_sock *sk)
{
	free(sk->mtu);
	sk->mtu = NULL;
}

uint32_t mtu_probe_limit(struct tcp_sock *sk, uint32_t pmtu_bytes)
{
	struct mtu_search *m = sk->mtu;
	if (!m)
		return pmtu_bytes;
	bool path_was_bound = m->high == sk->pmtu_bytes;
	if (m->high > pmtu_bytes || path_was_bound)
		m->high = min_u32(current_high(sk), pmtu_bytes);
	return m->low < pmtu_bytes ? m->low : pmtu_bytes;
}

/* --- probing ----------------------------------------------------------------------------------- */

/* RFC 4821 7.2: paths change; what has failed may work by now. */
static void begin_anew(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu;
	uint64_t interval_us = sk->stack->sysctl.tcp_probe_interval_s * 1000000ull;
	if (sk->stack->now_us - m->since_us < interval_us)
		return;
	m->probe = 0;
	m->high = min_u32(current_high(sk), sk->pmtu_bytes);
	m->low = tcp_mss_to_mtu(sk, tcp_current_mss(sk));
	m->since_us = sk->stack->now_us;
}

static bool is_time(const struct tcp_sock *sk)
{
	return sk->mtu->probe == 0 && sk->ca_state == CA_OPEN && sk->c.state != TCP_SYN_RECV &&
	       !sk->urg_pending && !sk->fin_queued &&
	       sk->cwnd_bytes >= CWND_SEGS_MIN * (uint32_t)sk->mss_cache && !ooo_sack_cnt(sk) &&
	       !sk->dup_sack;
}

/* Until the first tcp_sync_mss() of a search its end is what the peer takes: no more than the route
 * carries now is to be tried. */
static void bound_by_route(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu;
	struct ip_path path;
	if (m->high > sk->pmtu_bytes &&
	    ip_route_output(sk->stack, sk->c.raddr.v4, sk->c.laddr.v4, &path) == 0)
		m->high = min_u32(m->high, path.mtu_bytes);
}

enum mtu_probe_result mtu_probe_send(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu;
	if (!is_time(sk))
		return MTU_PROBE_NONE;
	bound_by_route(sk);
	uint32_t mss = tcp_current_mss(sk), mtu = (m->high + m->low) / 2;
	uint32_t size = tcp_mtu_to_mss(sk, mtu);
	uint32_t needed = size + (sk->reordering_segs + 1) * mss, in_flight = tcp_pipe_bytes(sk);
	if (size > tcp_mtu_to_mss(sk, m->high) || size <= mss || m->high <= m->low ||
	    m->high - m->low < sk->stack->sysctl.tcp_probe_threshold) {
		begin_anew(sk);
		return MTU_PROBE_NONE;
	}
	if (write_marks_sendable(sk) < needed || sk->snd_wnd < needed)
		return MTU_PROBE_NONE;
	if (seq_gt(sk->snd_nxt + needed, sk->snd_una + sk->snd_wnd))
		return MTU_PROBE_WAIT;
	if (in_flight + size + mss > sk->cwnd_bytes)
		return in_flight ? MTU_PROBE_WAIT : MTU_PROBE_NONE;
	uint32_t start = sk->snd_nxt;
	if (!tcp_send_whole(sk, size))
		return MTU_PROBE_NONE;
	/* It stands for two segments. */
	sk->cwnd_bytes -= mss;
	m->probe = mtu;
	m->start = start;
	m->end = sk->snd_nxt;
	return MTU_PROBE_SENT;
}

/* --- what becomes of a probe ------------------------------------------------------------------- */

void mtu_probe_acked(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu;
	if (!m || m->probe == 0 || seq_lt(sk->snd_una, m->end))
		return;
	m->low = m->probe;
	m->probe = 0;
	tcp_sync_mss(sk, sk->pmtu_bytes);
	snmp_inc(sk->stack, TcpExtTCPMTUPSuccess);
}

bool mtu_probe_lost(struct tcp_sock *sk)
{
	struct mtu_search *m = sk->mtu;
	if (!m || m->probe == 0 || sk->ca_state >= CA_CWR || sk->snd_una != m->start)
		return false;
	m->high = m->probe - 1;
	m->probe = 0;
	sk->cwnd_bytes += tcp_current_mss(sk); /* what the probe was charged beyond one segment */
	snmp_inc(sk->stack, TcpExtTCPMTUPFail);
	list_for_each (node, &sk->rtx_queue)
		if (seq_lt(tx_seg_of(node)->seq, m->end))
			tcp_mark_lost(sk, tx_seg_of(node));
	recovery_resend_lost(sk);
	return true;
}

void mtu_probe_forget(struct tcp_sock *sk)
{
	if (sk->mtu)
		sk->mtu->probe = 0;
}

void mtu_probe_timed_out(struct tcp_sock *sk)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	struct mtu_search *m = sk->mtu;
	if (!ctl->tcp_mtu_probing)
		return;
	if (!m) {
		begin(sk);
	} else {
		uint32_t mss = min_u32(tcp_mtu_to_mss(sk, m->low) / 2, ctl->tcp_base_mss);
		mss = max_u32(mss, max_u32(ctl->tcp_mtu_probe_floor, ctl->tcp_min_snd_mss));
		m->low = tcp_mss_to_mtu(sk, mss);
	}
	tcp_sync_mss(sk, sk->pmtu_bytes);
}
