/* SPDX-License-Identifier: MIT */
/*
 * Every socket of every program: found by the kernel's cookie of its descriptor, counted by user,
 * and the list of those that have work to do in this turn of the loop.
 */
#ifndef XTCP_DAEMON_SOCKETS_H
#define XTCP_DAEMON_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/list.h"
#include "stack/base/siphash.h"
#include "stack/base/timer.h"

struct daemon;
struct xsocket;

/* What one user holds. */
struct user_account {
	struct list node;
	uint32_t uid;
	uint32_t sockets;
	uint32_t pending; /* connections that have not sent their request yet */
};

struct sockets {
	struct list *bucket; /* xsocket.hash_node by cookie */
	struct siphash_key key;
	uint32_t count;
	struct list work;      /* xsocket.work_node */
	struct list lingering; /* xsocket.linger_node: close() waits for the FIN's ACK */
	struct list starved;   /* listeners that wait for descriptors */
	struct timer starved_timer;
	struct list users;	  /* user_account.node */
	uint64_t next_id;	  /* of accepted sockets */
	unsigned record_truesize; /* what one unread rpc_accept costs its sender (SIOCOUTQ) */
};

int sockets_init(struct daemon *d);
void sockets_destroy(struct daemon *d); /* resets and closes all that is left */
struct xsocket *sockets_find(struct daemon *d, uint64_t cookie);
void sockets_insert(struct daemon *d, struct xsocket *xs);
/* The account of uid, made if need be; NULL when memory is short. */
struct user_account *sockets_user(struct daemon *d, uint32_t uid);
void sockets_user_put(struct user_account *user); /* frees it once it holds nothing */

#endif
