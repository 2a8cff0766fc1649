/* SPDX-License-Identifier: MIT */
/*
 * What a program says of its writes: where one ends (RFC 9293 3.9.1.2: PSH), that more will follow
 * (MSG_MORE), that a record ends (MSG_EOR).
 *
 * Theory of operation
 *   - PSH is set where the last write ends, and now and then in a long one, so that a peer that
 *     waits for a push goes on. A write with MSG_MORE does not push.
 *   - After MSG_MORE the segment that is not full waits, as under TCP_CORK, for the next write or
 *     for the next segment from the peer, whichever comes first; if nothing is in flight, for 200 ms
 *     (the persist timer).
 *   - No segment goes beyond the end of a record. The ends of those not sent yet are kept, a few: a
 *     program that ends more waits until some are sent.
 */
#include <stdlib.h>

#include "stack/tcp/tcp_send.h"

/* Where memory is short or the marks are used up, two records may share a segment: what a reader of
 * a stream must expect anyway. */
static void record_ends_here(struct tcp_sock *sk)
{
	if (!sk->eor)
		sk->eor = calloc(1, sizeof(*sk->eor));
	if (sk->eor && sk->eor->count < TCP_EOR_MAX)
		sk->eor->end[sk->eor->count++] = sk->write_seq;
}

bool write_marks_full(const struct tcp_sock *sk)
{
	return sk->eor && sk->eor->count == TCP_EOR_MAX;
}

void write_marks_forget(struct tcp_sock *sk)
{
	free(sk->eor);
	sk->eor = NULL;
}

void tcp_send_flags(struct tcp_sock *sk, unsigned flags)
{
	sk->more = flags & TCP_SEND_MORE;
	sk->more_holds = sk->more;
	if (flags & TCP_SEND_EOR && tcp_unsent_bytes(sk) > 0)
		record_ends_here(sk);
}

void write_marks_committed(struct tcp_sock *sk)
{
	sk->more = sk->more_holds = sk->nagle_push = false;
}

/* Of the unsent bytes those up to the end of their record. */
uint32_t write_marks_sendable(const struct tcp_sock *sk)
{
	uint32_t unsent = tcp_unsent_bytes(sk);
	return sk->eor ? min_u32(unsent, sk->eor->end[0] - sk->snd_nxt) : unsent;
}

bool write_marks_push(struct tcp_sock *sk, uint32_t end)
{
	bool write_ends = end == sk->write_seq && !sk->more;
	bool record_ends = sk->eor && end == sk->eor->end[0];
	if (!write_ends && !record_ends && seq_leq(end, sk->pushed_seq + sk->max_window / 2))
		return false;
	sk->pushed_seq = end;
	return true;
}

void write_marks_sent(struct tcp_sock *sk)
{
	struct eor_marks *m = sk->eor;
	uint32_t sent = 0;
	while (m && sent < m->count && seq_leq(m->end[sent], sk->snd_nxt))
		sent++;
	if (sent == 0)
		return;
	m->count -= sent;
	if (m->count == 0)
		write_marks_forget(sk);
	else
		memmove(m->end, m->end + sent, m->count * sizeof(m->end[0]));
}
