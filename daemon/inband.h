/* SPDX-License-Identifier: MIT */
/*
 * Options that programs send among their bytes (rpc/inband.h): found in what was read from E, and
 * looked for in what cannot be read yet.
 *
 * An option behind bytes for which there is no room is carried out ahead of its turn, as on Linux
 * setsockopt() does not wait for the send buffer either: at once if few bytes are in front of it,
 * else when the program asks something. So it is with one behind the padding of a connection that is
 * being made. xsocket.ahead says how many of those in E that are.
 */
#ifndef XTCP_DAEMON_INBAND_H
#define XTCP_DAEMON_INBAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "rpc/inband.h"

struct xsocket;

/* How many descriptors came along. They are closed. */
unsigned inband_descriptors(struct msghdr *msg);
/*
 * A read of E that one descriptor came with has given `got` bytes of the `asked` in iov: how many of
 * the last of them are an option, and no data; 0: none. One that the read has cut in two is read
 * to its end.
 */
size_t inband_find(const struct xsocket *xs, const struct iovec *iov, size_t got, size_t asked,
		   struct rpc_inband *rec);
/* Its turn has come. */
void inband_reached(struct xsocket *xs, const struct rpc_inband *rec);
/* Carries out what is in the next `limit` unread bytes of E, behind those that are no stream yet. */
void inband_look_ahead(struct xsocket *xs, size_t limit);
/* Before there is a connection: carries out the one that E begins with. False: it is none. */
bool inband_take(struct xsocket *xs);

#endif
