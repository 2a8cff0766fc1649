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
#include "stack/base/slab.h"
#include "stack/base/timer.h"

struct daemon;
struct xsocket;

/* What one user holds. */
struct user_account {
	struct list node;
	uint32_t uid;
	uint32_t sockets;
	uint32_t listeners;
	uint64_t refused; /* for being over a limit */
	uint32_t pending; /* connections that have not sent their request yet */
};

struct sockets {
	struct slab slab;    /* struct xsocket */
	struct list *bucket; /* xsocket.hash_node by cookie */
	uint32_t count;
	struct list work;    /* xsocket.work_node: something to do in this turn */
	struct list ended;   /* xsocket.hash_node: to be freed at the turn's end */
	struct list lingers; /* struct lingerer.node */
	struct list starved; /* accept_queue.starved_node: wait for descriptors */
	struct timer starved_timer;
	struct list users;	  /* user_account.node */
	int spare[2];		  /* a pair for the next accepted connection, -1: none */
	uint64_t next_id;	  /* of accepted sockets; the first is random, 0: none yet */
	unsigned record_truesize; /* what one unread rpc_accept costs its sender (SIOCOUTQ) */
};

int sockets_init(struct daemon *d);	  /* 0 or -errno */
void sockets_reset_all(struct daemon *d); /* the daemon ends: RST to every peer */
void sockets_destroy(struct daemon *d);
void sockets_reap(struct daemon *d); /* frees those that have ended */
/*
 * A program that closes a socket and binds its port again at once may be heard before the hang-up
 * is: ends the sockets on the port whose programs are gone. True if there was one.
 */
bool sockets_free_port(struct daemon *d, uint16_t port);
struct xsocket *sockets_find(struct daemon *d, uint64_t cookie);
void sockets_insert(struct daemon *d, struct xsocket *xs);
void sockets_remove(struct daemon *d, struct xsocket *xs); /* to the list of the ended */
/* node (accept_queue.starved_node) waits until descriptors are to be had again. */
void sockets_starved(struct daemon *d, struct list *node);
/* The account of uid, made if need be; NULL when memory is short. */
struct user_account *sockets_user(struct daemon *d, uint32_t uid);
const struct user_account *sockets_find_user(const struct daemon *d, uint32_t uid); /* or NULL */
void sockets_user_put(struct user_account *user); /* frees it once it holds nothing; NULL allowed */

#endif
