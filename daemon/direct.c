/* SPDX-License-Identifier: MIT */
/* See direct.h. */
#include "daemon/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/daemon.h"
#include "daemon/socket.h"
#include "daemon/unix_diag.h"
#include "rpc/rpc.h"

#define SIZE_FIRST 64
#define SIZE_MAX_PAIRS (1u << 20)
#define BATCH 64
#define SWEEP_FIRST_US 1000000
#define SWEEP_LAST_US 64000000
#define WATCHED (EPOLLRDHUP | EPOLLHUP | EPOLLET)

enum direct_end { CLIENT_F, SERVER_E };

struct direct_pair {
	struct xsocket *client, *server; /* server NULL: not (yet) direct */
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
};

/* What a registration carries. */
static uint64_t key_of(uint32_t index, uint32_t generation, enum direct_end end)
{
	return (uint64_t)generation << 32 | index << 1 | end;
}

static struct direct_pair *pair_of(const struct xsocket *xs)
{
	return xs->direct ? &xs->d->direct.pair[xs->direct - 1] : NULL;
}

static int watch(struct daemon *d, int fd, uint32_t index, enum direct_end end)
{
	uint64_t key = key_of(index, d->direct.pair[index].generation, end);
	struct epoll_event ev = {.events = WATCHED, .data.u64 = key};
	return epoll_ctl(d->direct.source.fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static bool grow(struct direct *t)
{
	uint32_t size = t->size ? 2 * t->size : SIZE_FIRST;
	struct direct_pair *bigger =
	    size <= SIZE_MAX_PAIRS ? realloc(t->pair, size * sizeof(*bigger)) : NULL;

	if (!bigger)
		return false;
	for (uint32_t i = size; i-- > t->size;) {
		bigger[i] = (struct direct_pair){.next_free = t->free};
		t->free = i + 1;
	}
	t->pair = bigger;
	t->size = size;
	return true;
}

static void pair_free(struct direct *t, uint32_t number)
{
	struct direct_pair *p = &t->pair[number - 1];

	*p = (struct direct_pair){.generation = p->generation + 1, .next_free = t->free};
	t->free = number;
}

uint32_t direct_watch(struct daemon *d, int f_fd)
{
	struct direct *t = &d->direct;

	if (!t->netns_cookie || unix_netns_cookie(f_fd) != t->netns_cookie ||
	    (!t->free && !grow(t)))
		return 0;
	uint32_t number = t->free;
	t->free = t->pair[number - 1].next_free;
	/* The shim sends nothing beside the bytes, and asks before it calls a write broken. */
	if (xsocket_tell(f_fd, RPC_STATE_LOCAL) && watch(d, f_fd, number - 1, CLIENT_F) == 0)
		return number;
	pair_free(t, number);
	return 0;
}

/* Nothing but the handshake has happened. */
static bool is_untouched(const struct xsocket *xs)
{
	return xs->state == XS_CONNECTED && xs->pad_left == 0 && !xs->wrote && !xs->urgent &&
	       !xs->collected && !xs->hungup && !xs->eof_sent && !xs->rcv_dead && !xs->failed &&
	       !xs->linger && tcp_outq_bytes(xs->sk) == 0 && tcp_inq_bytes(xs->sk) == 0 &&
	       tcp_state(xs->sk) == TCP_ESTABLISHED;
}

struct xsocket *direct_client(const struct tcp_sock *child)
{
	struct tcp_sock *peer = tcp_peer_here(child);
	struct xsocket *client = peer ? tcp_user(peer) : NULL;

	if (!client || !client->direct || !is_untouched(client) ||
	    tcp_state(child) != TCP_ESTABLISHED || tcp_inq_bytes(child) > 0)
		return NULL;
	return client;
}

/* As a program expects a socket it accepts: blocking, and known to the shim as connected. */
static int dress(int e_fd)
{
	uint64_t word = RPC_STATE_MAGIC | RPC_STATE_LOCAL | RPC_STATE_CONNECTED;
	int off = 0, flags = fcntl(e_fd, F_GETFL);

	if (flags < 0 || fcntl(e_fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
	    setsockopt(e_fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off)) < 0 ||
	    setsockopt(e_fd, SOL_SOCKET, SO_MAX_PACING_RATE, &word, sizeof(word)) < 0)
		return -errno;
	return 0;
}

int direct_take_end(struct xsocket *client, int *e_fd)
{
	int fd = client->source.fd, err = dress(fd);

	if (!err)
		err = watch(client->d, fd, client->direct - 1, SERVER_E);
	if (err)
		return err;
	loop_remove(&client->d->loop, &client->source);
	client->state = XS_DIRECT;
	*e_fd = fd;
	return 0;
}

static void sweep_in(struct daemon *d, uint64_t after_us)
{
	struct direct *t = &d->direct;

	t->sweep_after_us = after_us;
	timer_set(&d->loop.wheel, &t->sweep, d->loop.now_us + after_us);
}

void direct_join(struct xsocket *client, struct xsocket *server)
{
	struct direct_pair *p = pair_of(client);

	p->client = client;
	p->server = server;
	server->direct = client->direct;
	server->state = XS_DIRECT;
	client->direct_mark = server->direct_mark =
	    client->d->direct.mark; /* so the next sweep differs */
	daemon_count(client->d, XtcpdDirect);
	client->d->direct.joined++;
	sweep_in(client->d, SWEEP_FIRST_US);
}

void direct_forget(struct xsocket *xs)
{
	struct direct_pair *p = pair_of(xs);
	uint32_t number = xs->direct;

	if (!p)
		return;
	xs->direct = 0;
	if (p->client && p->server)
		xs->d->direct.joined--;
	if (p->client == xs)
		p->client = NULL;
	if (p->server == xs)
		p->server = NULL;
	if (!p->client && !p->server)
		pair_free(&xs->d->direct, number);
}

/* --- what is seen of the ends */

static void shut_down(struct xsocket *xs)
{
	if (xs && !xs->collected) {
		xs->collected = true;
		tcp_send_fin(xs->sk);
	}
}

/* `gone` is closed, by its last holder; the other hears of it by TCP. */
static void closed(struct xsocket *gone, struct xsocket *other)
{
	int linger_s;

	if (!gone)
		return;
	bool untaken = accept_never_taken(gone);
	if (untaken)
		daemon_count(gone->d, XtcpdAcceptsUntaken);
	gone->hungup = true;
	if (untaken || (tcp_linger(gone->sk, &linger_s) && linger_s == 0)) {
		xsocket_reset(gone);
		if (other)
			xsocket_fail(other, ECONNRESET);
		return;
	}
	xsocket_close(gone, false);
	if (other) {
		other->late_write = !other->collected;
		other->hungup = true; /* and is closed when the FIN has come: pump.c */
		xsocket_want(other, WORK_DELIVER);
	}
}

static void seen(struct daemon *d, uint64_t key, uint32_t events)
{
	uint32_t index = (uint32_t)key >> 1;
	bool at_client = (key & 1) == CLIENT_F;

	if (index >= d->direct.size)
		return;
	const struct direct_pair *p = &d->direct.pair[index];
	if (p->generation != (uint32_t)(key >> 32) || (!p->client && !p->server))
		return; /* long over, or never direct */
	struct xsocket *client = p->client, *server = p->server;
	if (events & EPOLLHUP)
		closed(at_client ? server : client, at_client ? client : server);
	else if (events & EPOLLRDHUP)
		shut_down(at_client ? server : client);
}

void direct_run(struct daemon *d)
{
	struct epoll_event ev[BATCH];
	int n = BATCH;

	while (n == BATCH && d->direct.source.fd >= 0) {
		n = epoll_wait(d->direct.source.fd, ev, BATCH, 0);
		for (int i = 0; i < n; i++)
			seen(d, ev[i].data.u64, ev[i].events);
	}
}

/* --- what is not seen */

static void mark(void *ctx, uint64_t cookie)
{
	struct daemon *d = ctx;
	struct xsocket *xs = sockets_find(d, cookie);

	if (xs && xs->direct)
		xs->direct_mark = d->direct.mark;
}

static bool is_gone(const struct direct *t, const struct xsocket *xs)
{
	return xs && xs->direct_mark != t->mark;
}

/* In whatever order: the FINs pass here and now, so that whoever asks sees it over. */
static void both_closed(struct xsocket *client, struct xsocket *server)
{
	struct daemon *d = client->d;

	closed(client, NULL);
	stack_flush(d->stack);
	xsocket_close(server, false);
	stack_flush(d->stack);
}

void direct_sweep(struct daemon *d)
{
	struct direct *t = &d->direct;
	bool any = false;

	direct_run(d);
	if (t->joined == 0)
		return;
	t->mark ^= 1;
	if (unix_diag_list(mark, d) < 0) {
		t->mark ^= 1; /* not whole: nothing is known */
		sweep_in(d, SWEEP_FIRST_US);
		return;
	}
	for (uint32_t i = 0; i < t->size; i++) {
		struct xsocket *client = t->pair[i].client, *server = t->pair[i].server;
		bool client_gone = is_gone(t, client), server_gone = is_gone(t, server);
		any |= client_gone || server_gone;
		if (client_gone && server_gone)
			both_closed(client, server);
		else if (client_gone)
			closed(client, server);
		else if (server_gone)
			closed(server, client);
	}
	uint64_t next_us = any ? SWEEP_FIRST_US : 2 * t->sweep_after_us;
	if (t->joined)
		sweep_in(d, next_us < SWEEP_LAST_US ? next_us : SWEEP_LAST_US);
}

static void sweep_due(struct timer *timer, void *ctx)
{
	(void)timer;
	direct_sweep(ctx);
}

static void ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	direct_run(container_of(src, struct daemon, direct.source));
}

/* --- start and stop */

static void nobody(void *ctx, uint64_t cookie)
{
	(void)ctx, (void)cookie;
}

int direct_start(struct daemon *d)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	int err = fd < 0 ? -errno : loop_add(&d->loop, &d->direct.source, fd, EPOLLIN, ready);

	timer_init(&d->loop.wheel, &d->direct.sweep, sweep_due);
	if (err && fd >= 0)
		close(fd);
	if (!err && d->config.direct && unix_diag_list(nobody, NULL) == 0)
		d->direct.netns_cookie = unix_netns_cookie(d->rpc.path.fd);
	return err;
}

void direct_stop(struct daemon *d)
{
	int fd = d->direct.source.fd;

	if (fd >= 0) {
		loop_remove(&d->loop, &d->direct.source);
		close(fd);
		timer_cancel(&d->loop.wheel, &d->direct.sweep);
	}
	free(d->direct.pair);
	d->direct = (struct direct){.source.fd = -1};
}
