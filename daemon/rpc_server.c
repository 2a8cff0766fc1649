/* SPDX-License-Identifier: MIT */
/*
 * Where programs knock: see rpc_server.h.
 *
 * A connection is read as soon as it is accepted, when its request is nearly always there; only if
 * it is not does it cost an epoll registration. "Ready" therefore means: accept everything, then
 * try every waiting connection in order.
 */
#include "daemon/rpc_server.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/rpc_record.h"
#include "daemon/rpc_request.h"
#include "daemon/socket.h"
#include "daemon/unix_listen.h"
#include "rpc/rpc.h"

#define ACCEPT_RETRY_US 100000

struct rpc_conn {
	struct list node;
	struct loop_source source; /* registered once a first try found nothing */
	struct daemon *d;
	struct user_account *user;
	struct ucred cred;
	uint64_t deadline_us;
	int fd;
};

/* --- listening */

static void server_ready(struct loop_source *src, uint32_t events)
{
	struct rpc_server *rpc = container_of(src, struct rpc_server, path);

	(void)events;
	rpc->ready = true;
}

static void abstract_ready(struct loop_source *src, uint32_t events)
{
	struct rpc_server *rpc = container_of(src, struct rpc_server, abstract);

	(void)events;
	rpc->ready = true;
}

static void set_accepting(struct daemon *d, bool on)
{
	loop_modify(&d->loop, &d->rpc.path, on ? EPOLLIN : 0);
	loop_modify(&d->loop, &d->rpc.abstract, on ? EPOLLIN : 0);
}

static void accept_again(struct timer *t, void *ctx)
{
	(void)t;
	set_accepting(ctx, true);
}

/* Descriptors have run out: the connections wait in the kernel's queue. */
static void accept_pause(struct daemon *d)
{
	log_warning("cannot accept requests of programs for now: %s", strerror(errno));
	set_accepting(d, false);
	timer_set(&d->loop.wheel, &d->rpc.accept_timer, d->loop.now_us + ACCEPT_RETRY_US);
}

/* --- connections */

static void conn_timeout(struct timer *t, void *ctx);

static void conn_ready(struct loop_source *src, uint32_t events)
{
	struct rpc_conn *conn = container_of(src, struct rpc_conn, source);

	(void)events;
	conn->d->rpc.ready = true;
}

/* Its descriptor lives on with whoever has taken it, or is closed here. */
static void conn_free(struct rpc_conn *conn, bool close_fd)
{
	struct daemon *d = conn->d;

	loop_remove(&d->loop, &conn->source);
	if (close_fd)
		close(conn->fd);
	list_del(&conn->node);
	d->rpc.pending_count--;
	conn->user->pending--;
	sockets_user_put(conn->user);
	list_add_head(&d->rpc.spare, &conn->node);
}

static struct rpc_conn *conn_alloc(struct rpc_server *rpc)
{
	if (list_empty(&rpc->spare))
		return calloc(1, sizeof(struct rpc_conn));
	struct rpc_conn *conn = container_of(rpc->spare.next, struct rpc_conn, node);
	list_del(&conn->node);
	return conn;
}

static void arm_timeout(struct daemon *d)
{
	struct rpc_server *rpc = &d->rpc;

	if (list_empty(&rpc->pending))
		timer_cancel(&d->loop.wheel, &rpc->timeout);
	else
		timer_set(&d->loop.wheel, &rpc->timeout,
			  container_of(rpc->pending.next, struct rpc_conn, node)->deadline_us);
}

static void conn_timeout(struct timer *t, void *ctx)
{
	struct daemon *d = ctx;

	(void)t;
	while (!list_empty(&d->rpc.pending)) {
		struct rpc_conn *conn = container_of(d->rpc.pending.next, struct rpc_conn, node);
		if (conn->deadline_us > d->loop.now_us)
			break;
		daemon_count(d, XtcpdRpcTimeouts);
		conn_free(conn, true);
	}
	arm_timeout(d);
}

static bool conn_admit(struct daemon *d, int fd, bool abstract)
{
	struct ucred cred;

	if (!peer_credentials(fd, &cred))
		return false;
	if (abstract && !peer_may_write(fd, &cred, d->identity.uid, d->socket_gid, d->config.mode))
		return false;
	struct user_account *user = sockets_user(d, cred.uid);
	struct rpc_conn *conn = NULL;
	if (user && user->pending < RPC_PENDING_PER_USER)
		conn = conn_alloc(&d->rpc);
	if (!conn) {
		sockets_user_put(user);
		return false;
	}
	*conn = (struct rpc_conn){
	    .d = d,
	    .fd = fd,
	    .source.fd = -1,
	    .user = user,
	    .cred = cred,
	    .deadline_us = d->loop.now_us + RPC_TIMEOUT_US,
	};
	user->pending++;
	d->rpc.pending_count++;
	list_add_tail(&d->rpc.pending, &conn->node);
	return true;
}

static void accept_all(struct daemon *d, int listen_fd, bool abstract)
{
	while (d->rpc.pending_count < RPC_PENDING_MAX) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			if (!conn_admit(d, fd, abstract)) {
				daemon_count(d, XtcpdRpcRefused);
				close(fd);
			}
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			accept_pause(d);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

/* Reads the connection's request, if it is there, and has it carried out. */
static void conn_try(struct rpc_conn *conn)
{
	struct daemon *d = conn->d;
	struct rpc_request req;
	struct rpc_received got;

	rpc_receive(conn->fd, &req, &got);
	if (got.len < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (conn->source.fd < 0 &&
		    loop_add(&d->loop, &conn->source, conn->fd, EPOLLIN | EPOLLET, conn_ready) < 0)
			conn_free(conn, true);
		return;
	}
	if (got.len > 0 && rpc_request_valid(&req, got.len) && got.fds == 1 && got.cookie) {
		loop_remove(&d->loop, &conn->source); /* whoever takes it may register it anew */
		struct rpc_call call = {
		    .d = d,
		    .req = &req,
		    .fd = conn->fd,
		    .f_fd = got.fd,
		    .cookie = got.cookie,
		    .cred = conn->cred,
		};
		bool taken = rpc_request_run(&call);
		got.fd = call.f_fd;
		rpc_received_close(&got);
		conn_free(conn, !taken);
		return;
	}
	if (got.len != 0 || got.fds)
		daemon_count(d, XtcpdRpcBad);
	rpc_received_close(&got);
	conn_free(conn, true);
}

void rpc_server_run(struct daemon *d)
{
	struct rpc_server *rpc = &d->rpc;

	if (!rpc->ready)
		return;
	rpc->ready = false;
	if (rpc->path.fd < 0)
		return;
	accept_all(d, rpc->path.fd, false);
	accept_all(d, rpc->abstract.fd, true);
	list_for_each_safe (pos, &rpc->pending)
		conn_try(container_of(pos, struct rpc_conn, node));
	arm_timeout(d);
}

/* --- start and stop */

static int listen_failed(const char *what, int err)
{
	log_error("cannot listen for programs: %s: %s", what, strerror(-err));
	return -1;
}

int rpc_server_start(struct daemon *d)
{
	struct rpc_server *rpc = &d->rpc;

	list_init(&rpc->pending);
	list_init(&rpc->spare);
	timer_init(&rpc->timeout, conn_timeout);
	timer_init(&rpc->accept_timer, accept_again);
	rpc->path.fd = rpc->abstract.fd = -1;
	int fd = unix_listen(d->config.path, d->config.mode, d->identity.uid, d->socket_gid);
	if (fd < 0)
		return -1;
	int err = loop_add(&d->loop, &rpc->path, fd, EPOLLIN, server_ready);
	if (err) {
		close(fd);
		return listen_failed(d->config.path, err);
	}
	fd = unix_listen_abstract(RPC_ABSTRACT_PREFIX, d->config.path);
	if (fd < 0)
		return -1;
	err = loop_add(&d->loop, &rpc->abstract, fd, EPOLLIN, abstract_ready);
	if (err) {
		close(fd);
		return listen_failed("abstract name", err);
	}
	return 0;
}

static void stop_listening(struct daemon *d, struct loop_source *src)
{
	int fd = src->fd;

	if (fd < 0)
		return;
	loop_remove(&d->loop, src);
	close(fd);
}

void rpc_server_stop(struct daemon *d)
{
	struct rpc_server *rpc = &d->rpc;

	if (!rpc->pending.next) /* never started */
		return;
	bool listened = rpc->path.fd >= 0;
	stop_listening(d, &rpc->path);
	stop_listening(d, &rpc->abstract);
	while (!list_empty(&rpc->pending))
		conn_free(container_of(rpc->pending.next, struct rpc_conn, node), true);
	list_for_each_safe (pos, &rpc->spare) {
		list_del(pos);
		free(container_of(pos, struct rpc_conn, node));
	}
	timer_cancel(&d->loop.wheel, &rpc->timeout);
	timer_cancel(&d->loop.wheel, &rpc->accept_timer);
	if (listened)
		unix_unlink(d->config.path);
}
