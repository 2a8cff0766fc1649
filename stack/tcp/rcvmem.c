/* SPDX-License-Identifier: MIT */
/*
 * Memory of received bytes: what waits is accounted for, packed, and bounded.
 *
 * Theory of operation
 *   - A small segment's bytes go into the free room behind those that precede it, so that many of
 *     them do not hold many buffers. A large buffer with little in it is replaced by a small one
 *     when it has to wait: at the flush if nobody is about to read it, or under pressure. Memory
 *     held so stays near bytes held.
 *   - The limit is rcvbuf_bytes of truesize and one batch of frames. Beyond it the out-of-order
 *     queue is pruned from its end (what was SACKed may be reneged on: RFC 2018 8); only then is
 *     data in order dropped.
 *   - All sockets share one pool of buffers. Once half of it waits in queues nobody may hold more
 *     than a share of it; once three quarters do, only who holds nothing may queue, and only what
 *     is in order. So a program that never reads and a peer that leaves holes hurt themselves, and
 *     the frames of others always find a buffer.
 */
#include "stack/tcp/tcp_receive.h"

#define COALESCE_MAX_BYTES 2048
#define TRUESIZE_SLACK (2 * PKT_LARGE_BYTES) /* one batch may always be queued */
#define FAIR_SHARES 16

void rcv_account(struct tcp_sock *sk, uint32_t *truesize, const struct pkt *p, bool add)
{
	uint32_t size = (uint32_t)pkt_truesize(p);
	*truesize = add ? *truesize + size : *truesize - size;
	sk->stack->tcp.rcvbuf_bytes += add ? size : -(size_t)size;
	if (add)
		tcp_owner_charge(sk, size);
	else
		tcp_owner_uncharge(sk, size);
}

/* --- packing */

bool rcv_coalesce(struct tcp_sock *sk, struct pkt *before, const struct pkt *p)
{
	size_t used = (size_t)(before->data - before->buf) + before->len;
	if (p->len > COALESCE_MAX_BYTES || before->cap - used < p->len)
		return false;
	memcpy(before->data + before->len, p->data, p->len);
	before->len += p->len;
	before->psh |= p->psh;
	before->fin = p->fin;
	snmp_inc(sk->stack, TcpExtTCPRcvCoalesce);
	return true;
}

/* A buffer of fitting size for p, which is on no list. The last of a queue keeps room for what
 * follows it, if that is likely to be small as well. */
static struct pkt *fitting(struct pkt *p, bool last)
{
	if (!last || p->len > PKT_SMALL_BYTES / 2)
		return pkt_compact(p);
	if (p->cap <= PKT_SMALL_BYTES)
		return p;
	struct pkt *small = pkt_alloc(p->pool, PKT_SMALL_BYTES);
	if (!small)
		return p;
	memcpy(small->data, p->data, p->len);
	small->len = p->len;
	small->seq = p->seq;
	small->gso_size = p->gso_size;
	small->fin = p->fin;
	small->psh = p->psh;
	small->ecn = p->ecn;
	pkt_free(p);
	return small;
}

/* From the queue's end, where the new ones are, to the first pkt that is no looser than it may be.
 */
static void compact_queue(struct tcp_sock *sk, struct list *queue, uint32_t *truesize)
{
	for (struct list *pos = queue->prev; pos != queue;) {
		struct list *after = pos->next;
		struct pkt *p = pkt_of(pos), *tight;
		bool last = after == queue;
		rcv_account(sk, truesize, p, false);
		list_del(&p->node);
		tight = fitting(p, last);
		list_insert_before(after, &tight->node);
		rcv_account(sk, truesize, tight, true);
		if (tight == p && !last)
			return;
		pos = tight->node.prev;
	}
}

void tcp_recv_compact(struct tcp_sock *sk)
{
	compact_queue(sk, &sk->rcv_queue, &sk->rcvq_truesize);
}

static void ooo_compact(struct tcp_sock *sk)
{
	if (sk->ooo)
		compact_queue(sk, &sk->ooo->segs, &sk->ooo->truesize);
}

void tcp_rcv_queues_settle(struct tcp_sock *sk)
{
	ooo_compact(sk);
	if (tcp_parent(sk)) /* until tcp_accept() nobody reads */
		tcp_recv_compact(sk);
}

/* --- limits */

bool tcp_memory_pressure(struct stack *st)
{
	const uint32_t *mem = st->sysctl.tcp_mem;
	size_t pages = st->tcp.rcvbuf_bytes / STACK_PAGE_BYTES;
	if (!st->tcp.memory_pressed && pages > mem[1]) {
		st->tcp.memory_pressed = true;
		snmp_inc(st, TcpExtTCPMemoryPressures);
	} else if (st->tcp.memory_pressed && pages <= mem[0]) {
		st->tcp.memory_pressed = false;
	}
	return st->tcp.memory_pressed;
}

/* What the socket may hold, given what all of them hold. */
static size_t truesize_limit(const struct tcp_sock *sk)
{
	size_t limit = (size_t)sk->rcvbuf_bytes + TRUESIZE_SLACK;
	size_t all = sk->stack->tcp.rcvbuf_bytes, pool = sk->stack->pkts.limit_bytes;
	if (all > pool - pool / 4 || tcp_owner_is_full(sk))
		return 0;
	if (tcp_memory_pressure(sk->stack) && limit > pool / FAIR_SHARES)
		limit = pool / FAIR_SHARES;
	return limit;
}

bool rcv_over_limit(const struct tcp_sock *sk, size_t more)
{
	return (size_t)sk->rcvq_truesize + ooo_truesize(sk) + more > truesize_limit(sk);
}

bool rcv_make_room(struct tcp_sock *sk, uint32_t seq, size_t more)
{
	if (!rcv_over_limit(sk, more))
		return true;
	snmp_inc(sk->stack, TcpExtPruneCalled);
	ooo_compact(sk);
	tcp_recv_compact(sk);
	if (rcv_over_limit(sk, more))
		ooo_prune(sk, seq, more);
	if (!rcv_over_limit(sk, more))
		return true;
	snmp_inc(sk->stack, TcpExtRcvPruned);
	return false;
}

void rcv_drop_for_memory(struct tcp_sock *sk, struct pkt *p, enum snmp counter)
{
	snmp_inc(sk->stack, counter);
	stack_drop(sk->stack, p, DROP_TCP_RCVQ_FULL);
	tcp_ack_at_flush(sk);
}
