/* SPDX-License-Identifier: MIT */
/*
 * What the files of the receiving side share with each other and with nobody else.
 */
#ifndef XTCP_TCP_RECEIVE_H
#define XTCP_TCP_RECEIVE_H

#include "stack/stack_impl.h"

#define TCP_QUICK_ACKS_MAX 16
#define TCP_PAWS_24_DAYS_MS (24u * 86400 * 1000)

static inline struct pkt *pkt_of(struct list *node)
{
	return container_of(node, struct pkt, node);
}

/* The sequence number behind p: its FIN counts. */
static inline uint32_t pkt_end(const struct pkt *p)
{
	return p->seq + p->len + (p->fin ? 1 : 0);
}

/* How many segments the peer has sent for this pkt. */
static inline uint32_t pkt_segments(const struct pkt *p)
{
	return p->gso_size && p->len > p->gso_size ? (p->len + p->gso_size - 1) / p->gso_size : 1;
}

/* p begins at seq now; a part of it remains. */
static inline void pkt_cut_front(struct pkt *p, uint32_t seq)
{
	uint32_t old = seq - p->seq;
	pkt_pull(p, old < p->len ? old : p->len); /* only its FIN may be left */
	p->seq = seq;
}

/* p ends before seq now. */
static inline void pkt_cut_back(struct pkt *p, uint32_t seq)
{
	if (!seq_gt(pkt_end(p), seq))
		return;
	pkt_trim(p, seq - p->seq < p->len ? seq - p->seq : p->len);
	p->fin = false;
}

/* --- rcvmem.c */
/* Too much waits in all queues together: from tcp_mem[1] on, until it is no more than tcp_mem[0]. */
bool tcp_memory_pressure(struct stack *st);
/* p joins or leaves a queue, whose sum is *truesize. */
void rcv_account(struct tcp_sock *sk, uint32_t *truesize, const struct pkt *p, bool add);
/* Adds p's bytes behind those of `before` if that is worth the copy; p is then the caller's to
 * free. */
bool rcv_coalesce(struct tcp_sock *sk, struct pkt *before, const struct pkt *p);
/* With `more` bytes of truesize the socket would hold more than it may. */
bool rcv_over_limit(const struct tcp_sock *sk, size_t more);
/* ... and if so packs and prunes, for a segment at seq. False: in vain. */
bool rcv_make_room(struct tcp_sock *sk, uint32_t seq, size_t more);
/* Takes p. */
void rcv_drop_for_memory(struct tcp_sock *sk, struct pkt *p, enum snmp counter);

/* --- oooqueue.c */
/* p lies beyond rcv_nxt. Takes p. */
void ooo_receive(struct tcp_sock *sk, struct pkt *p);
/* Takes out what continues at rcv_nxt; NULL: nothing does. */
struct pkt *ooo_next(struct tcp_sock *sk);
/* rcv_nxt has moved, and ooo_next() gives nothing more. */
void ooo_advanced(struct tcp_sock *sk);
/* RFC 2018 8: what was SACKed may be dropped when memory is short; the farthest first, and nothing
 * for the sake of a segment (at seq) that lies farther still. */
void ooo_prune(struct tcp_sock *sk, uint32_t seq, size_t more);
void ooo_purge(struct tcp_sock *sk);
/* RFC 2883 4: what came twice. Several pieces before one ACK become one if they touch. */
void tcp_dsack(struct tcp_sock *sk, uint32_t start, uint32_t end, enum snmp counter);

/* --- rcvwindow.c */
void tcp_ack_at_flush(struct tcp_sock *sk);
/* In-order data or a FIN has been queued: now or delayed? */
void tcp_ack_decide(struct tcp_sock *sk);
/* What p, the next in order, tells of the peer; before it is queued. */
void tcp_data_arrives(struct tcp_sock *sk, const struct pkt *p, const struct tcp_options *opt);
/* ... of the size of its segments alone, in order or not. */
void tcp_measure_rcv_mss(struct tcp_sock *sk, const struct pkt *p);
/* The program has read: the buffer may grow, and the peer may have to hear of the room. */
void tcp_data_consumed(struct tcp_sock *sk);

#endif
