/* SPDX-License-Identifier: MIT */
/*
 * A segment arrives for a connection: RFC 9293 3.10.7.4, in the order it gives, with RFC 7323's
 * PAWS before and RFC 5961's answers to what could be an attack.
 *
 * Theory of operation: a segment that is exactly what was expected next goes past all suspicion
 * (header prediction). Otherwise tcp_rcv() judges the sequence number, then RST, SYN, ACK (ack.c),
 * the state the ACK brings about, urgent data and payload (rcvqueue.c). Anything that ends the
 * connection goes through tcp_done(), after which an orphan no longer exists: each step says
 * whether to go on.
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_receive.h"

#define SEC_US 1000000ull

static void drop(struct tcp_sock *sk, enum drop_reason why)
{
	stack_count_drop(sk->stack, NULL, why);
}

static bool has_payload(const struct tcp_segment *seg)
{
	return seg->end_seq - seg->seq - (seg->flags & TCP_SYN ? 1 : 0) -
		   (seg->flags & TCP_FIN ? 1 : 0) >
	       0;
}

/* --- timestamps ------------------------------------------------------------------------------ */

/* RFC 7323 5.3 R1; 5.5: a connection idle for 24 days has no recent timestamp. */
bool tcp_paws_ok(const struct stack *st, uint32_t ts_recent, uint32_t ts_recent_ms, uint32_t tsval)
{
	if (!seq_lt(tsval, ts_recent) || ts_recent == 0)
		return true;
	return stack_now_ms(st) - ts_recent_ms >= TCP_PAWS_24_DAYS_MS;
}

/* A pure ACK overtaken by newer ones is old, not wrong (Linux's tcp_disordered_ack()). */
static bool is_disordered_ack(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	uint32_t window = (uint32_t)seg->wnd << sk->snd_wscale;
	uint32_t late_ms = sk->c.ts_recent - seg->opt.tsval;
	return seg->flags & TCP_ACK && seg->seq == seg->end_seq && seg->seq == sk->rcv_nxt &&
	       seg->ack == sk->snd_una && window == sk->snd_wnd &&
	       late_ms <= sk->rto_us / 1000 * 6 / 5;
}

static bool paws_rejects(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!sk->c.tstamp_ok || !seg->opt.has_ts)
		return false;
	return !tcp_paws_ok(sk->stack, sk->c.ts_recent, sk->ts_recent_ms, seg->opt.tsval) &&
	       !is_disordered_ack(sk, seg);
}

/* RFC 7323 4.3 (2): only from a segment that spans what was acknowledged last. */
static void replace_ts_recent(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!sk->c.tstamp_ok || !seg->opt.has_ts || seq_gt(seg->seq, sk->last_ack_sent))
		return;
	if (!tcp_paws_ok(sk->stack, sk->c.ts_recent, sk->ts_recent_ms, seg->opt.tsval))
		return;
	sk->c.ts_recent = seg->opt.tsval;
	sk->ts_recent_ms = stack_now_ms(sk->stack);
}

/* --- answers --------------------------------------------------------------------------------- */

static void duplicate_ack(struct tcp_sock *sk, const struct tcp_segment *seg, enum snmp skipped)
{
	/* Data is answered always: only answers to bare segments can make two hosts echo. */
	if (!has_payload(seg) && tcp_oow_rate_limited(sk->stack, &sk->last_oow_ack_ms, skipped))
		return;
	if (seg->end_seq != seg->seq && seq_lt(seg->seq, sk->rcv_nxt))
		tcp_dsack_old(sk, seg->seq,
			      seq_gt(seg->end_seq, sk->rcv_nxt) ? sk->rcv_nxt : seg->end_seq);
	tcp_send_ack(sk);
}

/* RFC 9293 3.10.7.4, second, and 3.9.1.8: what a reset means depends on the state. */
static void take_reset(struct tcp_sock *sk)
{
	int err = ECONNRESET;
	if (sk->c.state == TCP_CLOSE_WAIT)
		err = EPIPE;
	else if (sk->c.state == TCP_SYN_SENT)
		err = ECONNREFUSED;
	fastopen_child_reset(sk);
	tcp_done(sk, err);
}

/* --- the checks ------------------------------------------------------------------------------ */

/* RFC 9293 3.10.7.4, first; as Linux: from what was last acknowledged to the window's edge. */
static bool sequence_ok(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return seq_geq(seg->end_seq, sk->rcv_wup) &&
	       seq_leq(seg->seq, sk->rcv_nxt + tcp_receive_window(sk));
}

/* A reset from before the FIN that its sender has sent already: some stacks do that (as Linux). */
static bool resets_after_fin(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return sk->rcv_fin && seg->seq == sk->rcv_nxt - 1 &&
	       (sk->c.state == TCP_CLOSE_WAIT || sk->c.state == TCP_LAST_ACK ||
		sk->c.state == TCP_CLOSING);
}

/* RFC 5961 3.2: exactly the next expected, or the end of what SACK has told of. */
static bool reset_is_exact(const struct tcp_sock *sk, uint32_t seq)
{
	if (seq == sk->rcv_nxt)
		return true;
	uint32_t right = sk->rcv_nxt;
	for (uint32_t i = 0; i < ooo_sack_cnt(sk); i++)
		if (seq_gt(sk->ooo->sacks[i].end, right))
			right = sk->ooo->sacks[i].end;
	return seq == right;
}

/* The SYN-ACK of a simultaneous open comes again with the ACK we wait for (RFC 9293 figure 8). */
static bool completes_simultaneous_open(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return sk->c.state == TCP_SYN_RECV && seg->flags & TCP_ACK && seg->flags & TCP_SYN &&
	       seg->seq + 1 == seg->end_seq && seg->end_seq == sk->rcv_nxt &&
	       seg->ack == sk->snd_nxt;
}

/* RFC 5961 4.2 */
static void answer_syn(struct tcp_sock *sk)
{
	snmp_inc(sk->stack, TcpExtTCPSYNChallenge);
	drop(sk, DROP_TCP_INVALID_SYN);
	tcp_challenge_ack(sk);
}

/* RFC 5961 3.2. sk may be gone. */
static void answer_reset(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	drop(sk, DROP_TCP_RESET);
	if (reset_is_exact(sk, seg->seq))
		take_reset(sk);
	else
		tcp_challenge_ack(sk);
}

/* RFC 9293 3.10.7.4, first. */
static void answer_out_of_window(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	bool old = seq_lt(seg->end_seq, sk->rcv_wup);
	drop(sk, old ? DROP_TCP_OLD_SEQUENCE : DROP_TCP_INVALID_SEQUENCE);
	if (!(seg->flags & TCP_RST)) {
		if (seg->flags & TCP_SYN)
			answer_syn(sk);
		else
			duplicate_ack(sk, seg, TcpExtTCPACKSkippedSeq);
	} else if (resets_after_fin(sk, seg)) {
		take_reset(sk);
	}
}

/* Timestamp, sequence number, RST and SYN. True: go on. False: answered or dropped, and sk may be
 * gone. */
static bool validate(struct tcp_sock *sk, struct tcp_segment *seg)
{
	if (completes_simultaneous_open(sk, seg)) {
		/* Its SYN came before: as Linux, told as a D-SACK, and at once. */
		tcp_dsack_old(sk, seg->seq, seg->end_seq);
		tcp_ack_at_flush(sk);
		seg->flags &= (uint8_t)~TCP_SYN;
		seg->seq++;
		return true;
	}
	/* RFC 7323 5.2: a reset need not pass PAWS; a SYN is answered as one. */
	if (!(seg->flags & (TCP_RST | TCP_SYN)) && paws_rejects(sk, seg)) {
		snmp_inc(sk->stack, TcpExtPAWSEstab);
		drop(sk, DROP_TCP_RFC7323_PAWS);
		duplicate_ack(sk, seg, TcpExtTCPACKSkippedPAWS);
		return false;
	}
	if (!sequence_ok(sk, seg)) {
		answer_out_of_window(sk, seg);
		return false;
	}
	if (seg->flags & TCP_RST) {
		answer_reset(sk, seg);
		return false;
	}
	if (seg->flags & TCP_SYN) {
		answer_syn(sk);
		return false;
	}
	return true;
}

/* Header prediction: the next segment of an undisturbed stream. */
static bool is_predicted(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return sk->c.state == TCP_ESTABLISHED && (seg->flags & ~TCP_PSH) == TCP_ACK &&
	       seg->seq == sk->rcv_nxt &&
	       seq_leq(seg->end_seq, sk->rcv_nxt + tcp_receive_window(sk)) &&
	       (!sk->c.tstamp_ok || (seg->opt.has_ts && !seq_lt(seg->opt.tsval, sk->c.ts_recent)));
}

/* --- what the ACK brings about --------------------------------------------------------------- */

/* The handshake is done. A passive open is told to the listener; whoever has connected hears it
 * here. */
static void established(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	sk->snd_wnd = (uint32_t)seg->wnd << sk->snd_wscale;
	if (sk->snd_wnd > sk->max_window)
		sk->max_window = sk->snd_wnd;
	sk->snd_wl1 = seg->seq;
	tcp_set_state(sk, TCP_ESTABLISHED);
	if (sk->fastopen_child) /* which transfers already */
		sk->delivered_segs++;
	else
		tcp_init_transfer(sk);
	if (!tcp_parent(sk) && !sk->orphan && !sk->fastopen_child)
		tcp_event(sk, TCP_EVENT_CONNECTED);
	tcp_want_flush(sk); /* a FIN may be waiting */
}

/* RFC 9293 3.10.7.4, fifth, SYN-RECEIVED: our SYN must be what is acknowledged. */
static bool ack_completes_open(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return seq_gt(seg->ack, sk->iss) && seq_leq(seg->ack, sk->snd_nxt);
}

/* Data for a program that has closed: nobody will ever read it (RFC 9293 3.6, RFC 2525 2.17). */
static bool data_after_close(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	uint32_t data_end = seg->end_seq - (seg->flags & TCP_FIN ? 1 : 0);
	bool closed = sk->orphan || (sk->rcv_shutdown && sk->c.state != TCP_ESTABLISHED);
	return closed && has_payload(seg) && seq_gt(data_end, sk->rcv_nxt);
}

static void abort_on_data(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	snmp_inc(sk->stack, TcpExtTCPAbortOnData);
	drop(sk, DROP_TCP_ABORT_ON_DATA);
	tcp_reset_reply(sk->stack, seg, &sk->c);
	tcp_done(sk, ECONNRESET);
}

/* Our FIN is acknowledged in FIN_WAIT_1. True: sk is gone. */
static bool enter_fin_wait_2(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	tcp_set_state(sk, TCP_FIN_WAIT2);
	if (!sk->orphan)
		return false;
	if (data_after_close(sk, seg)) {
		abort_on_data(sk, seg);
		return true;
	}
	if (seg->flags & TCP_FIN && seg->seq == sk->rcv_nxt)
		return false; /* which is taken below */
	tcp_orphan_fin_wait_2(sk);
	return true;
}

/* True: the connection is over, sk may be gone. */
static bool advance_state(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	switch (sk->c.state) {
	case TCP_SYN_RECV:
		established(sk, seg);
		return false;
	case TCP_FIN_WAIT1:
		return tcp_fin_acked(sk) && enter_fin_wait_2(sk, seg);
	case TCP_CLOSING:
		if (!tcp_fin_acked(sk))
			return false;
		timewait_enter(sk, TCP_TIME_WAIT, sk->stack->sysctl.tcp_timewait_len_ms * 1000ull);
		tcp_done(sk, 0);
		return true;
	case TCP_LAST_ACK:
		if (!tcp_fin_acked(sk))
			return false;
		tcp_done(sk, 0);
		return true;
	default:
		return false;
	}
}

/* RFC 9293 3.10.7.4, seventh: in which states text is taken. */
static void take_text(struct tcp_sock *sk, struct tcp_segment *seg)
{
	switch (sk->c.state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		if (data_after_close(sk, seg)) {
			abort_on_data(sk, seg);
			return;
		}
		tcp_urgent(sk, seg);
		tcp_data_queue(sk, seg);
		return;
	default: /* the peer has sent its FIN: only repetitions can come */
		if (seg->seq != seg->end_seq && seq_lt(seg->seq, sk->rcv_nxt))
			tcp_ack_at_flush(sk);
	}
}

/* Our data was acknowledged: what lies between has carried it (RFC 4861 7.3.1). */
static void confirm_path(struct tcp_sock *sk)
{
	uint32_t now_ms = stack_now_ms(sk->stack);
	if (now_ms - sk->confirmed_ms < 1000)
		return;
	sk->confirmed_ms = now_ms;
	ip_confirm(sk->stack, sk->c.raddr.v4);
}

/* RFC 9293 3.10.7.4, fifth and on, for a segment that belongs here. */
static void rcv_accepted(struct tcp_sock *sk, struct tcp_segment *seg)
{
	uint32_t una = sk->snd_una;
	if (sk->c.state == TCP_SYN_RECV && !ack_completes_open(sk, seg)) {
		drop(sk, DROP_TCP_INVALID_ACK_SEQUENCE);
		tcp_reset_reply(sk->stack, seg, &sk->c);
		return;
	}
	sk->more_holds = false;
	if (!tcp_ack(sk, seg)) {
		drop(sk, DROP_TCP_INVALID_ACK_SEQUENCE);
		return;
	}
	replace_ts_recent(sk, seg); /* RFC 7323 5.3 R3: only of what is acceptable */
	if (sk->snd_una != una)
		confirm_path(sk);
	if (!advance_state(sk, seg))
		take_text(sk, seg);
}

void tcp_rcv(struct tcp_sock *sk, struct tcp_segment *seg)
{
	sk->segs_in += seg->pkt ? pkt_segments(seg->pkt) : 1;
	if (is_predicted(sk, seg)) {
		if (seg->end_seq != seg->seq)
			snmp_inc(sk->stack, TcpExtTCPHPHits);
		rcv_accepted(sk, seg);
		return;
	}
	if (sk->c.state == TCP_SYN_SENT) {
		tcp_rcv_syn_sent(sk, seg);
		return;
	}
	if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN) {
		drop(sk, DROP_TCP_CLOSE);
		return;
	}
	if (sk->fastopen_child && sk->c.state == TCP_SYN_RECV && fastopen_rcv_child(sk, seg))
		return;
	if (!validate(sk, seg))
		return;
	if (!(seg->flags & TCP_ACK)) { /* RFC 9293 3.10.7.4, fifth */
		drop(sk, DROP_TCP_FLAGS);
		return;
	}
	rcv_accepted(sk, seg);
}

/* --- ICMP ------------------------------------------------------------------------------------ */

/* RFC 1122 4.2.3.9; Linux's icmp_err_convert. */
static int errno_of_icmp(uint8_t type, uint8_t code)
{
	static const int unreach[] = {ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,	ECONNREFUSED,
				      EMSGSIZE,	    EOPNOTSUPP,	  ENETUNREACH,	EHOSTDOWN,
				      ENONET,	    ENETUNREACH,  EHOSTUNREACH, ENETUNREACH,
				      EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH};
	if (type == ICMP_DEST_UNREACH && code < sizeof(unreach) / sizeof(unreach[0]))
		return unreach[code];
	if (type == ICMP_PARAMETER_PROBLEM)
		return EPROTO;
	return EHOSTUNREACH;
}

/* RFC 1191 6.4: what was in flight and is now too large goes again in smaller pieces. */
static void path_mtu_shrank(struct tcp_sock *sk, uint32_t mtu)
{
	struct ip_path path;
	uint32_t before = sk->mss_cache;
	if (mtu >= sk->pmtu_bytes) /* RFC 5927 7.2: it would not have been too large */
		return;
	if (sk->stack->sysctl.ip_no_pmtu_disc == 2) /* as Linux: such messages are not believed */
		return;
	ip_pmtu_update(sk->stack, sk->c.raddr.v4, mtu);
	if (!ip_sk_accepts_pmtu(sk))
		return;
	if (ip_route_output(sk->stack, sk->c.raddr.v4, sk->c.laddr.v4, &path))
		return;
	tcp_sync_mss(sk, path.mtu_bytes);
	if (fastopen_syn_too_large(sk) || sk->mss_cache >= before || list_empty(&sk->rtx_queue))
		return;
	tcp_simple_retransmit(sk);
	tcp_want_flush(sk);
}

void tcp_sock_icmp_error(struct tcp_sock *sk, uint32_t seq, uint8_t type, uint8_t code,
			 uint32_t mtu)
{
	/* RFC 5927 4: only about what is in flight. */
	if (seq_lt(seq, sk->snd_una) || seq_gt(seq, sk->snd_nxt)) {
		snmp_inc(sk->stack, TcpExtOutOfWindowIcmps);
		return;
	}
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED) {
		if (sk->c.state != TCP_LISTEN && mtu)
			path_mtu_shrank(sk, mtu);
		return;
	}
	int err = errno_of_icmp(type, code);
	/* RFC 5461, RFC 1122 4.2.3.9: only a connection that is being opened is given up. */
	bool opening = sk->c.state == TCP_SYN_SENT || sk->c.state == TCP_SYN_RECV;
	if (opening && !fastopen_child_in_use(sk))
		tcp_done(sk, err);
	else
		sk->err_soft = err;
}
