/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery: the states of RFC 5681 as Linux names them, and what moves between them.
 *
 * Theory of operation
 *   - CA_OPEN: nothing unusual. CA_DISORDER: duplicate or selective ACKs have come, nothing is
 *     lost yet. CA_CWR: a window reduction without loss. CA_RECOVERY: fast retransmit and
 *     recovery, until high_seq (snd_nxt when it began) is acknowledged. CA_LOSS: after an RTO,
 *     the same.
 *   - What is lost is marked on the tx_segs: by RACK (rack.c) with SACK, else by the third
 *     duplicate ACK and by each partial ACK (NewReno, RFC 6582). What the marks free of the pipe
 *     (RFC 6675 3: tcp_pipe_bytes) recovery_xmit() fills again, and new data may follow: limited
 *     transmit (RFC 3042) needs no code of its own. Without SACK each duplicate ACK counts as one
 *     MSS that has left the network (dup_acked_bytes).
 *   - During recovery cwnd follows proportional rate reduction (RFC 6937bis).
 *   - An episode that began at undo_marker is undone when it proves needless: every retransmission
 *     came back as a D-SACK (RFC 3708), or the ACK echoes a timestamp from before the first
 *     retransmission (Eifel, RFC 3522 and RFC 4015), or F-RTO says so of a timeout (frto.c).
 */
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

static uint32_t mss_of(const struct tcp_sock *sk)
{
	return max_u32(sk->mss_cache, 1);
}

/* RFC 6675 3: what the network holds. */
uint32_t tcp_pipe_bytes(const struct tcp_sock *sk)
{
	uint32_t flight = sk->snd_nxt - sk->snd_una + sk->retrans_bytes;
	uint32_t gone = sk->sacked_bytes + sk->dup_acked_bytes + sk->lost_bytes;
	return flight > gone ? flight - gone : 0;
}

static void set_state(struct tcp_sock *sk, enum ca_state state)
{
	sk->ca_state = state;
	if (state != CA_LOSS)
		sk->frto = FRTO_OFF;
	if (state == CA_OPEN)
		sk->dupacks = 0;
}

void tcp_mark_lost(struct tcp_sock *sk, struct tx_seg *seg)
{
	uint32_t len = tx_seg_len(seg);
	if (seg->sacked || (seg->lost && !seg->retransmitted))
		return;
	if (seg->retransmitted) {
		seg->retransmitted = false;
		sk->retrans_bytes -= len;
		snmp_inc(sk->stack, TcpExtTCPLostRetransmit);
	}
	if (!seg->lost) {
		seg->lost = true;
		sk->lost_bytes += len;
	}
	sk->lost_total_bytes += len;
}

/* --- cwnd reduction ------------------------------------------------------------------------- */

void recovery_init_reduction(struct tcp_sock *sk)
{
	sk->high_seq = sk->snd_nxt;
	sk->tlp_high_seq = 0;
	sk->prior_cwnd_bytes = sk->cwnd_bytes;
	sk->prr_delivered = sk->prr_out = 0;
	sk->ssthresh_bytes = sk->cc->ssthresh(sk);
	ecn_queue_cwr(sk);
}

void recovery_prr(struct tcp_sock *sk, uint32_t acked, uint32_t lost, bool una_advanced)
{
	uint32_t in_flight = tcp_pipe_bytes(sk), mss = mss_of(sk);
	int64_t send, room = (int64_t)sk->ssthresh_bytes - in_flight;
	if (acked == 0 || sk->prior_cwnd_bytes == 0 || sk->cc->owns_cwnd)
		return;
	sk->prr_delivered += acked;
	if (room < 0) {
		uint64_t share = (uint64_t)sk->ssthresh_bytes * sk->prr_delivered;
		send = (int64_t)((share + sk->prior_cwnd_bytes - 1) / sk->prior_cwnd_bytes) -
		       sk->prr_out;
	} else {
		send = (int64_t)sk->prr_delivered - sk->prr_out;
		if (send < acked)
			send = acked;
		if (una_advanced && lost == 0)
			send += mss;
		if (send > room)
			send = room;
	}
	/* The first retransmission never waits, nor does that of a partial ACK (RFC 6582 3.2, 5).
	 */
	bool partial_ack = !sk->sack_ok && una_advanced && lost > 0;
	if ((sk->prr_out == 0 || partial_ack) && send < mss)
		send = mss;
	if (send < 0)
		send = 0;
	sk->cwnd_bytes = in_flight + (uint32_t)send;
}

void recovery_end_reduction(struct tcp_sock *sk)
{
	if (sk->ssthresh_bytes < TCP_INFINITE_SSTHRESH && !sk->cc->owns_cwnd &&
	    (sk->ca_state == CA_CWR || sk->undo_marker)) {
		sk->cwnd_bytes = max_u32(sk->ssthresh_bytes, mss_of(sk));
		sk->cwnd_stamp_us = sk->stack->now_us;
	}
}

void recovery_try_keep_open(struct tcp_sock *sk)
{
	bool disorder =
	    sk->sacked_bytes || sk->dup_acked_bytes || sk->lost_bytes || sk->retrans_bytes;
	enum ca_state state = disorder ? CA_DISORDER : CA_OPEN;
	if (sk->ca_state != state) {
		set_state(sk, state);
		sk->high_seq = sk->snd_nxt;
	}
}

static void init_undo(struct tcp_sock *sk)
{
	sk->undo_marker = sk->snd_una;
	sk->undo_retrans = UNDO_RETRANS_NONE;
	sk->prior_ssthresh_bytes = 0;
	sk->first_retrans_ms = 0;
}

/* RFC 5681 3.2 step 2. ece: routers complain too, so this is not to be undone. */
void recovery_enter(struct tcp_sock *sk, bool ece)
{
	snmp_inc(sk->stack, sk->sack_ok ? TcpExtTCPSackRecovery : TcpExtTCPRenoRecovery);
	init_undo(sk);
	if (!tcp_in_cwnd_reduction(sk)) {
		if (!ece)
			sk->prior_ssthresh_bytes = tcp_current_ssthresh(sk);
		recovery_init_reduction(sk);
	}
	set_state(sk, CA_RECOVERY);
}

/* --- undo ----------------------------------------------------------------------------------- */

/* RFC 3522 3.2 step 4: the ACK answers something sent before the first retransmission; any ACK does
 * if there has been none. */
static bool echoes_original(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (sk->undo_retrans == UNDO_RETRANS_NONE)
		return true;
	if (sk->first_retrans_ms == 0)
		return false;
	uint32_t stamp = sk->first_retrans_ms + sk->ts_off;
	return sk->c.tstamp_ok && seg->opt.has_ts && seg->opt.tsecr != 0 &&
	       seq_lt(seg->opt.tsecr, stamp);
}

static bool may_undo(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return sk->undo_marker && (sk->undo_retrans == 0 || echoes_original(sk, seg));
}

static void undo_reduction(struct tcp_sock *sk, bool unmark, enum snmp counter)
{
	if (unmark) {
		list_for_each (node, &sk->rtx_queue)
			tx_seg_of(node)->lost = false;
		sk->lost_bytes = 0;
	}
	if (sk->prior_ssthresh_bytes) {
		sk->cwnd_bytes = sk->cc->undo_cwnd(sk);
		if (sk->prior_ssthresh_bytes > sk->ssthresh_bytes) {
			sk->ssthresh_bytes = sk->prior_ssthresh_bytes;
			ecn_withdraw_cwr(sk);
		}
	}
	sk->cwnd_stamp_us = sk->stack->now_us;
	sk->undo_marker = 0;
	sk->rack_advanced = true; /* what was unmarked is looked at anew */
	snmp_inc(sk->stack, counter);
}

/* RFC 6582 3.2 step 1: without SACK, duplicate ACKs of what recovery itself sent must not start it
 * again; so it ends only when something beyond high_seq is acknowledged. */
static bool prevents_reopen(const struct tcp_sock *sk)
{
	return !sk->sack_ok && sk->snd_una == sk->high_seq;
}

/* All of the episode is acknowledged. True: stay in it for now. */
static bool undo_recovery(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (may_undo(sk, seg))
		undo_reduction(sk, false,
			       sk->ca_state == CA_LOSS ? TcpExtTCPLossUndo : TcpExtTCPFullUndo);
	else if (sk->rack_reo_wnd_persist > 0)
		sk->rack_reo_wnd_persist--;
	if (prevents_reopen(sk))
		return true;
	set_state(sk, CA_OPEN);
	return false;
}

static bool undo_dsack(struct tcp_sock *sk)
{
	if (!sk->undo_marker || sk->undo_retrans != 0)
		return false;
	undo_reduction(sk, false, TcpExtTCPDSACKUndo);
	return true;
}

/* A partial ACK of the originals: there was no loss, but reordering. */
static bool undo_partial(struct tcp_sock *sk, const struct tcp_segment *seg, uint32_t prior_una)
{
	if (!sk->undo_marker || !echoes_original(sk, seg))
		return false;
	if (sk->sack_ok && sk->sacked_bytes > 0)
		rack_check_reordering(sk, prior_una, sk->highest_sack_seq);
	if (sk->retrans_bytes > 0)
		return true;
	undo_reduction(sk, true, TcpExtTCPPartialUndo);
	recovery_try_keep_open(sk);
	return true;
}

/* spurious: F-RTO says that the timeout was. */
static void undo_loss(struct tcp_sock *sk, bool spurious)
{
	undo_reduction(sk, true, TcpExtTCPLossUndo);
	if (spurious)
		snmp_inc(sk->stack, TcpExtTCPSpuriousRTOs);
	sk->frto = FRTO_OFF;
	sk->retransmits = 0;
	if ((spurious || sk->sack_ok) && !prevents_reopen(sk))
		set_state(sk, CA_OPEN);
}

/* --- without SACK ----------------------------------------------------------------------------- */

/* RFC 5681 3.2: a duplicate ACK says that one segment has left the network. */
static void reno_add_sack(struct tcp_sock *sk, struct ack_sample *s)
{
	uint32_t mss = mss_of(sk), flight = sk->snd_nxt - sk->snd_una;
	uint32_t holes = max_u32(sk->lost_bytes, min_u32(mss, flight));
	uint32_t before = sk->dup_acked_bytes;
	if (sk->dupacks < UINT8_MAX)
		sk->dupacks++;
	sk->dup_acked_bytes = min_u32(before + mss, flight > holes ? flight - holes : 0);
	if (sk->dup_acked_bytes > before)
		s->acked_bytes += sk->dup_acked_bytes - before;
}

static void reno_reset_sack(struct tcp_sock *sk)
{
	sk->dup_acked_bytes = 0;
	sk->dupacks = 0;
}

/* The first segment in flight is lost: after three duplicate ACKs, or by a partial ACK. */
static void newreno_mark_lost(struct tcp_sock *sk, bool una_advanced)
{
	struct tx_seg *head = rtx_head(sk);
	uint32_t mss = mss_of(sk);
	bool partial_ack = sk->ca_state == CA_RECOVERY && una_advanced;
	if (!partial_ack && (sk->ca_state >= CA_RECOVERY || sk->dupacks < sk->reordering_segs))
		return;
	if (!head || head->lost)
		return;
	if (tx_seg_len(head) > mss && !tx_seg_split(sk, head, head->seq + mss))
		return;
	tcp_mark_lost(sk, head);
}

static void find_losses(struct tcp_sock *sk, const struct ack_sample *s)
{
	if (list_empty(&sk->rtx_queue))
		return;
	if (sk->sack_ok)
		rack_mark_lost(sk);
	else
		newreno_mark_lost(sk, s->una_advanced);
}

/* --- what an ACK does ------------------------------------------------------------------------- */

/* RFC 2018 8: the peer dropped what it had SACKed. The RTO, soon, clears the scoreboard. */
static bool check_reneging(struct tcp_sock *sk, const struct ack_sample *s)
{
	const struct tx_seg *head = rtx_head(sk);
	if (!s->una_advanced || !head || !head->sacked)
		return false;
	snmp_inc(sk->stack, TcpExtTCPSACKReneging);
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO, max_u32(sk->srtt_us / 2, 10000));
	return true;
}

/* True: the episode is over and nothing more is to be done. */
static bool leave_episode(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (sk->ca_state == CA_OPEN && sk->retrans_bytes == 0)
		sk->first_retrans_ms = 0;
	if (sk->ca_state == CA_OPEN || seq_lt(sk->snd_una, sk->high_seq))
		return false;
	if (sk->ca_state == CA_CWR && sk->snd_una != sk->high_seq) {
		recovery_end_reduction(sk);
		set_state(sk, CA_OPEN);
	} else if (sk->ca_state == CA_RECOVERY) {
		if (!sk->sack_ok)
			reno_reset_sack(sk);
		if (undo_recovery(sk, seg))
			return true;
		recovery_end_reduction(sk);
	}
	return false;
}

static void try_to_open(struct tcp_sock *sk, const struct ack_sample *s)
{
	if (s->ece)
		ecn_reduce(sk);
	if (sk->ca_state != CA_CWR)
		recovery_try_keep_open(sk);
}

/* True: still in recovery (or undone); false: losses decide anew. */
static bool on_ack_in_recovery(struct tcp_sock *sk, const struct tcp_segment *seg,
			       struct ack_sample *s, uint32_t prior_una, bool is_dupack)
{
	if (!s->una_advanced) {
		if (!sk->sack_ok && is_dupack)
			reno_add_sack(sk, s);
	} else if (undo_partial(sk, seg, prior_una)) {
		return true;
	}
	if (undo_dsack(sk))
		recovery_try_keep_open(sk);
	find_losses(sk, s);
	if (sk->ca_state == CA_RECOVERY)
		return true;
	if (sk->lost_bytes > 0)
		return false;
	try_to_open(sk, s);
	return true;
}

static void on_ack_in_loss(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
			   bool is_dupack)
{
	if (s->una_advanced && may_undo(sk, seg)) {
		undo_loss(sk, false);
		return;
	}
	enum frto_verdict verdict = frto_on_ack(sk, s, is_dupack);
	if (verdict == FRTO_SPURIOUS)
		undo_loss(sk, true);
	if (verdict != FRTO_REAL)
		return;
	if (seq_geq(sk->snd_una, sk->high_seq)) {
		undo_recovery(sk, seg);
		return;
	}
	if (!sk->sack_ok) {
		if (s->una_advanced)
			reno_reset_sack(sk);
		else if (is_dupack && seq_gt(sk->snd_nxt, sk->high_seq))
			reno_add_sack(sk, s);
	}
}

static void on_ack_otherwise(struct tcp_sock *sk, struct ack_sample *s, bool is_dupack)
{
	if (!sk->sack_ok) {
		if (s->una_advanced)
			reno_reset_sack(sk);
		if (is_dupack)
			reno_add_sack(sk, s);
	}
	if (sk->ca_state <= CA_DISORDER)
		undo_dsack(sk);
	find_losses(sk, s);
	if (sk->lost_bytes == 0)
		try_to_open(sk, s);
	else if (!mtu_probe_lost(sk))
		recovery_enter(sk, s->ece);
}

/* The state machine, for an ACK that is anything but plain progress in CA_OPEN. */
void recovery_on_ack(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
		     uint32_t prior_una, bool is_dupack)
{
	if (s->ece)
		sk->prior_ssthresh_bytes = 0;
	if (check_reneging(sk, s) || leave_episode(sk, seg))
		return;
	if (sk->ca_state == CA_RECOVERY) {
		if (on_ack_in_recovery(sk, seg, s, prior_una, is_dupack))
			return;
	} else if (sk->ca_state == CA_LOSS) {
		on_ack_in_loss(sk, seg, s, is_dupack);
		find_losses(sk, s);
		if (sk->ca_state != CA_OPEN)
			return;
	}
	on_ack_otherwise(sk, s, is_dupack);
}

/* --- the RTO --------------------------------------------------------------------------------- */

static void forget_sacks(struct tcp_sock *sk)
{
	list_for_each (node, &sk->rtx_queue)
		tx_seg_of(node)->sacked = false;
	sk->sacked_bytes = 0;
}

/* RFC 6298 5.4, RFC 6675 5.1: all that is not SACKed is lost, but for what has only just left. */
static void mark_all_lost(struct tcp_sock *sk)
{
	struct tx_seg *head = rtx_head(sk);
	if (!sk->sack_ok)
		reno_reset_sack(sk);
	if (head && head->sacked)
		forget_sacks(sk);
	list_for_each (node, &sk->rtx_queue) {
		struct tx_seg *seg = tx_seg_of(node);
		if (node == sk->rtx_queue.next || !rack_is_recent(sk, seg))
			tcp_mark_lost(sk, seg);
	}
}

/* RFC 5681 3.1 equation 4: cwnd to one segment; ssthresh once per episode. */
void recovery_enter_loss(struct tcp_sock *sk)
{
	bool first = sk->ca_state <= CA_DISORDER || seq_leq(sk->high_seq, sk->snd_una) ||
		     (sk->ca_state == CA_LOSS && sk->retransmits == 0);
	frto_begin(sk);
	mark_all_lost(sk);
	if (first) {
		init_undo(sk);
		sk->prior_ssthresh_bytes = tcp_current_ssthresh(sk);
		sk->prior_cwnd_bytes = sk->cwnd_bytes;
		sk->ssthresh_bytes = sk->cc->ssthresh(sk);
		if (sk->cc->loss_event)
			sk->cc->loss_event(sk);
	}
	sk->cwnd_bytes = tcp_pipe_bytes(sk) + mss_of(sk);
	sk->cwnd_stamp_us = sk->stack->now_us;
	sk->high_seq = sk->snd_nxt;
	sk->tlp_high_seq = 0;
	sk->reordering_segs = min_u32(sk->reordering_segs, sk->stack->sysctl.tcp_reordering);
	ecn_queue_cwr(sk);
	set_state(sk, CA_LOSS);
}

void recovery_resend_lost(struct tcp_sock *sk)
{
	if (sk->ca_state != CA_LOSS) {
		struct cwnd_mark was = trace_cwnd_before(sk);
		sk->high_seq = sk->snd_nxt;
		sk->ssthresh_bytes = tcp_current_ssthresh(sk);
		sk->prior_ssthresh_bytes = 0;
		sk->undo_marker = 0;
		set_state(sk, CA_LOSS);
		trace_cwnd_because(sk, &was, TRACE_CWR);
	}
	tcp_want_flush(sk);
}

void tcp_simple_retransmit(struct tcp_sock *sk)
{
	uint32_t mss = tcp_current_mss(sk);
	uint32_t before = sk->lost_total_bytes;
	list_for_each (node, &sk->rtx_queue) {
		struct tx_seg *seg = tx_seg_of(node);
		if (!seg->syn && min_u32(tx_seg_len(seg), seg->mss) > mss)
			tcp_mark_lost(sk, seg);
	}
	if (sk->lost_total_bytes != before)
		recovery_resend_lost(sk);
}

void recovery_resend_all(struct tcp_sock *sk)
{
	list_for_each (node, &sk->rtx_queue)
		tcp_mark_lost(sk, tx_seg_of(node));
	recovery_resend_lost(sk);
}

/* --- sending again what is lost -------------------------------------------------------------- */

static enum trace_cause cause_of_loss(const struct tcp_sock *sk)
{
	if (sk->ca_state == CA_LOSS)
		return TRACE_AFTER_RTO;
	return sk->sack_ok ? TRACE_BY_RACK : TRACE_BY_DUPACKS;
}

/* False: no room in cwnd or in the peer's window. */
static bool resend(struct tcp_sock *sk, struct tx_seg *seg)
{
	uint32_t mss = tcp_current_mss(sk), in_flight = tcp_pipe_bytes(sk);
	uint32_t room = sk->cwnd_bytes > in_flight ? sk->cwnd_bytes - in_flight : 0;
	uint32_t want = min_u32(tx_seg_len(seg), tcp_tso_limit(sk, mss));
	if (in_flight == 0)
		room = max_u32(room, mss);
	if (room < want) {
		uint32_t cut = room - room % mss;
		if (cut == 0 || !tx_seg_split(sk, seg, seg->seq + cut))
			return false;
	}
	/* What the IP layer could not take is lost once more, and will be found so. */
	(void)tcp_retransmit_seg(sk, seg, cause_of_loss(sk));
	if (!seg->retransmitted)
		return false;
	snmp_inc(sk->stack,
		 sk->ca_state == CA_LOSS ? TcpExtTCPSlowStartRetrans : TcpExtTCPFastRetrans);
	if (tcp_in_cwnd_reduction(sk))
		sk->prr_out += tx_seg_len(seg);
	if (seg == rtx_head(sk) && sk->rtx_timer_kind != RTX_TIMER_REO)
		tcp_rearm_rto(sk);
	return true;
}

void recovery_xmit(struct tcp_sock *sk)
{
	struct list *node = sk->rtx_queue.next;
	for (; sk->retrans_bytes < sk->lost_bytes && node != &sk->rtx_queue; node = node->next) {
		struct tx_seg *seg = tx_seg_of(node);
		if (seg->lost && !seg->retransmitted && (pacing_holds(sk) || !resend(sk, seg)))
			return;
	}
}
