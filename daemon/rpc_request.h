/* SPDX-License-Identifier: MIT */
/* Carrying out the requests of programs. */
#ifndef XTCP_DAEMON_RPC_REQUEST_H
#define XTCP_DAEMON_RPC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rpc/rpc.h"

struct daemon;

struct rpc_call {
	struct daemon *d;
	const struct rpc_request *req;
	int fd;	  /* the connection it came by */
	int f_fd; /* the descriptor that came with it; -1 once somebody has taken it */
	uint64_t cookie, second; /* of f_fd, and of RPC_DISCONNECT's other descriptor */
	struct ucred cred;
};

/* True: the connection (fd) has been taken; false: it has served its purpose. */
bool rpc_request_run(struct rpc_call *call);

#endif
