/* SPDX-License-Identifier: MIT */
/*
 * The life of an xsocket: see socket.h.
 *
 * How it ends
 *   - the connection failed: E is closed and the errno kept as a tombstone. What E holds unread at
 *     that moment (padding, or bytes that can no longer be sent) makes F show ERR as well as HUP.
 *   - the program is gone: what it wrote is collected first, then the connection is closed; or
 * reset if the program left bytes unread (RFC 2525 2.17), as if it never took it from accept().
 *   - the daemon ends: reset.
 * EPOLLHUP on E says that F is closed or that both directions are shut down; the difference cannot
 * be seen, and does not matter to the peer. A program that still holds F then may ask for its
 * addresses: these are kept among the ghosts.
 */
#include "daemon/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/address.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/inband.h"
#include "daemon/kept_options.h"
#include "daemon/linger.h"
#include "daemon/log.h"
#include "daemon/pump.h"
#include "rpc/rpc.h"

#define E_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)
#define E_SNDBUF_BYTES (1024 * 1024)

_Static_assert(sizeof(struct xsocket) <= 192, "three cache lines: each idle connection has one");

bool fd_hungup(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

int fd_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 ? err : errno;
}

/* A new connection is pushed before bytes are moved: one between two programs of this stack can be
 * direct only while nothing of it has been read. */
void xsocket_want(struct xsocket *xs, unsigned work)
{
	if (!xs->sk)
		return;
	xs->work |= (uint8_t)work;
	if (list_linked(&xs->work_node))
		return;
	if (work & WORK_ACCEPT)
		list_add_head(&xs->d->sockets.work, &xs->work_node);
	else
		list_add_tail(&xs->d->sockets.work, &xs->work_node);
}

/* What the program asked for before it closed (SO_LINGER 0, say) must be done first: xs->d->rpc. */
void xsocket_note_hangup(struct xsocket *xs)
{
	xs->hungup = true;
	xs->d->rpc.ready = true;
	xsocket_want(xs, WORK_COLLECT);
}

static void xsocket_ready(struct loop_source *src, uint32_t events)
{
	struct xsocket *xs = container_of(src, struct xsocket, source);

	if (events & EPOLLPRI)
		xs->urgent = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		xs->ending = true;
	if (events & EPOLLHUP && xs->state == XS_LISTENING) {
		xs->hungup = true; /* before a SYN that came later is read */
		xsocket_close(xs, false);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR))
		xsocket_note_hangup(xs);
	if (events & ~(uint32_t)EPOLLOUT)
		xsocket_want(xs, WORK_COLLECT);
	if ((events & EPOLLOUT) && xs->rx_blocked) {
		xs->rx_blocked = false;
		loop_modify(&xs->d->loop, &xs->source, E_EVENTS);
		xsocket_want(xs, xs->state == XS_LISTENING ? WORK_ACCEPT : WORK_DELIVER);
	}
}

void xsocket_block(struct xsocket *xs)
{
	if (xs->rx_blocked || xs->hungup)
		return;
	xs->rx_blocked = true;
	loop_modify(&xs->d->loop, &xs->source, E_EVENTS | EPOLLOUT);
}

/* What E sends it holds until the program reads it. Few connections ever need more room. */
bool xsocket_widen(struct xsocket *xs)
{
	int sndbuf = E_SNDBUF_BYTES;

	if (xs->roomy)
		return false;
	xs->roomy = true;
	return setsockopt(xs->source.fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)) == 0;
}

/* E takes MSG_OOB in line. */
static void prepare_end(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

static struct xsocket *xsocket_alloc(struct daemon *d, uint64_t cookie, const struct ucred *cred)
{
	struct xsocket *xs = slab_alloc(&d->sockets.slab);

	if (!xs)
		return NULL;
	xs->d = d;
	xs->source.fd = -1;
	xs->cookie = cookie;
	xs->uid = cred->uid;
	xs->gid = cred->gid;
	xs->pid = cred->pid;
	xs->wide = true;
	list_init(&xs->hash_node);
	list_init(&xs->work_node);
	list_init(&xs->untaken_node);
	return xs;
}

struct xsocket *xsocket_create(struct daemon *d, int e_fd, uint64_t cookie,
			       const struct ucred *cred, struct tcp_sock *sk, int *err)
{
	struct user_account *user = sockets_user(d, cred->uid);
	struct xsocket *xs = user ? xsocket_alloc(d, cookie, cred) : NULL;
	struct tcp_sock *made = NULL;

	*err = -ENOMEM;
	if (!xs)
		goto fail;
	*err = -ENFILE;
	if (user->sockets >= d->config.max_per_user) {
		daemon_count(d, XtcpdRpcRefused);
		user->refused++;
		goto fail;
	}
	if (!sk)
		sk = made = tcp_socket(d->stack, xs, cred->uid, err);
	if (!sk)
		goto fail;
	if (e_fd >= 0) {
		prepare_end(e_fd);
		*err = loop_add(&d->loop, &xs->source, e_fd, E_EVENTS, xsocket_ready);
		if (*err < 0)
			goto fail;
	}
	tcp_set_user(sk, xs);
	xs->sk = sk;
	xs->user = user;
	sockets_insert(d, xs);
	daemon_count(d, XtcpdSocketsOpened);
	return xs;
fail:
	if (made)
		tcp_abort(made);
	slab_free(&d->sockets.slab, xs);
	sockets_user_put(user);
	return NULL;
}

/* The rest of every ending: sk is closed already. */
static void xsocket_end(struct xsocket *xs)
{
	struct daemon *d = xs->d;
	int fd = xs->source.fd;

	xs->sk = NULL;
	kept_options_drop(&xs->kept);
	linger_end(xs);
	direct_forget(xs);
	accept_taken(xs); /* off its listener's list */
	accept_end(xs);
	loop_forget(&d->loop, &xs->source);
	if (fd >= 0)
		close(fd);
	sockets_remove(d, xs);
	daemon_count(d, XtcpdSocketsClosed);
}

static void keep_addresses(struct xsocket *xs, struct tombstone *stone)
{
	struct sock_addr local = tcp_local(xs->sk), remote = tcp_remote(xs->sk);

	stone->local = to_sockaddr_in(&local);
	stone->late_write = xs->late_write;
	if (remote.addr.family != ADDR_NONE)
		stone->remote = to_sockaddr_in(&remote);
}

/* Its options outlive the connection, as the descriptor does. */
static void keep_sock(struct xsocket *xs, struct tombstone *stone)
{
	if (!tcp_park(xs->sk, &stone->bound))
		stone->bound.port = 0;
	stone->sk = xs->sk;
}

/* The connection goes on without the program. */
static void leave(struct xsocket *xs, struct tombstone *stone, bool unread)
{
	stone->ended = true;
	tcp_get_info(xs->sk, &stone->info);
	tcp_save_options(xs->sk, &stone->saved);
	tcp_close(xs->sk, unread);
}

void xsocket_fail(struct xsocket *xs, int error)
{
	if (xs->state == XS_CONNECTED || xs->state == XS_CONNECTING)
		inband_look_ahead(xs, SIZE_MAX);
	struct tombstone *stone = tombstone_put(&xs->d->tombstones, xs->cookie);

	keep_addresses(xs, stone);
	stone->error = error;
	if (tcp_state(xs->sk) == TCP_CLOSE)
		keep_sock(xs, stone);
	else
		leave(xs, stone, false);
	xsocket_end(xs);
}

int xsocket_hand_over(struct xsocket *xs, uint64_t cookie, struct sock_addr *bound)
{
	struct tombstone *stone = tombstone_put(&xs->d->tombstones, cookie);

	tcp_disconnect(xs->sk);
	int err = tcp_error(xs->sk);
	keep_sock(xs, stone);
	*bound = stone->bound;
	xsocket_end(xs);
	return err;
}

void xsocket_close(struct xsocket *xs, bool unread)
{
	struct tombstone *stone = tombstone_put(&xs->d->ghosts, xs->cookie);

	keep_addresses(xs, stone);
	stone->unlistened = xs->state == XS_UNLISTENED;
	leave(xs, stone, unread);
	xsocket_end(xs);
}

bool xsocket_kill(struct xsocket *xs)
{
	if (!xs->sk || (xs->state != XS_CONNECTED && xs->state != XS_CONNECTING))
		return false;
	struct tombstone *stone = tombstone_put(&xs->d->tombstones, xs->cookie);

	keep_addresses(xs, stone);
	stone->error = ECONNABORTED;
	xsocket_reset(xs);
	return true;
}

void xsocket_reset(struct xsocket *xs)
{
	tcp_abort(xs->sk);
	xsocket_end(xs);
}

void xsocket_hangup(struct xsocket *xs, bool unread)
{
	if (accept_never_taken(xs)) {
		daemon_count(xs->d, XtcpdAcceptsUntaken);
		xsocket_reset(xs);
	} else if (unread || !linger_waits(xs)) {
		xsocket_close(xs, unread);
	}
}

void xsocket_watch(struct xsocket *xs, const struct rpc_request *req, int f_fd)
{
	if (!xs->direct && stack_is_local_v4(xs->d->stack, ntohl(req->addr.sin_addr.s_addr)))
		xs->direct = direct_watch(xs->d, f_fd);
	/* Without padding it may write before it is connected. A word that is not told is missed. */
	if (!xs->direct && req->pad_bytes)
		(void)xsocket_tell(f_fd, RPC_STATE_STREAM);
	if (!xs->direct)
		xsocket_limit_unsent(f_fd, xs->sk);
}

void xsocket_limit_unsent(int f_fd, const struct tcp_sock *sk)
{
	uint32_t mark = tcp_notsent_mark(sk);
	int buffer = rpc_notsent_sndbuf(mark);

	if (mark != UINT32_MAX)
		(void)setsockopt(f_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
}

bool xsocket_tell(int f_fd, uint64_t bit)
{
	uint64_t word = 0;
	socklen_t len = sizeof(word);

	if (getsockopt(f_fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, &len) < 0)
		return false;
	if ((word ^ RPC_STATE_MAGIC) >> 32) /* nobody has written it yet */
		word = RPC_STATE_MAGIC;
	word |= bit;
	return setsockopt(f_fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, sizeof(word)) == 0;
}

void xsocket_connect(struct xsocket *xs, const struct rpc_request *req)
{
	struct sock_addr remote = from_sockaddr_in(&req->addr);
	int err = -EAFNOSUPPORT;

	xs->fast = req->flags & RPC_FLAG_FASTOPEN;
	if (req->addr.sin_family == AF_INET)
		err = xs->fast ? tcp_connect_fast(xs->sk, &remote) : tcp_connect(xs->sk, &remote);

	kept_options_drop(&xs->kept);
	xs->pad_left += req->pad_bytes;
	if (xs->fast && req->arg > 0)
		xs->syn_left = (uint32_t)req->arg;
	if (err < 0) {
		xsocket_fail(xs, -err);
		return;
	}
	xs->state = XS_CONNECTING;
	if (req->flags & RPC_FLAG_MORE)
		tcp_connect_expect_data(xs->sk);
	if (xs->fast && xs->syn_left == 0)
		tcp_connect_go(xs->sk);
	if (tcp_connect_deferred(xs->sk))
		xsocket_want(xs, WORK_COLLECT);
}

static void connected(struct xsocket *xs)
{
	xs->state = XS_CONNECTED;
	pump_begin(xs);
	/* What came with the SYN-ACK is there by the time a poll() that this ends looks again. */
	pump_deliver(xs);
	xsocket_want(xs, WORK_COLLECT | WORK_DELIVER);
}

/* What came before the error is read before it, as on Linux: pump_deliver() ends the socket. */
static void failed(struct xsocket *xs)
{
	xs->error = tcp_error(xs->sk);
	xs->failed = true;
	if (xs->hungup)
		xsocket_close(xs, false);
	else if (xs->state == XS_CONNECTED && tcp_inq_bytes(xs->sk) > 0)
		xsocket_want(xs, WORK_DELIVER);
	else
		xsocket_fail(xs, xs->error);
}

void xsocket_stack_event(struct xsocket *xs, unsigned events)
{
	if (events & TCP_EVENT_CONNECTED)
		connected(xs);
	if (events & (TCP_EVENT_READABLE | TCP_EVENT_EOF))
		xsocket_want(xs, WORK_DELIVER);
	if (events & TCP_EVENT_WRITABLE)
		xsocket_want(xs, WORK_COLLECT);
	if (events & TCP_EVENT_ACCEPT)
		xsocket_want(xs, WORK_ACCEPT);
	if (events & TCP_EVENT_ERROR)
		failed(xs);
}
