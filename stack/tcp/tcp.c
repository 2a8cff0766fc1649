/* SPDX-License-Identifier: MIT */
/*
 * The TCP layer's life and its part in a batch: which sockets have something to send, and which
 * have something to tell their users.
 *
 * Both are lists on which a socket is at most once: the flush list is emptied by tcp_flush() (a
 * socket that asks again meanwhile waits for the next round), the event list by
 * stack_next_event().
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack_impl.h"
#include "stack/tcp/digest.h"

#define LHASH_SIZE 1024
#define BHASH_SIZE 65536
#define FLUSH_ROUNDS 4 /* for sockets that ask again while they are served */

static struct list *new_heads(uint32_t count)
{
	struct list *heads = malloc(count * sizeof(*heads));
	for (uint32_t i = 0; heads && i < count; i++)
		list_init(&heads[i]);
	return heads;
}

int tcp_layer_init(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	list_init(&tcp->all);
	list_init(&tcp->events);
	list_init(&tcp->flush);
	list_init(&tcp->free_blocks_small);
	list_init(&tcp->free_blocks_large);
	list_init(&tcp->free_tx_segs);
	slab_init(&tcp->sock_slab, sizeof(struct tcp_sock), SLAB_CHUNK_BYTES);
	slab_init(&tcp->request_slab, sizeof(struct request_sock), SLAB_CHUNK_BYTES);
	slab_init(&tcp->timewait_slab, sizeof(struct timewait_sock), SLAB_CHUNK_BYTES);
	fastopen_layer_init(st);
	list_init(&tcp->owners);
	tcp->ehash_key = random_key(&st->random);
	tcp->isn_key = random_key(&st->random);
	tcp->port_key = random_key(&st->random);
	tcp->ts_key = random_key(&st->random);
	tcp->cookie_key[0] = random_key(&st->random);
	tcp->cookie_key[1] = random_key(&st->random);
	st->sysctl.tcp_fastopen_key.count = 1;
	for (int i = 0; i < 4; i++)
		st->sysctl.tcp_fastopen_key.word[0][i] = (uint32_t)random_u64(&st->random);
	tcp->ehash_size = TCP_EHASH_MIN;
	tcp->ehash = calloc(tcp->ehash_size, sizeof(*tcp->ehash));
	tcp->lhash_size = LHASH_SIZE;
	tcp->lhash = new_heads(LHASH_SIZE);
	tcp->bhash = new_heads(BHASH_SIZE);
	return tcp->ehash && tcp->lhash && tcp->bhash ? 0 : -ENOMEM;
}

/* Silently: unaccepted children go first, so that their listeners have nobody to reset. */
static void free_sockets(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	list_for_each_safe (child, &tcp->all) {
		struct tcp_sock *sk = container_of(child, struct tcp_sock, all_node);
		if (tcp_parent(sk))
			tcp_sock_free(sk);
	}
	list_for_each (pos, &tcp->all) {
		struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		if (sk->c.state == TCP_LISTEN)
			listen_stop(sk);
	}
	while (!list_empty(&tcp->all))
		tcp_sock_free(container_of(tcp->all.next, struct tcp_sock, all_node));
	for (uint32_t i = 0; i < tcp->ehash_size; i++)
		while (tcp->ehash[i])
			timewait_free(st, (struct timewait_sock *)tcp->ehash[i]);
}

void tcp_layer_trim(struct stack *st)
{
	sndbuf_pool_trim(st);
	slab_trim(&st->tcp.sock_slab);
	slab_trim(&st->tcp.request_slab);
	slab_trim(&st->tcp.timewait_slab);
}

void tcp_layer_destroy(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	if (tcp->ehash)
		free_sockets(st);
	tcp_layer_trim(st);
	fastopen_layer_destroy(st);
	digest_free(tcp->digest);
	free(tcp->ehash);
	free(tcp->lhash);
	free(tcp->bhash);
}

static void flush_socket(struct tcp_sock *sk)
{
	tcp_write_xmit(sk); /* what it sends carries the ACK */
	if (sk->ack_now)
		tcp_send_ack(sk);
	tcp_rcv_queues_settle(sk);
}

void tcp_flush(struct stack *st)
{
	for (int round = 0; round < FLUSH_ROUNDS && !list_empty(&st->tcp.flush); round++) {
		struct list batch;
		list_init(&batch);
		list_splice_tail(&batch, &st->tcp.flush);
		while (!list_empty(&batch)) {
			struct tcp_sock *sk = container_of(batch.next, struct tcp_sock, flush_node);
			list_del(&sk->flush_node);
			flush_socket(sk);
		}
	}
}

void tcp_want_flush(struct tcp_sock *sk)
{
	if (!list_linked(&sk->flush_node))
		list_add_tail(&sk->stack->tcp.flush, &sk->flush_node);
}

/* A child that nobody has accepted yet has nobody to tell: its events wait for tcp_set_user(). */
static void link_event(struct tcp_sock *sk)
{
	if (sk->events && !sk->orphan && !tcp_parent(sk) && !list_linked(&sk->event_node))
		list_add_tail(&sk->stack->tcp.events, &sk->event_node);
}

void tcp_event(struct tcp_sock *sk, unsigned events)
{
	sk->events |= events;
	link_event(sk);
}

void tcp_set_user(struct tcp_sock *sk, void *user)
{
	sk->user = user;
	link_event(sk);
}

bool stack_has_event(const struct stack *st)
{
	return !list_empty(&st->tcp.events);
}

struct tcp_sock *stack_next_event(struct stack *st, unsigned *events)
{
	if (!stack_has_event(st))
		return NULL;
	struct tcp_sock *sk = container_of(st->tcp.events.next, struct tcp_sock, event_node);
	list_del(&sk->event_node);
	*events = sk->events;
	sk->events = 0;
	return sk;
}
