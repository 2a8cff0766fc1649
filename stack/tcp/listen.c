/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: listen(), accept(), and the segments that come to a listener itself.
 *
 * Theory of operation
 *   - A SYN makes a request_sock (request.c) in the SYN queue; its final ACK makes a child, which
 *     waits in the accept queue, in the order of completion, until tcp_accept() takes it. Both are
 *     bounded by the backlog, each holding one more, as Linux's.
 *   - What tcp_accept() has handed over and the program has not yet taken counts against the
 *     backlog as well. How much that is, is asked only when the queue looks full.
 *   - A full accept queue: SYNs are dropped, and so are final ACKs, whose request_sock stays: the
 *     peer, or our SYN-ACK's retransmission, tries again (with tcp_abort_on_overflow it is reset).
 *   - A full SYN queue: SYN cookies (syncookies.c), or the SYN is dropped without tcp_syncookies.
 *   - A listener that goes drops its request_socks and resets the children nobody has accepted.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_passive.h"

/* --- the accept queue ------------------------------------------------------------------------ */

static bool looks_full(const struct listen_queue *lq)
{
	return (uint64_t)lq->ack_backlog + lq->handed > lq->max_ack_backlog;
}

bool accept_queue_full(struct tcp_sock *listener)
{
	struct stack *st = listener->stack;
	struct listen_queue *lq = listener->lq;
	if (!looks_full(lq))
		return false;
	lq->handed = st->ops.accept_unread ? st->ops.accept_unread(st->ctx, listener->user) : 0;
	return looks_full(lq);
}

void accept_queue_add(struct tcp_sock *listener, struct tcp_sock *child)
{
	child->child->parent = listener;
	list_add_tail(&listener->lq->accept_queue, &child->child->accept_node);
	listener->lq->ack_backlog++;
}

void tcp_child_settled(struct tcp_sock *sk)
{
	if (!sk->child || sk->child->parent || sk->child->fastopen_listener)
		return;
	free(sk->child);
	sk->child = NULL;
}

static struct tcp_sock *take_first(struct listen_queue *lq)
{
	struct tcp_child *first =
	    container_of(lq->accept_queue.next, struct tcp_child, accept_node);
	struct tcp_sock *sk = first->sk;
	list_del(&first->accept_node);
	first->parent = NULL;
	lq->ack_backlog--;
	tcp_child_settled(sk);
	return sk;
}

struct tcp_sock *tcp_accept(struct tcp_sock *listener)
{
	struct listen_queue *lq = listener->lq;
	if (!lq || list_empty(&lq->accept_queue))
		return NULL;
	struct tcp_sock *child = take_first(lq);
	lq->handed++;
	return child;
}

void listen_count_drop(struct tcp_sock *listener, struct tcp_segment *seg, enum drop_reason why)
{
	struct stack *st = listener->stack;
	snmp_inc(st, TcpExtListenDrops);
	if (why == DROP_TCP_ACCEPT_QUEUE_FULL)
		snmp_inc(st, TcpExtListenOverflows);
	stack_drop(st, seg->pkt, why);
	seg->pkt = NULL;
}

bool listen_complete(struct tcp_sock *listener, struct request_sock *req, struct tcp_segment *seg)
{
	struct stack *st = listener->stack;
	if (accept_queue_full(listener)) {
		listen_count_drop(listener, seg, DROP_TCP_ACCEPT_QUEUE_FULL);
		return false;
	}
	struct tcp_sock *child = tcp_create_child(listener, req, seg);
	if (!child) {
		listen_count_drop(listener, seg, DROP_SOCKET_NOMEM);
		return false;
	}
	snmp_inc(st, TcpPassiveOpens);
	if (req->c.hashed)
		ehash_replace(st, &req->c, &child->c);
	else /* made up from a cookie */
		ehash_insert(st, &child->c);
	accept_queue_add(listener, child);
	tcp_rcv(child, seg); /* RFC 9293 3.10.7.4, fifth: to ESTABLISHED */
	tcp_event(listener, TCP_EVENT_ACCEPT);
	return true;
}

/* --- a segment to the listener itself -------------------------------------------------------- */

static bool syn_queue_full(const struct tcp_sock *listener)
{
	const struct listen_queue *lq = listener->lq;
	return lq->qlen > lq->max_ack_backlog ||
	       lq->qlen >= listener->stack->sysctl.tcp_max_syn_backlog;
}

/* Without cookies the last quarter of tcp_max_syn_backlog is kept back for destinations that have
 * proved to be alive, as in Linux; here there is no such record. */
static bool syn_queue_nearly_full(const struct tcp_sock *listener)
{
	uint32_t max = listener->stack->sysctl.tcp_max_syn_backlog;
	return max - listener->lq->qlen < max >> 2;
}

/* Decides between a request_sock and a cookie. False: neither, the SYN is dropped (and counted). */
static bool admit(struct tcp_sock *listener, struct tcp_segment *seg, bool reopen, bool *cookie)
{
	struct stack *st = listener->stack;
	uint32_t cookies = st->sysctl.tcp_syncookies;
	*cookie = false;
	if (!reopen && (cookies == 2 || syn_queue_full(listener))) {
		snmp_inc(st, cookies ? TcpExtTCPReqQFullDoCookies : TcpExtTCPReqQFullDrop);
		*cookie = cookies != 0;
		if (!cookies) {
			listen_count_drop(listener, seg, DROP_TCP_REQ_QUEUE_FULL);
			return false;
		}
	}
	if (accept_queue_full(listener)) {
		listen_count_drop(listener, seg, DROP_TCP_ACCEPT_QUEUE_FULL);
		return false;
	}
	if (!reopen && !cookies && syn_queue_nearly_full(listener)) {
		listen_count_drop(listener, seg, DROP_TCP_REQ_QUEUE_FULL);
		return false;
	}
	return true;
}

/* The options of a SYN as far as they are spoken here. A cookie without timestamps has room for
 * nothing but the MSS; beside a signature there is none for timestamps and SACK blocks both. */
static struct tcp_options agreed_options(const struct tcp_sock *listener,
					 const struct tcp_segment *seg, bool cookie)
{
	const struct stack *st = listener->stack;
	struct tcp_options opt = seg->opt;
	opt.has_ts = opt.has_ts && st->sysctl.tcp_timestamps;
	bool room = !cookie || opt.has_ts;
	opt.has_wscale = opt.has_wscale && st->sysctl.tcp_window_scaling && room;
	opt.sack_permitted = opt.sack_permitted && st->sysctl.tcp_sack && room;
	if (opt.auth != AUTH_NONE && opt.sack_permitted && !cookie)
		opt.has_ts = false;
	return opt;
}

/* RFC 9293 3.10.7.2, third, as Linux does it. isn: 0, or chosen by a timewait_sock. */
static void take_syn(struct tcp_sock *listener, struct tcp_segment *seg, uint32_t isn)
{
	struct stack *st = listener->stack;
	struct request_sock init;
	bool cookie;
	if (!admit(listener, seg, isn != 0, &cookie))
		return;
	struct tcp_options opt = agreed_options(listener, seg, cookie);
	if (!request_init(&init, listener, seg, &opt)) {
		listen_count_drop(listener, seg, DROP_NO_SOCKET);
		return;
	}
	if (cookie) {
		cookie_send_synack(&init);
		return;
	}
	init.iss = isn ? isn : tcp_isn(st, &init.c);
	if (fastopen_rcv_syn(listener, &init, seg))
		return;
	struct request_sock *req = request_add(&init);
	if (!req) {
		listen_count_drop(listener, seg, DROP_SOCKET_NOMEM);
		return;
	}
	request_send_synack(req, tcp_ts_clock_ms(st->now_us));
	req->fastopen_cookie = false; /* as Linux: not in the SYN-ACK sent again */
}

void listen_rcv_reopen(struct tcp_sock *listener, struct tcp_segment *seg, uint32_t isn)
{
	take_syn(listener, seg, isn);
}

/* RFC 9293 3.10.7.2 */
void listen_rcv(struct tcp_sock *listener, struct tcp_segment *seg)
{
	struct stack *st = listener->stack;
	if (seg->flags & TCP_RST) {
		stack_count_drop(st, NULL, DROP_TCP_RESET);
	} else if (seg->flags & TCP_ACK) {
		if (seg->flags & TCP_SYN || !cookie_rcv(listener, seg)) {
			stack_count_drop(st, NULL, DROP_TCP_FLAGS);
			tcp_reset_reply(st, seg, &listener->c);
		}
	} else if (seg->flags & TCP_SYN && !(seg->flags & TCP_FIN)) {
		take_syn(listener, seg, 0);
	} else {
		stack_count_drop(st, NULL, DROP_TCP_FLAGS);
	}
}

/* --- beginning and end ----------------------------------------------------------------------- */

static uint32_t cap_backlog(const struct stack *st, int backlog)
{
	uint32_t max = st->sysctl.somaxconn;
	return backlog < 0 || (uint32_t)backlog > max ? max : (uint32_t)backlog;
}

int listen_start(struct tcp_sock *sk, int backlog)
{
	struct listen_queue *lq = calloc(1, sizeof(*lq));
	if (!lq)
		return -ENOMEM;
	sk->c.laddr = sk->bound_addr;
	sk->c.raddr = (struct addr4){0};
	/* Others may have bound the port with SO_REUSEADDR too: only one of them can listen. */
	int err = bind_port(sk, sk->bucket ? sk->c.lport : 0);
	if (err) {
		free(lq);
		return err;
	}
	lq->listener = sk;
	list_init(&lq->hash_node);
	syn_queue_init(lq);
	list_init(&lq->accept_queue);
	lq->max_ack_backlog = cap_backlog(sk->stack, backlog);
	sk->lq = lq;
	fastopen_listen_start(sk, lq->max_ack_backlog);
	tcp_set_state(sk, TCP_LISTEN);
	listener_hash(sk);
	return 0;
}

int tcp_listen(struct tcp_sock *sk, int backlog)
{
	if (sk->c.state == TCP_LISTEN) {
		sk->lq->max_ack_backlog = cap_backlog(sk->stack, backlog);
		return 0;
	}
	/* A connection that has ended stays one until tcp_disconnect() (Linux's sock->state), but
	 * not an attempt that was refused: that has never heard a sequence number. */
	bool was_connected = sk->c.raddr.v4 != 0 && sk->rcv_nxt != 0;
	if (sk->c.state != TCP_CLOSE || was_connected)
		return -EINVAL;
	return listen_start(sk, backlog);
}

static void reset_unaccepted(struct listen_queue *lq)
{
	while (!list_empty(&lq->accept_queue))
		tcp_abort(take_first(lq));
}

void listen_stop(struct tcp_sock *sk)
{
	struct listen_queue *lq = sk->lq;
	if (!lq)
		return;
	listener_unhash(sk);
	syn_queue_drop(lq);
	reset_unaccepted(lq);
	fastopen_listen_stop(lq);
	sk->lq = NULL;
	free(lq);
	tcp_set_state(sk, TCP_CLOSE);
}
