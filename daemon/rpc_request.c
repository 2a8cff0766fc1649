/* SPDX-License-Identifier: MIT */
/*
 * Carrying out the requests of programs: see rpc/rpc.h for what each one says.
 *
 * The descriptor that came along names the socket, by the kernel's cookie; that its sender could
 * send it is the proof of its right to. Whatever a program wrote before a request about options is
 * collected before the request is carried out, so that options (TCP_CORK, TCP_NODELAY) apply to the
 * bytes they were meant for: nothing leaves before the turn's end. So are the options among the
 * bytes (inband.h), so that later ones override them and questions see them.
 */
#include "daemon/rpc_request.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/address.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/kept_options.h"
#include "daemon/linger.h"
#include "daemon/log.h"
#include "daemon/option_right.h"
#include "daemon/processes.h"
#include "daemon/rpc_record.h"
#include "daemon/socket.h"
#include "rpc/rules.h"

#define SOCK_MEMINFO_BYTES (9 * sizeof(uint32_t)) /* linux/sock_diag.h: SK_MEMINFO_VARS */

/* --- F's own connection */

/* What the program is told when its socket cannot be had. */
static void refuse(struct rpc_call *call, int err)
{
	struct tombstone *stone = tombstone_put(&call->d->tombstones, call->cookie);

	stone->error = -err;
	stone->refused = true;
}

/* A socket that goes on where another descriptor's has ended. Its address may be another's by now,
 * if the kernel's answer to that was too slow: then it is unbound. */
static void take_up(struct daemon *d, struct tombstone *stone)
{
	if (stone->bound.port)
		(void)tcp_bind(stone->sk, &stone->bound);
	stone->sk = NULL;
	tombstone_drop(&d->tombstones, stone);
}

static bool attach(struct rpc_call *call)
{
	struct daemon *d = call->d;
	int err;

	if (!rpc_same_socket(call->fd, call->f_fd) || sockets_find(d, call->cookie)) {
		daemon_count(d, XtcpdRpcBad);
		return false;
	}
	struct tombstone *stone = tombstone_find(&d->tombstones, call->cookie);
	struct tcp_sock *kept = stone ? stone->sk : NULL;
	struct xsocket *xs = xsocket_create(d, call->fd, call->cookie, &call->cred, kept, &err);
	if (!xs) {
		refuse(call, err);
		return false;
	}
	if (kept)
		take_up(d, stone);
	daemon_count(d, XtcpdRpcRequests);
	if (call->req->type == RPC_CONNECT)
		xsocket_watch(xs, call->req, call->f_fd);
	close(call->f_fd); /* E sees F's end only once nobody else holds F */
	call->f_fd = -1;
	if (call->req->type == RPC_CONNECT)
		xsocket_connect(xs, call->req);
	return true;
}

/* --- requests about a socket: 0 or -errno, and the reply's fields */

/* sk NULL: of one that is over nothing is kept. */
static bool is_bindable(const struct rpc_call *call, const struct tcp_sock *sk,
			const struct ip_addr *addr)
{
	if (sk)
		return tcp_bindable_v4(sk, addr->v4);
	return ip_addr_is_any(addr) || stack_is_local_v4(call->d->stack, addr->v4);
}

static int bind_right(struct rpc_call *call, const struct tcp_sock *sk,
		      const struct sock_addr *local)
{
	/* As inet_bind(): first the address, then the right to the port, then all else. */
	if (!is_bindable(call, sk, &local->addr) || local->port == 0 ||
	    local->port >= stack_sysctls(call->d->stack)->ip_unprivileged_port_start)
		return 0;
	return peer_has_capability(call->fd, &call->cred, CAP_NET_BIND_SERVICE) ? 0 : -EACCES;
}

static int bind_address(struct rpc_call *call, const struct tcp_sock *sk, struct sock_addr *local)
{
	const struct sockaddr_in *sin = &call->req->addr;

	*local = from_sockaddr_in(sin);
	if (sin->sin_family != AF_INET &&
	    !(sin->sin_family == AF_UNSPEC && ip_addr_is_any(&local->addr)))
		return -EAFNOSUPPORT;
	return bind_right(call, sk, local);
}

/* Its connection is over: -ENOTCONN, unless already the address is wrong. Once the program has
 * renewed F (RPC_DISCONNECT) it may be bound. */
static int bind_later(struct rpc_call *call, const struct tcp_sock *sk)
{
	struct sock_addr local;

	int err = bind_address(call, sk, &local);
	if (err)
		return err;
	return is_bindable(call, sk, &local.addr) ? -ENOTCONN : -EADDRNOTAVAIL;
}

static int do_bind(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	struct sock_addr local;

	if (xs->state == XS_CONNECTED && tcp_state(xs->sk) == TCP_CLOSE)
		return bind_later(call, xs->sk);
	int err = bind_address(call, xs->sk, &local);
	if (!err)
		err = tcp_bind(xs->sk, &local);
	if (err == -EADDRINUSE && sockets_free_port(call->d, local.port) && xs->sk)
		err = tcp_bind(xs->sk, &local);
	if (!xs->sk)
		return -ENOTCONN; /* its own program went meanwhile */
	local = tcp_local(xs->sk);
	reply->addr = to_sockaddr_in(&local);
	if (!err)
		kept_options_drop(&xs->kept);
	return err;
}

static int listener_allowed(struct daemon *d, struct user_account *user)
{
	if (user->listeners < d->config.max_listeners_per_user)
		return 0;
	daemon_count(d, XtcpdRpcRefused);
	user->refused++;
	return -ENOBUFS;
}

static int do_listen(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	bool fresh = xs->state == XS_ATTACHED;

	(void)reply;
	xs->pad_left += call->req->pad_bytes;
	int err = fresh || xs->state == XS_LISTENING ? 0 : -EINVAL;
	if (fresh)
		err = listener_allowed(call->d, xs->user);
	if (!err)
		err = accept_begin(xs);
	if (!err)
		err = tcp_listen(xs->sk, call->req->arg);
	if (err == -EADDRINUSE && sockets_free_port(call->d, tcp_local(xs->sk).port) && xs->sk)
		err = tcp_listen(xs->sk, call->req->arg);
	if (!xs->sk)
		return -ENOTCONN;
	if (err)
		pump_padding(xs); /* it polls as before */
	else
		xs->state = XS_LISTENING;
	if (!err && fresh)
		xs->user->listeners++;
	return err;
}

static int do_unlisten(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	(void)call;
	(void)reply;
	if (xs->state == XS_CONNECTING) {
		tcp_disconnect(xs->sk);
		xsocket_fail(xs, ECONNRESET);
		return 0;
	}
	if (xs->state == XS_CONNECTED || xs->state == XS_DIRECT)
		return -EISCONN; /* for F itself to be shut down */
	if (xs->state != XS_LISTENING)
		return -ENOTCONN;
	tcp_disconnect(xs->sk);
	accept_listener_died(xs);
	xs->user->listeners--;
	xs->state = XS_UNLISTENED;
	pump_padding(xs);
	shutdown(xs->source.fd, SHUT_WR); /* whoever waits in accept() wakes */
	return 0;
}

/* Neither bound nor anything else: its program may still leave it to the kernel. */
static bool undecided(const struct xsocket *xs)
{
	return xs->state == XS_ATTACHED && tcp_local(xs->sk).port == 0;
}

static int do_setsockopt(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	const struct rpc_request *req = call->req;

	int err = option_right(call, xs->sk);
	if (!err)
		err = tcp_setsockopt(xs->sk, req->level, req->name, req->value, req->value_len);
	if (!err && req->flags & RPC_FLAG_KEEP && undecided(xs))
		err =
		    kept_options_put(&xs->kept, req->level, req->name, req->value, req->value_len);
	if (req->level == IPPROTO_TCP && req->name == TCP_NOTSENT_LOWAT)
		reply->arg = (int32_t)tcp_notsent_mark(xs->sk);
	return err;
}

static int do_options(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	struct sock_addr local = tcp_local(xs->sk);
	unsigned next;

	if (call->req->arg < 0)
		return -EINVAL;
	reply->addr = to_sockaddr_in(&local);
	reply->value_len = (uint32_t)kept_options_get(xs->kept, (unsigned)call->req->arg,
						      reply->value, RPC_VALUE_MAX, &next);
	reply->arg = (int32_t)next;
	return 0;
}

static int do_getsockopt(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	size_t len = call->req->value_len;

	memcpy(reply->value, call->req->value, len); /* some are questions, too */
	int err = tcp_getsockopt(xs->sk, call->req->level, call->req->name, reply->value, &len);
	if (!err)
		reply->value_len = (uint32_t)len;
	return err;
}

static int do_getname(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	struct sock_addr local = tcp_local(xs->sk);

	(void)call;
	reply->addr = to_sockaddr_in(&local);
	return 0;
}

static int do_getpeer(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	struct sock_addr remote = tcp_remote(xs->sk);
	enum tcp_state state = tcp_state(xs->sk);

	(void)call;
	if (remote.addr.family == ADDR_NONE || state == TCP_CLOSE || state == TCP_SYN_SENT)
		return -ENOTCONN;
	reply->addr = to_sockaddr_in(&remote);
	return 0;
}

static int do_geterr(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	(void)call;
	(void)reply;
	return -tcp_error(xs->sk);
}

static int do_disconnect(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	struct sock_addr bound;

	reply->arg = xsocket_hand_over(xs, call->second, &bound);
	reply->addr = to_sockaddr_in(&bound);
	return 0;
}

static int do_outq(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	enum tcp_state state = tcp_state(xs->sk);

	if (state == TCP_LISTEN)
		return -EINVAL; /* as tcp_ioctl() */
	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	size_t bytes = call->req->arg ? tcp_outq_unsent_bytes(xs->sk) : tcp_outq_bytes(xs->sk);
	if (xs->state == XS_CONNECTED)
		bytes += pump_unread_bytes(xs);
	reply->arg = (int32_t)bytes;
	return 0;
}

/* The first write on a socket whose SYN waits for it. */
static int fastopen_go(const struct rpc_request *req, struct xsocket *xs, struct rpc_reply *reply)
{
	uint32_t want = req->arg > 0 ? (uint32_t)req->arg : 0;

	int room = tcp_deferred_room(xs->sk);
	if (xs->state != XS_CONNECTING || xs->fast || room < 0)
		return -EISCONN;
	uint32_t head = room < RPC_HEAD_MAX ? (uint32_t)room : RPC_HEAD_MAX;
	if (head > want)
		head = want;
	if (req->flags & RPC_FLAG_MORE && want > head)
		tcp_connect_expect_data(xs->sk);
	xs->fast = true;
	xs->syn_left = head;
	xs->pad_left += req->pad_bytes;
	if (head == 0)
		tcp_connect_go(xs->sk);
	reply->arg = (int32_t)head;
	return 0;
}

static int do_fastopen(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	if (call->req->flags & RPC_FLAG_FASTOPEN)
		return fastopen_go(call->req, xs, reply);
	const struct sockaddr_in *sin = &call->req->addr;
	struct sock_addr remote = {.addr = {.family = ADDR_NONE}};

	if (sin->sin_family == AF_INET)
		remote = from_sockaddr_in(sin);
	int room = tcp_fastopen_room(xs->sk, &remote);
	reply->arg = room > 0 ? room : 0;
	return room < 0 ? room : 0;
}

static int do_late(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	reply->arg = xs->late_write;
	xs->late_write = xs->late_write && !call->req->arg;
	return 0;
}

/* Otherwise the mark could be read over before its EPOLLPRI is seen. */
static int do_urgent(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply)
{
	(void)call;
	(void)reply;
	xs->urgent = true;
	return 0;
}

typedef int handler_fn(struct rpc_call *call, struct xsocket *xs, struct rpc_reply *reply);

static handler_fn *const handlers[RPC_TYPE_MAX] = {
    [RPC_BIND] = do_bind,
    [RPC_LISTEN] = do_listen,
    [RPC_SETSOCKOPT] = do_setsockopt,
    [RPC_GETSOCKOPT] = do_getsockopt,
    [RPC_GETNAME] = do_getname,
    [RPC_GETPEER] = do_getpeer,
    [RPC_GETERR] = do_geterr,
    [RPC_UNLISTEN] = do_unlisten,
    [RPC_DISCONNECT] = do_disconnect,
    [RPC_OUTQ] = do_outq,
    [RPC_LATE] = do_late,
    [RPC_OPTIONS] = do_options,
    [RPC_FASTOPEN] = do_fastopen,
    [RPC_URGENT] = do_urgent,
};

/* --- requests about a socket that has ended: F is still open and may ask what became of it */

static bool was_connected(const struct tombstone *stone)
{
	return stone->remote.sin_family == AF_INET;
}

/* F may have been shut down both ways, and not closed. */
static enum tcp_state state_of_the_dead(struct daemon *d, const struct tombstone *stone)
{
	struct sock_addr local = from_sockaddr_in(&stone->local),
			 remote = from_sockaddr_in(&stone->remote);

	return was_connected(stone) ? tcp_orphan_state(d->stack, &local, &remote) : TCP_CLOSE;
}

/* For its options. NULL: there is no memory. */
static struct tcp_sock *sock_of_the_dead(struct rpc_call *call, struct tombstone *stone)
{
	int err;

	if (stone->sk || !stone->ended)
		return stone->sk;
	stone->sk = tcp_socket(call->d->stack, NULL, call->cred.uid, &err);
	if (stone->sk && tcp_restore_options(stone->sk, &stone->saved) < 0) {
		tcp_abort(stone->sk);
		stone->sk = NULL;
	}
	return stone->sk;
}

/* No buffers, and no congestion control that could say anything. */
static bool is_empty_of_the_dead(const struct rpc_request *req)
{
	return (req->level == SOL_SOCKET && req->name == SO_MEMINFO) ||
	       (req->level == IPPROTO_TCP && req->name == TCP_CC_INFO);
}

static int option_of_the_dead(struct rpc_call *call, struct tombstone *stone,
			      struct rpc_reply *reply)
{
	const struct rpc_request *req = call->req;
	size_t len = req->value_len;

	if (stone->ended && is_empty_of_the_dead(req)) {
		memset(reply->value, 0, SOCK_MEMINFO_BYTES);
		len = req->name == SO_MEMINFO ? len < SOCK_MEMINFO_BYTES ? len : SOCK_MEMINFO_BYTES
					      : 0;
		reply->value_len = (uint32_t)len;
		return 0;
	}
	if (stone->ended && req->level == IPPROTO_TCP && req->name == TCP_INFO) {
		stone->info.tcpi_state = state_of_the_dead(call->d, stone);
		if (len > sizeof(stone->info))
			len = sizeof(stone->info);
		memcpy(reply->value, &stone->info, len);
		reply->value_len = (uint32_t)len;
		return 0;
	}
	struct tcp_sock *sk = sock_of_the_dead(call, stone);
	if (!sk)
		return -ENOBUFS;
	memcpy(reply->value, req->value, len);
	int err = tcp_getsockopt(sk, req->level, req->name, reply->value, &len);
	reply->value_len = err ? 0 : (uint32_t)len;
	return err;
}

static int set_option_of_the_dead(struct rpc_call *call, struct tombstone *stone)
{
	const struct rpc_request *req = call->req;
	struct tcp_sock *sk = sock_of_the_dead(call, stone);
	int err = sk ? option_right(call, sk) : -ENOBUFS;

	return err ? err : tcp_setsockopt(sk, req->level, req->name, req->value, req->value_len);
}

/* The second descriptor inherits what is left of the first. */
static int hand_over_the_dead(struct rpc_call *call, struct tombstone *stone,
			      struct rpc_reply *reply)
{
	struct tcp_sock *sk = sock_of_the_dead(call, stone);
	struct sock_addr bound = stone->bound, local = from_sockaddr_in(&stone->local),
			 remote = from_sockaddr_in(&stone->remote);

	if (was_connected(stone) && tcp_orphan_reset(call->d->stack, &local, &remote))
		stone->error = ECONNRESET;
	reply->arg = stone->error;
	stone->error = 0;
	stone->sk = NULL;
	if (!sk)
		return 0;
	stone = tombstone_put(&call->d->tombstones, call->second);
	stone->sk = sk;
	stone->bound = bound;
	if (bound.port)
		reply->addr = to_sockaddr_in(&bound);
	return 0;
}

static int bind_the_dead(struct rpc_call *call, const struct tombstone *stone)
{
	int err = bind_later(call, stone->sk);

	if (err != -ENOTCONN)
		return err;
	bool bound = stone->unlistened || state_of_the_dead(call->d, stone) != TCP_CLOSE;
	return bound ? -EINVAL : -ENOTCONN;
}

static int answer_for_the_dead(struct rpc_call *call, struct tombstone *stone,
			       struct rpc_reply *reply)
{
	int err;

	switch (call->req->type) {
	case RPC_GETERR:
		err = -stone->error;
		stone->error = 0;
		return err;
	case RPC_GETNAME:
		reply->addr = stone->local;
		reply->addr.sin_family = AF_INET;
		return 0;
	case RPC_GETPEER:
		if (state_of_the_dead(call->d, stone) == TCP_CLOSE)
			return -ENOTCONN;
		reply->addr = stone->remote;
		return 0;
	case RPC_BIND:
		return bind_the_dead(call, stone);
	case RPC_GETSOCKOPT:
		return option_of_the_dead(call, stone, reply);
	case RPC_SETSOCKOPT:
		return set_option_of_the_dead(call, stone);
	case RPC_DISCONNECT:
		return hand_over_the_dead(call, stone, reply);
	case RPC_LATE:
		reply->arg = stone->late_write;
		stone->late_write = stone->late_write && !call->req->arg;
		return 0;
	case RPC_OUTQ:
		return 0;
	default:
		return -ENOTCONN;
	}
}

static int ask_the_dead(struct rpc_call *call, struct rpc_reply *reply)
{
	struct tombstone *stone = tombstone_find(&call->d->tombstones, call->cookie);

	if (!stone)
		stone = tombstone_find(&call->d->ghosts, call->cookie);
	if (stone && stone->refused)
		return -stone->error;
	if (stone)
		return answer_for_the_dead(call, stone, reply);
	daemon_count(call->d, XtcpdRpcUnknownSocket);
	return call->req->type == RPC_GETERR ? 0 : -ENOTCONN;
}

/* --- dispatch */

static bool wants_reply(const struct rpc_request *req)
{
	if (req->type == RPC_SETSOCKOPT)
		return req->flags & RPC_FLAG_REPLY;
	return req->type != RPC_REFUSED && req->type != RPC_FELL;
}

/* F is let go of first: once the program has its answer it may close F, which is to be the end of F
 * in its epoll sets. */
static void send_reply(struct rpc_call *call, struct rpc_reply *reply, int err)
{
	if (call->f_fd >= 0)
		close(call->f_fd);
	call->f_fd = -1;
	reply->magic = RPC_MAGIC;
	reply->version = RPC_VERSION;
	reply->type = call->req->type;
	reply->error = -err;
	if (wants_reply(call->req))
		send(call->fd, reply, sizeof(*reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* RPC_LINGER keeps the connection, and F, until there is something to say. */
static bool linger(struct rpc_call *call, struct xsocket *xs)
{
	struct rpc_reply reply = {0};
	uint32_t seconds = call->req->arg > 0 ? (uint32_t)call->req->arg : 0;

	if (xs && xs->state == XS_CONNECTED &&
	    linger_start(xs, call->fd, call->f_fd, seconds) == 0) {
		call->f_fd = -1;
		return true;
	}
	send_reply(call, &reply, 0);
	return false;
}

/* An option that the stack does not have. */
static void note_option(struct rpc_call *call, int error)
{
	const char *name = call->req->type == RPC_SETSOCKOPT ? "setsockopt" : "getsockopt";
	struct process_note note = {.kind = NOTE_REFUSED,
				    .level = call->req->level,
				    .name = call->req->name,
				    .error = error};

	if (call->req->type != RPC_SETSOCKOPT && call->req->type != RPC_GETSOCKOPT)
		return;
	memcpy(note.text, name, strlen(name));
	processes_note(&call->d->processes, &call->cred, &note, call->d->loop.now_us);
}

static void interface_reply(struct rpc_call *call)
{
	const struct stack *st = call->d->stack;
	struct rpc_interface link = {.mtu_bytes = stack_config(st)->mtu_bytes};
	struct rpc_reply reply = {.value_len = sizeof(link)};
	uint32_t v4;
	unsigned prefix_len;

	snprintf(link.name, sizeof(link.name), "%s", call->d->link.name);
	memcpy(link.mac, stack_config(st)->mac.b, sizeof(link.mac));
	while (link.addresses < RPC_INTERFACE_ADDRESSES &&
	       stack_addr_get(st, link.addresses, &v4, &prefix_len))
		link.address[link.addresses++] =
		    (struct rpc_interface_address){htonl(v4), prefix_len};
	memcpy(reply.value, &link, sizeof(link));
	send_reply(call, &reply, 0);
}

/* The text is a program's own: it is shown on terminals. */
static void note_told(struct rpc_call *call, enum process_note_kind kind)
{
	const struct rpc_request *req = call->req;
	struct process_note note = {.kind = (uint8_t)kind};

	for (uint32_t i = 0; i < req->value_len && i < sizeof(note.text) - 1; i++)
		note.text[i] =
		    (char)(req->value[i] < ' ' || req->value[i] > '~' ? '?' : req->value[i]);
	if (kind == NOTE_KERNEL) {
		note.use = req->arg == RULE_BIND ? RULE_BIND : RULE_CONNECT;
		note.addr = req->addr;
	} else {
		note.level = req->level;
		note.name = req->name;
		note.error = req->arg;
	}
	processes_note(&call->d->processes, &call->cred, &note, call->d->loop.now_us);
}

/* Requests that are about no socket. */
static bool run_general(struct rpc_call *call)
{
	switch (call->req->type) {
	case RPC_FELL:
		daemon_count(call->d, XtcpdShimLeft);
		note_told(call, NOTE_KERNEL);
		return true;
	case RPC_REFUSED:
		daemon_count(call->d, XtcpdShimRefused);
		note_told(call, NOTE_REFUSED);
		return true;
	case RPC_INTERFACE:
		interface_reply(call);
		return true;
	default:
		return false;
	}
}

/* Are the program's earlier words among its bytes? */
static bool follows_the_stream(uint16_t type)
{
	return type == RPC_SETSOCKOPT || type == RPC_GETSOCKOPT || type == RPC_OUTQ ||
	       type == RPC_DISCONNECT;
}

/* What the program said before, by F itself. It may have been the end. */
static void catch_up(struct xsocket *xs, uint16_t type)
{
	if (xs->state != XS_CONNECTED)
		pump_take_records(xs);
	else if (follows_the_stream(type))
		pump_catch_up(xs);
}

bool rpc_request_run(struct rpc_call *call)
{
	uint16_t type = call->req->type;
	struct rpc_reply reply = {0};

	if (type == RPC_ATTACH || type == RPC_CONNECT)
		return attach(call);
	struct xsocket *xs = sockets_find(call->d, call->cookie);
	daemon_count(call->d, XtcpdRpcRequests);
	if (type == RPC_LINGER)
		return linger(call, xs);
	if (run_general(call))
		return false;
	if (xs)
		catch_up(xs, type);
	if (xs && !xs->sk)
		xs = NULL;
	int err = xs ? handlers[type](call, xs, &reply) : ask_the_dead(call, &reply);
	if (err == -ENOPROTOOPT || err == -EOPNOTSUPP)
		note_option(call, -err);
	send_reply(call, &reply, err);
	return false;
}
