/* SPDX-License-Identifier: MIT */
/*
 * From a request_sock to a connection: the child that the handshake's final ACK makes.
 *
 * The child starts in SYN_RECV with everything the SYN and our SYN-ACK settled, takes the request's
 * place in the established hash, and shares its listener's port. tcp_rcv() then takes the same
 * segment and moves it to ESTABLISHED (RFC 9293 3.10.7.4, fifth).
 */
#include <stdlib.h>

#include "stack/stack_impl.h"

static void init_send_side(struct tcp_sock *sk, const struct request_sock *req)
{
	uint32_t una = req->iss + 1;
	sk->iss = req->iss;
	sk->snd_una = sk->snd_nxt = sk->write_seq = sk->snd_up = sk->snd_sml = una;
	sk->pushed_seq = sk->high_seq = una;
	sk->snd_wl1 = req->irs;
	sk->snd_wscale = req->snd_wscale;
	sk->mss_clamp = req->mss;
}

static void init_receive_side(struct tcp_sock *sk, const struct request_sock *req)
{
	sk->irs = req->irs;
	sk->rcv_nxt = sk->copied_seq = sk->rcv_wup = sk->last_ack_sent = req->irs + 1;
	sk->rcv_wnd = sk->rcv_ssthresh = req->rcv_wnd;
	sk->c.rcv_wscale = req->c.rcv_wscale;
	sk->c.ts_recent = req->c.ts_recent;
	sk->ts_recent_ms = stack_now_ms(sk->stack);
	sk->ts_off = req->ts_off;
}

static bool child_begin(struct tcp_sock *sk, struct tcp_sock *listener)
{
	sk->child = calloc(1, sizeof(*sk->child));
	if (!sk->child)
		return false;
	list_init(&sk->child->accept_node);
	list_init(&sk->child->fastopen_node);
	sk->child->sk = sk;
	sk->child->parent = listener;
	return true;
}

struct tcp_sock *tcp_create_child(struct tcp_sock *listener, const struct request_sock *req,
				  const struct tcp_segment *seg)
{
	int err;
	struct stack *st = listener->stack;
	struct tcp_sock *sk = tcp_sock_alloc(st, listener->owner->uid, &err);
	if (!sk)
		return NULL;
	if (!child_begin(sk, listener) || !sockopt_inherit(sk, listener)) {
		tcp_sock_free(sk);
		return NULL;
	}
	sk->c.laddr = req->c.laddr;
	sk->c.raddr = req->c.raddr;
	sk->c.lport = req->c.lport;
	sk->c.rport = req->c.rport;
	sk->bound_addr = req->c.laddr;
	sk->wscale_ok = req->wscale_ok;
	sk->c.tstamp_ok = req->c.tstamp_ok;
	sk->sack_ok = req->sack_ok;
	sk->ecn = req->ecn_ok ? ECN_OK : 0;
	sk->c.tos = req->c.tos;
	if (listener->auth && tcp_auth_inherit(sk, req) != 0) {
		tcp_sock_free(sk);
		return NULL;
	}
	init_send_side(sk, req);
	init_receive_side(sk, req);
	sk->max_window = (uint32_t)seg->wnd << sk->snd_wscale;
	sk->total_retrans = req->num_retrans;
	if (req->num_retrans == 0 && req->synack_us) /* RFC 6298 3: Karn's rule */
		tcp_rtt_sample(sk, (int64_t)(st->now_us - req->synack_us));
	tcp_set_state(sk, TCP_SYN_RECV);
	bind_inherit(sk, listener);
	tcp_sock_route(sk);
	return sk;
}
