/* SPDX-License-Identifier: MIT */
/*
 * A tcp_sock's life: made by tcp_socket() or as a listener's child, ended by tcp_done(), freed when
 * its user has closed it as well.
 *
 * Invariants
 *   - A socket belongs to its user until tcp_close(); after that it is an orphan and frees itself
 *     when it reaches CLOSE. A socket in CLOSE that still has a user keeps its receive queue: what
 *     arrived before the end can be read.
 *   - The four-tuple is in the established hash exactly in the synchronised states and SYN_SENT.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack_impl.h"
#include "stack/tcp/fastopen.h"
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

#define SEC_US 1000000ull

_Static_assert(sizeof(struct tcp_sock) <= 928, "35 in a chunk: each idle connection has one");

/* --- allocation ------------------------------------------------------------------------------- */

/* Nothing of a connection: the fields from ecn on, and what it has in common with a request_sock or
 * a timewait_sock. Whatever hung on them is freed already. */
static void clear_connection(struct tcp_sock *sk)
{
	const struct cc_ops *cc = sk->cc;
	size_t from = offsetof(struct tcp_sock, ecn);
	memset((char *)sk + from, 0, sizeof(*sk) - from);
	list_init(&sk->snd_blocks);
	list_init(&sk->rtx_queue);
	list_init(&sk->rcv_queue);
	tcp_timers_init(sk);
	sk->cc = cc;
	sk->c.ts_recent = 0;
	sk->c.tstamp_ok = false;
	sk->c.rcv_wscale = 0;
	sk->created_ms = stack_now_ms(sk->stack);
}

void tcp_sock_renew(struct tcp_sock *sk)
{
	tcp_timers_cancel(sk);
	sndbuf_purge(sk);
	tcp_rcv_queues_purge(sk);
	mtu_probe_end(sk);
	clear_connection(sk);
	sk->err = sk->err_soft = 0;
	sk->events = 0;
	list_del(&sk->event_node);
	list_del(&sk->flush_node);
	sk->c.laddr = sk->bound_addr;
	sk->c.raddr = (struct addr4){0};
	sk->c.rport = 0;
	if (!sk->bucket)
		sk->c.lport = 0;
}

struct tcp_sock *tcp_sock_alloc(struct stack *st, uint32_t uid, int *err)
{
	struct tcp_layer *tcp = &st->tcp;
	if (tcp->sockets >= st->sysctl.tcp_max_sockets) {
		*err = -ENFILE;
		return NULL;
	}
	struct tcp_sock *sk = slab_alloc(&tcp->sock_slab);
	if (!sk) {
		*err = -ENOMEM;
		return NULL;
	}
	sk->stack = st;
	if (!tcp_owner_join(sk, uid)) {
		slab_free(&tcp->sock_slab, sk);
		*err = -ENOMEM;
		return NULL;
	}
	sk->c.kind = SOCK_KIND_TCP;
	sk->c.state = TCP_CLOSE;
	struct list *nodes[] = {&sk->event_node, &sk->flush_node, &sk->bind_node};
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		list_init(nodes[i]);
	sk->sndbuf_bytes = st->sysctl.tcp_wmem[1];
	sk->rcvbuf_bytes = st->sysctl.tcp_rmem[1];
	ip_sk_init(sk);
	clear_connection(sk);
	list_add_tail(&tcp->all, &sk->all_node);
	tcp->sockets++;
	*err = 0;
	return sk;
}

static void leave_accept_queue(struct tcp_sock *sk)
{
	if (!sk->child)
		return;
	list_del(&sk->child->accept_node);
	sk->child->parent = NULL;
	tcp_child_settled(sk);
}

void tcp_sock_free(struct tcp_sock *sk)
{
	struct tcp_layer *tcp = &sk->stack->tcp;
	if (sk->c.state != TCP_CLOSE)
		tcp_set_state(sk, TCP_CLOSE);
	tcp_timers_cancel(sk);
	ehash_remove(sk->stack, &sk->c);
	bind_release(sk);
	sndbuf_purge(sk);
	tcp_rcv_queues_purge(sk);
	list_del(&sk->event_node);
	list_del(&sk->flush_node);
	fastopen_child_settled(sk);
	leave_accept_queue(sk);
	mtu_probe_end(sk);
	pacing_free(sk);
	free(sk->cc_heap);
	list_del(&sk->all_node);
	tcp->sockets--;
	if (sk->orphan)
		tcp->orphans--;
	tcp_auth_free(sk->auth);
	free(sk->fastopen_keys);
	free(sk->lq);
	tcp_owner_leave(sk);
	slab_free(&tcp->sock_slab, sk);
}

struct tcp_sock *tcp_socket(struct stack *st, void *user, uint32_t uid, int *err)
{
	struct tcp_sock *sk = tcp_sock_alloc(st, uid, err);
	if (!sk)
		return NULL;
	sk->user = user;
	return sk;
}

void *tcp_user(const struct tcp_sock *sk)
{
	return sk->user;
}

/* --- state ------------------------------------------------------------------------------------ */

static bool counts_as_established(unsigned state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT; /* RFC 4022 tcpCurrEstab */
}

static void change_state(struct tcp_sock *sk, enum tcp_state state, int err)
{
	uint64_t *curr_estab = &sk->stack->mib.counter[TcpCurrEstab];
	unsigned old = sk->c.state;
	*curr_estab += counts_as_established(state);
	*curr_estab -= counts_as_established(old);
	if (state == TCP_CLOSE && counts_as_established(old))
		snmp_inc(sk->stack, TcpEstabResets);
	fastopen_child_settled(sk);
	sk->c.state = (uint8_t)state;
	/* Of one that has left its place to a timewait_sock that is its life from here on. */
	bool gone = state == TCP_CLOSE && !sk->c.hashed;
	if (sk->c.rport && old != state && !gone)
		trace_state(sk->stack, &sk->c, old, state, err);
}

void tcp_set_state(struct tcp_sock *sk, enum tcp_state state)
{
	change_state(sk, state, 0);
}

void tcp_done(struct tcp_sock *sk, int err)
{
	unsigned old = sk->c.state;
	if (old == TCP_SYN_SENT || old == TCP_SYN_RECV)
		snmp_inc(sk->stack, TcpAttemptFails);
	change_state(sk, TCP_CLOSE, err);
	tcp_timers_cancel(sk);
	sndbuf_purge(sk);
	ehash_remove(sk->stack, &sk->c);
	list_del(&sk->flush_node);
	if (sk->orphan) {
		tcp_sock_free(sk);
		return;
	}
	if (!sk->bound_port_set)
		bind_release(sk);
	if (err)
		sk->err = (uint16_t)err;
	tcp_event(sk, err ? TCP_EVENT_ERROR : TCP_EVENT_CLOSED);
}

enum tcp_state tcp_state(const struct tcp_sock *sk)
{
	return sk->c.state;
}

int tcp_error(struct tcp_sock *sk)
{
	int err = sk->err ? sk->err : sk->err_soft;
	if (sk->err)
		sk->err = 0;
	else
		sk->err_soft = 0;
	return err;
}

struct sock_addr tcp_local(const struct tcp_sock *sk)
{
	struct addr4 addr = sk->c.laddr.v4 ? sk->c.laddr : sk->bound_addr;
	return (struct sock_addr){.addr = addr4_tagged(addr), .port = sk->c.lport};
}

struct sock_addr tcp_remote(const struct tcp_sock *sk)
{
	struct sock_addr none = {.addr = {.family = ADDR_NONE}};
	if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN)
		return none;
	return (struct sock_addr){.addr = addr4_tagged(sk->c.raddr), .port = sk->c.rport};
}

struct tcp_sock *tcp_peer_here(const struct tcp_sock *sk)
{
	const struct sock_common *c = &sk->c;
	struct sock_common *peer = ehash_lookup(sk->stack, c->raddr, c->rport, c->laddr, c->lport);
	return peer && peer->kind == SOCK_KIND_TCP ? container_of(peer, struct tcp_sock, c) : NULL;
}

/* --- the path and its segment size ------------------------------------------------------------ */

static uint16_t advertised_mss(const struct tcp_sock *sk, const struct ip_path *path)
{
	uint32_t mss = sk->user_mss && sk->user_mss < path->advmss ? sk->user_mss : path->advmss;
	return (uint16_t)(mss < 65535 ? mss : 65535);
}

int tcp_sock_route(struct tcp_sock *sk)
{
	struct ip_path path;
	int err = ip_route_output(sk->stack, sk->c.raddr.v4, sk->c.laddr.v4, &path);
	if (err)
		return err;
	if (sk->c.laddr.v4 == 0)
		sk->c.laddr.v4 = path.src;
	if (!sk->advmss) /* told once, in the handshake */
		sk->advmss = advertised_mss(sk, &path);
	if (path.window && (!sk->window_clamp || path.window < sk->window_clamp))
		sk->window_clamp = path.window;
	if (!sk->mss_clamp)
		sk->mss_clamp = TCP_DEFAULT_MSS;
	tcp_sync_mss(sk, path.mtu_bytes);
	return 0;
}

static uint32_t option_bytes(const struct tcp_sock *sk)
{
	return (sk->c.tstamp_ok ? 12 : 0) + (sk->auth ? tcp_auth_option_bytes(sk) : 0);
}

/* RFC 6691: the MSS options speak of segments without options; what is sent counts them. */
uint32_t tcp_mtu_to_mss(const struct tcp_sock *sk, uint32_t mtu_bytes)
{
	uint32_t floor = sk->stack->sysctl.tcp_min_snd_mss, options = option_bytes(sk);
	uint32_t mss = mtu_bytes > IPV4_HDR_BYTES + TCP_HDR_BYTES
			   ? mtu_bytes - IPV4_HDR_BYTES - TCP_HDR_BYTES
			   : floor;
	if (sk->mss_clamp && mss > sk->mss_clamp)
		mss = sk->mss_clamp;
	if (sk->user_mss && mss > sk->user_mss)
		mss = sk->user_mss;
	mss = mss > options ? mss - options : 0;
	return mss > floor ? mss : floor;
}

uint32_t tcp_mss_to_mtu(const struct tcp_sock *sk, uint32_t mss)
{
	return mss + option_bytes(sk) + IPV4_HDR_BYTES + TCP_HDR_BYTES;
}

void tcp_sync_mss(struct tcp_sock *sk, uint32_t pmtu_bytes)
{
	uint32_t mss = tcp_mtu_to_mss(sk, mtu_probe_limit(sk, pmtu_bytes));
	sk->pmtu_bytes = pmtu_bytes;
	sk->mss_cache = (uint16_t)(mss < 65535 ? mss : 65535);
}

/* tcp_adv_win_scale s: all but a 2^s-th of the buffer or, from 0 down, its 2^-s-th part. */
uint32_t tcp_full_space(const struct tcp_sock *sk)
{
	int scale = sk->stack->sysctl.tcp_adv_win_scale;
	uint32_t buffer = sk->rcvbuf_bytes;
	uint32_t space = scale <= 0 ? buffer >> -scale : buffer - (buffer >> scale);
	return sk->window_clamp && sk->window_clamp < space ? sk->window_clamp : space;
}

/* RFC 7323 2.3: the scale must serve the largest buffer this connection may come to have. */
void tcp_select_initial_window(struct stack *st, uint32_t space_bytes, uint32_t mss, uint32_t clamp,
			       bool wscale_ok, uint32_t *rcv_wnd, uint8_t *rcv_wscale)
{
	uint32_t space = clamp && clamp < space_bytes ? clamp : space_bytes;
	uint32_t most = st->sysctl.tcp_rmem[2] > space ? st->sysctl.tcp_rmem[2] : space;
	if (clamp && clamp < most)
		most = clamp;
	*rcv_wscale = 0;
	while (wscale_ok && most > 65535 && *rcv_wscale < TCP_MAX_WSCALE) {
		most >>= 1;
		(*rcv_wscale)++;
	}
	if (mss && space > mss)
		space -= space % mss; /* whole segments (RFC 9293 3.8.6.2.2) */
	uint32_t widest = st->sysctl.tcp_workaround_signed_windows ? INT16_MAX : UINT16_MAX;
	*rcv_wnd = space < widest ? space : widest;
}

void tcp_init_transfer(struct tcp_sock *sk)
{
	tcp_sock_route(sk);
	mtu_probe_init(sk);
	tcp_cc_init(sk);
	tcp_rcv_init(sk);
	if (sk->keepalive)
		tcp_keepalive_start(sk, SEC_US * (sk->keepidle_s
						      ? sk->keepidle_s
						      : sk->stack->sysctl.tcp_keepalive_time_s));
	trace_established(sk);
}

/* --- closing ---------------------------------------------------------------------------------- */

static void make_orphan(struct tcp_sock *sk)
{
	sk->user = NULL;
	sk->orphan = true;
	sk->rcv_shutdown = true; /* what comes now is nobody's */
	sk->events = 0;
	list_del(&sk->event_node);
	sk->stack->tcp.orphans++;
}

static bool reset_is_due(unsigned state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
	       state == TCP_FIN_WAIT2 || state == TCP_SYN_RECV;
}

void tcp_abort(struct tcp_sock *sk)
{
	if (sk->c.state == TCP_LISTEN)
		listen_stop(sk);
	else if (reset_is_due(sk->c.state))
		tcp_send_active_reset(sk);
	tcp_sock_free(sk);
}

/* How long an orphan waits for the peer's FIN: TCP_LINGER2 or the sysctl, but long enough for some
 * retransmissions of it (Linux's tcp_fin_time()). */
static uint64_t fin_wait_2_us(const struct tcp_sock *sk)
{
	uint64_t seconds =
	    sk->linger2_s > 0 ? (uint64_t)sk->linger2_s : sk->stack->sysctl.tcp_fin_timeout_s;
	uint64_t least_us = sk->rto_us * 7ull / 2;
	return seconds * SEC_US > least_us ? seconds * SEC_US : least_us;
}

void tcp_orphan_fin_wait_2(struct tcp_sock *sk)
{
	if (sk->linger2_s < 0) {
		tcp_send_active_reset(sk);
		snmp_inc(sk->stack, TcpExtTCPAbortOnLinger);
		tcp_done(sk, 0);
		return;
	}
	if (sk->ack_now || sk->ack_delayed)
		tcp_send_ack(sk);
	timewait_enter(sk, TCP_FIN_WAIT2, fin_wait_2_us(sk));
	tcp_done(sk, 0);
}

void tcp_close(struct tcp_sock *sk, bool unread)
{
	struct stack *st = sk->stack;
	unsigned state = sk->c.state;
	if (state == TCP_LISTEN || state == TCP_CLOSE || state == TCP_SYN_SENT) {
		if (state == TCP_LISTEN)
			listen_stop(sk);
		tcp_sock_free(sk);
		return;
	}
	/* RFC 2525 2.17, RFC 9293 3.10.4: data that nobody will read. SO_LINGER 0 asks for it. */
	bool linger_zero = sk->linger_on && sk->linger_s == 0;
	if (unread || sk->rcvq_bytes > 0 || linger_zero) {
		snmp_inc(st, linger_zero ? TcpExtTCPAbortOnData : TcpExtTCPAbortOnClose);
		tcp_abort(sk);
		return;
	}
	if (st->tcp.orphans >= st->sysctl.tcp_max_orphans) {
		snmp_inc(st, TcpExtTCPAbortOnMemory);
		tcp_abort(sk);
		return;
	}
	tcp_send_fin(sk);
	tcp_rcv_queues_purge(sk);
	make_orphan(sk);
	if (sk->c.state == TCP_FIN_WAIT2)
		tcp_orphan_fin_wait_2(sk);
}

bool tcp_park(struct tcp_sock *sk, struct sock_addr *bound)
{
	bool was_bound = sk->bucket && sk->bound_port_set;
	if (was_bound)
		*bound =
		    (struct sock_addr){.addr = addr4_tagged(sk->bound_addr), .port = sk->c.lport};
	bind_release(sk);
	sndbuf_purge(sk);
	tcp_rcv_queues_purge(sk);
	sk->bound_port_set = false;
	sk->bound_addr = (struct addr4){0};
	sk->user = NULL;
	sk->events = 0;
	list_del(&sk->event_node);
	list_del(&sk->flush_node);
	return was_bound;
}

/* As Linux, SO_ERROR then tells that a connection was cut off. */
void tcp_disconnect(struct tcp_sock *sk)
{
	unsigned state = sk->c.state;
	bool cut_off = state == TCP_SYN_SENT || reset_is_due(state);
	if (state == TCP_LISTEN)
		listen_stop(sk);
	else if (reset_is_due(state))
		tcp_send_active_reset(sk);
	tcp_set_state(sk, TCP_CLOSE);
	ehash_remove(sk->stack, &sk->c);
	if (!sk->bound_port_set)
		bind_release(sk);
	tcp_sock_renew(sk);
	if (cut_off)
		sk->err = ECONNRESET;
}
