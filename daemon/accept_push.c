/* SPDX-License-Identifier: MIT */
/*
 * accept() without a round trip: see accept_push.h.
 *
 * Theory of operation
 *   - An established connection gets its pair of AF_UNIX sockets here; F is given an abstract name
 *     that holds both addresses, and travels in a struct rpc_accept down the listener's stream,
 *     where accept() finds it.
 *   - What the program has not taken still counts against the backlog. SIOCOUTQ of the listener's
 *     E tells how many records are unread: they all cost the same, which is measured at start.
 *   - When the stream is full the connection is held, and the rest stays in the stack's accept
 *     queue. When descriptors have run out (EMFILE) likewise, and a timer tries again.
 *   - When a listener dies, the connections nobody took must be reset. The kernel then closes
 *     their Fs with the unread records: their hang-ups follow the listener's own at once. Those
 *     known to be taken (read off SIOCOUTQ, or because they have written) are not concerned; of
 *     the others, those that hang up within UNTAKEN_GRACE_US and if the listener's end says
 *     that unread records were lost.
 */
#include "daemon/accept_push.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/address.h"
#include "daemon/daemon.h"
#include "daemon/direct.h"
#include "daemon/log.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"

#define NAME_TRIES 8
#define PUSH_MAX 256 /* connections per listener and round */
#define UNTAKEN_GRACE_US 1000000

static int send_record(int fd, const struct rpc_accept *record, int f_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)record, sizeof(*record)};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &f_fd, sizeof(f_fd));
	ssize_t n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == sizeof(*record) ? 0 : n < 0 ? -errno : -EIO;
}

int accept_calibrate(unsigned *record_truesize)
{
	struct rpc_accept record = {.magic = RPC_MAGIC};
	int pair[2], bytes = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int err = send_record(pair[0], &record, pair[1]);
	if (!err && ioctl(pair[0], SIOCOUTQ, &bytes) < 0)
		err = -errno;
	close(pair[0]);
	close(pair[1]);
	*record_truesize = bytes > 0 ? (unsigned)bytes : 1;
	return err;
}

int accept_begin(struct xsocket *xs)
{
	struct accept_queue *q = xs->accept ? xs->accept : calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	if (xs->accept)
		return 0;
	list_init(&q->untaken);
	list_init(&q->starved_node);
	q->listener = xs;
	q->held_fd = -1;
	xs->accept = q;
	return 0;
}

void accept_end(struct xsocket *xs)
{
	if (xs->state == XS_LISTENING) {
		xs->user->listeners--;
		accept_listener_died(xs);
	}
	if (xs->accept)
		list_del(&xs->accept->starved_node);
	free(xs->accept);
	xs->accept = NULL;
}

/* --- which are taken */

void accept_taken(struct xsocket *child)
{
	struct xsocket *listener = child->listener;

	if (!listener)
		return;
	child->listener = NULL;
	if (listener->accept->held == child) {
		listener->accept->held = NULL; /* its F is still pushed, and shows the end */
		return;
	}
	list_del(&child->untaken_node);
	listener->accept->untaken_count--;
}

static unsigned unread_records(struct xsocket *listener)
{
	int bytes = 0;

	if (ioctl(listener->source.fd, SIOCOUTQ, &bytes) < 0 || bytes < 0)
		return 0;
	return (unsigned)bytes / listener->d->sockets.record_truesize;
}

/* Records are read in order: of the untaken ones only the last `unread` are still there. */
static void forget_taken(struct xsocket *listener)
{
	struct accept_queue *q = listener->accept;

	if (q->untaken_count == 0)
		return;
	unsigned unread = unread_records(listener);
	while (q->untaken_count > unread)
		accept_taken(container_of(q->untaken.next, struct xsocket, untaken_node));
}

bool accept_still_listens(void *ctx, void *listener_user)
{
	const struct xsocket *listener = listener_user;

	(void)ctx;
	return !listener->hungup && !fd_hungup(listener->source.fd);
}

unsigned accept_unread(void *ctx, void *listener_user)
{
	struct xsocket *listener = listener_user;

	(void)ctx;
	return unread_records(listener) + (listener->accept->held_fd >= 0);
}

bool accept_is_taken(void *ctx, void *user)
{
	struct xsocket *child = user;

	(void)ctx;
	if (child && child->listener)
		forget_taken(child->listener);
	return !child || !child->listener;
}

static void drop_held(struct accept_queue *q)
{
	if (q->held_fd >= 0)
		close(q->held_fd);
	q->held_fd = -1;
	if (q->held)
		xsocket_reset(q->held); /* which clears held */
}

void accept_listener_died(struct xsocket *listener)
{
	struct accept_queue *q = listener->accept;
	bool lost = fd_error(listener->source.fd) != 0;

	drop_held(q);
	list_del(&q->starved_node);
	while (!list_empty(&q->untaken)) {
		struct xsocket *child = container_of(q->untaken.next, struct xsocket, untaken_node);
		accept_taken(child);
		if (lost)
			child->untaken_until_us = listener->d->loop.now_us + UNTAKEN_GRACE_US;
	}
}

bool accept_never_taken(struct xsocket *child)
{
	if (child->wrote)
		return false;
	/* Its own hang-up may be seen before its listener's, which came first. */
	if (child->listener && fd_hungup(child->listener->source.fd))
		accept_listener_died(child->listener);
	return child->untaken_until_us > child->d->loop.now_us;
}

/* --- pushing */

static int bind_name(int f_fd, const struct rpc_name *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memcpy(sun.sun_path + 1, name, sizeof(*name));
	return bind(f_fd, (struct sockaddr *)&sun,
		    offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(*name)) < 0
		   ? -errno
		   : 0;
}

/* F's abstract name, from which the shim reads both addresses. Another xtcpd, or one that was here
 * before, has its own numbers; should one be taken all the same, others are tried. */
static int name_descriptor(struct sockets *s, int f_fd, const struct rpc_accept *record)
{
	struct rpc_name name = {
	    .mark = RPC_NAME_MARK, .local = record->local, .remote = record->remote};
	int err = -EADDRINUSE;

	for (int tries = 0; err == -EADDRINUSE && tries < NAME_TRIES; tries++) {
		if (tries > 0 || s->next_id == 0) {
			if (getrandom(&s->next_id, sizeof(s->next_id), 0) != sizeof(s->next_id))
				return -errno;
		}
		name.id = s->next_id++;
		err = bind_name(f_fd, &name);
	}
	return err;
}

/* A pair of descriptors is made before a connection is popped, so that where they have run out the
 * connection stays in the stack's accept queue. 0 or -errno. */
static int make_spare(struct sockets *s)
{
	if (s->spare[0] >= 0)
		return 0;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->spare) < 0 ? -errno : 0;
}

/* The child of a pair of sockets of its own; *f_fd is what is to be pushed. */
static struct xsocket *child_of_pair(struct xsocket *listener, struct tcp_sock *sk,
				     const struct rpc_accept *record, int *f_fd, int *err)
{
	struct sockets *s = &listener->d->sockets;
	struct ucred cred = {.pid = listener->pid, .uid = listener->uid, .gid = listener->gid};
	struct xsocket *child = NULL;

	*f_fd = s->spare[1];
	*err = name_descriptor(s, *f_fd, record);
	xsocket_limit_unsent(*f_fd, sk);
	if (!*err)
		child = xsocket_create(listener->d, s->spare[0], own_socket_cookie(*f_fd), &cred,
				       sk, err);
	if (child)
		child->state = XS_CONNECTED;
	else
		close(s->spare[0]);
	s->spare[0] = s->spare[1] = -1;
	return child;
}

/* The child whose bytes do not pass through here: what is pushed is the client's E. */
static struct xsocket *child_of_client(struct xsocket *listener, struct tcp_sock *sk,
				       struct xsocket *client, int *f_fd, int *err)
{
	struct ucred cred = {.pid = listener->pid, .uid = listener->uid, .gid = listener->gid};
	struct xsocket *child = NULL;

	*err = direct_take_end(client, f_fd);
	if (!*err)
		child = xsocket_create(listener->d, -1, socket_cookie(*f_fd), &cred, sk, err);
	if (child)
		direct_join(client, child);
	return child;
}

/* Holds a popped connection, ready to be pushed. */
static void hold(struct xsocket *listener, struct tcp_sock *sk)
{
	struct accept_queue *q = listener->accept;
	struct sock_addr local = tcp_local(sk), remote = tcp_remote(sk);
	struct xsocket *client = direct_client(sk);
	int f_fd = -1, err;

	q->held_record = (struct rpc_accept){
	    .magic = RPC_MAGIC,
	    .version = RPC_VERSION,
	    .id = q->next_id++,
	    .local = to_sockaddr_in(&local),
	    .remote = to_sockaddr_in(&remote),
	};
	struct xsocket *child = client ? child_of_client(listener, sk, client, &f_fd, &err)
				       : child_of_pair(listener, sk, &q->held_record, &f_fd, &err);
	if (!child) {
		log_debug("cannot take a connection: %s", strerror(-err));
		if (f_fd >= 0)
			close(f_fd);
		tcp_abort(sk);
		return;
	}
	child->listener = listener;
	q->held = child;
	q->held_fd = f_fd;
}

static void pushed(struct xsocket *listener)
{
	struct accept_queue *q = listener->accept;
	struct xsocket *child = q->held;

	close(q->held_fd);
	q->held_fd = -1;
	q->held = NULL;
	daemon_count(listener->d, XtcpdAcceptsPushed);
	if (!child)
		return;
	list_add_tail(&q->untaken, &child->untaken_node);
	q->untaken_count++;
	xsocket_want(child, WORK_COLLECT | WORK_DELIVER);
}

/* Pushes what is held. False: not now. */
static bool push_held(struct xsocket *listener)
{
	struct accept_queue *q = listener->accept;
	int err = send_record(listener->source.fd, &q->held_record, q->held_fd);

	switch (-err) {
	case 0:
		pushed(listener);
		return true;
	case EAGAIN:
		xsocket_block(listener);
		break;
	case EPIPE: /* F is shut down for reading, or gone: then its hang-up is on its way */
		drop_held(q);
		break;
	default: /* ETOOMANYREFS, ENOMEM */
		sockets_starved(listener->d, &q->starved_node);
		break;
	}
	daemon_count(listener->d, XtcpdAcceptsHeld);
	return false;
}

static bool hold_next(struct xsocket *listener)
{
	int err = make_spare(&listener->d->sockets);

	if (err) { /* EMFILE, ENFILE, ENOMEM */
		log_debug("no descriptors for a new connection: %s", strerror(-err));
		daemon_count(listener->d, XtcpdAcceptsHeld);
		sockets_starved(listener->d, &listener->accept->starved_node);
		return false;
	}
	struct tcp_sock *sk = tcp_accept(listener->sk);
	if (sk)
		hold(listener, sk);
	return sk != NULL;
}

void accept_push(struct xsocket *listener)
{
	struct accept_queue *q = listener->accept;

	if (listener->state != XS_LISTENING || listener->rx_blocked || listener->hungup)
		return;
	forget_taken(listener);
	for (int i = 0; i < PUSH_MAX; i++) {
		if (q->held_fd < 0 && !hold_next(listener))
			return;
		if (q->held_fd >= 0 && !push_held(listener))
			return;
	}
	xsocket_want(listener, WORK_ACCEPT);
}

void accept_retry_starved(struct daemon *d)
{
	struct list waiting;

	list_init(&waiting);
	list_splice_tail(&waiting, &d->sockets.starved);
	while (!list_empty(&waiting)) {
		struct accept_queue *q =
		    container_of(waiting.next, struct accept_queue, starved_node);
		list_del(&q->starved_node);
		xsocket_want(q->listener, WORK_ACCEPT);
	}
}
