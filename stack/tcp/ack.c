/* SPDX-License-Identifier: MIT */
/*
 * What an ACK does to the sending side.
 *
 * Theory of operation
 *   - tcp_ack() judges the acknowledgment number (RFC 9293 3.10.7.4, RFC 5961 5), takes the window
 *     (SND.WL1, SND.WL2), the SACK blocks and the RTT sample from the segment, and frees what is
 *     acknowledged: records from the retransmit queue, bytes from the send buffer.
 *   - An ACK that only moves snd_una forward in CA_OPEN goes past recovery.c. In every other case
 *     that file decides what is lost; then either proportional rate reduction or the congestion
 *     control sets cwnd.
 *   - Nothing is sent from here: whatever may leave now does so in tcp_write_xmit(), at the flush.
 *   - The RTO is RFC 6298's with Linux's estimator: the deviation's part is the largest of a round
 *     trip, and never below tcp_rto_min, so that RTO is at least SRTT + 200 ms.
 */
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

/* --- RTT ------------------------------------------------------------------------------------ */

static uint32_t rto_min_us(const struct tcp_sock *sk)
{
	return sk->stack->sysctl.tcp_rto_min_ms * 1000;
}

static void update_min_rtt(struct tcp_sock *sk, uint32_t rtt_us)
{
	uint32_t now_ms = stack_now_ms(sk->stack);
	if (sk->min_rtt_us && rtt_us > sk->min_rtt_us &&
	    now_ms - sk->min_rtt_stamp_ms < sk->stack->sysctl.tcp_min_rtt_wlen_s * 1000ull)
		return;
	sk->min_rtt_us = rtt_us;
	sk->min_rtt_stamp_ms = now_ms;
}

/* RFC 6298 2.2 */
static void first_rtt_sample(struct tcp_sock *sk, uint32_t m)
{
	sk->srtt_us = m;
	sk->rttvar_us = m / 2;
	sk->rto_var_us = max_u32(4 * sk->rttvar_us, rto_min_us(sk));
	sk->rto_var_max_us = sk->rto_var_us;
	sk->rtt_seq = sk->snd_nxt;
}

/* RFC 6298 2.3; a fall in RTT raises the deviation an eighth as fast. */
static void next_rtt_sample(struct tcp_sock *sk, uint32_t m)
{
	int64_t err = (int64_t)m - sk->srtt_us;
	sk->srtt_us = max_u32((uint32_t)((7 * (uint64_t)sk->srtt_us + m + 4) / 8), 1);
	int64_t diff = (err < 0 ? -err : err) - (int64_t)sk->rttvar_us;
	if (err < 0 && diff > 0)
		diff /= 8;
	sk->rttvar_us = (uint32_t)((int64_t)sk->rttvar_us + diff / 4);
	sk->rto_var_max_us = max_u32(sk->rto_var_max_us, 4 * sk->rttvar_us);
	sk->rto_var_us = max_u32(sk->rto_var_us, sk->rto_var_max_us);
	if (seq_gt(sk->snd_una, sk->rtt_seq)) {
		if (sk->rto_var_max_us < sk->rto_var_us)
			sk->rto_var_us -= (sk->rto_var_us - sk->rto_var_max_us) / 4;
		sk->rtt_seq = sk->snd_nxt;
		sk->rto_var_max_us = rto_min_us(sk);
	}
}

void tcp_set_rto(struct tcp_sock *sk)
{
	uint64_t rto = (uint64_t)sk->srtt_us + sk->rto_var_us;
	uint64_t max = (uint64_t)sk->stack->sysctl.tcp_rto_max_ms * 1000;
	sk->rto_us = (uint32_t)(rto < max ? rto : max);
	sk->backoff = 0;
}

void tcp_rtt_sample(struct tcp_sock *sk, int64_t rtt_us)
{
	if (rtt_us < 0 || rtt_us > INT32_MAX)
		return;
	uint32_t m = max_u32((uint32_t)rtt_us, 1);
	update_min_rtt(sk, m);
	if (sk->srtt_us == 0)
		first_rtt_sample(sk, m);
	else
		next_rtt_sample(sk, m);
	tcp_set_rto(sk);
}

/* RFC 7323 4.1: for what was retransmitted, the echo says which transmission is answered. */
static int64_t timestamp_rtt_us(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!sk->c.tstamp_ok || !seg->opt.has_ts || seg->opt.tsecr == 0)
		return -1;
	uint32_t ms = tcp_ts_clock_ms(sk->stack->now_us) + sk->ts_off - seg->opt.tsecr;
	if (ms > INT32_MAX / 1000)
		return -1;
	return ms ? (int64_t)ms * 1000 : 1000;
}

/* --- window ----------------------------------------------------------------------------------- */

/* RFC 9293 3.10.7.4, fifth: SND.WL1 and SND.WL2 keep an old segment from setting the window. Of
 * two equally new ones the wider counts, or the closed one. */
static bool update_window(struct tcp_sock *sk, const struct tcp_segment *seg, bool una_advanced)
{
	uint32_t wnd = seg->wnd;
	if (!(seg->flags & TCP_SYN))
		wnd <<= sk->snd_wscale;
	if (!una_advanced && !seq_gt(seg->seq, sk->snd_wl1) &&
	    !(seg->seq == sk->snd_wl1 && (wnd > sk->snd_wnd || wnd == 0)))
		return false;
	sk->snd_wl1 = seg->seq;
	sk->snd_wnd = wnd;
	sk->max_window = max_u32(sk->max_window, wnd);
	return true;
}

/* Nothing is in flight: an opened window ends the probing, a closed one goes on with it. */
static void ack_probe(struct tcp_sock *sk)
{
	if (!tcp_has_unsent(sk) || !tcp_state_sends(sk))
		return;
	uint32_t need = min_u32(tcp_unsent_bytes(sk), tcp_current_mss(sk));
	if (sk->snd_wnd >= max_u32(need, 1)) {
		sk->backoff = 0;
		sk->probes_start_ms = 0;
		if (sk->rtx_timer_kind == RTX_TIMER_PERSIST)
			tcp_stop_rtx_timer(sk);
	} else {
		tcp_arm_rtx_timer(sk, RTX_TIMER_PERSIST, tcp_probe_interval_us(sk));
	}
}

/* --- the retransmit queue -------------------------------------------------------------------- */

struct clean_result {
	uint32_t data_bytes; /* acknowledged, without SYN and FIN */
	bool retrans_acked;
	bool sent_once;			      /* some of it was neither retransmitted nor SACKed: */
	uint32_t first_seq;		      /* where that begins, */
	uint64_t first_sent_us, last_sent_us; /* and when it was sent */
};

/* The accounts of `len` bytes at seg's front that are acknowledged now. */
static void account_acked(struct tcp_sock *sk, struct tx_seg *seg, uint32_t len,
			  struct ack_sample *s, struct clean_result *r)
{
	if (seg->retransmitted)
		sk->retrans_bytes -= len;
	if (seg->lost)
		sk->lost_bytes -= len;
	if (seg->retrans > 0)
		r->retrans_acked = true;
	if (seg->sacked) {
		sk->sacked_bytes -= len;
		return;
	}
	s->acked_bytes += len - (seg->syn ? 1 : 0);
	s->acked_segs += seg->syn ? 0 : tx_seg_count(seg, len);
	rate_seg_delivered(sk, seg, s);
	if (sk->sack_ok && !seg->syn) /* whose age says nothing of the data behind it */
		rack_advance(sk, seg);
	if (seg->retrans > 0)
		return;
	s->orig_acked |= seq_leq(seg->seq + len, sk->high_seq);
	if (!r->sent_once) {
		r->first_sent_us = seg->sent_us;
		r->first_seq = seg->seq;
		r->sent_once = true;
	}
	r->last_sent_us = seg->sent_us;
}

static void clean_rtx_queue(struct tcp_sock *sk, struct ack_sample *s, struct clean_result *r)
{
	struct tx_seg *seg;
	uint32_t una = sk->snd_una;
	while ((seg = rtx_head(sk)) && seq_gt(una, seg->seq)) {
		if (seq_lt(una, seg->end_seq)) {
			uint32_t part = una - seg->seq;
			account_acked(sk, seg, part, s, r);
			r->data_bytes += part;
			seg->seq = una;
			return;
		}
		account_acked(sk, seg, tx_seg_len(seg), s, r);
		r->data_bytes += tx_seg_len(seg) - (seg->syn ? 1 : 0) - (seg->fin ? 1 : 0);
		tx_seg_free(sk->stack, seg);
	}
}

/* Without SACK, one ACK fills a hole and eats the duplicate ACKs that stood for what follows it. */
static void reno_remove_sacks(struct tcp_sock *sk, struct ack_sample *s)
{
	uint32_t mss = max_u32(sk->mss_cache, 1), acked = s->acked_bytes, had = sk->dup_acked_bytes;
	if (had == 0)
		return;
	uint32_t beyond_hole = acked > mss ? acked - mss : 0;
	sk->dup_acked_bytes = had > beyond_hole ? had - beyond_hole : 0;
	s->acked_bytes = max_u32(acked > had ? acked - had : 0, min_u32(acked, mss));
}

static void take_rtt(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
		     const struct clean_result *r)
{
	uint64_t now = sk->stack->now_us;
	int64_t rtt_us = s->rtt_us; /* from SACK, if any */
	if (r->sent_once && !r->retrans_acked) {
		rtt_us = (int64_t)(now - r->first_sent_us);
		s->rtt_us = (int64_t)(now - r->last_sent_us);
	}
	if (rtt_us < 0 && s->una_advanced)
		s->rtt_us = rtt_us = timestamp_rtt_us(sk, seg);
	if (rtt_us >= 0)
		tcp_rtt_sample(sk, rtt_us);
}

/* prior_fack: the end of the highest SACKed bytes before this ACK. */
static void free_acked(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
		       uint32_t prior_fack)
{
	struct clean_result r = {0};
	clean_rtx_queue(sk, s, &r);
	if (sk->mtu)
		mtu_probe_acked(sk);
	if (r.data_bytes > 0)
		sndbuf_ack(sk, r.data_bytes);
	if (!sk->sack_ok) {
		reno_remove_sacks(sk, s);
		/* It cannot tell what a retransmission brought from what had arrived before. */
		s->orig_acked &= !r.retrans_acked;
	} else if (r.sent_once)
		rack_check_reordering(sk, r.first_seq, prior_fack);
	take_rtt(sk, seg, s, &r);
	if (sk->urg_pending && seq_geq(sk->snd_una, sk->snd_up))
		sk->urg_pending = false;
	if (list_empty(&sk->rtx_queue))
		sk->dup_acked_bytes = 0;
}

/* --- congestion ------------------------------------------------------------------------------- */

static void control_cwnd(struct tcp_sock *sk, const struct ack_sample *s)
{
	const struct cc_ops *cc = sk->cc;
	if (!cc || (s->acked_bytes == 0 && !cc->owns_cwnd))
		return;
	if (cc->owns_cwnd || !tcp_in_cwnd_reduction(sk)) {
		if (s->una_advanced || sk->reordering_seen || cc->owns_cwnd)
			cc->cong_avoid(sk, s);
		sndbuf_expand(sk);
	} else {
		recovery_prr(sk, s->acked_bytes, s->lost_bytes, s->una_advanced);
	}
	pacing_update(sk);
}

/* RFC 6298 5.2, 5.3; RFC 8985 7.2: progress restarts the timer, unless RACK has armed its own. */
static void restart_timer(struct tcp_sock *sk, const struct ack_sample *s)
{
	const struct tx_seg *head = rtx_head(sk);
	bool progress =
	    s->una_advanced || (s->sacked_bytes > 0 && s->rtt_us >= 0 && head &&
				(uint64_t)s->rtt_us > sk->stack->now_us - head->sent_us);
	if (!head) {
		if (sk->rtx_timer_kind != RTX_TIMER_PERSIST)
			tcp_stop_rtx_timer(sk);
		sk->first_retrans_ms = 0;
	} else if (head->sacked) {
		return; /* reneging: recovery.c has armed it */
	} else if (progress && sk->rtx_timer_kind != RTX_TIMER_REO && !tlp_schedule(sk, true)) {
		tcp_rearm_rto(sk);
	}
}

static void count_ack(struct tcp_sock *sk, const struct tcp_segment *seg,
		      const struct ack_sample *s)
{
	if (seg->seq == seg->end_seq && s->una_advanced)
		snmp_inc(sk->stack, sk->ca_state == CA_OPEN ? TcpExtTCPHPAcks : TcpExtTCPPureAcks);
}

static void count_delivered(struct tcp_sock *sk, struct ack_sample *s)
{
	uint32_t mss = max_u32(sk->mss_cache, 1);
	if (s->acked_bytes > 0) {
		uint32_t segs = sk->sack_ok ? s->acked_segs : (s->acked_bytes + mss - 1) / mss;
		sk->delivered_bytes += s->acked_bytes;
		sk->delivered_us = sk->stack->now_us;
		sk->delivered_segs += segs;
		sk->stack->mib.counter[TcpExtTCPDelivered] += segs;
		if (s->ece) {
			sk->delivered_ce_segs += segs;
			sk->stack->mib.counter[TcpExtTCPDeliveredCE] += segs;
		}
	}
	rate_sample(sk, s);
}

/* What there is to do while something is in flight. */
static void ack_in_flight(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
			  uint32_t prior_una)
{
	uint32_t lost_before = sk->lost_total_bytes;
	uint32_t prior_fack = sk->sacked_bytes ? sk->highest_sack_seq : prior_una;
	struct cwnd_mark was = trace_cwnd_before(sk);
	sack_update(sk, seg, s);
	if (s->una_advanced && sk->sack_ok)
		sk->dupacks = 0;
	if (s->una_advanced)
		free_acked(sk, seg, s, prior_fack);
	else if (s->rtt_us >= 0)
		tcp_rtt_sample(sk, s->rtt_us);
	if (sk->sack_ok)
		rack_update_reo_wnd(sk, s->dsack);
	if (sk->tlp_high_seq)
		tlp_on_ack(sk, sk->snd_una, s);
	bool plain = s->una_advanced && s->sacked_bytes == 0 && !s->dsack && !s->ece &&
		     sk->ca_state == CA_OPEN && sk->sacked_bytes == 0;
	bool is_dupack = !s->una_advanced && !s->not_dup;
	if (plain)
		sk->first_retrans_ms = 0;
	else if (sk->cc)
		recovery_on_ack(sk, seg, s, prior_una, is_dupack);
	s->lost_bytes = sk->lost_total_bytes - lost_before;
	count_ack(sk, seg, s);
	count_delivered(sk, s);
	control_cwnd(sk, s);
	trace_cwnd_after(sk, &was);
	restart_timer(sk, s);
}

/* A duplicate of an ACK already passed: its SACK blocks may still be news. */
static void old_ack(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	struct ack_sample s = {
	    .rtt_us = -1, .not_dup = true, .prior_in_flight = tcp_pipe_bytes(sk)};
	if (seg->opt.sack_cnt == 0 || list_empty(&sk->rtx_queue))
		return;
	ack_in_flight(sk, seg, &s, sk->snd_una);
}

bool tcp_ack(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	uint32_t prior_una = sk->snd_una;
	/* RFC 5961 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT, else a challenge ACK. */
	if (seq_gt(seg->ack, sk->snd_nxt) || seq_lt(seg->ack, prior_una - sk->max_window)) {
		tcp_challenge_ack(sk);
		return false;
	}
	if (seq_lt(seg->ack, prior_una)) {
		old_ack(sk, seg);
		tcp_want_flush(sk);
		return true;
	}
	struct ack_sample s = {.rtt_us = -1,
			       .una_advanced = seg->ack != prior_una,
			       .ece = ecn_is_echo(sk, seg),
			       .prior_in_flight = tcp_pipe_bytes(sk)};
	s.not_dup = update_window(sk, seg, s.una_advanced) || seg->end_seq != seg->seq;
	sk->last_ack_rcv_ms = stack_now_ms(sk->stack);
	sk->probes_out = sk->keepalive_probes_out = 0;
	sk->err_soft = 0;
	if (s.una_advanced) {
		tcp_rto_run_ends(sk);
		sk->bytes_acked += seg->ack - prior_una;
		sk->snd_una = seg->ack;
	}
	bool idle = list_empty(&sk->rtx_queue);
	/* A late D-SACK may still undo something; in the handshake's last segment there is nothing to undo,
	 * and no congestion control yet (tcp_init_transfer()). */
	bool late_sack = seg->opt.sack_cnt > 0 && sk->c.state != TCP_SYN_RECV;
	if (!idle || late_sack)
		ack_in_flight(sk, seg, &s, prior_una);
	if (idle)
		ack_probe(sk);
	if (sk->write_blocked)
		sndbuf_check_space(sk);
	if (list_empty(&sk->rtx_queue))
		chrono_stop(sk, CHRONO_BUSY);
	if (tcp_has_unsent(sk) || sk->lost_bytes > sk->retrans_bytes)
		tcp_want_flush(sk);
	return true;
}
