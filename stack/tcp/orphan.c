/* SPDX-License-Identifier: MIT */
/*
 * A connection whose socket was closed, found by its addresses: for a caller that closes as soon as
 * both ways are shut down, while its program still holds a descriptor and may ask what has become of
 * it, or have it cut off. What is left is an orphan, or a timewait_sock (of FIN_WAIT_2 as well).
 */
#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_send.h"

/* The part of it that is still a connection: exactly one of *sk and *tw is set, or neither. */
static void find(struct stack *st, const struct sock_addr *local, const struct sock_addr *remote,
		 struct tcp_sock **sk, struct timewait_sock **tw)
{
	struct sock_common *c = ehash_lookup(st, addr4_of(&local->addr), local->port,
					     addr4_of(&remote->addr), remote->port);
	*sk = NULL;
	*tw = NULL;
	if (c && c->kind == SOCK_KIND_TCP && container_of(c, struct tcp_sock, c)->orphan)
		*sk = container_of(c, struct tcp_sock, c);
	else if (c && c->kind == SOCK_KIND_TIMEWAIT && c->state == TCP_FIN_WAIT2)
		*tw = container_of(c, struct timewait_sock, c);
}

enum tcp_state tcp_orphan_state(struct stack *st, const struct sock_addr *local,
				const struct sock_addr *remote)
{
	struct tcp_sock *sk;
	struct timewait_sock *tw;
	find(st, local, remote, &sk, &tw);
	if (tw)
		return TCP_FIN_WAIT2;
	return sk ? sk->c.state : TCP_CLOSE;
}

bool tcp_orphan_reset(struct stack *st, const struct sock_addr *local,
		      const struct sock_addr *remote)
{
	struct tcp_sock *sk;
	struct timewait_sock *tw;
	find(st, local, remote, &sk, &tw);
	if (sk) {
		tcp_abort(sk);
	} else if (tw) {
		struct tcp_options none = {0};
		tcp_send_bare(st, &tw->c, tw->snd_nxt, tw->rcv_nxt, TCP_RST | TCP_ACK, 0, &none,
			      tw->c.tos, 0);
		timewait_free(st, tw);
	}
	return sk || tw;
}
