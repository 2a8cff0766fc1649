/* SPDX-License-Identifier: MIT */
/*
 * What the files of the receiving side share with each other and with nobody else.
 */
#ifndef XTCP_TCP_RECEIVE_H
#define XTCP_TCP_RECEIVE_H

#include "stack/stack_impl.h"

#define TCP_QUICK_ACKS_MAX 16
#define TCP_PAWS_24_DAYS_US (24ull * 86400 * 1000000)

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

/* Too much waits in all queues together: from tcp_mem[1] on, until it is no more than tcp_mem[0]. */
bool tcp_memory_pressure(struct stack *st);

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
