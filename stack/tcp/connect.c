/* SPDX-License-Identifier: MIT */
/*
 * The active open: connect(), and what comes back while in SYN_SENT (RFC 9293 3.10.1, 3.10.7.3),
 * simultaneous open included.
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_receive.h"
#include "stack/tcp/tcp_send.h"

static int connect_state_error(const struct tcp_sock *sk)
{
	switch (sk->c.state) {
	case TCP_CLOSE:
		return 0;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return -EALREADY;
	default:
		return -EISCONN; /* Linux says so of a listener as well */
	}
}

/* RFC 1122 3.2.1.3: 0.0.0.0 as a destination means this host. */
static struct addr4 destination(const struct tcp_sock *sk, const struct sock_addr *remote)
{
	if (!ip_addr_is_any(&remote->addr))
		return addr4_of(&remote->addr);
	if (sk->bound_addr.v4)
		return sk->bound_addr;
	return (struct addr4){0x7f000001};
}

int tcp_connect_check(const struct tcp_sock *sk, const struct sock_addr *remote)
{
	int err = connect_state_error(sk);
	return err || remote->addr.family == ADDR_IPV4 ? err : -EAFNOSUPPORT;
}

static int connect_to(struct tcp_sock *sk, const struct sock_addr *remote, bool fast)
{
	int err = tcp_connect_check(sk, remote);
	if (err)
		return err;
	tcp_sock_renew(sk);
	sk->c.laddr = sk->bound_addr;
	sk->c.raddr = destination(sk, remote);
	sk->c.rport = remote->port;
	sk->c.tstamp_ok = tcp_offers_timestamps(sk); /* for the size of what is offered */
	err = tcp_sock_route(sk);
	if (!err && sk->auth)
		err = tcp_auth_connect(sk);
	if (!err)
		err = bind_connect(sk);
	if (!err)
		err = tcp_connect_start(sk, fast);
	if (err) {
		if (!sk->bound_port_set)
			bind_release(sk);
		tcp_sock_renew(sk);
	}
	return err;
}

int tcp_connect(struct tcp_sock *sk, const struct sock_addr *remote)
{
	return connect_to(sk, remote, sk->fastopen_connect);
}

void tcp_connect_expect_data(struct tcp_sock *sk)
{
	sk->write_pending = true;
}

int tcp_connect_fast(struct tcp_sock *sk, const struct sock_addr *remote)
{
	return connect_to(sk, remote, true);
}

int tcp_connect_start(struct tcp_sock *sk, bool fast)
{
	struct stack *st = sk->stack;
	tcp_set_state(sk, TCP_SYN_SENT);
	ehash_insert(st, &sk->c);
	if (sk->write_seq) /* bind_connect() chose one to follow a TIME_WAIT's */
		sk->iss = sk->write_seq;
	else if (!sk->iss)
		sk->iss = tcp_isn(st, &sk->c);
	sk->ts_off = tcp_ts_offset(st, &sk->c);
	tcp_select_initial_window(st, tcp_full_space(sk), sk->advmss, sk->window_clamp,
				  st->sysctl.tcp_window_scaling, &sk->rcv_wnd, &sk->c.rcv_wscale);
	sk->rcv_ssthresh = sk->rcv_wnd;
	ecn_offer(sk);
	snmp_inc(st, TcpActiveOpens);
	if (!fast || !fastopen_connect_start(sk))
		tcp_send_syn(sk);
	return 0;
}

/* --- SYN_SENT -------------------------------------------------------------------------------- */

/* What the peer's SYN says of itself; what it does not say is off. */
static void take_syn_options(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	const struct tcp_options *o = &seg->opt;
	const struct sysctls *ctl = &sk->stack->sysctl;
	sk->mss_clamp = o->mss ? o->mss : TCP_DEFAULT_MSS;
	sk->c.tstamp_ok = tcp_offers_timestamps(sk) && o->has_ts;
	sk->sack_ok = ctl->tcp_sack && o->sack_permitted;
	sk->wscale_ok = ctl->tcp_window_scaling && o->has_wscale;
	sk->snd_wscale = sk->wscale_ok ? o->wscale : 0;
	if (!sk->wscale_ok)
		sk->c.rcv_wscale = 0;
	if (sk->c.tstamp_ok) {
		sk->c.ts_recent = o->tsval;
		sk->ts_recent_ms = stack_now_ms(sk->stack);
	}
	ecn_rcv_syn(sk, seg);
	sk->irs = seg->seq;
	sk->rcv_nxt = sk->rcv_wup = sk->copied_seq = sk->last_ack_sent = seg->seq + 1;
}

static void take_syn_window(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	sk->snd_wnd = sk->max_window = seg->wnd; /* RFC 7323 2.2: not scaled in a SYN */
	sk->snd_wl1 = seg->seq;
}

/* RFC 9293 3.10.7.3, first: is the acknowledgment of our SYN, and the echo of our time? */
static bool syn_sent_ack_ok(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	if (!seq_gt(seg->ack, sk->snd_una) || seq_gt(seg->ack, sk->snd_nxt))
		return false;
	if (!sk->c.tstamp_ok || !seg->opt.has_ts || seg->opt.tsecr == 0)
		return true;
	uint32_t now_ms = tcp_ts_clock_ms(sk->stack->now_us) + sk->ts_off;
	uint32_t first_ms = sk->created_ms + sk->ts_off;
	if (!seq_lt(seg->opt.tsecr, first_ms) && !seq_gt(seg->opt.tsecr, now_ms))
		return true;
	snmp_inc(sk->stack, TcpExtPAWSActive);
	return false;
}

static void established(struct tcp_sock *sk, struct tcp_segment *seg)
{
	take_syn_options(sk, seg);
	tcp_ack(sk, seg); /* before the window: a SYN's window is not for SND.WL1's rule */
	take_syn_window(sk, seg);
	tcp_set_state(sk, TCP_ESTABLISHED);
	mtu_probe_init(sk); /* before the path is looked at: the first segment has tcp_base_mss */
	tcp_init_transfer(sk);
	fastopen_rcv_synack(sk, seg);
	tcp_event(sk, TCP_EVENT_CONNECTED);
	if (!sk->write_pending) {
		tcp_ack_at_flush(sk);
		return;
	}
	/* As Linux: the data that is about to be written takes the ACK along. */
	tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	sk->ack_delayed = true;
	tcp_timer_set(sk, TCP_TIMER_DELACK, sk->stack->now_us + TCP_DELACK_MAX_US);
	tcp_want_flush(sk);
}

/* RFC 9293 3.5, figure 8: both have sent a SYN. */
static void simultaneous_open(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	take_syn_options(sk, seg);
	take_syn_window(sk, seg);
	tcp_set_state(sk, TCP_SYN_RECV);
	tcp_sock_route(sk);
	tcp_send_syn(sk);
}

void tcp_rcv_syn_sent(struct tcp_sock *sk, struct tcp_segment *seg)
{
	if (seg->flags & TCP_ACK) {
		if (!syn_sent_ack_ok(sk, seg)) {
			stack_count_drop(sk->stack, NULL, DROP_TCP_INVALID_ACK_SEQUENCE);
			if (!(seg->flags & TCP_RST))
				tcp_reset_reply(sk->stack, seg, &sk->c);
			return;
		}
		if (seg->flags & TCP_RST) {
			tcp_done(sk, ECONNREFUSED);
			return;
		}
	}
	if (seg->flags & TCP_RST || !(seg->flags & TCP_SYN)) {
		stack_count_drop(sk->stack, NULL, DROP_TCP_FLAGS);
		return;
	}
	if (seg->opt.has_ts && sk->ts_recent_ms &&
	    !tcp_paws_ok(sk->stack, sk->c.ts_recent, sk->ts_recent_ms, seg->opt.tsval)) {
		stack_count_drop(sk->stack, NULL, DROP_TCP_RFC7323_PAWS);
		return;
	}
	if (!(seg->flags & TCP_ACK)) {
		simultaneous_open(sk, seg);
		return;
	}
	established(sk, seg);
	if (seg->pkt && (seg->pkt->len > 0 || seg->flags & TCP_FIN)) {
		/* RFC 9293 3.10.7.3, fifth: what comes with the SYN is processed after it. */
		seg->flags &= (uint8_t)~TCP_SYN;
		seg->seq++;
		seg->pkt->seq = seg->seq;
		tcp_data_queue(sk, seg);
	}
}
