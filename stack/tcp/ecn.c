/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification (RFC 3168): routers mark instead of dropping, the receiver tells,
 * the sender slows down.
 *
 * Theory of operation
 *   - Both sides agree in the handshake: SYN with ECE and CWR, SYN-ACK with ECE. net.ipv4.tcp_ecn
 *     says who may: 0 nobody, 1 both ways, 2 (the default) only when asked. A SYN sent again asks
 *     no more (tcp_ecn_fallback): what lies between may drop such SYNs. A SYN cookie remembers the
 *     agreement in its timestamp.
 *   - New data is sent as ECT(0); pure ACKs, probes and retransmissions are not (6.1.4 to 6.1.6).
 *   - A CE mark sets ECN_DEMAND_CWR: every segment carries ECE until one with CWR comes (6.1.3).
 *   - ECE on an ACK reduces cwnd once per window of data, as CA_CWR, by less than a loss does (ABE,
 *     RFC 8511); the next new data carries CWR. Any other reduction sends CWR too, so that the peer
 *     stops telling what has been heeded.
 */
#include "stack/tcp/tcp_receive.h"
#include "stack/tcp/tcp_send.h"

#define TCP_ECN_ALWAYS 1
#define QUICK_ACKS 2
#define ECN_SETUP (TCP_ECE | TCP_CWR)

/* --- the handshake ---------------------------------------------------------------------------- */

/* 6.1.1: for a connection of our own. */
void ecn_offer(struct tcp_sock *sk)
{
	sk->ecn = sk->stack->sysctl.tcp_ecn == TCP_ECN_ALWAYS ? ECN_OK : 0;
}

/* The flags of a SYN or, in SYN_RECV by simultaneous open, of the SYN-ACK. */
uint8_t ecn_syn_flags(const struct tcp_sock *sk)
{
	bool again = sk->total_retrans > 0;
	if (!(sk->ecn & ECN_OK))
		return 0;
	if (sk->c.state == TCP_SYN_RECV)
		return TCP_ECE;
	return again && sk->stack->sysctl.tcp_ecn_fallback ? 0 : ECN_SETUP; /* 6.1.1.1 */
}

/* The peer's SYN-ACK, or its SYN in a simultaneous open, agrees or does not. */
void ecn_rcv_syn(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	uint8_t agreement = seg->flags & TCP_ACK ? TCP_ECE : ECN_SETUP;
	if ((seg->flags & ECN_SETUP) != agreement)
		sk->ecn = 0;
}

/* 6.1.1: a SYN with ECT is no honest one. */
bool ecn_accepts(const struct stack *st, const struct tcp_segment *seg)
{
	return st->sysctl.tcp_ecn != 0 && (seg->flags & ECN_SETUP) == ECN_SETUP &&
	       !(seg->flags & TCP_ACK) && (seg->ip.tos & IP_ECN_MASK) == 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* On each segment of the connection but SYNs: adds to its flags; returns the IP header's bits. */
uint8_t ecn_send(struct tcp_sock *sk, bool new_data, uint8_t *flags)
{
	if (sk->ecn & ECN_DEMAND_CWR)
		*flags |= TCP_ECE;
	if (!new_data)
		return 0;
	if (sk->ecn & ECN_QUEUE_CWR) {
		sk->ecn &= (uint8_t)~ECN_QUEUE_CWR;
		*flags |= TCP_CWR;
	}
	return IP_ECN_ECT0;
}

/* cwnd has been reduced. */
void ecn_queue_cwr(struct tcp_sock *sk)
{
	if (sk->ecn & ECN_OK)
		sk->ecn |= ECN_QUEUE_CWR;
}

void ecn_withdraw_cwr(struct tcp_sock *sk)
{
	sk->ecn &= (uint8_t)~ECN_QUEUE_CWR;
}

bool ecn_is_echo(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	return sk->ecn & ECN_OK && (seg->flags & (TCP_ECE | TCP_SYN)) == TCP_ECE;
}

/* 6.1.2: once per window of data; not when a loss has already been answered. */
void ecn_reduce(struct tcp_sock *sk)
{
	if (sk->ca_state >= CA_CWR)
		return;
	sk->undo_marker = 0;
	sk->ecn_reduces = true;
	recovery_init_reduction(sk);
	sk->ecn_reduces = false;
	sk->ca_state = CA_CWR;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* 6.1.3: of a segment with data. One that is CE after its CWR begins anew. */
void ecn_rcv_data(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (seg->flags & TCP_CWR) {
		sk->ecn &= (uint8_t)~ECN_DEMAND_CWR;
		tcp_ack_at_flush(sk); /* its sender's window is small: it needs the ACK */
	}
	switch (seg->ip.tos & IP_ECN_MASK) {
	case IP_ECN_NOT_ECT: /* probably a retransmission */
		if (sk->ecn & ECN_SEEN)
			tcp_enter_quickack(sk, QUICK_ACKS);
		return;
	case IP_ECN_CE:
		if (!(sk->ecn & ECN_DEMAND_CWR))
			tcp_enter_quickack(sk, QUICK_ACKS);
		sk->ecn |= ECN_DEMAND_CWR | ECN_SEEN;
		return;
	default:
		sk->ecn |= ECN_SEEN;
	}
}
