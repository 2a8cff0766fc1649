/* SPDX-License-Identifier: MIT */
/*
 * close() with SO_LINGER and a time: the shim's close() waits for the answer to RPC_LINGER, which
 * comes when the FIN is acknowledged, when the connection ends otherwise, or when the time is over.
 */
#ifndef XTCP_DAEMON_LINGER_H
#define XTCP_DAEMON_LINGER_H

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct xsocket;

/* Takes both descriptors: Q, to be answered, and our copy of F, which keeps the socket open until
 * the shim has closed its own and half-closed Q. 0 or -errno (then both are the caller's). */
int linger_start(struct xsocket *xs, int q_fd, int f_fd, uint32_t seconds);
/* The program is gone and the FIN is queued: true if somebody waits, and the socket must stay. */
bool linger_waits(struct xsocket *xs);
void linger_end(struct xsocket *xs); /* answers and forgets; nothing to do is fine */
void linger_run(struct daemon *d);   /* at the turn's end: whose FIN is acknowledged? */

#endif
