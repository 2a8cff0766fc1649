/* SPDX-License-Identifier: MIT */
/*
 * Who a segment is for.
 *
 * The established hash holds every connection, request_sock and timewait_sock by its four-tuple,
 * under a keyed hash (nobody outside can aim at one chain), and doubles when half as many as it has
 * chains are in it: a lookup that finds nothing then rarely touches a stranger's memory. Listeners are
 * in a hash of their own, by port; the one bound to the address goes before the one bound to any,
 * and among several with SO_REUSEPORT the four-tuple's hash chooses.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack_impl.h"

#define EHASH_MAX (1u << 22)

static uint64_t tuple_hash(struct stack *st, const struct ip_addr *laddr, uint16_t lport,
			   const struct ip_addr *raddr, uint16_t rport)
{
	struct {
		struct ip_addr laddr, raddr;
		uint32_t ports;
	} key;
	uint32_t ports = (uint32_t)lport << 16 | rport;
	if (laddr->family == ADDR_IPV4) {
		uint32_t key4[3] = {laddr->v4, raddr->v4, ports};
		return siphash(&st->tcp.ehash_key, key4, sizeof(key4));
	}
	memset(&key, 0, sizeof(key));
	key.laddr = *laddr;
	key.raddr = *raddr;
	key.ports = ports;
	return siphash(&st->tcp.ehash_key, &key, sizeof(key));
}

static struct sock_common **ehash_chain(struct stack *st, const struct sock_common *c)
{
	uint64_t h = tuple_hash(st, &c->laddr, c->lport, &c->raddr, c->rport);
	return &st->tcp.ehash[h & (st->tcp.ehash_size - 1)];
}

static void chain_add(struct sock_common **chain, struct sock_common *c)
{
	c->hash_next = *chain;
	c->hash_pprev = chain;
	if (*chain)
		(*chain)->hash_pprev = &c->hash_next;
	*chain = c;
}

/* Twice the chains; without memory for them the table stays as it is, only slower. */
static void ehash_grow(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	uint32_t old_size = tcp->ehash_size;
	struct sock_common **old = tcp->ehash;
	struct sock_common **bigger = calloc(2 * (size_t)old_size, sizeof(*bigger));
	if (!bigger)
		return;
	tcp->ehash = bigger;
	tcp->ehash_size = 2 * old_size;
	for (uint32_t i = 0; i < old_size; i++) {
		struct sock_common *next;
		for (struct sock_common *c = old[i]; c; c = next) {
			next = c->hash_next;
			chain_add(ehash_chain(st, c), c);
		}
	}
	free(old);
}

struct sock_common *ehash_lookup(struct stack *st, const struct ip_addr *laddr, uint16_t lport,
				 const struct ip_addr *raddr, uint16_t rport)
{
	uint64_t h = tuple_hash(st, laddr, lport, raddr, rport);
	struct sock_common *c = st->tcp.ehash[h & (st->tcp.ehash_size - 1)];
	while (c && !(c->lport == lport && c->rport == rport && ip_addr_equal(&c->raddr, raddr) &&
		      ip_addr_equal(&c->laddr, laddr)))
		c = c->hash_next;
	return c;
}

int ehash_insert(struct stack *st, struct sock_common *c)
{
	struct tcp_layer *tcp = &st->tcp;
	if (c->hash_pprev)
		return -EINVAL;
	if (2 * tcp->ehash_count >= tcp->ehash_size && tcp->ehash_size < EHASH_MAX)
		ehash_grow(st);
	chain_add(ehash_chain(st, c), c);
	tcp->ehash_count++;
	return 0;
}

void ehash_remove(struct stack *st, struct sock_common *c)
{
	if (!c->hash_pprev)
		return;
	*c->hash_pprev = c->hash_next;
	if (c->hash_next)
		c->hash_next->hash_pprev = c->hash_pprev;
	c->hash_next = NULL;
	c->hash_pprev = NULL;
	st->tcp.ehash_count--;
}

/* --- listeners ------------------------------------------------------------------------------- */

static struct list *listener_chain(struct stack *st, uint16_t port)
{
	return &st->tcp.lhash[port & (st->tcp.lhash_size - 1)];
}

void listener_hash(struct tcp_sock *sk)
{
	list_add_tail(listener_chain(sk->stack, sk->c.lport), &sk->lq->hash_node);
	sk->stack->tcp.listeners++;
}

void listener_unhash(struct tcp_sock *sk)
{
	if (!list_linked(&sk->lq->hash_node))
		return;
	list_del(&sk->lq->hash_node);
	sk->stack->tcp.listeners--;
}

/* 2: bound to this very address, 1: to any, 0: not this one. */
static int listener_score(const struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (sk->c.lport != seg->dport)
		return 0;
	if (ip_addr_is_any(&sk->bound_addr))
		return 1;
	return ip_addr_equal(&sk->bound_addr, &seg->ip.dst) ? 2 : 0;
}

static struct tcp_sock *nth_of_group(struct list *chain, const struct tcp_segment *seg, int score,
				     uint32_t n)
{
	list_for_each (pos, chain) {
		struct tcp_sock *sk = container_of(pos, struct listen_queue, hash_node)->listener;
		if (sk->reuseport && listener_score(sk, seg) == score && n-- == 0)
			return sk;
	}
	return NULL;
}

struct tcp_sock *listener_lookup(struct stack *st, const struct tcp_segment *seg)
{
	struct list *chain = listener_chain(st, seg->dport);
	struct tcp_sock *best = NULL;
	int best_score = 0;
	uint32_t group = 0; /* of best_score with SO_REUSEPORT */
	list_for_each (pos, chain) {
		struct tcp_sock *sk = container_of(pos, struct listen_queue, hash_node)->listener;
		int score = listener_score(sk, seg);
		if (score > best_score) {
			best = sk;
			best_score = score;
			group = 0;
		}
		if (score && score == best_score && sk->reuseport)
			group++;
	}
	if (!best || !best->reuseport || group < 2)
		return best;
	uint64_t h = tuple_hash(st, &seg->ip.dst, seg->dport, &seg->ip.src, seg->sport);
	return nth_of_group(chain, seg, best_score, (uint32_t)((h >> 32) * group >> 32));
}
