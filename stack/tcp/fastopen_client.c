/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open, the active side (RFC 7413 4.2, as Linux does it).
 *
 * Theory of operation
 *   - Without a cookie for the destination the SYN asks for one and is otherwise an ordinary one.
 *     With one the SYN is deferred: in SYN_SENT, with its addresses and its port, and nothing sent,
 *     until the program has written something or has closed its side; then the SYN takes along as
 *     much as it can hold, at the next flush.
 *   - The data has a record of its own behind the SYN's in the retransmit queue. The SYN is sent
 *     again without data and cookie. A SYN-ACK that does not acknowledge the data, for whatever
 *     reason, has it sent again at once, which is not congestion (4.2.1).
 *   - Connections that time out although, or because, they began with Fast Open may be the work of a
 *     middlebox: with tcp_fastopen_blackhole_timeout_sec there is no Fast Open for that long, twice
 *     as long each time, up to 64 times (4.1.3.1, as Linux).
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_send.h"

#define SYN_OPTIONS_BYTES TCP_OPTIONS_MAX_BYTES /* kept free in a SYN with data */
#define BLACKHOLE_SHIFT_MAX 6

/* --- black holes ------------------------------------------------------------------------------- */

static bool is_suspended(const struct stack *st)
{
	return st->sysctl.tcp_fastopen_blackhole_timeout_s && st->tcp.fastopen.suspensions &&
	       st->now_us < st->tcp.fastopen.suspended_until_us;
}

static void suspend(struct stack *st)
{
	struct fastopen_layer *layer = &st->tcp.fastopen;
	uint64_t seconds = st->sysctl.tcp_fastopen_blackhole_timeout_s;
	if (seconds == 0)
		return;
	uint32_t times =
	    layer->suspensions < BLACKHOLE_SHIFT_MAX ? layer->suspensions : BLACKHOLE_SHIFT_MAX;
	layer->suspensions++;
	layer->suspended_until_us = st->now_us + (seconds << times) * 1000000;
	snmp_inc(st, TcpExtTCPFastOpenBlackhole);
}

void fastopen_timed_out(struct tcp_sock *sk, bool gives_up)
{
	bool is_ours = sk->syn_fastopen || sk->syn_data_acked;
	if (!is_ours || !(sk->retransmits == 2 || (sk->retransmits < 2 && gives_up)))
		return;
	suspend(sk->stack);
	if (sk->c.state == TCP_SYN_SENT)
		sk->fastopen_fail = TFO_SYN_RETRANSMITTED;
}

/* --- what may go with a SYN -------------------------------------------------------------------- */

static bool needs_no_cookie(const struct tcp_sock *sk)
{
	return sk->fastopen_no_cookie || fastopen_mode(sk, TFO_CLIENT_NO_COOKIE);
}

/* RFC 7413 4.1.3: by the MSS the server gave last, and with room for any option. */
static uint32_t room_for(const struct tcp_sock *sk, const struct fastopen_known *known,
			 uint32_t mtu_bytes, uint32_t advmss)
{
	uint32_t mss = mtu_bytes - IPV4_HDR_BYTES - TCP_HDR_BYTES;
	uint32_t theirs = known->mss ? known->mss : advmss;
	mss = min_u32(mss, theirs);
	if (sk->user_mss)
		mss = min_u32(mss, sk->user_mss); /* TCP_MAXSEG */
	return mss > SYN_OPTIONS_BYTES ? mss - SYN_OPTIONS_BYTES : 0;
}

int tcp_fastopen_room(struct tcp_sock *sk, const struct sock_addr *remote)
{
	struct stack *st = sk->stack;
	struct ip_path path;
	if (!fastopen_mode(sk, TFO_CLIENT_ENABLE))
		return -EOPNOTSUPP;
	int err = tcp_connect_check(sk, remote);
	if (err)
		return err;
	struct sock_common c = {.raddr = addr4_of(&remote->addr), .laddr = sk->bound_addr};
	if (ip_route_output(st, c.raddr.v4, c.laddr.v4, &path) != 0)
		return 0; /* connect() will say so */
	c.laddr.v4 = path.src;
	struct fastopen_known known = fastopen_cache_get(st, &c);
	if (is_suspended(st) || (known.cookie_len == 0 && !needs_no_cookie(sk)))
		return 0;
	return (int)room_for(sk, &known, path.mtu_bytes, path.advmss);
}

/* RFC 7413 appendix A: for peers that are as old as the option's first form. */
static bool uses_experiment(const struct fastopen_known *known)
{
	return known->cookie_len ? known->exp : known->try_exp == 1;
}

/* --- the SYN ----------------------------------------------------------------------------------- */

bool fastopen_connect_start(struct tcp_sock *sk)
{
	struct stack *st = sk->stack;
	if (!fastopen_mode(sk, TFO_CLIENT_ENABLE) || is_suspended(st))
		return false;
	struct fastopen_known known = fastopen_cache_get(st, &sk->c);
	sk->syn_fastopen = true;
	sk->fastopen_exp = uses_experiment(&known);
	if (!needs_no_cookie(sk) && known.cookie_len == 0) {
		sk->fastopen_fail = TFO_COOKIE_UNAVAILABLE;
		return false;
	}
	sk->snd_una = sk->snd_nxt = sk->iss;
	sk->write_seq = sk->iss + 1; /* where the program's bytes begin */
	sk->fastopen_deferred = true;
	return true;
}

bool tcp_connect_deferred(const struct tcp_sock *sk)
{
	return sk->fastopen_deferred;
}

int tcp_deferred_room(struct tcp_sock *sk)
{
	struct fastopen_known known = fastopen_cache_get(sk->stack, &sk->c);
	if (!sk->fastopen_deferred || sk->sndq_bytes > 0)
		return -EISCONN;
	if (known.cookie_len == 0 && !needs_no_cookie(sk))
		return 0;
	return (int)room_for(sk, &known, sk->pmtu_bytes, sk->advmss);
}

void tcp_connect_go(struct tcp_sock *sk)
{
	if (sk->fastopen_deferred)
		tcp_send_syn(sk);
}

void fastopen_xmit_deferred(struct tcp_sock *sk)
{
	if (sk->sndq_bytes > 0 || sk->fin_queued)
		tcp_connect_go(sk);
}

/* A record of its own behind the SYN's: how many bytes the SYN takes along. */
uint32_t fastopen_attach_data(struct tcp_sock *sk)
{
	struct fastopen_known known = fastopen_cache_get(sk->stack, &sk->c);
	uint32_t len = min_u32(sk->sndq_bytes, room_for(sk, &known, sk->pmtu_bytes, sk->advmss));
	if (!sk->syn_fastopen || sk->c.state != TCP_SYN_SENT || len == 0)
		return 0;
	if (known.cookie_len == 0 && !needs_no_cookie(sk))
		return 0; /* forgotten meanwhile: the SYN asks for another */
	struct tx_seg *seg = tx_seg_alloc(sk->stack);
	if (!seg)
		return 0;
	seg->seq = sk->snd_nxt;
	seg->end_seq = sk->snd_nxt + len;
	seg->mss = (uint16_t)len;
	seg->psh = true; /* should it have to be sent by itself */
	seg->sent_us = sk->stack->now_us;
	list_add_tail(&sk->rtx_queue, &seg->node);
	sk->snd_nxt = seg->end_seq;
	sk->syn_data = true;
	snmp_inc(sk->stack, TcpExtTCPOrigDataSent);
	return len;
}

/* As Linux: the data is what made it too large, so the SYN goes again without it, and at once. */
bool fastopen_syn_too_large(struct tcp_sock *sk)
{
	if (sk->c.state != TCP_SYN_SENT || !sk->syn_data)
		return false;
	(void)tcp_retransmit_syn(sk);
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO, sk->rto_us);
	return true;
}

static void client_option(const struct tcp_sock *sk, struct tcp_options *opt)
{
	if (!sk->syn_fastopen || needs_no_cookie(sk))
		return;
	struct fastopen_known known = fastopen_cache_get(sk->stack, &sk->c);
	opt->has_tfo = true;
	opt->tfo_exp = uses_experiment(&known);
	opt->tfo_len = known.cookie_len;
	memcpy(opt->tfo, known.cookie, known.cookie_len);
}

void fastopen_syn_option(const struct tcp_sock *sk, struct tcp_options *opt)
{
	if (sk->total_retrans > 0)
		return;
	if (sk->c.state == TCP_SYN_SENT)
		client_option(sk, opt);
	else
		fastopen_server_option(sk, opt);
}

/* --- the answer -------------------------------------------------------------------------------- */

void fastopen_rcv_synack(struct tcp_sock *sk, const struct tcp_segment *seg)
{
	struct stack *st = sk->stack;
	if (!sk->syn_fastopen)
		return; /* a cookie that nobody has asked for */
	/* A request that got no cookie: the peer may know the old option alone. */
	bool asked = !needs_no_cookie(sk);
	bool refused = asked && !sk->syn_data && sk->total_retrans == 0;
	uint8_t try_exp = !refused ? 0 : sk->fastopen_exp ? 2 : 1;
	struct tcp_options opt = seg->opt;
	opt.has_tfo &= asked;
	fastopen_cache_set(st, &sk->c, sk->mss_clamp, &opt, try_exp);
	if (!sk->syn_data)
		return;
	if (!list_empty(&sk->rtx_queue)) {
		sk->fastopen_fail =
		    sk->total_retrans > 0 ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
		snmp_inc(st, TcpExtTCPFastOpenActiveFail);
		recovery_resend_all(sk);
		return;
	}
	sk->syn_data_acked = true;
	snmp_inc(st, TcpExtTCPFastOpenActive);
	st->tcp.fastopen.suspensions = 0; /* it works after all */
}
