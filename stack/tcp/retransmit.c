/* SPDX-License-Identifier: MIT */
/*
 * Sending again what has been sent before: one record of the retransmit queue at a time, with its
 * accounts. What is sent again, and when, recovery.c and timers.c decide.
 */
#include <errno.h>

#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

void tcp_count_retrans(struct tcp_sock *sk, struct tx_seg *seg, uint32_t bytes, uint32_t segs)
{
	struct stack *st = sk->stack;
	st->mib.counter[TcpRetransSegs] += segs;
	sk->total_retrans += segs;
	sk->bytes_retrans += bytes;
	if (sk->undo_retrans == UNDO_RETRANS_NONE)
		sk->undo_retrans = 0;
	sk->undo_retrans += segs;
	if (sk->first_retrans_ms == 0)
		sk->first_retrans_ms = stack_now_ms(st);
	if (!seg->retransmitted) {
		seg->retransmitted = true;
		sk->retrans_bytes += tx_seg_len(seg);
	}
	if (seg->retrans < UINT16_MAX)
		seg->retrans++;
	seg->sent_us = st->now_us;
	rate_seg_sent(sk, seg);
}

/* The room the peer's window leaves for seg; its first byte is always sent: as a probe if need be.
 */
static uint32_t retransmit_room(const struct tcp_sock *sk, const struct tx_seg *seg, uint32_t mss)
{
	uint32_t end = tcp_window_end(sk);
	if (seq_gt(end, seg->seq))
		return end - seg->seq;
	return seg->seq == sk->snd_una ? mss : 0;
}

/*
 * Sends seg again, cut to what one TSO segment and the peer's window hold (the rest stays behind it
 * as a record of its own). 0, -EAGAIN (no window), -ENOMEM, or what ip_output() said.
 */
int tcp_retransmit_seg(struct tcp_sock *sk, struct tx_seg *seg, enum trace_cause cause)
{
	if (seg->syn)
		return tcp_retransmit_syn(sk);
	mtu_probe_forget(sk); /* as Linux: its outcome says nothing any more */
	uint32_t mss = tcp_current_mss(sk);
	uint32_t room = min_u32(retransmit_room(sk, seg, mss), tcp_tso_limit(sk, mss));
	uint32_t data = tx_seg_len(seg) - (seg->fin ? 1 : 0);
	if (room == 0)
		return -EAGAIN;
	if (data > room) {
		uint32_t cut = room < mss ? room : whole_segments(data, room, mss);
		if (!tx_seg_split(sk, seg, seg->seq + cut))
			return -ENOMEM;
		data = tx_seg_len(seg);
	}
	seg->mss = (uint16_t)mss;
	uint8_t flags = TCP_ACK | (seg->fin ? TCP_FIN : 0);
	if (seg->psh || data > mss)
		flags |= TCP_PSH;
	trace_retrans(sk, seg, data, cause);
	tcp_count_retrans(sk, seg, data, max_u32((data + mss - 1) / mss, 1));
	sk->last_snd_us = sk->stack->now_us;
	int err = tcp_transmit(sk, seg->seq, data, flags, mss);
	if (err == -EMSGSIZE)
		tcp_resync_mss(sk);
	if (err == -EHOSTUNREACH || err == -ENETUNREACH)
		sk->err_soft = -err;
	if (err)
		snmp_inc(sk->stack, TcpExtTCPRetransFail);
	return err;
}
