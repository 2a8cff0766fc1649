/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a socket whose end xtcpd has closed, by the kernel's cookie of the
 * program's descriptor: its last error until the program asks (SO_ERROR), its addresses, and either
 * the tcp_sock itself, unconnected and unbound, for its options, or a copy of them and of its
 * TCP_INFO, of which a tcp_sock is made again for who asks. Forgotten
 * when it is the oldest of TOMBSTONES_MAX. A fixed table: hash chains by index, and a list in order
 * of age.
 */
#ifndef XTCP_DAEMON_TOMBSTONE_H
#define XTCP_DAEMON_TOMBSTONE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "stack/base/list.h"
#include "stack/tcp/tcp.h"

#define TOMBSTONES_MAX 8192

struct tombstone {
	struct list age;  /* oldest first; or the free list */
	struct list hash; /* its bucket */
	uint64_t cookie;
	bool refused;	 /* it never was one: over a limit; error is why */
	bool unlistened; /* a listener that was shut down */
	int32_t error;	 /* positive errno; 0 once it has been read */
	struct sockaddr_in local, remote;
	bool late_write;	/* the next write counts as sent (RPC_LATE) */
	struct tcp_sock *sk;	/* the table's own; NULL: there is none */
	struct sock_addr bound; /* where the program had bound it; port 0: it had not */
	bool ended;		/* of a connection that is perhaps still being closed: */
	struct tcp_info info;
	struct tcp_saved_options saved;
};

struct tombstones {
	struct tombstone *entry;
	struct list *bucket;
	struct list age, free;
	unsigned max;
};

int tombstones_init(struct tombstones *t, unsigned max); /* max a power of two. 0 or -ENOMEM */
void tombstones_destroy(struct tombstones *t);
/* A new one for cookie (replacing an older of the same); never fails. */
struct tombstone *tombstone_put(struct tombstones *t, uint64_t cookie);
struct tombstone *tombstone_find(struct tombstones *t, uint64_t cookie);
void tombstone_drop(struct tombstones *t, struct tombstone *stone);

#endif
