/* SPDX-License-Identifier: MIT */
/*
 * struct xsocket: one socket of a program, as xtcpd sees it: E (the daemon's end of the program's
 * descriptor F) and the tcp_sock behind it.
 *
 * Theory of operation: an xsocket is made when F attaches (or when a connection is accepted on
 * F's behalf) and lives until its program is gone and what was written has been handed to the
 * stack, or until the connection fails. tcp_user(sk) is the xsocket. Events from either side only
 * set bits in `work` and queue the socket; pump.c does the work, a bounded amount per turn.
 */
#ifndef XTCP_DAEMON_SOCKET_H
#define XTCP_DAEMON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/loop.h"
#include "stack/tcp/tcp.h"

struct daemon;
struct rpc_request;
struct user_account;

enum xsocket_state {
	XS_ATTACHED,   /* socket(), perhaps bind() */
	XS_CONNECTING, /* padding unread; nothing is pumped */
	XS_CONNECTED,
	XS_LISTENING,
	XS_UNLISTENED, /* shutdown() of a listener */
};

enum xsocket_work {
	WORK_COLLECT = 1, /* E may have bytes for the stack */
	WORK_DELIVER = 2, /* the stack may have bytes for E */
	WORK_ACCEPT = 4,  /* connections to push to the program */
	WORK_HANGUP = 8,  /* the program is gone */
};

struct xsocket {
	struct loop_source source; /* E */
	struct daemon *d;
	struct tcp_sock *sk;
	struct list hash_node, work_node;
	uint64_t cookie; /* of F */
	struct user_account *user;
	uint32_t uid, gid;
	pid_t pid;		/* of whoever attached it, or of the listener's */
	char comm[16];		/* its command name */
	uint8_t state;		/* enum xsocket_state */
	uint8_t work;		/* enum xsocket_work */
	bool hungup : 1;	/* F is closed, or shut down both ways */
	bool collected : 1;	/* E is read to its end: FIN is queued */
	bool eof_sent : 1;	/* the peer's FIN was passed on: E is shut down for writing */
	bool rcv_dead : 1;	/* nobody reads: what comes is dropped */
	bool urgent : 1;	/* F has sent MSG_OOB that is not collected yet */
	bool tx_blocked : 1;	/* waits for TCP_EVENT_WRITABLE */
	bool rx_blocked : 1;	/* waits for EPOLLOUT */
	bool wrote : 1;		/* the program has sent something: it has taken the socket */
	bool died_unread : 1;	/* E says that F was closed with bytes unread */
	bool orphan_record : 1; /* its listener died with its record perhaps unread */
	uint32_t pad_left;	/* padding in front of the stream */

	/* a listener */
	struct list untaken; /* children pushed, perhaps not accept()ed yet: untaken_node */
	uint32_t untaken_count;
	uint64_t next_record;
	struct tcp_sock *held_sk; /* popped, waiting to be pushed */
	struct xsocket *held;	  /* the same with its sockets made */
	int held_fd;		  /* its F */
	struct list starved_node;

	/* an accepted child */
	struct list untaken_node;
	struct xsocket *listener; /* while on its untaken list */

	/* close() with SO_LINGER */
	struct list linger_node;
	int linger_fd; /* the connection to answer, -1: none */
	struct timer linger_timer;
};

/* --- socket.c: life cycle */
/* F's own connection: takes fd (E) whether it succeeds or not. NULL: refused, logged, E closed. */
struct xsocket *xsocket_attach(struct daemon *d, int fd, uint64_t cookie,
			       const struct xsocket *like);
void xsocket_want(struct xsocket *xs, unsigned work);
/* Ends it with an error the program can ask for (SO_ERROR): E is closed, the error is kept. */
void xsocket_fail(struct xsocket *xs, int err);
/* Ends it in order; sk is closed or, with `reset`, reset. */
void xsocket_close(struct xsocket *xs, bool reset);
void xsocket_stack_event(struct xsocket *xs, unsigned events);
void xsocket_connect(struct xsocket *xs, const struct rpc_request *req);

/* --- pump.c */
void xsocket_collect(struct xsocket *xs); /* program to stack */
bool pump_run(struct daemon *d);	  /* all the work there is; false: there was none */

#endif
