/* SPDX-License-Identifier: MIT */
/*
 * request_socks: SYNs that have been answered, and what becomes of them (RFC 9293 3.10.7.4 for
 * SYN-RECEIVED, as Linux's tcp_check_req() has it).
 *
 * Theory of operation
 *   - A request_sock is in the established hash under its four-tuple and on its listener's SYN
 *     queue. Its timer sends the SYN-ACK again, one second after the first and then twice as long
 *     each time (tcp_rto_max_ms at most), tcp_synack_retries times (or TCP_SYNCNT); then it is
 *     dropped. When the queue is more than half full of old ones their patience shrinks.
 *   - The SYN repeated is answered again; a RST or a SYN in the window ends it; an ACK of something
 *     else is reset; what lies outside the window is answered by an ACK, at a limited rate.
 *   - With TCP_DEFER_ACCEPT a bare ACK is only noted: the child is made when data comes, or when
 * the SYN-ACK sent once more at the end of that time is acknowledged.
 *   - That timer is the listener's, for all of its request_socks: the SYN queue is one list for each
 *     number of timeouts, so that each list is in the order of expiry by itself, and the timer is for
 *     the earliest of their heads.
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_trace.h"

#define SEC_US 1000000ull
#define PAWS_MSL_US (60 * SEC_US)
#define TS_OPTION_BYTES 12 /* padded */

/* --- TCP_DEFER_ACCEPT: seconds and SYN-ACK timeouts ------------------------------------------ */

static uint32_t next_timeout_s(uint32_t timeout_s)
{
	return 2 * timeout_s < TCP_REQUEST_RTO_MAX_S ? 2 * timeout_s : TCP_REQUEST_RTO_MAX_S;
}

uint8_t secs_to_retrans(uint32_t seconds)
{
	uint32_t timeout_s = TCP_TIMEOUT_INIT_S, period_s = timeout_s;
	uint8_t n = 1;
	if (seconds == 0)
		return 0;
	for (; seconds > period_s && n < UINT8_MAX; n++) {
		timeout_s = next_timeout_s(timeout_s);
		period_s += timeout_s;
	}
	return n;
}

uint32_t retrans_to_secs(uint8_t retrans)
{
	uint32_t timeout_s = TCP_TIMEOUT_INIT_S, period_s = 0;
	for (; retrans > 0; retrans--) {
		period_s += timeout_s;
		timeout_s = next_timeout_s(timeout_s);
	}
	return period_s;
}

static uint8_t defer_accept_retrans(const struct tcp_sock *listener)
{
	return secs_to_retrans(listener->defer_accept_s);
}

/* --- life ------------------------------------------------------------------------------------ */

/* RFC 6298 2.1, 5.5, 2.5: a second, doubled each time, at most tcp_rto_max_ms. */
static uint64_t timeout_us(const struct request_sock *req)
{
	uint64_t us = TCP_TIMEOUT_INIT_S * SEC_US
		      << (req->num_timeout < 16 ? req->num_timeout : 16);
	uint64_t max_us = req->listener->stack->sysctl.tcp_rto_max_ms * 1000ull;
	return us < max_us ? us : max_us;
}

uint64_t request_expires_us(const struct request_sock *req)
{
	uint64_t now_ms = req->listener->stack->now_us / 1000;
	return (now_ms + (uint64_t)(int32_t)(req->expires_ms - (uint32_t)now_ms)) * 1000;
}

static struct request_sock *first_of(const struct list *queue)
{
	return list_empty(queue) ? NULL : container_of(queue->next, struct request_sock, node);
}

static void expire_by(struct listen_queue *lq, uint64_t expires_us)
{
	if (!timer_armed(&lq->synack_timer) || expires_us < lq->synack_timer.expires_us)
		timer_set(&lq->listener->stack->wheel, &lq->synack_timer, expires_us);
}

/* Behind those that are due before it: at the end of its queue, unless what they have been given was
 * more then. */
static void rearm(struct request_sock *req)
{
	struct listen_queue *lq = req->listener->lq;
	unsigned last = SYN_QUEUE_LEVELS - 1;
	struct list *queue = &lq->syn_queue[req->num_timeout < last ? req->num_timeout : last];
	struct list *next = queue;
	uint64_t at_us = req->listener->stack->now_us + timeout_us(req);
	req->expires_ms = (uint32_t)((at_us + 999) / 1000);
	list_del(&req->node);
	while (next->prev != queue &&
	       seq_gt(container_of(next->prev, struct request_sock, node)->expires_ms,
		      req->expires_ms))
		next = next->prev;
	list_insert_before(next, &req->node);
	expire_by(lq, request_expires_us(req));
}

static bool path_back(const struct request_sock *req, struct ip_path *path)
{
	return ip_route_output(req->listener->stack, req->c.raddr.v4, req->c.laddr.v4, path) == 0;
}

static uint32_t min_set(uint32_t a, uint32_t b) /* 0: not set */
{
	return a && (!b || a < b) ? a : b;
}

bool request_init(struct request_sock *req, struct tcp_sock *listener,
		  const struct tcp_segment *seg, const struct tcp_options *opt)
{
	struct stack *st = listener->stack;
	struct ip_path path;
	memset(req, 0, sizeof(*req));
	req->c = (struct sock_common){.laddr = addr4_of(&seg->ip.dst),
				      .raddr = addr4_of(&seg->ip.src),
				      .lport = seg->dport,
				      .rport = seg->sport,
				      .kind = SOCK_KIND_REQUEST,
				      .state = TCP_NEW_SYN_RECV};
	req->listener = listener;
	if (!path_back(req, &path))
		return false;
	req->irs = seg->seq;
	req->ao_used = seg->opt.auth == AUTH_AO; /* what it says is what we are to answer with */
	req->ao_keyid = seg->opt.rnext;
	req->ao_rnext = seg->opt.keyid;
	req->mss = (uint16_t)min_set(listener->user_mss, opt->mss ? opt->mss : TCP_DEFAULT_MSS);
	req->wscale_ok = opt->has_wscale;
	req->snd_wscale = opt->wscale;
	req->sack_ok = opt->sack_permitted;
	req->c.tstamp_ok = opt->has_ts;
	req->ecn_ok = ecn_accepts(st, seg);
	req->c.ts_recent = opt->tsval;
	req->ts_off = opt->has_ts ? tcp_ts_offset(st, &req->c) : 0;
	req->c.tos =
	    st->sysctl.tcp_reflect_tos ? (uint8_t)(seg->ip.tos & ~IP_ECN_MASK) : listener->c.tos;
	uint32_t mss = min_set(listener->user_mss, path.advmss);
	tcp_select_initial_window(st, tcp_full_space(listener),
				  mss - (req->c.tstamp_ok ? TS_OPTION_BYTES : 0),
				  min_set(listener->window_clamp, path.window), req->wscale_ok,
				  &req->rcv_wnd, &req->c.rcv_wscale);
	return true;
}

struct request_sock *request_add(const struct request_sock *init)
{
	struct listen_queue *lq = init->listener->lq;
	struct stack *st = init->listener->stack;
	struct request_sock *req = slab_alloc(&st->tcp.request_slab);
	if (!req)
		return NULL;
	*req = *init;
	list_init(&req->node);
	ehash_insert(st, &req->c);
	lq->qlen++;
	lq->young++;
	st->tcp.request_socks++;
	req->synack_us = st->now_us;
	rearm(req);
	return req;
}

void request_free(struct request_sock *req)
{
	struct listen_queue *lq = req->listener->lq;
	struct stack *st = req->listener->stack;
	ehash_remove(st, &req->c);
	list_del(&req->node);
	if (--lq->qlen == 0)
		timer_cancel(&st->wheel, &lq->synack_timer);
	if (req->num_timeout == 0)
		lq->young--;
	st->tcp.request_socks--;
	slab_free(&st->tcp.request_slab, req);
}

/* --- the SYN-ACK ----------------------------------------------------------------------------- */

void request_send_synack(const struct request_sock *req, uint32_t ts_ms)
{
	const struct tcp_sock *listener = req->listener;
	struct ip_path path;
	if (!path_back(req, &path))
		return; /* as lost on the wire */
	struct tcp_options opt = {
	    .mss = (uint16_t)min_set(listener->user_mss, path.advmss),
	    .has_wscale = req->wscale_ok,
	    .wscale = req->c.rcv_wscale,
	    .sack_permitted = req->sack_ok,
	    .has_ts = req->c.tstamp_ok,
	    .tsval = ts_ms + req->ts_off,
	    .tsecr = req->c.ts_recent,
	};
	if (req->fastopen_cookie) {
		opt.has_tfo = true;
		opt.tfo_exp = req->fastopen_exp;
		opt.tfo_len = FASTOPEN_COOKIE_BYTES;
		fastopen_cookie(listener, &req->c, 0, opt.tfo);
	}
	/* RFC 7323 2.2: the window of a SYN is not scaled. */
	uint16_t wnd = (uint16_t)(req->rcv_wnd < 65535 ? req->rcv_wnd : 65535);
	trace_synack(req, opt.mss);
	uint8_t flags = TCP_SYN | TCP_ACK | (req->ecn_ok ? TCP_ECE : 0);
	tcp_send_bare(listener->stack, &req->c, req->iss, req->irs + 1, flags, wnd, &opt,
		      req->c.tos, listener->ttl);
}

static void resend_synack(struct request_sock *req)
{
	struct stack *st = req->listener->stack;
	if (req->num_retrans < UINT8_MAX)
		req->num_retrans++;
	request_send_synack(req, tcp_ts_clock_ms(st->now_us));
	snmp_inc(st, TcpRetransSegs);
	snmp_inc(st, TcpExtTCPSynRetrans);
}

/* How often a SYN-ACK is sent again: a queue that old requests fill beyond half has less patience
 * with each, so that young ones find room. */
static unsigned max_retries(const struct tcp_sock *listener)
{
	const struct listen_queue *lq = listener->lq;
	unsigned retries = listener->syn_retries ? listener->syn_retries
						 : listener->stack->sysctl.tcp_synack_retries;
	uint32_t room = lq->max_ack_backlog > 8 ? lq->max_ack_backlog : 8;
	if (lq->qlen * 2 <= room)
		return retries;
	for (uint64_t young = 2ull * lq->young; retries > 2 && lq->qlen >= young; young *= 2)
		retries--;
	return retries;
}

static void synack_timeout(struct request_sock *req)
{
	struct tcp_sock *listener = req->listener;
	unsigned retries = max_retries(listener), defer = defer_accept_retrans(listener);
	bool waits_for_data = req->acked && defer > 0;
	snmp_inc(listener->stack, TcpExtTCPTimeouts);
	if (req->num_timeout >= retries && (!waits_for_data || req->num_timeout >= defer)) {
		trace_state(listener->stack, &req->c, TCP_NEW_SYN_RECV, TCP_CLOSE, ETIMEDOUT);
		request_free(req);
		return;
	}
	/* Nothing is sent while data is awaited, but once more at the end: a last chance. */
	if (!waits_for_data || req->num_timeout + 1u >= defer)
		resend_synack(req);
	if (req->num_timeout++ == 0)
		listener->lq->young--;
	rearm(req);
}

static void synack_timer_fired(struct timer *t, void *ctx)
{
	struct listen_queue *lq = container_of(t, struct listen_queue, synack_timer);
	const struct stack *st = ctx;
	for (unsigned level = 0; level < SYN_QUEUE_LEVELS; level++) {
		struct list *queue = &lq->syn_queue[level];
		struct request_sock *req;
		while ((req = first_of(queue)) && request_expires_us(req) <= st->now_us)
			synack_timeout(req);
		if (req)
			expire_by(lq, request_expires_us(req));
	}
}

void syn_queue_init(struct listen_queue *lq)
{
	for (unsigned level = 0; level < SYN_QUEUE_LEVELS; level++)
		list_init(&lq->syn_queue[level]);
	timer_init(&lq->listener->stack->wheel, &lq->synack_timer, synack_timer_fired);
}

void syn_queue_drop(struct listen_queue *lq)
{
	for (unsigned level = 0; level < SYN_QUEUE_LEVELS; level++)
		while (!list_empty(&lq->syn_queue[level]))
			request_free(first_of(&lq->syn_queue[level]));
}

/* --- a segment arrives ----------------------------------------------------------------------- */

bool tcp_in_window(uint32_t seq, uint32_t end_seq, uint32_t from, uint32_t to)
{
	if (seq == from || (seq_gt(end_seq, from) && seq_lt(seq, to)))
		return true;
	return seq == to && seq == end_seq;
}

bool tcp_oow_segment_limited(struct stack *st, const struct tcp_segment *seg, uint32_t *last_ms,
			     enum snmp counter)
{
	if (seg->seq != seg->end_seq && !(seg->flags & TCP_SYN))
		return false;
	return tcp_oow_rate_limited(st, last_ms, counter);
}

static void drop(struct request_sock *req, enum drop_reason why)
{
	stack_count_drop(req->listener->stack, NULL, why);
}

/* RFC 7323 5.3; a reset is believed all the same once the timestamp is a minute old. */
static bool paws_rejects(const struct request_sock *req, const struct tcp_segment *seg)
{
	uint64_t now = req->listener->stack->now_us;
	if (!req->c.tstamp_ok || !seg->opt.has_ts || !req->c.ts_recent)
		return false;
	if (!seq_lt(seg->opt.tsval, req->c.ts_recent))
		return false;
	return !(seg->flags & TCP_RST && now - req->synack_us >= PAWS_MSL_US);
}

static bool is_limited(struct request_sock *req, const struct tcp_segment *seg)
{
	return tcp_oow_segment_limited(req->listener->stack, seg, &req->challenge_ms,
				       TcpExtTCPACKSkippedSynRecv);
}

static void answer_repeated_syn(struct request_sock *req, const struct tcp_segment *seg)
{
	if (is_limited(req, seg))
		return;
	resend_synack(req);
	rearm(req);
}

static void send_ack(const struct request_sock *req)
{
	struct stack *st = req->listener->stack;
	struct tcp_options opt = {.has_ts = req->c.tstamp_ok,
				  .tsval = tcp_ts_clock_ms(st->now_us) + req->ts_off,
				  .tsecr = req->c.ts_recent};
	tcp_send_bare(st, &req->c, req->iss + 1, req->irs + 1, TCP_ACK,
		      (uint16_t)(req->rcv_wnd >> req->c.rcv_wscale), &opt, req->c.tos,
		      req->listener->ttl);
}

static bool sequence_ok(const struct request_sock *req, const struct tcp_segment *seg)
{
	uint32_t rcv_nxt = req->irs + 1, wnd = req->rcv_wnd < 65535 ? req->rcv_wnd : 65535;
	return tcp_in_window(seg->seq, seg->end_seq, rcv_nxt, rcv_nxt + wnd);
}

static void answer_out_of_window(struct request_sock *req, const struct tcp_segment *seg, bool paws)
{
	drop(req, paws ? DROP_TCP_RFC7323_PAWS : DROP_TCP_INVALID_SEQUENCE);
	if (paws)
		snmp_inc(req->listener->stack, TcpExtPAWSEstab);
	if (!(seg->flags & TCP_RST) && !is_limited(req, seg))
		send_ack(req);
}

static void embryonic_reset(struct request_sock *req, const struct tcp_segment *seg)
{
	struct stack *st = req->listener->stack;
	if (!(seg->flags & TCP_RST))
		tcp_reset_reply(st, seg, &req->c);
	snmp_inc(st, TcpExtEmbryonicRsts);
	trace_state(st, &req->c, TCP_NEW_SYN_RECV, TCP_CLOSE, ECONNRESET);
	request_free(req);
}

/* The handshake is done: the child takes the request's place, or the accept queue is full. */
static void complete(struct request_sock *req, struct tcp_segment *seg)
{
	struct stack *st = req->listener->stack;
	if (listen_complete(req->listener, req, seg)) {
		request_free(req);
		return;
	}
	if (st->sysctl.tcp_abort_on_overflow)
		embryonic_reset(req, seg);
	else
		req->acked = true;
}

/* RFC 9293 3.10.7.4, second to fifth, of a segment whose sequence number is acceptable. */
static void take_acceptable(struct request_sock *req, struct tcp_segment *seg)
{
	struct stack *st = req->listener->stack;
	bool syn =
	    seg->flags & TCP_SYN && seg->seq != req->irs; /* else it lies before the window */
	if (seg->opt.has_ts && seq_leq(seg->seq, req->irs + 1))
		req->c.ts_recent = seg->opt.tsval;
	if (seg->flags & TCP_RST || syn) {
		snmp_inc(st, TcpAttemptFails);
		drop(req, syn ? DROP_TCP_INVALID_SYN : DROP_TCP_RESET);
		embryonic_reset(req, seg);
	} else if (!(seg->flags & TCP_ACK)) {
		drop(req, DROP_TCP_FLAGS);
	} else if (req->num_timeout < defer_accept_retrans(req->listener) &&
		   seg->end_seq == req->irs + 1) {
		req->acked = true;
		snmp_inc(st, TcpExtTCPDeferAcceptDrop);
		drop(req, DROP_TCP_DEFER_ACCEPT);
	} else {
		complete(req, seg);
	}
}

/* RFC 9293 3.10.7.4, fifth: a reset; or the answer to a cookie sent before there was a request. Its
 * TCP-AO keys only the request knows. */
static void answer_wrong_ack(struct request_sock *req, struct tcp_segment *seg)
{
	if (!req->ao_used) {
		listen_rcv(req->listener, seg);
		return;
	}
	drop(req, DROP_TCP_FLAGS);
	tcp_reset_reply(req->listener->stack, seg, &req->c);
}

void request_rcv(struct request_sock *req, struct tcp_segment *seg)
{
	uint8_t kind = seg->flags & (TCP_RST | TCP_SYN | TCP_ACK);
	bool paws = paws_rejects(req, seg);
	if (seg->seq == req->irs && kind == TCP_SYN && !paws)
		answer_repeated_syn(req, seg);
	else if (kind & TCP_ACK && seg->ack != req->iss + 1)
		answer_wrong_ack(req, seg);
	else if (paws || !sequence_ok(req, seg))
		answer_out_of_window(req, seg, paws);
	else
		take_acceptable(req, seg);
}

/* RFC 5927 4: only what quotes our SYN-ACK. A peer or its network that cannot be reached does not
 * complete the handshake; that is what answers to forged SYNs bring back. */
void request_icmp_error(struct request_sock *req, uint32_t seq, uint8_t type, uint8_t code)
{
	struct stack *st = req->listener->stack;
	bool fatal =
	    type == ICMP_PARAMETER_PROBLEM || type == ICMP_TIME_EXCEEDED ||
	    (type == ICMP_DEST_UNREACH && (code == ICMP_NET_UNREACH || code == ICMP_HOST_UNREACH));
	if (seq != req->iss) {
		snmp_inc(st, TcpExtOutOfWindowIcmps);
	} else if (fatal) {
		snmp_inc(st, TcpExtListenDrops);
		request_free(req);
	}
}
