/* SPDX-License-Identifier: MIT */
/*
 * RACK-TLP (RFC 8985): loss detection by time, and the probe that saves a tail from the RTO.
 *
 * Theory of operation
 *   - A segment is lost when one sent later has been delivered and a round trip plus a reordering
 *     window has passed since it was sent. The window is zero once tcp_reordering segments are
 *     SACKed or recovery has begun, unless this path is known to reorder; then it is a quarter of
 *     min_rtt, and grows with each round trip that brings a D-SACK. What is not due yet has a
 *     timer.
 *   - A tail that gets no ACK for two round trips is probed once: with new data if there is any,
 *     else with its last segment. The ACK to the probe brings the SACK that RACK works from; if it
 *     shows that the probe repaired a loss by itself, cwnd is reduced as for any loss (7.4.2).
 *   - Only with SACK. Without it recovery.c counts duplicate ACKs. tcp_recovery turns parts of it
 *     off, tcp_early_retrans the probe.
 */
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

#define TCP_EARLY_RETRANS_TLP 3 /* values below it are Linux's of old: no probe */
#define REO_WND_PERSIST 16	/* recoveries a widened window lasts; RFC 8985 6.2 step 4 */

/* tcp_recovery, as Linux has it */
enum { RACK_LOSS_DETECTION = 1, RACK_STATIC_REO_WND = 2, RACK_NO_DUPTHRESH = 4 };

static bool recovery_mode(const struct tcp_sock *sk, uint32_t bit)
{
	return sk->stack->sysctl.tcp_recovery & bit;
}

/* RFC 8985 6.2 step 2: the most recently sent of what has been delivered, and the round trip time of
 * what has been delivered last. An ACK that is too quick for a retransmission belongs to the
 * original. */
void rack_advance(struct tcp_sock *sk, const struct tx_seg *delivered)
{
	uint64_t rtt = sk->stack->now_us - delivered->sent_us;
	if (delivered->retrans > 0 && rtt < sk->min_rtt_us)
		return;
	sk->rack_advanced = true;
	sk->rack_rtt_us = rtt > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt;
	if (rack_sent_after(delivered->sent_us, delivered->end_seq, sk->rack_sent_us,
			    sk->rack_end_seq)) {
		sk->rack_sent_us = delivered->sent_us;
		sk->rack_end_seq = delivered->end_seq;
	}
}

/* Step 3: what begins at low_seq was sent once, and delivered after something up to fack. */
void rack_check_reordering(struct tcp_sock *sk, uint32_t low_seq, uint32_t fack)
{
	if (!seq_lt(low_seq, fack))
		return;
	uint32_t mss = max_u32(sk->mss_cache, 1);
	uint32_t segs = (fack - low_seq + mss - 1) / mss;
	if (segs > sk->reordering_segs) {
		sk->reordering_segs = min_u32(segs, sk->stack->sysctl.tcp_max_reordering);
		snmp_inc(sk->stack, TcpExtTCPSACKReorder);
	}
	sk->reordering_seen = true;
}

static bool sacks_reach_dupthresh(const struct tcp_sock *sk)
{
	uint32_t mss = max_u32(sk->mss_cache, 1), thresh = sk->reordering_segs;
	return sk->sacked_bytes > (thresh - 1) * mss || sk->dupacks >= thresh;
}

/* Step 4, the window's size. */
static uint32_t reo_wnd_us(const struct tcp_sock *sk)
{
	if (!sk->reordering_seen) {
		if (sk->ca_state >= CA_RECOVERY)
			return 0;
		if (!recovery_mode(sk, RACK_NO_DUPTHRESH) && sacks_reach_dupthresh(sk))
			return 0;
	}
	uint32_t mult = recovery_mode(sk, RACK_STATIC_REO_WND) ? 1 : sk->rack_reo_wnd_mult;
	uint64_t wnd = (uint64_t)(sk->min_rtt_us / 4) * max_u32(mult, 1);
	return wnd > sk->srtt_us ? sk->srtt_us : (uint32_t)wnd;
}

/* Step 4, its growth: once a round trip at most. */
void rack_update_reo_wnd(struct tcp_sock *sk, bool dsack)
{
	if (dsack && seq_geq(sk->snd_una, sk->rack_dsack_seq)) {
		if (sk->rack_reo_wnd_mult < UINT8_MAX)
			sk->rack_reo_wnd_mult++;
		sk->rack_reo_wnd_persist = REO_WND_PERSIST;
		sk->rack_dsack_seq = sk->snd_nxt;
	} else if (sk->rack_reo_wnd_persist == 0) {
		sk->rack_reo_wnd_mult = 1;
		sk->rack_dsack_seq = sk->snd_una;
	}
}

static int64_t remaining_us(const struct tcp_sock *sk, const struct tx_seg *seg, uint32_t reo_wnd)
{
	return (int64_t)sk->rack_rtt_us + reo_wnd - (int64_t)(sk->stack->now_us - seg->sent_us);
}

/* At an RTO: sent so recently that nothing can be said of it yet. */
bool rack_is_recent(const struct tcp_sock *sk, const struct tx_seg *seg)
{
	return sk->sack_ok && recovery_mode(sk, RACK_LOSS_DETECTION) && sk->rack_rtt_us > 0 &&
	       remaining_us(sk, seg, reo_wnd_us(sk)) > 0;
}

/* Step 5. Returns how long until the next segment may be found lost; 0: none waits. */
static uint64_t detect_loss(struct tcp_sock *sk)
{
	uint32_t reo_wnd = reo_wnd_us(sk);
	int64_t timeout = 0;
	list_for_each (node, &sk->rtx_queue) {
		struct tx_seg *seg = tx_seg_of(node);
		if (seg->sacked || (seg->lost && !seg->retransmitted))
			continue;
		if (!rack_sent_after(sk->rack_sent_us, sk->rack_end_seq, seg->sent_us,
				     seg->end_seq))
			continue;
		int64_t left = remaining_us(sk, seg, reo_wnd);
		if (left <= 0)
			tcp_mark_lost(sk, seg);
		else if (left > timeout)
			timeout = left;
	}
	return (uint64_t)timeout;
}

/* Without RACK: RFC 6675 4, IsLost(), by the bytes SACKed above. What was sent again is not looked
 * at: its loss is the RTO's. */
static void detect_loss_by_count(struct tcp_sock *sk)
{
	uint32_t mss = max_u32(sk->mss_cache, 1), above = sk->sacked_bytes;
	list_for_each (node, &sk->rtx_queue) {
		struct tx_seg *seg = tx_seg_of(node);
		if (above <= (sk->reordering_segs - 1) * mss)
			return;
		if (seg->sacked)
			above -= tx_seg_len(seg);
		else if (!seg->lost)
			tcp_mark_lost(sk, seg);
	}
}

bool rack_mark_lost(struct tcp_sock *sk)
{
	if (!sk->rack_advanced)
		return false;
	sk->rack_advanced = false;
	if (!recovery_mode(sk, RACK_LOSS_DETECTION)) {
		detect_loss_by_count(sk);
		return false;
	}
	uint64_t timeout = detect_loss(sk);
	if (timeout == 0)
		return false;
	tcp_arm_rtx_timer(sk, RTX_TIMER_REO, timeout + TCP_TIMEOUT_MIN_US);
	return true;
}

void rack_reo_timeout(struct tcp_sock *sk)
{
	struct cwnd_mark was = trace_cwnd_before(sk);
	uint32_t lost_before = sk->lost_total_bytes;
	uint64_t left = detect_loss(sk);
	if (sk->lost_total_bytes != lost_before) {
		if (sk->ca_state != CA_RECOVERY && sk->ca_state != CA_LOSS)
			recovery_enter(sk, false);
		if (tcp_in_cwnd_reduction(sk))
			recovery_prr(sk, max_u32(sk->mss_cache, 1), 1, false);
		trace_cwnd_after(sk, &was);
		recovery_xmit(sk);
	}
	if (left > 0)
		tcp_arm_rtx_timer(sk, RTX_TIMER_REO, left + TCP_TIMEOUT_MIN_US);
	else if (sk->rtx_timer_kind == RTX_TIMER_NONE)
		tcp_resume_rto(sk);
}

/* --- the tail loss probe ---------------------------------------------------------------------- */

static uint64_t pto_us(const struct tcp_sock *sk)
{
	if (sk->srtt_us == 0)
		return TCP_RTO_INITIAL_US;
	uint64_t pto = 2 * (uint64_t)sk->srtt_us;
	/* RFC 8985 7.2: alone in flight, it may be waiting for the peer's delayed ACK. */
	bool alone =
	    sk->rtx_queue.next == sk->rtx_queue.prev && sk->snd_nxt - sk->snd_una <= sk->mss_cache;
	return pto + (alone ? TCP_DELACK_MAX_US : TCP_TIMEOUT_MIN_US);
}

/* RFC 8985 7.2. advancing_rto: this ACK restarts the RTO. False: no probe, arm the RTO. */
bool tlp_schedule(struct tcp_sock *sk, bool advancing_rto)
{
	if (sk->stack->sysctl.tcp_early_retrans < TCP_EARLY_RETRANS_TLP ||
	    sk->c.state == TCP_SYN_RECV || sk->c.state == TCP_SYN_SENT ||
	    list_empty(&sk->rtx_queue) || !sk->sack_ok || sk->backoff > 0 || sk->tlp_high_seq ||
	    (sk->ca_state != CA_OPEN && sk->ca_state != CA_CWR))
		return false;
	uint64_t now = sk->stack->now_us, timeout = pto_us(sk);
	uint64_t rto_at = rtx_head(sk)->sent_us + sk->rto_us;
	uint64_t rto = advancing_rto ? sk->rto_us : (rto_at > now ? rto_at - now : 1);
	tcp_arm_rtx_timer(sk, RTX_TIMER_TLP, timeout < rto ? timeout : rto);
	return true;
}

/* The last MSS in flight, again. */
static bool probe_tail(struct tcp_sock *sk)
{
	struct tx_seg *tail = rtx_tail(sk);
	uint32_t mss = tcp_current_mss(sk), len;
	if (!tail || tail->sacked || tail->retransmitted)
		return false;
	len = tx_seg_len(tail) - (tail->fin ? 1 : 0);
	if (len > mss)
		tail = tx_seg_split(sk, tail, tail->seq + (len - 1) / mss * mss);
	if (!tail || tcp_retransmit_seg(sk, tail, TRACE_BY_TLP) != 0)
		return false;
	sk->tlp_retrans = true;
	return true;
}

/* RFC 8985 7.3 */
void tlp_timeout(struct tcp_sock *sk)
{
	sk->tlp_retrans = false;
	if (tcp_send_tail_probe_data(sk) || probe_tail(sk)) {
		sk->tlp_high_seq = sk->snd_nxt;
		snmp_inc(sk->stack, TcpExtTCPLossProbes);
		tcp_rearm_rto(sk);
	} else {
		tcp_resume_rto(sk);
	}
}

/* RFC 8985 7.4.2: the probe, or the original, has been acknowledged. */
void tlp_on_ack(struct tcp_sock *sk, uint32_t ack, const struct ack_sample *s)
{
	if (seq_lt(ack, sk->tlp_high_seq))
		return;
	if (!sk->tlp_retrans || s->dsack) {
		sk->tlp_high_seq = 0;
	} else if (seq_gt(ack, sk->tlp_high_seq)) {
		sk->tlp_high_seq = 0;
		recovery_init_reduction(sk);
		sk->ca_state = CA_CWR;
		recovery_end_reduction(sk);
		recovery_try_keep_open(sk);
		snmp_inc(sk->stack, TcpExtTCPLossProbeRecovery);
	} else if (!s->una_advanced && !s->not_dup && s->sacked_bytes == 0) {
		sk->tlp_high_seq = 0;
	}
}
