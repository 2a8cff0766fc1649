/* SPDX-License-Identifier: MIT */
/*
 * Where programs knock: see rpc_server.h.
 *
 * A connection is read as soon as it is accepted, when its request is nearly always there; only if
 * it is not does it have to wait. Those that wait have an epoll instance of their own, because
 * before a new connection is read, all older ones whose request has come must be found: a program
 * that waits for nothing (ATTACH, then SETSOCKOPT on another connection) relies on the order.
 */
#include "daemon/rpc_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
#define ACCEPT_MAX 512 /* in one go */

struct rpc_conn {
	struct list node;
	struct daemon *d;
	struct user_account *user;
	struct ucred cred;
	uint64_t deadline_us;
	int fd;
	bool ready;   /* worth a try */
	bool waiting; /* in rpc_server.waiting */
};

/* --- listening */

static void path_ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	container_of(src, struct rpc_server, path)->ready = true;
}

static void abstract_ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	container_of(src, struct rpc_server, abstract)->ready = true;
}

static void waiting_ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	container_of(src, struct rpc_server, waiting)->ready = true;
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
	int err = errno;

	if (!log_limited(&d->rpc.paused, d->loop.now_us))
		log_warning("cannot accept requests of programs for now: %s", strerror(err));
	set_accepting(d, false);
	timer_set(&d->loop.wheel, &d->rpc.accept_timer, d->loop.now_us + ACCEPT_RETRY_US);
}

/* --- connections */

static void conn_unwait(struct rpc_conn *conn)
{
	struct rpc_server *rpc = &conn->d->rpc;

	if (!conn->waiting)
		return;
	epoll_ctl(rpc->waiting.fd, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->waiting = false;
	rpc->waiting_count--;
}

/* Its descriptor lives on with whoever has taken it, or is closed here. */
static void conn_free(struct rpc_conn *conn, bool close_fd)
{
	struct daemon *d = conn->d;

	conn_unwait(conn);
	if (close_fd)
		close(conn->fd);
	list_del(&conn->node);
	d->rpc.pending_count--;
	conn->user->pending--;
	sockets_user_put(conn->user);
	list_add_head(&d->rpc.spare, &conn->node);
}

/* No request yet: it is watched until there is one. */
static void conn_wait(struct rpc_conn *conn)
{
	struct rpc_server *rpc = &conn->d->rpc;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = conn};

	conn->ready = false;
	if (conn->waiting)
		return;
	if (epoll_ctl(rpc->waiting.fd, EPOLL_CTL_ADD, conn->fd, &ev) < 0) {
		conn_free(conn, true);
		return;
	}
	conn->waiting = true;
	rpc->waiting_count++;
}

/* Whose request has come? */
static void find_ready(struct rpc_server *rpc)
{
	struct epoll_event ev[64];
	int n = 64;

	/* Level-triggered, and round-robin when there are more than fit. */
	for (unsigned seen = 0; n == 64 && seen < rpc->waiting_count; seen += 64) {
		n = epoll_wait(rpc->waiting.fd, ev, 64, 0);
		for (int i = 0; i < n; i++)
			((struct rpc_conn *)ev[i].data.ptr)->ready = true;
	}
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
	    .ready = true,
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
	for (int i = 0; d->rpc.pending_count < RPC_PENDING_MAX; i++) {
		if (i == ACCEPT_MAX) {
			d->rpc.ready = true; /* the rest in the next round */
			return;
		}
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

/*
 * A library of another version, which a program has loaded before an upgrade: it is told ours, which
 * stands where it does in every version, and says what to do. Over F's own connection nothing is
 * said: that would be bytes to the program.
 */
static void refuse_foreign(struct rpc_conn *conn, const struct rpc_request *req, int f_fd)
{
	const struct rpc_reply reply = {
	    .magic = RPC_MAGIC, .version = RPC_VERSION, .type = req->type, .error = ENETDOWN};

	if (!log_limited(&conn->d->rpc.foreign, conn->d->loop.now_us))
		log_warning("process %d has a libxtcp.so of protocol %u and xtcpd speaks %u: "
			    "restart whichever has not been since the upgrade",
			    (int)conn->cred.pid, req->version, RPC_VERSION);
	if (f_fd >= 0 && !rpc_same_socket(conn->fd, f_fd))
		send(conn->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Reads the connection's request, if it is there, and has it carried out. */
static void conn_try(struct rpc_conn *conn)
{
	struct daemon *d = conn->d;
	struct rpc_request req;
	struct rpc_received got;

	rpc_receive(conn->fd, &req, &got);
	if (got.len < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_wait(conn);
		return;
	}
	bool whole = got.len > 0 && rpc_request_valid(&req, got.len);
	int wanted = whole && req.type == RPC_DISCONNECT ? 2 : 1;
	if (whole && got.fds == wanted && got.cookie && (wanted == 1 || got.second)) {
		conn_unwait(conn);
		struct rpc_call call = {
		    .d = d,
		    .req = &req,
		    .fd = conn->fd,
		    .f_fd = got.fd,
		    .cookie = got.cookie,
		    .second = got.second,
		    .cred = conn->cred,
		};
		bool taken = rpc_request_run(&call);
		got.fd = call.f_fd;
		rpc_received_close(&got);
		conn_free(conn, !taken);
		return;
	}
	if (rpc_request_foreign(&req, got.len))
		refuse_foreign(conn, &req, got.fd);
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
	if (!timer_armed(&rpc->accept_timer)) {
		accept_all(d, rpc->path.fd, false);
		accept_all(d, rpc->abstract.fd, true);
	}
	if (rpc->waiting_count)
		find_ready(rpc);
	list_for_each_safe (pos, &rpc->pending) {
		struct rpc_conn *conn = container_of(pos, struct rpc_conn, node);
		if (conn->ready)
			conn_try(conn);
	}
	arm_timeout(d);
}

/* --- start and stop */

/* Takes the descriptor (or the error) whatever comes of it. */
static int watch(struct daemon *d, struct loop_source *src, int fd, loop_fn *fn, const char *what)
{
	if (fd < 0)
		return -1; /* the reason is logged */
	int err = loop_add(&d->loop, src, fd, EPOLLIN, fn);
	if (err == 0)
		return 0;
	log_error("cannot listen for programs: %s: %s", what, strerror(-err));
	close(fd);
	return -1;
}

int rpc_server_start(struct daemon *d)
{
	struct rpc_server *rpc = &d->rpc;
	const char *path = d->config.path;

	list_init(&rpc->pending);
	list_init(&rpc->spare);
	timer_init(&d->loop.wheel, &rpc->timeout, conn_timeout);
	timer_init(&d->loop.wheel, &rpc->accept_timer, accept_again);
	rpc->path.fd = rpc->abstract.fd = rpc->waiting.fd = -1;
	if (watch(d, &rpc->waiting, epoll_create1(EPOLL_CLOEXEC), waiting_ready, "epoll") < 0)
		return -1;
	int fd = unix_listen(path, d->config.mode, d->identity.uid, d->socket_gid);
	if (watch(d, &rpc->path, fd, path_ready, path) < 0)
		return -1;
	fd = unix_listen_abstract(RPC_ABSTRACT_PREFIX, path);
	return watch(d, &rpc->abstract, fd, abstract_ready, "abstract name");
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
	stop_listening(d, &rpc->waiting);
	list_for_each_safe (pos, &rpc->spare) {
		list_del(pos);
		free(container_of(pos, struct rpc_conn, node));
	}
	timer_cancel(&d->loop.wheel, &rpc->timeout);
	timer_cancel(&d->loop.wheel, &rpc->accept_timer);
	if (listened)
		unix_unlink(d->config.path);
}
