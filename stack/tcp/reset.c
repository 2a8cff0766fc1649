/* SPDX-License-Identifier: MIT */
/*
 * Answers outside any full connection: resets for what belongs to nobody (RFC 9293 3.10.7.1), bare
 * segments for request_socks and timewait_socks, and the limits that keep answers from being an
 * amplifier (RFC 5961 7).
 */
#include "stack/tcp/tcp_auth.h"

#define CSUM_OFFSET 16
#define SEC_US 1000000ull

static void send_headers(struct stack *st, const struct ip_addr *src, const struct ip_addr *dst,
			 uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags,
			 uint16_t wnd, struct tcp_options *opt, uint8_t tos, uint8_t ttl,
			 const struct tcp_sign *sign)
{
	struct ip_tx tx;
	memset(&tx, 0, sizeof(tx));
	if (sign->kind == AUTH_BAD)
		return;
	tcp_sign_options(sign, opt);
	size_t opt_len = tcp_options_write(tx.hdr + TCP_HDR_BYTES, opt);
	tx.src = *src;
	tx.dst = *dst;
	tx.proto = IPPROTO_TCP_;
	tx.tos = tos;
	tx.ttl = ttl;
	tx.df = true;
	tx.hdr_len = (uint16_t)(TCP_HDR_BYTES + opt_len);
	tx.csum_offset = CSUM_OFFSET;
	tcp_header_write(tx.hdr, sport, dport, seq, ack, tx.hdr_len, flags, wnd, 0);
	tcp_sign(st, sign, &tx);
	snmp_inc(st, TcpOutSegs);
	if (flags & TCP_RST)
		snmp_inc(st, TcpOutRsts);
	(void)ip_output(st, &tx); /* lost here is as lost on the wire: the peer asks again */
}

void tcp_send_bare(struct stack *st, const struct sock_common *c, uint32_t seq, uint32_t ack,
		   uint8_t flags, uint16_t wnd, struct tcp_options *opt, uint8_t tos, uint8_t ttl)
{
	struct tcp_sign sign;
	tcp_sign_choose(st, c, NULL, seq, flags, &sign);
	struct ip_addr src = addr4_tagged(c->laddr), dst = addr4_tagged(c->raddr);
	send_headers(st, &src, &dst, c->lport, c->rport, seq, ack, flags, wnd, opt, tos, ttl,
		     &sign);
}

void tcp_reset_reply(struct stack *st, const struct tcp_segment *seg, const struct sock_common *c)
{
	struct tcp_options opt = {0};
	struct tcp_sign sign = {.kind = AUTH_NONE};
	uint32_t seq = 0, ack = 0;
	uint8_t flags = TCP_RST;
	if (seg->flags & TCP_RST)
		return;
	/* RFC 9293 3.10.7.1: from the acknowledgment if there is one. */
	if (seg->flags & TCP_ACK) {
		seq = seg->ack;
	} else {
		ack = seg->end_seq;
		flags |= TCP_ACK;
	}
	if (c)
		tcp_sign_choose(st, c, seg, seq, flags, &sign);
	send_headers(st, &seg->ip.dst, &seg->ip.src, seg->dport, seg->sport, seq, ack, flags, 0,
		     &opt, seg->ip.tos & (uint8_t)~IP_ECN_MASK, 0, &sign);
}

/* RFC 5961 7, as Linux: half to one and a half of the limit, lest somebody count them. */
static uint32_t challenges_per_second(struct stack *st)
{
	uint32_t limit = st->sysctl.tcp_challenge_ack_limit;
	if (limit >= INT32_MAX) /* none */
		return UINT32_MAX;
	return limit ? (limit + 1) / 2 + random_below(&st->random, limit) : 0;
}

static bool challenge_allowed(struct stack *st)
{
	struct tcp_layer *tcp = &st->tcp;
	if (st->now_us - tcp->challenge_window_us >= SEC_US) {
		tcp->challenge_window_us = st->now_us;
		tcp->challenge_count = challenges_per_second(st);
	}
	if (tcp->challenge_count == 0)
		return false;
	tcp->challenge_count--;
	return true;
}

bool tcp_oow_rate_limited(struct stack *st, uint32_t *last_ms, enum snmp counter)
{
	uint32_t now_ms = stack_now_ms(st);
	if (*last_ms && now_ms - *last_ms < st->sysctl.tcp_invalid_ratelimit_ms) {
		snmp_inc(st, counter);
		return true;
	}
	*last_ms = now_ms;
	return false;
}

void tcp_challenge_ack(struct tcp_sock *sk)
{
	if (tcp_oow_rate_limited(sk->stack, &sk->last_oow_ack_ms, TcpExtTCPACKSkippedChallenge) ||
	    !challenge_allowed(sk->stack))
		return;
	snmp_inc(sk->stack, TcpExtTCPChallengeACK);
	tcp_send_ack(sk);
}
