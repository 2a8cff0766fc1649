/* SPDX-License-Identifier: MIT */
/*
 * accept() without a round trip: established connections are pushed down the listener's stream.
 */
#ifndef XTCP_DAEMON_ACCEPT_PUSH_H
#define XTCP_DAEMON_ACCEPT_PUSH_H

#include <stdbool.h>

struct daemon;
struct xsocket;

int accept_calibrate(unsigned *record_truesize); /* 0 or -errno */
int accept_begin(struct xsocket *xs); /* it is going to listen; safe to repeat. 0 or -ENOMEM */
void accept_end(struct xsocket *xs);  /* it ends, whether it listens or not */
void accept_push(struct xsocket *listener);
void accept_retry_starved(struct daemon *d);
/* stack_ops.accept_unread */
unsigned accept_unread(void *ctx, void *listener_user);
bool accept_still_listens(void *ctx, void *listener_user); /* stack_ops.still_listens */
bool accept_is_taken(void *ctx, void *user); /* stack_ops.accept_is_taken, of a child */
/* The listener is gone, or no longer listens: nobody will take what is queued. */
void accept_listener_died(struct xsocket *listener);
void accept_taken(struct xsocket *child);	/* it is known to be in a program's hands */
bool accept_never_taken(struct xsocket *child); /* asked when it has hung up */

#endif
