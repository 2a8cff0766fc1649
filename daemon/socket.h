/* SPDX-License-Identifier: MIT */
/*
 * struct xsocket: one socket of a program, as xtcpd sees it: E (the daemon's end of the program's
 * descriptor F) and the tcp_sock behind it.
 *
 * Theory of operation: an xsocket is made when F attaches (or when a connection is accepted on
 * F's behalf) and lives until its program is gone and what was written has been handed to the
 * stack, or until the connection fails. tcp_user(sk) is the xsocket. Events from either side only
 * set bits in `work` and queue the socket; pump.c does the work, a bounded amount per turn. A
 * socket that has ended has sk == NULL and is freed at the turn's end, so that nobody on the way
 * back up the stack of calls holds a dangling pointer.
 */
#ifndef XTCP_DAEMON_SOCKET_H
#define XTCP_DAEMON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "daemon/loop.h"
#include "rpc/rpc.h"
#include "stack/tcp/tcp.h"

struct daemon;
struct kept_options;
struct lingerer;
struct user_account;

enum xsocket_state {
	XS_ATTACHED,   /* socket(), perhaps bind() */
	XS_CONNECTING, /* padding unread; nothing is pumped */
	XS_CONNECTED,
	XS_LISTENING,
	XS_UNLISTENED, /* shutdown() of a listener */
	XS_DIRECT,     /* its program has the other end of the connection (direct.h) */
};

enum xsocket_work {
	WORK_COLLECT = 1, /* E may have bytes for the stack, or its end */
	WORK_DELIVER = 2, /* the stack may have bytes for E */
	WORK_ACCEPT = 4,  /* connections to push to the program */
};

/* Connections pushed to a listener's program which it has perhaps not taken yet. */
struct accept_queue {
	struct xsocket *listener;
	struct list untaken; /* xsocket.untaken_node, in order */
	unsigned untaken_count;
	int held_fd;		       /* F of the one that could not be pushed yet, -1: none ... */
	struct xsocket *held;	       /* ... its xsocket, NULL if that has ended meanwhile ... */
	struct rpc_accept held_record; /* ... and what says so to the program */
	uint64_t next_id;	       /* of the next record */
	struct list starved_node;      /* waiting for descriptors */
};

/* What each turn looks at comes first; it is three cache lines, and there are many of them. */
struct xsocket {
	struct loop_source source; /* E */
	struct tcp_sock *sk;	   /* NULL: it has ended */
	struct daemon *d;
	struct list work_node;
	uint8_t state;	     /* enum xsocket_state */
	uint8_t work;	     /* enum xsocket_work */
	uint8_t direct_mark; /* the last sweep that saw it */
	bool hungup : 1;     /* F is closed, or shut down both ways */
	bool collected : 1;  /* E is read to its end: the FIN is queued */
	bool eof_sent : 1;   /* the peer's FIN was passed on: E is shut down for writing */
	bool rcv_dead : 1;   /* nobody reads: what comes is acknowledged and dropped */
	bool urgent : 1;     /* F has sent MSG_OOB that is not collected yet */
	bool rx_blocked : 1; /* E is full: waits for EPOLLOUT */
	bool bulk : 1;	     /* the last read filled what it was given */
	bool wide : 1;	 /* ... or more than a block, or is yet to come: the next one may, too */
	bool marks : 1;	 /* the program marks ends of writes: a read is not to cut one */
	bool ending : 1; /* E says that its end is near: behind what is to be read */
	bool torn : 1;	 /* ... and has come, by a close() that left bytes unread */
	bool roomy : 1;	 /* E's send buffer is as large as it may be */
	bool wrote : 1;	 /* the program has sent something, so it has taken the socket */
	bool fast : 1;	 /* MSG_FASTOPEN: F is not writable while connecting */
	bool late_write : 1; /* a write that finds the peer gone counts as sent (RPC_LATE) */
	bool failed : 1;     /* the connection is dead; what was received is still delivered */
	uint16_t ahead;	     /* options in E that were carried out already (inband.h) */
	int error;	     /* ... why it failed */

	uint32_t pad_left; /* padding still in front of the stream */
	uint32_t syn_left; /* and in front of that bytes of the program's, for the SYN */
	uint64_t cookie;   /* of F */
	struct list hash_node;
	struct user_account *user;
	uint32_t uid, gid;
	pid_t pid;	 /* of whoever attached it; of an accepted one its listener's */
	uint32_t direct; /* its pair (direct.h), 0: none */

	struct accept_queue *accept; /* of a listener */
	struct xsocket *listener;    /* of an accepted one: while held or on its untaken list */
	struct list untaken_node;
	uint64_t untaken_until_us; /* a hang-up before this: it was never taken (accept_push.c) */
	struct kept_options *kept; /* while it may be left to the kernel */
	struct lingerer *linger;   /* close() waits for the FIN's ACK */
};

/* --- socket.c: life cycle */

/*
 * The xsocket of descriptor F with this cookie, and E for its end, which it owns from here on (-1:
 * it has none, direct.h). NULL
 * with *err (-ENOBUFS, -ENFILE, -ENOMEM): E is left to the caller. sk NULL: a new one is made.
 */
struct xsocket *xsocket_create(struct daemon *d, int e_fd, uint64_t cookie,
			       const struct ucred *cred, struct tcp_sock *sk, int *err);
void xsocket_want(struct xsocket *xs, unsigned work);
void xsocket_stack_event(struct xsocket *xs, unsigned events);
void xsocket_connect(struct xsocket *xs, const struct rpc_request *req);
/* Before that, while F is at hand: it may become a direct connection, and is told if it will not. */
void xsocket_watch(struct xsocket *xs, const struct rpc_request *req, int f_fd);
/* Ends it with an error the program can ask for (SO_ERROR): E is closed, the error is kept. */
void xsocket_fail(struct xsocket *xs, int error);
/* Ends it for another descriptor, which inherits options and, unless the port is 0, the address in
 * *bound. The error that is still to be told, or 0. */
int xsocket_hand_over(struct xsocket *xs, uint64_t cookie, struct sock_addr *bound);
/* Ends it: the connection is closed, with a RST if `unread` or `reset` say so. */
void xsocket_close(struct xsocket *xs, bool unread);
void xsocket_reset(struct xsocket *xs);
/* An administrator ends a connection: RST, and ECONNABORTED for the program. False: it is none, or one
 * whose bytes do not pass here (direct.h). */
bool xsocket_kill(struct xsocket *xs);
/* What F may hold, by the socket's own TCP_NOTSENT_LOWAT or the sysctl. */
void xsocket_limit_unsent(int f_fd, const struct tcp_sock *sk);
/* Adds to F's word (rpc.h). */
bool xsocket_tell(int f_fd, uint64_t bit);
/* The program is gone and all it wrote is with the stack. `unread`: it left bytes unread. */
void xsocket_hangup(struct xsocket *xs, bool unread);
void xsocket_note_hangup(struct xsocket *xs);
void xsocket_block(struct xsocket *xs); /* E is full: EPOLLOUT resumes */
bool xsocket_widen(struct xsocket *xs); /* E is full: it may hold more now. False: no */
bool fd_hungup(int fd);
int fd_error(int fd); /* SO_ERROR, cleared by reading */

/* --- pump.c: bytes */
void pump_collect(struct xsocket *xs); /* program to stack */
/* ... and the options in what there is no room for: xs may have ended then. */
void pump_catch_up(struct xsocket *xs);
/* What a program said before it was connected, and still waits in E: xs may have ended then. */
void pump_take_records(struct xsocket *xs);
void pump_connecting(struct xsocket *xs); /* what the SYN may take along */
void pump_begin(struct xsocket *xs);	  /* connected: F is writable from here on */
void pump_deliver(struct xsocket *xs);	  /* stack to program */
void pump_padding(struct xsocket *xs);	  /* reads away the padding in front */
/* Written by the program, and left after pump_catch_up(). */
size_t pump_unread_bytes(const struct xsocket *xs);

#endif
