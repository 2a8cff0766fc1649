/* SPDX-License-Identifier: MIT */
/*
 * F-RTO (RFC 5682): was the timeout needed, or was the ACK only late?
 *
 * Theory of operation
 *   - An RTO marks everything lost and sends the first segment again. If nothing was lost, the ACKs
 *     that now come answer the originals, and sending again all that they are about to acknowledge
 *     would be waste, and what it makes arrive twice would look like loss once more. So the first
 *     ACK that moves snd_una is answered with new data, and the ACK after it decides: it
 *     acknowledges something that was sent only once, then the timeout was spurious and all it did
 *     is undone (RFC 4015); or it is a duplicate, then the loss was real.
 *   - As in Linux the form enhanced by SACK (3.1) serves connections without SACK too (2.1): there
 *     a cumulative ACK that covers a retransmission says nothing about what lies behind it.
 *   - recovery.c asks for the verdict; tcp_write_xmit() holds retransmissions back meanwhile.
 */
#include "stack/tcp/tcp_send.h"

/* At an RTO, before the state changes. 3.1 step 1: not within another recovery, unless this is one
 * more timeout for the same snd_una. */
void frto_begin(struct tcp_sock *sk)
{
	bool fresh = sk->ca_state < CA_RECOVERY || sk->retransmits > 0;
	sk->frto = sk->stack->sysctl.tcp_frto && fresh ? FRTO_TIMED_OUT : FRTO_OFF;
}

/* Step 2.b needs something new to send, and a window for it. */
static bool can_send_new(const struct tcp_sock *sk)
{
	return tcp_has_unsent(sk) && seq_gt(sk->snd_una + sk->snd_wnd, sk->snd_nxt);
}

/* An ACK during CA_LOSS. */
enum frto_verdict frto_on_ack(struct tcp_sock *sk, const struct ack_sample *s, bool is_dupack)
{
	if (sk->frto == FRTO_OFF)
		return FRTO_REAL;
	if (s->orig_acked) { /* step 3.b */
		sk->frto = FRTO_OFF;
		return FRTO_SPURIOUS;
	}
	if (sk->frto != FRTO_TIMED_OUT) {
		if (s->sacked_bytes > 0 || s->una_advanced || is_dupack)
			sk->frto = FRTO_OFF; /* step 3.a */
	} else if (s->una_advanced && seq_lt(sk->snd_una, sk->high_seq)) {
		sk->high_seq = sk->snd_nxt;
		sk->frto = can_send_new(sk) ? FRTO_SEND_NEW : FRTO_OFF;
		if (sk->frto == FRTO_SEND_NEW)
			return FRTO_WAIT;
	}
	return FRTO_REAL;
}

/* After new data had its chance to leave: without any there is nothing to wait for. */
void frto_sent(struct tcp_sock *sk)
{
	if (sk->frto != FRTO_SEND_NEW || pacing_waits(sk))
		return;
	sk->frto = seq_gt(sk->snd_nxt, sk->high_seq) ? FRTO_SENT_NEW : FRTO_OFF;
	if (sk->frto == FRTO_OFF)
		recovery_xmit(sk);
}
