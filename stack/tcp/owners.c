/* SPDX-License-Identifier: MIT */
/*
 * What the connections of each user hold in buffers, those whose program has gone included.
 *
 * Beyond three quarters of its limit a user's windows shrink as they do when all memory is short;
 * beyond the limit a connection takes one segment while it has none (that, too, up to a quarter more
 * in all), and no more from the program than one small block, so that what is acknowledged frees the
 * way for more. Others notice nothing: the peer sends again, the program waits.
 */
#include <stdlib.h>

#include "stack/stack_impl.h"

static struct tcp_owner *find(const struct stack *st, uint32_t uid)
{
	list_for_each (pos, &st->tcp.owners) {
		struct tcp_owner *owner = container_of(pos, struct tcp_owner, node);
		if (owner->uid == uid)
			return owner;
	}
	return NULL;
}

bool tcp_owner_join(struct tcp_sock *sk, uint32_t uid)
{
	struct tcp_owner *owner = find(sk->stack, uid);
	if (!owner) {
		owner = calloc(1, sizeof(*owner));
		if (!owner)
			return false;
		owner->uid = uid;
		list_add_head(&sk->stack->tcp.owners, &owner->node);
	}
	owner->socks++;
	sk->owner = owner;
	return true;
}

void tcp_owner_leave(struct tcp_sock *sk)
{
	struct tcp_owner *owner = sk->owner;
	sk->owner = NULL;
	if (!owner || --owner->socks > 0)
		return;
	list_del(&owner->node);
	free(owner);
}

void tcp_owner_charge(struct tcp_sock *sk, size_t bytes)
{
	sk->owner->bytes += bytes;
}

void tcp_owner_uncharge(struct tcp_sock *sk, size_t bytes)
{
	sk->owner->bytes -= bytes;
}

bool tcp_owner_is_pressed(const struct tcp_sock *sk)
{
	size_t limit = sk->stack->tcp.owner_limit_bytes;
	return limit && sk->owner->bytes > limit - limit / 4;
}

bool tcp_owner_is_full(const struct tcp_sock *sk)
{
	size_t limit = sk->stack->tcp.owner_limit_bytes;
	return limit && sk->owner->bytes > limit;
}

bool tcp_owner_may_have_one(const struct tcp_sock *sk)
{
	size_t limit = sk->stack->tcp.owner_limit_bytes;
	return !limit || sk->owner->bytes <= limit + limit / 4;
}

void tcp_limit_owners(struct stack *st, size_t bytes)
{
	st->tcp.owner_limit_bytes = bytes;
}

void tcp_for_each_owner(const struct stack *st,
			void (*fn)(void *arg, const struct tcp_owner_usage *usage), void *arg)
{
	list_for_each (pos, &st->tcp.owners) {
		const struct tcp_owner *owner = container_of(pos, struct tcp_owner, node);
		struct tcp_owner_usage usage = {
		    .uid = owner->uid, .sockets = owner->socks, .bytes = owner->bytes};
		fn(arg, &usage);
	}
}
