/* SPDX-License-Identifier: MIT */
/* Which AF_UNIX sockets of this network namespace exist, as the kernel lists them (sock_diag(7)). */
#ifndef XTCP_DAEMON_UNIX_DIAG_H
#define XTCP_DAEMON_UNIX_DIAG_H

#include <stdint.h>

/* Calls found with the SO_COOKIE of each stream socket. 0, or -errno if the list is not whole. */
int unix_diag_list(void (*found)(void *ctx, uint64_t cookie), void *ctx);

/* The namespace's own cookie, of the socket's; 0 where the kernel does not tell. */
uint64_t unix_netns_cookie(int fd);

#endif
