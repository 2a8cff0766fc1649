/* SPDX-License-Identifier: MIT */
/*
 * xtcpd: what belongs to one running daemon.
 *
 * Theory of operation: one thread, one loop, one stack. A turn of the loop is: sleep; tell the
 * stack the time; read what the link has; handle the requests of programs; then, until all is
 * quiet, move bytes between the stack and the programs' sockets and flush the stack. Whoever acts
 * on the stack from a handler (control.c, say) simply does so: the flush comes at the turn's end.
 */
#ifndef XTCP_DAEMON_H
#define XTCP_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/alarms.h"
#include "daemon/capture.h"
#include "daemon/config.h"
#include "daemon/direct.h"
#include "daemon/impairment.h"
#include "daemon/link.h"
#include "daemon/loop.h"
#include "daemon/patience.h"
#include "daemon/privilege.h"
#include "daemon/processes.h"
#include "daemon/rpc_server.h"
#include "daemon/sockets.h"
#include "daemon/tombstone.h"
#include "stack/stack.h"

/* What xtcpd itself counts; shown beside the stack's SNMP counters. */
enum daemon_counter {
	XtcpdRpcRequests,      /* answered or carried out */
	XtcpdRpcBad,	       /* wrong size, magic, version, type, descriptor */
	XtcpdRpcInBand,	       /* options found among the bytes */
	XtcpdRpcTimeouts,      /* connections that never sent a whole request */
	XtcpdRpcRefused,       /* over a limit, or not allowed */
	XtcpdRpcUnknownSocket, /* a request about a descriptor that is not ours */
	XtcpdShimRefused,      /* RPC_REFUSED: calls the shim did not support */
	XtcpdShimLeft,	       /* RPC_FELL: sockets that rules left to the kernel */
	XtcpdSocketsOpened,
	XtcpdSocketsClosed,
	XtcpdAcceptsPushed,
	XtcpdAcceptsUntaken, /* reset because the listener died before accept() */
	XtcpdDirect,	     /* connections whose bytes do not pass through xtcpd */
	XtcpdAcceptsHeld,    /* the listener's queue was full or descriptors had run out */
	XtcpdLinkReads,
	XtcpdLinkNoBuffer, /* frames dropped: no pkt to be had */
	XtcpdLinkBadFrame,
	XtcpdLinkWriteErrors,
	XtcpdWakeups,
	XtcpdControlRequests,
	XtcpdControlErrors,
	XtcpdMemoryTrims, /* quiet seconds after which free memory was given back */
	DAEMON_COUNTER_MAX
};
const char *daemon_counter_name(enum daemon_counter c); /* "XtcpdRpcBad" */

struct control; /* control.c's own */

struct daemon {
	struct config config;
	struct loop loop;
	struct patience patience;
	struct stack *stack;
	struct link link;
	struct impairment impairment; /* a bad network between link and stack, when it is on */
	struct direct direct;	      /* connections that bypass the stack: daemon/direct.h */
	struct capture capture;	      /* who watches */
	struct sockets sockets;	      /* every struct xsocket: daemon/socket.h */
	struct tombstones tombstones; /* last errors of sockets that are gone */
	struct tombstones ghosts;     /* addresses of those that ended in order, F perhaps open */
	struct processes processes;   /* what they were denied */
	struct identity identity;     /* who xtcpd becomes */
	gid_t socket_gid;	      /* of both sockets' files */
	struct rpc_server rpc;
	struct control *control; /* set by control_start(), NULL when not running */
	struct loop_source signals;
	uint64_t counter[DAEMON_COUNTER_MAX];
	struct alarms alarms;
	struct timer trim; /* a quiet second: free memory goes back to the system */
	uint64_t trim_mark;
	uint64_t started_us;
	bool busy; /* the last turn stopped at its bound: do not sleep */
	bool stopping;
	bool failed; /* stopping because something broke: exit status 1 */
};

int daemon_start(struct daemon *d); /* 0, or -1 with the reason logged */
void daemon_run(struct daemon *d);  /* until SIGTERM or SIGINT */
void daemon_turn(struct daemon *d); /* one turn; sleeps first unless there is work (busy) */
void daemon_stop(struct daemon *d);

static inline void daemon_count(struct daemon *d, enum daemon_counter c)
{
	d->counter[c]++;
}

#endif
