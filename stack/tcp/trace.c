/* SPDX-License-Identifier: MIT */
/*
 * Telling who watches (stack/trace.h) what happens to connections. The inline functions of
 * tcp_trace.h ask whether anybody does; only then is one of these called.
 *
 * A change of cwnd is found by comparing before and after (struct cwnd_mark), so that no algorithm
 * needs to say what it did.
 */
#include "stack/tcp/tcp_trace.h"

#include "stack/tcp/tcp_send.h"

static struct stack_trace event_of(enum trace_kind kind, const struct sock_common *c)
{
	return (struct stack_trace){.kind = kind,
				    .laddr = addr4_tagged(c->laddr),
				    .raddr = addr4_tagged(c->raddr),
				    .lport = c->lport,
				    .rport = c->rport};
}

static void tell(struct stack *st, const struct stack_trace *t)
{
	st->ops.trace(st->ctx, t);
}

void trace_state_slow(struct stack *st, const struct sock_common *c, unsigned from, unsigned to,
		      int err)
{
	struct stack_trace t = event_of(TRACE_STATE, c);
	t.state.from = (uint8_t)from;
	t.state.to = (uint8_t)to;
	t.state.err = err;
	tell(st, &t);
}

void trace_synack_slow(const struct request_sock *req, uint16_t mss)
{
	struct stack_trace t = event_of(TRACE_SYNACK, &req->c);
	t.synack.mss = mss;
	t.synack.wscale = req->c.rcv_wscale;
	t.synack.wscale_ok = req->wscale_ok;
	t.synack.sack_ok = req->sack_ok;
	t.synack.tstamp_ok = req->c.tstamp_ok;
	t.synack.times = req->num_retrans;
	tell(req->listener->stack, &t);
}

void trace_established_slow(const struct tcp_sock *sk)
{
	struct stack_trace t = event_of(TRACE_ESTABLISHED, &sk->c);
	t.established.mss = sk->mss_cache;
	t.established.cwnd_segs = sk->cwnd_bytes / max_u32(sk->mss_cache, 1);
	t.established.srtt_us = sk->srtt_us;
	t.established.snd_wscale = sk->snd_wscale;
	t.established.rcv_wscale = sk->c.rcv_wscale;
	t.established.wscale_ok = sk->wscale_ok;
	t.established.sack_ok = sk->sack_ok;
	t.established.tstamp_ok = sk->c.tstamp_ok;
	tell(sk->stack, &t);
}

void trace_retrans_slow(const struct tcp_sock *sk, const struct tx_seg *seg, uint32_t bytes,
			enum trace_cause cause)
{
	struct stack_trace t = event_of(TRACE_RETRANS, &sk->c);
	t.retrans.cause = cause;
	t.retrans.seq = seg->seq - sk->iss;
	t.retrans.bytes = bytes;
	t.retrans.rto_us = sk->rto_us;
	t.retrans.times = seg->retrans;
	t.retrans.syn = seg->syn;
	t.retrans.fin = seg->fin;
	tell(sk->stack, &t);
}

void trace_probe_slow(const struct tcp_sock *sk, bool keepalive, unsigned times)
{
	struct stack_trace t = event_of(TRACE_PROBE, &sk->c);
	t.probe.keepalive = keepalive;
	t.probe.times = times;
	tell(sk->stack, &t);
}

/* --- cwnd ------------------------------------------------------------------------------------- */

static enum trace_why why_of(const struct tcp_sock *sk, const struct cwnd_mark *was)
{
	if (sk->ca_state == CA_CWR && was->ca_state != CA_CWR)
		return TRACE_ECN;
	if (was->undo_marker && !sk->undo_marker)
		return TRACE_UNDO;
	if (sk->ca_state != was->ca_state && sk->ca_state == CA_RECOVERY)
		return TRACE_RECOVERY;
	if (sk->ca_state == CA_LOSS && was->ca_state != CA_LOSS)
		return TRACE_TIMEOUT;
	if (was->ca_state >= CA_CWR && sk->ca_state < CA_CWR)
		return TRACE_RECOVERED;
	if (sk->cc && sk->cc->owns_cwnd)
		return TRACE_MODEL;
	if (tcp_in_cwnd_reduction(sk))
		return TRACE_REDUCTION;
	if (sk->ssthresh_bytes < was->ssthresh_bytes)
		return TRACE_CWR;
	return was->cwnd_bytes < was->ssthresh_bytes ? TRACE_SLOW_START : TRACE_AVOIDANCE;
}

void trace_cwnd_as(const struct tcp_sock *sk, const struct cwnd_mark *was, enum trace_why why)
{
	struct stack_trace t = event_of(TRACE_CWND, &sk->c);
	if (sk->cwnd_bytes == was->cwnd_bytes && sk->ssthresh_bytes == was->ssthresh_bytes &&
	    (sk->ca_state >= CA_CWR) == (was->ca_state >= CA_CWR))
		return;
	t.cwnd.why = why;
	t.cwnd.mss = max_u32(sk->mss_cache, 1);
	t.cwnd.from = was->cwnd_bytes;
	t.cwnd.to = sk->cwnd_bytes;
	t.cwnd.ssthresh_from = was->ssthresh_bytes;
	t.cwnd.ssthresh_to = sk->ssthresh_bytes;
	tell(sk->stack, &t);
}

void trace_cwnd_slow(const struct tcp_sock *sk, const struct cwnd_mark *was)
{
	trace_cwnd_as(sk, was, why_of(sk, was));
}
