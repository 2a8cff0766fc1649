/* SPDX-License-Identifier: MIT */
/*
 * TIME_WAIT (RFC 9293 3.6.1) as a sock of its own, some hundred bytes instead of a connection; and
 * the FIN_WAIT_2 of connections whose program has gone, as another state of it.
 *
 * Theory of operation
 *   - It stands in the connection's place in the established hash and in its port's bucket, knows
 *     what the next sequence numbers are, and answers the way the connection would.
 *   - A new SYN may take its place where it cannot be an old duplicate: with a newer timestamp
 *     (RFC 6191), or with a sequence number beyond the old connection's (RFC 1122 4.2.2.13). Our
 *     own sequence numbers then begin beyond those of the old connection.
 *   - Their number is bounded by tcp_max_tw_buckets; beyond it a connection ends without.
 */

#include <stdlib.h>

#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_trace.h"

#define PAWS_MSL_MS 60000u

static uint64_t timewait_len_us(const struct stack *st)
{
	return st->sysctl.tcp_timewait_len_ms * 1000ull;
}

static void reschedule(struct stack *st, struct timewait_sock *tw)
{
	timer_set(&st->wheel, &tw->timer, st->now_us + timewait_len_us(st));
}

static void expired(struct timer *t, void *ctx)
{
	timewait_free(ctx, container_of(t, struct timewait_sock, timer));
}

/* NULL: no memory. */
static struct timewait_sock *new_keyed(struct tcp_auth *auth)
{
	struct timewait_keyed *keyed = calloc(1, sizeof(*keyed));
	if (!keyed)
		return NULL;
	keyed->auth = auth;
	keyed->tw.c.keyed = true;
	return &keyed->tw;
}

/* auth, or NULL: what signs its answers. */
static struct timewait_sock *timewait_alloc(struct stack *st, struct tcp_auth *auth)
{
	struct timewait_sock *tw = NULL;
	if (st->tcp.timewait < st->sysctl.tcp_max_tw_buckets)
		tw = auth ? new_keyed(auth) : slab_alloc(&st->tcp.timewait_slab);
	if (!tw) {
		tcp_auth_free(auth);
		snmp_inc(st, TcpExtTCPTimeWaitOverflow);
		return NULL;
	}
	timer_init(&st->wheel, &tw->timer, expired);
	list_init(&tw->bind_node);
	st->tcp.timewait++;
	return tw;
}

static void copy_connection(struct timewait_sock *tw, const struct tcp_sock *sk)
{
	bool keyed = tw->c.keyed;
	tw->c = sk->c;
	tw->c.kind = SOCK_KIND_TIMEWAIT;
	tw->c.keyed = keyed;
	tw->rcv_nxt = sk->rcv_nxt;
	tw->snd_nxt = sk->snd_nxt;
	tw->rcv_wnd = tcp_receive_window(sk);
	tw->ts_recent_ms = sk->ts_recent_ms;
	tw->ts_off = sk->ts_off;
	tw->last_oow_ack_ms = sk->last_oow_ack_ms;
}

void timewait_enter(struct tcp_sock *sk, enum tcp_state substate, uint64_t timeout_us)
{
	struct stack *st = sk->stack;
	struct timewait_sock *tw = timewait_alloc(st, sk->auth ? tcp_auth_for_timewait(sk) : NULL);
	if (!tw)
		return;
	uint64_t least_us = sk->rto_us * 7ull / 2; /* the peer's FIN may have to be sent again */
	copy_connection(tw, sk);
	tw->c.state = (uint8_t)substate;
	if (substate == TCP_TIME_WAIT)
		timeout_us = timewait_len_us(st);
	else if (timeout_us < least_us)
		timeout_us = least_us;
	ehash_replace(st, &sk->c, &tw->c);
	bind_timewait(tw, sk);
	timer_set(&st->wheel, &tw->timer, st->now_us + timeout_us);
	snmp_inc(st, TcpExtTW);
	if (sk->c.state != substate)
		trace_state(st, &tw->c, sk->c.state, substate, 0);
}

void timewait_free(struct stack *st, struct timewait_sock *tw)
{
	trace_state(st, &tw->c, tw->c.state, TCP_CLOSE, 0);
	timer_cancel(&st->wheel, &tw->timer);
	ehash_remove(st, &tw->c);
	bind_timewait_release(st, tw);
	st->tcp.timewait--;
	if (!tw->c.keyed) {
		slab_free(&st->tcp.timewait_slab, tw);
		return;
	}
	tcp_auth_free(timewait_auth(tw));
	free(container_of(tw, struct timewait_keyed, tw));
}

/* --- answers --------------------------------------------------------------------------------- */

static void drop(struct stack *st, enum drop_reason why)
{
	stack_count_drop(st, NULL, why);
}

void timewait_send_ack(struct stack *st, const struct timewait_sock *tw)
{
	struct tcp_options opt = {.has_ts = tw->c.tstamp_ok,
				  .tsval = tcp_ts_clock_ms(st->now_us) + tw->ts_off,
				  .tsecr = tw->c.ts_recent};
	tcp_send_bare(st, &tw->c, tw->snd_nxt, tw->rcv_nxt, TCP_ACK,
		      (uint16_t)(tw->rcv_wnd >> tw->c.rcv_wscale), &opt, tw->c.tos, 0);
}

static void ack_limited(struct stack *st, struct timewait_sock *tw, const struct tcp_segment *seg,
			enum snmp skipped)
{
	if (!tcp_oow_segment_limited(st, seg, &tw->last_oow_ack_ms, skipped))
		timewait_send_ack(st, tw);
}

static void reset(struct stack *st, struct timewait_sock *tw, const struct tcp_segment *seg)
{
	tcp_reset_reply(st, seg, &tw->c);
	timewait_free(st, tw);
}

static void note_timestamp(const struct stack *st, struct timewait_sock *tw,
			   const struct tcp_segment *seg)
{
	if (!tw->c.tstamp_ok || !seg->opt.has_ts)
		return;
	tw->c.ts_recent = seg->opt.tsval;
	tw->ts_recent_ms = stack_now_ms(st);
}

/* RFC 7323 5.3; a reset is believed all the same once the timestamp is a minute old. */
static bool paws_rejects(const struct stack *st, const struct timewait_sock *tw,
			 const struct tcp_segment *seg)
{
	if (!tw->c.tstamp_ok || !seg->opt.has_ts ||
	    tcp_paws_ok(st, tw->c.ts_recent, tw->ts_recent_ms, seg->opt.tsval))
		return false;
	return !(seg->flags & TCP_RST && stack_now_ms(st) - tw->ts_recent_ms >= PAWS_MSL_MS);
}

/* --- a segment arrives ----------------------------------------------------------------------- */

/* What tcp_rcv() would do in FIN_WAIT_2: nothing but the FIN is still of use. */
static void rcv_fin_wait_2(struct stack *st, struct timewait_sock *tw,
			   const struct tcp_segment *seg, bool paws)
{
	if (paws ||
	    !tcp_in_window(seg->seq, seg->end_seq, tw->rcv_nxt, tw->rcv_nxt + tw->rcv_wnd)) {
		drop(st, paws ? DROP_TCP_RFC7323_PAWS : DROP_TCP_INVALID_SEQUENCE);
		ack_limited(st, tw, seg, TcpExtTCPACKSkippedFinWait2);
	} else if (seg->flags & TCP_RST) {
		drop(st, DROP_TCP_RESET);
		timewait_free(st, tw);
	} else if (seg->flags & TCP_SYN && seq_geq(seg->seq, tw->rcv_nxt)) {
		drop(st, DROP_TCP_INVALID_SYN);
		reset(st, tw, seg);
	} else if (!(seg->flags & TCP_ACK) || seq_leq(seg->end_seq, tw->rcv_nxt) ||
		   seg->end_seq == seg->seq) {
		drop(st, DROP_TCP_TIMEWAIT);
	} else if (!(seg->flags & TCP_FIN) || seg->end_seq != tw->rcv_nxt + 1) {
		/* RFC 9293 3.6: data that nobody will read */
		snmp_inc(st, TcpExtTCPAbortOnData);
		drop(st, DROP_TCP_ABORT_ON_DATA);
		reset(st, tw, seg);
	} else {
		trace_state(st, &tw->c, tw->c.state, TCP_TIME_WAIT, 0);
		tw->c.state = TCP_TIME_WAIT;
		tw->rcv_nxt = seg->end_seq;
		note_timestamp(st, tw, seg);
		reschedule(st, tw);
		timewait_send_ack(st, tw);
	}
}

/* What is exactly expected can be a bare ACK or a reset. */
static void rcv_expected(struct stack *st, struct timewait_sock *tw, const struct tcp_segment *seg)
{
	if (!(seg->flags & TCP_RST)) {
		reschedule(st, tw);
	} else if (!st->sysctl.tcp_rfc1337) {
		timewait_free(st,
			      tw); /* RFC 1337: TIME_WAIT assassination, which the RFC tolerates */
		return;
	}
	note_timestamp(st, tw, seg);
}

/* RFC 6191 2 and RFC 1122 4.2.2.13: no old duplicate can look like this. */
static bool may_reopen(const struct timewait_sock *tw, const struct tcp_segment *seg)
{
	if ((seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_SYN)
		return false;
	return seq_gt(seg->seq, tw->rcv_nxt) ||
	       (tw->c.tstamp_ok && seg->opt.has_ts && seq_lt(tw->c.ts_recent, seg->opt.tsval));
}

bool timewait_rcv(struct stack *st, struct timewait_sock *tw, struct tcp_segment *seg,
		  uint32_t *isn_base)
{
	bool paws = paws_rejects(st, tw, seg), rst = seg->flags & TCP_RST;
	if (tw->c.state == TCP_FIN_WAIT2) {
		rcv_fin_wait_2(st, tw, seg, paws);
		return false;
	}
	if (!paws && seg->seq == tw->rcv_nxt && (seg->seq == seg->end_seq || rst)) {
		rcv_expected(st, tw, seg);
		return false;
	}
	if (!paws && may_reopen(tw, seg)) {
		*isn_base = tw->snd_nxt + ISN_BEYOND_TIMEWAIT;
		if (*isn_base == 0) /* which means "to be chosen" */
			*isn_base = 1;
		return true;
	}
	drop(st, paws ? DROP_TCP_RFC7323_PAWS : DROP_TCP_TIMEWAIT);
	if (paws)
		snmp_inc(st, TcpExtPAWSEstab);
	if (rst)
		return false;
	/* The timer starts anew (RFC 9293 3.10.7.4, eighth); but a SYN without ACK may be a new
	 * connection's with an unlucky sequence number, which must find a way in at some time. */
	if (paws || seg->flags & TCP_ACK)
		reschedule(st, tw);
	ack_limited(st, tw, seg, TcpExtTCPACKSkippedTimeWait);
	return false;
}
