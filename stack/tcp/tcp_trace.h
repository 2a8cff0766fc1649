/* SPDX-License-Identifier: MIT */
/* Events of connections for who watches (stack/trace.h): one branch each while nobody does. */
#ifndef XTCP_TCP_TRACE_H
#define XTCP_TCP_TRACE_H

#include "stack/stack_impl.h"
#include "stack/trace.h"

void trace_state_slow(struct stack *st, const struct sock_common *c, unsigned from, unsigned to,
		      int err);
void trace_synack_slow(const struct request_sock *req, uint16_t mss);
void trace_established_slow(const struct tcp_sock *sk);
void trace_retrans_slow(const struct tcp_sock *sk, const struct tx_seg *seg, uint32_t bytes,
			enum trace_cause cause);
void trace_probe_slow(const struct tcp_sock *sk, bool keepalive, unsigned times);

/* What cwnd was, before something that may change it. */
struct cwnd_mark {
	uint32_t cwnd_bytes, ssthresh_bytes, undo_marker;
	uint8_t ca_state;
	bool watched;
};
void trace_cwnd_slow(const struct tcp_sock *sk, const struct cwnd_mark *was);
void trace_cwnd_as(const struct tcp_sock *sk, const struct cwnd_mark *was, enum trace_why why);

static inline bool is_watched(const struct stack *st)
{
	return st->ops.trace != NULL;
}

static inline void trace_state(struct stack *st, const struct sock_common *c, unsigned from,
			       unsigned to, int err)
{
	if (is_watched(st))
		trace_state_slow(st, c, from, to, err);
}

static inline void trace_synack(const struct request_sock *req, uint16_t mss)
{
	if (is_watched(req->listener->stack))
		trace_synack_slow(req, mss);
}

static inline void trace_established(const struct tcp_sock *sk)
{
	if (is_watched(sk->stack))
		trace_established_slow(sk);
}

/* Before it leaves. */
static inline void trace_retrans(const struct tcp_sock *sk, const struct tx_seg *seg,
				 uint32_t bytes, enum trace_cause cause)
{
	if (is_watched(sk->stack))
		trace_retrans_slow(sk, seg, bytes, cause);
}

static inline void trace_probe(const struct tcp_sock *sk, bool keepalive, unsigned times)
{
	if (is_watched(sk->stack))
		trace_probe_slow(sk, keepalive, times);
}

static inline struct cwnd_mark trace_cwnd_before(const struct tcp_sock *sk)
{
	struct cwnd_mark was = {.watched = is_watched(sk->stack)};
	if (was.watched) {
		was.cwnd_bytes = sk->cwnd_bytes;
		was.ssthresh_bytes = sk->ssthresh_bytes;
		was.undo_marker = sk->undo_marker;
		was.ca_state = sk->ca_state;
	}
	return was;
}

/* Why it has changed, the states tell. */
static inline void trace_cwnd_after(const struct tcp_sock *sk, const struct cwnd_mark *was)
{
	if (was->watched)
		trace_cwnd_slow(sk, was);
}

static inline void trace_cwnd_because(const struct tcp_sock *sk, const struct cwnd_mark *was,
				      enum trace_why why)
{
	if (was->watched)
		trace_cwnd_as(sk, was, why);
}

#endif
