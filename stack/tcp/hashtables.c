/* SPDX-License-Identifier: MIT */
/*
 * Who a segment is for.
 *
 * The established hash holds every connection, request_sock and timewait_sock by its four-tuple,
 * under a keyed hash (nobody outside can aim at one chain), and doubles when half as many as it has
 * chains are in it: a lookup that finds nothing then rarely touches a stranger's memory, and a chain
 * is so short that what leaves it is found from its beginning. Listeners are
 * in a hash of their own, by port; the one bound to the address goes before the one bound to any,
 * and among several with SO_REUSEPORT the four-tuple's hash chooses.
 */
#include <stdlib.h>

#include "stack/stack_impl.h"

#define EHASH_MAX (1u << 22)

static uint64_t tuple_hash(const struct stack *st, struct addr4 laddr, uint16_t lport,
			   struct addr4 raddr, uint16_t rport)
{
	uint32_t key[3] = {laddr.v4, raddr.v4, (uint32_t)lport << 16 | rport};
	return siphash(&st->tcp.ehash_key, key, sizeof(key));
}

static struct sock_common **ehash_chain(struct stack *st, uint32_t hash)
{
	return &st->tcp.ehash[hash & (st->tcp.ehash_size - 1)];
}

static void chain_add(struct sock_common **chain, struct sock_common *c)
{
	c->hash_next = *chain;
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
			chain_add(ehash_chain(st, c->hash), c);
		}
	}
	free(old);
}

struct sock_common *ehash_lookup(struct stack *st, struct addr4 laddr, uint16_t lport,
				 struct addr4 raddr, uint16_t rport)
{
	struct sock_common *c =
	    *ehash_chain(st, (uint32_t)tuple_hash(st, laddr, lport, raddr, rport));
	while (c && !(c->lport == lport && c->rport == rport && c->raddr.v4 == raddr.v4 &&
		      c->laddr.v4 == laddr.v4))
		c = c->hash_next;
	return c;
}

void ehash_insert(struct stack *st, struct sock_common *c)
{
	struct tcp_layer *tcp = &st->tcp;
	if (2 * tcp->ehash_count >= tcp->ehash_size && tcp->ehash_size < EHASH_MAX)
		ehash_grow(st);
	c->hash = (uint32_t)tuple_hash(st, c->laddr, c->lport, c->raddr, c->rport);
	chain_add(ehash_chain(st, c->hash), c);
	c->hashed = true;
	tcp->ehash_count++;
}

/* What points to c in its chain. */
static struct sock_common **link_to(struct stack *st, const struct sock_common *c)
{
	struct sock_common **link = ehash_chain(st, c->hash);
	while (*link != c)
		link = &(*link)->hash_next;
	return link;
}

void ehash_remove(struct stack *st, struct sock_common *c)
{
	if (!c->hashed)
		return;
	*link_to(st, c) = c->hash_next;
	c->hash_next = NULL;
	c->hashed = false;
	st->tcp.ehash_count--;
}

void ehash_replace(struct stack *st, struct sock_common *old, struct sock_common *c)
{
	c->hash = old->hash;
	c->hash_next = old->hash_next;
	c->hashed = true;
	*link_to(st, old) = c;
	old->hash_next = NULL;
	old->hashed = false;
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
	if (sk->bound_addr.v4 == 0)
		return 1;
	return sk->bound_addr.v4 == seg->ip.dst.v4 ? 2 : 0;
}

static struct tcp_sock *nth_of_group(struct list *chain, const struct tcp_segment *seg, int score,
				     uint32_t n)
{
	list_for_each (pos, chain) {
		struct tcp_sock *sk = container_of(pos, struct listen_queue, hash_node)->listener;
		if (sk->c.reuseport && listener_score(sk, seg) == score && n-- == 0)
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
		if (score && score == best_score && sk->c.reuseport)
			group++;
	}
	if (!best || !best->c.reuseport || group < 2)
		return best;
	uint64_t h =
	    tuple_hash(st, addr4_of(&seg->ip.dst), seg->dport, addr4_of(&seg->ip.src), seg->sport);
	return nth_of_group(chain, seg, best_score, (uint32_t)((h >> 32) * group >> 32));
}
