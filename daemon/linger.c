/* SPDX-License-Identifier: MIT */
/*
 * close() with SO_LINGER: see linger.h.
 *
 * Theory of operation: first our copy of F keeps the socket open. When the shim has closed its own
 * it half-closes Q; then ours is closed too, and E shows a hang-up if these were the last two. If
 * not, some other process holds F, and the close() that waits has nothing to wait for. If so, the
 * socket is collected to its end and its FIN is queued as ever, but it is kept until the FIN is
 * acknowledged, the connection fails, or the time is over.
 */
#include "daemon/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"

/* How long a shim may take from its request to the half-close. */
#define HALF_CLOSE_US 200000

struct lingerer {
	struct list node; /* sockets.lingers */
	struct loop_source q;
	struct xsocket *xs;
	int f_fd; /* -1 once it is closed */
	uint64_t until_us;
	struct timer timer;
	bool waits; /* the FIN is queued */
};

void linger_end(struct xsocket *xs)
{
	struct lingerer *l = xs->linger;
	struct rpc_reply reply = {.magic = RPC_MAGIC, .version = RPC_VERSION, .type = RPC_LINGER};

	if (!l)
		return;
	xs->linger = NULL;
	int fd = l->q.fd;
	if (l->f_fd >= 0)
		close(l->f_fd);
	send(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	loop_remove(&xs->d->loop, &l->q);
	close(fd);
	timer_cancel(&xs->d->loop.wheel, &l->timer);
	list_del(&l->node);
	free(l);
}

/* The shim has closed its F (or will not say so): was that the last? */
static void half_closed(struct lingerer *l)
{
	struct xsocket *xs = l->xs;

	close(l->f_fd);
	l->f_fd = -1;
	timer_set(&xs->d->loop.wheel, &l->timer, l->until_us);
	if (fd_hungup(xs->source.fd))
		xsocket_note_hangup(xs);
	else
		linger_end(xs);
}

static void linger_expired(struct timer *t, void *ctx)
{
	struct lingerer *l = container_of(t, struct lingerer, timer);

	(void)ctx;
	if (l->f_fd >= 0) {
		half_closed(l);
	} else if (l->waits) {
		xsocket_close(l->xs, false);
	} else { /* not even collected: the program need not wait for that */
		linger_end(l->xs);
	}
}

static void q_ready(struct loop_source *src, uint32_t events)
{
	struct lingerer *l = container_of(src, struct lingerer, q);
	bool waits = l->waits;
	struct xsocket *xs = l->xs;

	if (l->f_fd >= 0)
		half_closed(l);
	if (!xs->linger || !(events & (EPOLLHUP | EPOLLERR)))
		return;
	if (waits) /* whoever waited is gone */
		xsocket_close(xs, false);
	else
		linger_end(xs);
}

int linger_start(struct xsocket *xs, int q_fd, int f_fd, uint32_t seconds)
{
	struct daemon *d = xs->d;
	struct lingerer *l = xs->linger ? NULL : calloc(1, sizeof(*l));

	if (!l)
		return xs->linger ? -EALREADY : -ENOMEM;
	int err = loop_add(&d->loop, &l->q, q_fd, EPOLLRDHUP | EPOLLET, q_ready);
	if (err) {
		free(l);
		return err;
	}
	l->xs = xs;
	l->f_fd = f_fd;
	l->until_us = d->loop.now_us + (uint64_t)seconds * 1000000;
	timer_init(&d->loop.wheel, &l->timer, linger_expired);
	timer_set(&d->loop.wheel, &l->timer, d->loop.now_us + HALF_CLOSE_US);
	list_add_tail(&d->sockets.lingers, &l->node);
	xs->linger = l;
	return 0;
}

bool linger_waits(struct xsocket *xs)
{
	if (!xs->linger || xs->linger->f_fd >= 0)
		return false;
	xs->linger->waits = true;
	return true;
}

/* As Linux's sk_stream_closing(): the FIN is on its way. */
static bool closing(const struct xsocket *xs)
{
	switch (tcp_state(xs->sk)) {
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT: /* the FIN waits behind data */
		return true;
	default:
		return false;
	}
}

void linger_run(struct daemon *d)
{
	list_for_each_safe (pos, &d->sockets.lingers) {
		struct lingerer *l = container_of(pos, struct lingerer, node);
		if (l->waits && !closing(l->xs))
			xsocket_close(l->xs, false);
	}
}
