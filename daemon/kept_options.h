/* SPDX-License-Identifier: MIT */
/*
 * Options a program has set on a socket that may yet be left to the kernel (RPC_FLAG_KEEP): kept in
 * their order, so that the shim can set them there as well, and dropped once the socket is bound or
 * connecting. Bounded in bytes per socket.
 */
#ifndef XTCP_DAEMON_KEPT_OPTIONS_H
#define XTCP_DAEMON_KEPT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_OPTIONS_MAX 4096 /* bytes, struct rpc_option included */
#define KEPT_OPTION_MAX 384   /* of one value, so that each fits a reply */

struct kept_options;

/* An int set again replaces what it was. 0, -ENOBUFS or -ENOMEM. */
int kept_options_put(struct kept_options **kept, int level, int name, const void *value,
		     size_t len);
/* As many as fit into `room` bytes from the at-th on: their bytes; *next: where to go on, 0: none
 * is left. */
size_t kept_options_get(const struct kept_options *kept, unsigned at, uint8_t *to, size_t room,
			unsigned *next);
void kept_options_drop(struct kept_options **kept);

#endif
