/* SPDX-License-Identifier: MIT */
/*
 * Where programs knock: the listening path and its abstract twin.
 *
 * Theory of operation: every connection carries one request with one descriptor (rpc/rpc.h).
 * Connections wait on one list in the order in which they were made, and that is the order in
 * which they are read, so that the ATTACH, SETSOCKOPT and BIND of one thread stay in order. A
 * connection that has not sent its request within RPC_TIMEOUT_US is closed; so is one that says
 * anything the protocol does not know. Per user and in all, the number that waits is bounded.
 */
#ifndef XTCP_DAEMON_RPC_SERVER_H
#define XTCP_DAEMON_RPC_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/log.h"
#include "daemon/loop.h"

#define RPC_TIMEOUT_US 5000000
#define RPC_PENDING_MAX 4096
#define RPC_PENDING_PER_USER 1024

struct daemon;

struct rpc_server {
	struct loop_source path, abstract;
	struct loop_source waiting; /* an epoll instance of the connections that wait */
	struct list pending;	    /* in order of arrival */
	struct list spare;	    /* connections' structs, kept for the next */
	unsigned pending_count, waiting_count;
	struct timer timeout;	   /* of the oldest */
	struct timer accept_timer; /* listening again after descriptors ran out */
	struct log_limit paused, foreign;
	bool ready; /* something to accept or to read */
};

int rpc_server_start(struct daemon *d); /* 0, or -1 with the reason logged */
void rpc_server_stop(struct daemon *d);
/* Accepts and handles what is there, in order. */
void rpc_server_run(struct daemon *d);

#endif
