/* SPDX-License-Identifier: MIT */
/* Records of the wire (rpc/rpc.h) as they arrive: read, with their descriptors, and checked. */
#ifndef XTCP_DAEMON_RPC_RECORD_H
#define XTCP_DAEMON_RPC_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rpc/rpc.h"

struct rpc_received {
	ssize_t len;	 /* as recvmsg() returned it; errno as it left it */
	int fds;	 /* how many descriptors came along */
	int fd;		 /* the first, -1: none. The others are closed already */
	uint64_t cookie; /* the kernel's, of fd; 0: it is no AF_UNIX stream socket */
	uint64_t second; /* the same of the second descriptor */
};

void rpc_receive(int from, struct rpc_request *req, struct rpc_received *got);
void rpc_received_close(struct rpc_received *got);
/* Size, magic, version, type and everything else that can be told from the record alone. */
/* Of another version of this protocol; not valid, then. */
bool rpc_request_foreign(const struct rpc_request *req, ssize_t len);
bool rpc_request_valid(const struct rpc_request *req, ssize_t len);
uint64_t socket_cookie(int fd);	    /* 0 if it is no AF_UNIX stream socket */
uint64_t own_socket_cookie(int fd); /* of one that was made here */
/* The peer of E is the socket F itself: their one abstract name says so. */
bool rpc_same_socket(int e_fd, int f_fd);

#endif
