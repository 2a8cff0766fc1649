/* SPDX-License-Identifier: MIT */
/*
 * Connections whose two ends live on this stack: their bytes do not pass through xtcpd.
 *
 * Theory of operation
 *   - A program that connects to one of the stack's own addresses has F; xtcpd has E. The handshake
 *     is TCP's, with its SYN queue, backlog and errors. When the connection is pushed to the program
 *     that accepts it, what is pushed is E itself: from then on one program's writes are the
 *     other's reads, and the kernel's AF_UNIX is all there is between them.
 *   - xtcpd holds neither end then, but learns of their ends: it registered F with an epoll
 *     instance when it was handed F to connect, and E before it gave E away. A registration lives
 *     as long as somebody holds the file, and says HUP when the other file is gone.
 *   - Both tcp_socks stay, and follow: a shutdown() becomes a FIN, the last close() a close, so that
 *     ports, TIME_WAIT, `ss` and every option go on as for any connection. They carry no bytes.
 *   - The shim knows E for ours by its peer's name; what that name cannot tell it asks xtcpd.
 *   - If both files are gone before xtcpd has looked, so are their registrations. A sweep finds
 *     such pairs: the kernel lists its AF_UNIX sockets by cookie. It runs a second after a
 *     connection was made, more and more rarely while nothing has ended, and before anybody is
 *     shown or refused what may be gone. So both ends must be of xtcpd's network namespace.
 *   - Registrations cannot be taken back. Each carries its pair's generation; one that is out of
 *     date is ignored.
 */
#ifndef XTCP_DAEMON_DIRECT_H
#define XTCP_DAEMON_DIRECT_H

#include <stdint.h>

#include "daemon/loop.h"
#include "stack/base/timer.h"

struct daemon;
struct direct_pair;
struct tcp_sock;
struct xsocket;

struct direct {
	struct loop_source source; /* the epoll instance of the registrations */
	struct direct_pair *pair;
	uint32_t size, free, joined;
	uint64_t netns_cookie; /* 0: the kernel does not tell; then nothing is direct */
	struct timer sweep;
	uint64_t sweep_after_us;
	uint8_t mark; /* of the sweep that runs: xsocket.direct_mark */
};

int direct_start(struct daemon *d); /* 0 or -errno */
void direct_stop(struct daemon *d);
/* F is about to connect to an address of ours: it is watched. What xsocket.direct is to be. */
uint32_t direct_watch(struct daemon *d, int f_fd);
/* The program's end of the connection that `child` is the other end of, if its E can be handed
 * over; NULL if the bytes must go through the stack. */
struct xsocket *direct_client(const struct tcp_sock *child);
/* Takes E from the client, ready to be pushed; the caller's to close. 0 or -errno. */
int direct_take_end(struct xsocket *client, int *e_fd);
void direct_join(struct xsocket *client, struct xsocket *server);
void direct_forget(struct xsocket *xs); /* it has ended */
/* Ends the pairs whose ends are gone unseen. */
void direct_sweep(struct daemon *d);
/* Handles what was seen of both ends so far. */
void direct_run(struct daemon *d);

#endif
