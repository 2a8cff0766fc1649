/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (D. J. Bernstein; RFC 4987 3.6), as Linux has them: a SYN-ACK that needs no memory.
 *
 * Theory of operation
 *   - The initial sequence number of the SYN-ACK is itself the record of the SYN: a keyed hash of
 *     the four-tuple, plus the peer's sequence number, plus the minute in the upper eight bits,
 *     plus an index into a table of four MSS values hidden in the lower 24 by a second keyed hash.
 *     That one covers the peer's sequence number too. In Linux it does not: there a segment up to
 *     three bytes further on than the ACK passes for it, with another MSS, and these bytes are lost.
 *   - With timestamps, the six lower bits of TSval say whether SACK and ECN may be used and with
 *     which window scale; without them the connection has none of these.
 *   - An ACK is believed only within two minutes of its cookie, and only if cookies were sent
 *     within the last two: without an overflow nobody can guess his way in.
 */
#include "stack/tcp/tcp_passive.h"

#define COOKIE_BITS 24
#define COOKIE_MASK ((1u << COOKIE_BITS) - 1)
#define COOKIE_MAX_AGE 2 /* minutes */
#define MINUTE_US 60000000ull

#define TS_BITS 6
#define TS_MASK ((1u << TS_BITS) - 1)
#define TS_WSCALE_MASK 0x0fu /* all ones: no window scaling */
#define TS_SACK 0x10u
#define TS_ECN 0x20u

static const uint16_t mss_table[] = {536, 1300, 1440, 1460};
#define MSS_TABLE_LEN (sizeof(mss_table) / sizeof(mss_table[0]))

static uint32_t cookie_minute(const struct stack *st)
{
	return (uint32_t)(st->now_us / MINUTE_US);
}

static uint32_t cookie_hash(const struct stack *st, const struct request_sock *req, uint32_t count,
			    unsigned which)
{
	const struct sock_common *c = &req->c;
	uint32_t in[5] = {c->laddr.v4, c->raddr.v4, (uint32_t)c->lport << 16 | c->rport, count,
			  which == 1 ? req->irs : 0};
	return (uint32_t)siphash(&st->tcp.cookie_key[which], in, sizeof(in));
}

static uint32_t cookie_make(const struct stack *st, const struct request_sock *req, uint32_t data)
{
	uint32_t minute = cookie_minute(st);
	return cookie_hash(st, req, 0, 0) + req->irs + (minute << COOKIE_BITS) +
	       ((cookie_hash(st, req, minute, 1) + data) & COOKIE_MASK);
}

/* The data a cookie holds; beyond any that is valid when it is forged or too old. */
static uint32_t cookie_data(const struct stack *st, const struct request_sock *req, uint32_t cookie)
{
	uint32_t minute = cookie_minute(st);
	cookie -= cookie_hash(st, req, 0, 0) + req->irs;
	uint32_t age = (minute - (cookie >> COOKIE_BITS)) & (UINT32_MAX >> COOKIE_BITS);
	if (age >= COOKIE_MAX_AGE)
		return UINT32_MAX;
	return (cookie - cookie_hash(st, req, minute - age, 1)) & COOKIE_MASK;
}

static uint32_t mss_index(uint16_t mss)
{
	uint32_t i = MSS_TABLE_LEN - 1;
	while (i > 0 && mss < mss_table[i])
		i--;
	return i;
}

/* The newest clock value not after now whose lower bits are the options. */
static uint32_t timestamp_with_options(const struct request_sock *req, uint32_t now_ms)
{
	uint32_t options = req->wscale_ok ? req->snd_wscale : TS_WSCALE_MASK;
	if (req->sack_ok)
		options |= TS_SACK;
	if (req->ecn_ok)
		options |= TS_ECN;
	uint32_t ts = (now_ms & ~TS_MASK) | options;
	return seq_gt(ts, now_ms) ? ts - (TS_MASK + 1) : ts;
}

void cookie_send_synack(struct request_sock *req)
{
	struct tcp_sock *listener = req->listener;
	struct stack *st = listener->stack;
	listener->lq->last_synq_overflow_us = st->now_us;
	listener->lq->synq_overflow_seen = true;
	req->ecn_ok &= req->c.tstamp_ok;
	req->iss = cookie_make(st, req, mss_index(req->mss));
	snmp_inc(st, TcpExtSyncookiesSent);
	request_send_synack(req, timestamp_with_options(req, tcp_ts_clock_ms(st->now_us)));
}

static bool overflowed_recently(const struct tcp_sock *listener)
{
	const struct listen_queue *lq = listener->lq;
	return lq->synq_overflow_seen &&
	       listener->stack->now_us - lq->last_synq_overflow_us <= COOKIE_MAX_AGE * MINUTE_US;
}

static uint32_t cookie_bits(const struct tcp_segment *seg, uint32_t ts_off)
{
	return (seg->opt.tsecr - ts_off) & TS_MASK;
}

/* The options of the SYN, from the timestamp the ACK echoes. False: none that we have sent. */
static bool options_from_timestamp(const struct stack *st, const struct tcp_segment *seg,
				   uint32_t ts_off, struct tcp_options *opt)
{
	uint32_t bits = cookie_bits(seg, ts_off);
	if (!seg->opt.has_ts)
		return true;
	if (!st->sysctl.tcp_timestamps)
		return false;
	opt->has_ts = true;
	opt->tsval = seg->opt.tsval;
	opt->sack_permitted = bits & TS_SACK;
	opt->has_wscale = (bits & TS_WSCALE_MASK) != TS_WSCALE_MASK;
	opt->wscale = opt->has_wscale ? (uint8_t)(bits & TS_WSCALE_MASK) : 0;
	return (!opt->sack_permitted || st->sysctl.tcp_sack) &&
	       (!opt->has_wscale || st->sysctl.tcp_window_scaling);
}

/* The request_sock that was never kept. False: the ACK is not the answer to a cookie. */
static bool cookie_recall(struct tcp_sock *listener, const struct tcp_segment *seg,
			  struct request_sock *req)
{
	struct stack *st = listener->stack;
	struct tcp_options opt = {0};
	struct request_sock key = {.irs = seg->seq - 1,
				   .c = {.laddr = addr4_of(&seg->ip.dst),
					 .raddr = addr4_of(&seg->ip.src),
					 .lport = seg->dport,
					 .rport = seg->sport}};
	uint32_t data = cookie_data(st, &key, seg->ack - 1);
	if (data >= MSS_TABLE_LEN) {
		snmp_inc(st, TcpExtSyncookiesFailed);
		return false;
	}
	snmp_inc(st, TcpExtSyncookiesRecv);
	opt.mss = mss_table[data];
	if (!options_from_timestamp(st, seg, tcp_ts_offset(st, &key.c), &opt) ||
	    !request_init(req, listener, seg, &opt))
		return false;
	req->ecn_ok =
	    st->sysctl.tcp_ecn && req->c.tstamp_ok && cookie_bits(seg, req->ts_off) & TS_ECN;
	req->irs = key.irs;
	req->iss = seg->ack - 1;
	return true;
}

bool cookie_rcv(struct tcp_sock *listener, struct tcp_segment *seg)
{
	struct request_sock req;
	struct stack *st = listener->stack;
	if (!st->sysctl.tcp_syncookies || !overflowed_recently(listener))
		return false;
	if (!cookie_recall(listener, seg, &req)) {
		stack_count_drop(st, NULL, DROP_TCP_SYNCOOKIE_INVALID);
		return false;
	}
	(void)listen_complete(listener, &req, seg); /* else counted; the peer sends it again */
	return true;
}
