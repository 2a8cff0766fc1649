/* SPDX-License-Identifier: MIT */
/*
 * The stack's link: what brings frames and takes them away.
 *
 * Theory of operation: a kind of link is a table of functions (struct link_ops): tap.c is a TAP
 * device, dgram.c a Unix datagram socket. Frames are read in batches into the stack's pkts; a small
 * frame is copied out of the large buffer it was read into, a large one keeps it. Which kind it is,
 * the configuration says ([Link] Backend=); beyond this file nobody asks.
 */
#ifndef XTCP_DAEMON_LINK_H
#define XTCP_DAEMON_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/loop.h"
#include "stack/base/list.h"
#include "stack/stack.h"

#define LINK_BATCH 64 /* frames read per turn of the loop */

struct config;
struct daemon;
struct link;

struct link_ops {
	/* Opens and configures it. 0, or -1 with the reason, and what to do, logged. */
	int (*open)(struct link *link, const struct config *config);
	loop_fn *ready;
	/* stack_ops.transmit */
	bool (*transmit)(struct daemon *d, const struct frame_out *f);
	void (*close)(struct link *link);
};

struct link {
	const struct link_ops *ops;
	struct loop_source source;
	char name[IFNAMSIZ];
	bool tx_offload;       /* large segments and checksums are left to the link */
	bool rx_offload;       /* ... and come from it */
	struct pkt *standby;   /* the large buffer the next frame is read into */
	const char *peer_path; /* dgram.c: where frames go; the configuration's */
	struct list waiting;   /* dgram.c: frames the other side had no room for */
	unsigned waiting_count;
};

extern const struct link_ops tap_ops, dgram_ops;

/* Opens the link that the configuration names. 0, or -1 with the reason logged. */
int link_open(struct link *link, const struct config *config);
int link_start(struct daemon *d); /* puts it into the loop */
void link_close(struct daemon *d);
/* stack_ops.transmit; ctx: the daemon. False: the frame is lost, and counted. */
bool link_transmit(void *ctx, const struct frame_out *f);
bool link_write(struct daemon *d, const struct frame_out *f); /* past any impairment */

/* --- for those who implement one */

/* The buffer to read the next frame into; NULL: no memory within the pool's limit. */
struct pkt *link_standby(struct daemon *d);
/* The frame of `len` bytes that is in the standby buffer now, from `at` (up to PKT_LINK_BYTES) on;
 * NULL: no memory (counted). */
struct pkt *link_take(struct daemon *d, size_t at, size_t len);
/* A frame for the stack, csum_valid and gso_size set. */
void link_input(struct daemon *d, struct pkt *frame);
void link_deliver(struct daemon *d, struct pkt *frame); /* the same, past any impairment */
/* It cannot go on: xtcpd ends. */
void link_lost(struct daemon *d, int err);

#endif
