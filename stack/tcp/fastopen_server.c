/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open, the passive side (RFC 7413 4.2, as Linux does it).
 *
 * Theory of operation
 *   - A cookie is a keyed hash of both addresses: nothing is remembered. There are two keys; the
 *     first makes cookies, the second is still believed, and who shows one of its cookies gets a
 *     new one. They are the stack's (tcp_fastopen_key) or the listener's own (TCP_FASTOPEN_KEY).
 *   - A SYN with a valid cookie makes the child at once: in SYN_RECV, on the accept queue, with the
 *     SYN's data in its receive queue. It answers with a SYN-ACK that acknowledges the data, which
 *     its RTO timer repeats like that of a simultaneous open, and may send before the handshake is
 *     done. A FIN waits for that.
 *   - How many such children may be pending is bounded by the listener's TCP_FASTOPEN (5.1). One
 *     that is reset counts for a minute longer: forged addresses answer with resets, and so cannot
 *     make more children than that.
 *   - Whenever anything is amiss the SYN is an ordinary one: its data is not acknowledged and comes
 *     again after the handshake.
 */
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_send.h"

#define RESET_PENALTY_US 60000000ull

/* A child was reset before its handshake was done: counts in fastopen_qlen until then. */
struct fastopen_penalty {
	struct list node;
	uint64_t until_us;
};

/* --- cookies ---------------------------------------------------------------------------------- */

static const struct fastopen_keys *keys_of(const struct tcp_sock *listener)
{
	return listener->fastopen_keys ? listener->fastopen_keys
				       : &listener->stack->sysctl.tcp_fastopen_key;
}

/* RFC 7413 4.1.2: as Linux makes them, so that hosts with the same key believe each other. */
void fastopen_cookie(const struct tcp_sock *listener, const struct sock_common *c, unsigned key,
		     uint8_t cookie[FASTOPEN_COOKIE_BYTES])
{
	const uint32_t *w = keys_of(listener)->word[key];
	struct siphash_key k = {{w[0] | (uint64_t)w[1] << 32, w[2] | (uint64_t)w[3] << 32}};
	uint8_t path[8];
	put_be32(put_be32(path, c->raddr.v4), c->laddr.v4);
	uint64_t hash = siphash(&k, path, sizeof(path));
	memcpy(cookie, &hash, FASTOPEN_COOKIE_BYTES);
}

/* Which key has made the cookie: its index, or -1. */
static int key_of_cookie(const struct tcp_sock *listener, const struct request_sock *req,
			 const struct tcp_options *opt)
{
	uint8_t cookie[FASTOPEN_COOKIE_BYTES];
	for (unsigned i = 0; i < keys_of(listener)->count; i++) {
		fastopen_cookie(listener, &req->c, i, cookie);
		if (opt->tfo_len == sizeof(cookie) && !memcmp(opt->tfo, cookie, sizeof(cookie)))
			return (int)i;
	}
	return -1;
}

/* --- how many are pending --------------------------------------------------------------------- */

void fastopen_listen_start(struct tcp_sock *listener, uint32_t backlog)
{
	list_init(&listener->lq->fastopen_pending);
	list_init(&listener->lq->fastopen_penalties);
	if (fastopen_mode(listener, TFO_SERVER_ENABLE) &&
	    fastopen_mode(listener, TFO_SERVER_WO_SOCKOPT1) && !listener->fastopen_max_qlen)
		listener->fastopen_max_qlen = backlog;
}

static void penalty_free(struct listen_queue *lq, struct fastopen_penalty *p)
{
	list_del(&p->node);
	lq->fastopen_qlen--;
	free(p);
}

static struct fastopen_penalty *first_penalty(struct listen_queue *lq)
{
	if (list_empty(&lq->fastopen_penalties))
		return NULL;
	return container_of(lq->fastopen_penalties.next, struct fastopen_penalty, node);
}

void fastopen_listen_stop(struct listen_queue *lq)
{
	struct fastopen_penalty *p;
	while (!list_empty(&lq->fastopen_pending))
		fastopen_child_settled(
		    container_of(lq->fastopen_pending.next, struct tcp_child, fastopen_node)->sk);
	while ((p = first_penalty(lq)))
		penalty_free(lq, p);
}

/* As Linux a full queue makes room for one whose penalty is over. */
static bool may_pend(struct tcp_sock *listener)
{
	struct listen_queue *lq = listener->lq;
	if (lq->fastopen_qlen < listener->fastopen_max_qlen)
		return true;
	if (listener->fastopen_max_qlen == 0)
		return false;
	struct fastopen_penalty *p = first_penalty(lq);
	if (!p || p->until_us > listener->stack->now_us) {
		snmp_inc(listener->stack, TcpExtTCPFastOpenListenOverflow);
		return false;
	}
	penalty_free(lq, p);
	return true;
}

static struct tcp_sock *fastopen_listener(const struct tcp_sock *sk)
{
	return sk->child ? sk->child->fastopen_listener : NULL;
}

void fastopen_child_settled(struct tcp_sock *sk)
{
	struct tcp_sock *listener = fastopen_listener(sk);
	if (!listener)
		return;
	listener->lq->fastopen_qlen--;
	sk->child->fastopen_listener = NULL;
	list_del(&sk->child->fastopen_node);
	tcp_child_settled(sk);
}

void fastopen_child_reset(struct tcp_sock *child)
{
	struct tcp_sock *listener = fastopen_listener(child);
	struct fastopen_penalty *p = listener ? malloc(sizeof(*p)) : NULL;
	if (!p)
		return;
	p->until_us = child->stack->now_us + RESET_PENALTY_US;
	list_init(&p->node);
	list_add_tail(&listener->lq->fastopen_penalties, &p->node);
	listener->lq->fastopen_qlen++; /* fastopen_child_settled() takes the child's own back */
}

/* --- the child -------------------------------------------------------------------------------- */

/* RFC 7413 4.2.2: what came with the SYN can be read at once. */
static void take_syn_data(struct tcp_sock *child, struct tcp_segment *seg)
{
	uint32_t window = child->rcv_ssthresh;
	if (seg->pkt->len == 0)
		return;
	seg->flags &= (uint8_t)~TCP_SYN;
	seg->seq++;
	tcp_data_queue(child, seg);
	child->syn_data_acked = child->rcv_nxt != child->irs + 1;
	/* How the peer paces its data nobody knows yet: what follows is acknowledged at once. */
	child->ato_us = 0;
	child->quick_acks = 0;
	child->rcv_ssthresh = window; /* it came before anything was offered */
}

static bool open_child(struct tcp_sock *listener, struct request_sock *req, struct tcp_segment *seg,
		       bool new_cookie)
{
	struct stack *st = listener->stack;
	struct listen_queue *lq = listener->lq;
	struct tcp_sock *child = tcp_create_child(listener, req, seg);
	if (!child)
		return false;
	ehash_insert(st, &child->c);
	accept_queue_add(listener, child);
	child->fastopen_child = true;
	child->fastopen_new_cookie = new_cookie;
	child->fastopen_exp = seg->opt.tfo_exp;
	child->child->fastopen_listener = listener;
	list_add_tail(&lq->fastopen_pending, &child->child->fastopen_node);
	lq->fastopen_qlen++;
	child->snd_wnd = child->max_window = seg->wnd; /* RFC 7323 2.2: not scaled in a SYN */
	tcp_init_transfer(child);
	take_syn_data(child, seg);
	tcp_send_syn(child); /* acknowledges the data, too */
	child->rcv_wup = child->rcv_nxt;
	snmp_inc(st, TcpPassiveOpens);
	snmp_inc(st, TcpExtTCPFastOpenPassive);
	if (new_cookie)
		snmp_inc(st, TcpExtTCPFastOpenPassiveAltKey);
	tcp_event(listener, TCP_EVENT_ACCEPT);
	return true;
}

bool fastopen_rcv_syn(struct tcp_sock *listener, struct request_sock *req, struct tcp_segment *seg)
{
	struct stack *st = listener->stack;
	const struct tcp_options *opt = &seg->opt;
	bool asks = opt->has_tfo && opt->tfo_len == 0;
	req->fastopen_exp = opt->tfo_exp;
	if (asks)
		snmp_inc(st, TcpExtTCPFastOpenCookieReqd);
	if (!fastopen_mode(listener, TFO_SERVER_ENABLE) || !(opt->has_tfo || seg->pkt->len > 0) ||
	    !may_pend(listener))
		return false;
	if (listener->fastopen_no_cookie || fastopen_mode(listener, TFO_SERVER_COOKIE_NOT_REQD))
		return open_child(listener, req, seg, false);
	if (!opt->has_tfo)
		return false;
	if (!asks) {
		int key = key_of_cookie(listener, req, opt);
		if (key >= 0 && open_child(listener, req, seg, key > 0))
			return true;
		snmp_inc(st, TcpExtTCPFastOpenPassiveFail);
	}
	req->fastopen_cookie = true;
	return false;
}

bool fastopen_rcv_child(struct tcp_sock *child, const struct tcp_segment *seg)
{
	struct stack *st = child->stack;
	uint8_t kind = seg->flags & (TCP_RST | TCP_SYN | TCP_ACK);
	if (kind != TCP_SYN || seg->seq != child->irs)
		return false;
	/* The SYN again: so is its answer. */
	if (!tcp_oow_rate_limited(st, &child->last_oow_ack_ms, TcpExtTCPACKSkippedSynRecv))
		(void)tcp_retransmit_syn(child);
	return true;
}

bool fastopen_child_in_use(const struct tcp_sock *sk)
{
	const struct stack *st = sk->stack;
	if (!sk->fastopen_child || tcp_parent(sk))
		return false;
	return !st->ops.accept_is_taken || st->ops.accept_is_taken(st->ctx, sk->user);
}

/* RFC 6298 5.7, RFC 5681 3.1: what went after it is lost as well, and is sent again when the SYN-ACK
 * is acknowledged. */
void fastopen_synack_lost(struct tcp_sock *child)
{
	recovery_enter_loss(child);
	child->frto = FRTO_OFF;
}

void fastopen_server_option(const struct tcp_sock *sk, struct tcp_options *opt)
{
	struct tcp_sock *listener = fastopen_listener(sk);
	if (!sk->fastopen_new_cookie || !listener)
		return;
	opt->has_tfo = true;
	opt->tfo_exp = sk->fastopen_exp;
	opt->tfo_len = FASTOPEN_COOKIE_BYTES;
	fastopen_cookie(listener, &sk->c, 0, opt->tfo);
}
