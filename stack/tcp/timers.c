/* SPDX-License-Identifier: MIT */
/*
 * A connection's timers.
 *
 * Theory of operation
 *   - rtx_timer has one of four meanings at a time, as in Linux: the RTO (RFC 6298), the persist
 *     timer (RFC 9293 3.8.6.1), the tail loss probe and the reordering timer (RFC 8985). The first,
 *     third and fourth run while something is in flight, the second only while nothing is.
 *   - Each RTO doubles the next, up to tcp_rto_max. A connection gives up when tcp_retries2 says so
 *     (as the time that many doublings from tcp_rto_min take: RFC 1122 4.2.3.5's R2), or when
 *     TCP_USER_TIMEOUT (RFC 5482) has passed; an orphan by tcp_orphan_retries; a SYN after
 *     tcp_syn_retries or TCP_SYNCNT. The error is what ICMP said last, else ETIMEDOUT.
 *   - delack_timer sends the ACK that found nothing to ride on. Its time adapts (ato_us), between
 * 40 and 200 ms.
 *   - keepalive_timer runs on connections with SO_KEEPALIVE (RFC 9293 3.8.4), and ends an orphan's
 *     FIN_WAIT_2.
 *   - A handler may free its socket: nothing touches it after tcp_done().
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

#define MS_US 1000ull
#define SEC_US 1000000ull
#define THIN_LINEAR_RETRIES 6
#define THIN_STREAM_SEGS 4

static uint64_t rto_max_us(const struct tcp_sock *sk)
{
	return sk->stack->sysctl.tcp_rto_max_ms * MS_US;
}

static uint64_t rto_min_us(const struct tcp_sock *sk)
{
	return sk->stack->sysctl.tcp_rto_min_ms * MS_US;
}

static bool is_opening(const struct tcp_sock *sk)
{
	return sk->c.state == TCP_SYN_SENT || sk->c.state == TCP_SYN_RECV;
}

/* --- arming ----------------------------------------------------------------------------------- */

void tcp_arm_rtx_timer(struct tcp_sock *sk, enum tcp_timer_kind kind, uint64_t after_us)
{
	sk->rtx_timer_kind = (uint8_t)kind;
	timer_set(&sk->stack->wheel, &sk->rtx_timer, sk->stack->now_us + after_us);
}

void tcp_stop_rtx_timer(struct tcp_sock *sk)
{
	sk->rtx_timer_kind = RTX_TIMER_NONE;
	timer_cancel(&sk->stack->wheel, &sk->rtx_timer);
}

/* TCP_USER_TIMEOUT ends the wait in time, not at the next doubling. */
static uint64_t clamp_to_user_timeout(const struct tcp_sock *sk, uint64_t since_us,
				      uint64_t after_us)
{
	if (!sk->user_timeout_ms || !since_us)
		return after_us;
	uint64_t end = since_us + sk->user_timeout_ms * MS_US, now = sk->stack->now_us;
	uint64_t left = end > now ? end - now : 1;
	return left < after_us ? left : after_us;
}

/* The RTO as it would have been without a probe or reordering timer: from the last sending. */
void tcp_resume_rto(struct tcp_sock *sk)
{
	const struct tx_seg *head = rtx_head(sk);
	uint64_t now = sk->stack->now_us;
	if (!head)
		return;
	uint64_t at = head->sent_us + sk->rto_us;
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO, at > now ? at - now : 1);
}

/* RFC 6298 5.1 to 5.3 */
void tcp_rearm_rto(struct tcp_sock *sk)
{
	if (list_empty(&sk->rtx_queue)) {
		if (sk->rtx_timer_kind != RTX_TIMER_PERSIST)
			tcp_stop_rtx_timer(sk);
	} else if (sk->rtx_timer_kind == RTX_TIMER_TLP || sk->rtx_timer_kind == RTX_TIMER_REO) {
		tcp_resume_rto(sk);
	} else {
		tcp_arm_rtx_timer(sk, RTX_TIMER_RTO, sk->rto_us);
	}
}

/* RFC 9293 3.8.6.1: the first probe after an RTO, then exponentially apart. */
uint64_t tcp_probe_interval_us(const struct tcp_sock *sk)
{
	uint64_t base = sk->rto_us > rto_min_us(sk) ? sk->rto_us : rto_min_us(sk);
	uint64_t when = base << min_u32(sk->backoff, 24);
	when = when < rto_max_us(sk) ? when : rto_max_us(sk);
	return clamp_to_user_timeout(sk, sk->probes_start_us, when);
}

/* --- giving up -------------------------------------------------------------------------------- */

static void give_up(struct tcp_sock *sk)
{
	int err = sk->err_soft ? sk->err_soft : ETIMEDOUT;
	snmp_inc(sk->stack, TcpExtTCPAbortOnTimeout);
	tcp_done(sk, err);
}

/* How long `boundary` doublings from `base_us` last in all. */
static uint64_t model_timeout_us(const struct tcp_sock *sk, unsigned boundary, uint64_t base_us)
{
	uint64_t total = 0, rto = base_us, max = rto_max_us(sk);
	for (unsigned i = 0; i <= boundary; i++) {
		total += rto;
		rto = 2 * rto < max ? 2 * rto : max;
	}
	return total;
}

static bool retransmitted_for(const struct tcp_sock *sk, unsigned boundary, uint64_t timeout_us)
{
	if (sk->retransmits == 0 || sk->first_retrans_us == 0)
		return false;
	if (timeout_us == 0) {
		uint64_t base = is_opening(sk) ? TCP_RTO_INITIAL_US : rto_min_us(sk);
		/* first_retrans_us is one RTO into the run that is modelled. */
		timeout_us = model_timeout_us(sk, boundary, base);
	}
	return sk->stack->now_us - sk->first_retrans_us >= timeout_us;
}

/* An orphan is worth less patience; one whose RTO is at its limit, or of which ICMP has said
 * something, none beyond the sysctl. */
static unsigned orphan_retries(const struct tcp_sock *sk, bool alive)
{
	unsigned retries = sk->stack->sysctl.tcp_orphan_retries;
	if (sk->err_soft && !alive)
		return 0;
	return retries == 0 && alive ? 8 : retries;
}

static bool should_give_up(const struct tcp_sock *sk)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	uint64_t user_us = sk->user_timeout_ms * MS_US;
	unsigned boundary = ctl->tcp_retries2;
	if (is_opening(sk)) {
		boundary = sk->fastopen_child ? ctl->tcp_synack_retries : ctl->tcp_syn_retries;
		boundary = sk->syn_retries ? sk->syn_retries : boundary;
		if (sk->fastopen_child) /* as Linux: one more than a request_sock's */
			boundary++;
		return sk->retransmits >= boundary ||
		       (user_us && retransmitted_for(sk, boundary, user_us));
	}
	if (sk->orphan)
		boundary = orphan_retries(sk, sk->rto_us < rto_max_us(sk));
	return retransmitted_for(sk, boundary, user_us);
}

/* --- the RTO ---------------------------------------------------------------------------------- */

/* For TCP_INFO. To be called before the timeout is counted in sk->retransmits. */
static void note_timeout(struct tcp_sock *sk)
{
	if (sk->retransmits == 0) {
		sk->total_rto_recoveries++;
		sk->rto_run_since_us = sk->stack->now_us;
	}
	sk->total_rto++;
}

void tcp_rto_run_ends(struct tcp_sock *sk)
{
	if (sk->rto_run_since_us)
		sk->rto_runs_us += sk->stack->now_us - sk->rto_run_since_us;
	sk->rto_run_since_us = 0;
	sk->retransmits = 0;
}

static void back_off(struct tcp_sock *sk)
{
	uint64_t rto = 2 * (uint64_t)sk->rto_us;
	sk->rto_us = (uint32_t)(rto < rto_max_us(sk) ? rto : rto_max_us(sk));
	if (sk->backoff < UINT8_MAX)
		sk->backoff++;
	note_timeout(sk);
	if (sk->retransmits < UINT8_MAX)
		sk->retransmits++;
}

/* tcp_syn_linear_timeouts: so often the SYN is sent again before its time-out doubles. */
static void back_off_syn(struct tcp_sock *sk)
{
	if (sk->retransmits < sk->stack->sysctl.tcp_syn_linear_timeouts) {
		note_timeout(sk);
		sk->retransmits++;
		return;
	}
	back_off(sk);
}

/* tcp_thin_linear_timeouts: so little in flight that fast retransmit has nothing to go by. Its first
 * six time-outs are not doubled. */
static bool is_thin(const struct tcp_sock *sk)
{
	bool asked = sk->thin_linear_timeouts || sk->stack->sysctl.tcp_thin_linear_timeouts;
	return asked && sk->c.state == TCP_ESTABLISHED && sk->retransmits <= THIN_LINEAR_RETRIES &&
	       sk->ssthresh_bytes < TCP_INFINITE_SSTHRESH &&
	       sk->snd_nxt - sk->snd_una < THIN_STREAM_SEGS * (uint32_t)sk->mss_cache;
}

static void syn_timeout(struct tcp_sock *sk)
{
	if (sk->fastopen_child && sk->retransmits == 0)
		fastopen_synack_lost(sk);
	int err = tcp_retransmit_syn(sk);
	if (sk->c.state == TCP_SYN_SENT && (err == -EHOSTUNREACH || err == -ENETUNREACH)) {
		tcp_done(sk, -err);
		return;
	}
	back_off_syn(sk);
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO,
			  clamp_to_user_timeout(sk, sk->first_retrans_us, sk->rto_us));
}

/* RFC 6298 5.4: the earliest segment, and of that one MSS. */
static int retransmit_head(struct tcp_sock *sk)
{
	struct tx_seg *head = rtx_head(sk);
	uint32_t mss = tcp_current_mss(sk);
	if (tx_seg_len(head) - (head->fin ? 1 : 0) > mss)
		(void)tx_seg_split(sk, head, head->seq + mss);
	snmp_inc(sk->stack, TcpExtTCPSlowStartRetrans);
	return tcp_retransmit_seg(sk, head, TRACE_BY_RTO);
}

/* RFC 9293 3.8.6.1: a window that closed over data in flight is probed with that data, for as long
 * as the peer answers. */
static bool window_closed(const struct tcp_sock *sk)
{
	return sk->snd_wnd == 0 && !sk->orphan && !is_opening(sk);
}

/* It has not answered for long; or, with TCP_USER_TIMEOUT, answers without taking anything. */
static bool closed_window_timed_out(const struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us, patience_us = 2 * rto_max_us(sk);
	uint64_t user_us = sk->user_timeout_ms * MS_US;
	uint64_t since = sk->first_retrans_us ? sk->first_retrans_us : rtx_head(sk)->sent_us;
	if (user_us) {
		if (now - since >= user_us)
			return true;
		patience_us = user_us < patience_us ? user_us : patience_us;
	}
	return now - sk->last_ack_rcv_us > patience_us && now - since > patience_us;
}

static void rto_timeout(struct tcp_sock *sk)
{
	bool closed = window_closed(sk);
	if (list_empty(&sk->rtx_queue) && !is_opening(sk))
		return;
	if (!closed)
		snmp_inc(sk->stack, TcpExtTCPTimeouts);
	bool over = closed ? closed_window_timed_out(sk) : should_give_up(sk);
	fastopen_timed_out(sk, over);
	if (over) {
		give_up(sk);
		return;
	}
	if (is_opening(sk)) {
		syn_timeout(sk);
		return;
	}
	if (!closed && retransmitted_for(sk, sk->stack->sysctl.tcp_retries1, 0))
		mtu_probe_timed_out(sk); /* RFC 4821 7.7: it may be a black hole */
	struct cwnd_mark was = trace_cwnd_before(sk);
	recovery_enter_loss(sk);
	trace_cwnd_because(sk, &was, TRACE_TIMEOUT);
	uint64_t after = TCP_RESOURCE_PROBE_US;
	if (retransmit_head(sk) != -ENOMEM) {
		back_off(sk);
		if (is_thin(sk))
			tcp_set_rto(sk);
		after = sk->rto_us;
	}
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO,
			  clamp_to_user_timeout(sk, sk->first_retrans_us, after));
}

/* --- zero window ------------------------------------------------------------------------------ */

static bool probes_exhausted(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	unsigned max = sk->stack->sysctl.tcp_retries2;
	if (!sk->probes_start_us)
		sk->probes_start_us = now;
	else if (sk->user_timeout_ms && now - sk->probes_start_us >= sk->user_timeout_ms * MS_US)
		return true;
	if (sk->orphan) {
		bool alive = tcp_probe_interval_us(sk) < rto_max_us(sk);
		max = orphan_retries(sk, alive);
		if (!alive && sk->backoff >= max)
			return true;
	}
	return sk->probes_out >= max;
}

static void persist_timeout(struct tcp_sock *sk)
{
	if (!list_empty(&sk->rtx_queue) || !tcp_has_unsent(sk)) {
		sk->probes_out = 0;
		sk->probes_start_us = 0;
		return;
	}
	if (probes_exhausted(sk)) {
		give_up(sk);
		return;
	}
	trace_probe(sk, false, sk->probes_out);
	tcp_send_probe(sk);
	if (!list_empty(&sk->rtx_queue) || !tcp_has_unsent(sk)) {
		/* The probe was data: from here on it is the RTO's. */
		sk->probes_out = 0;
		sk->backoff = 0;
		sk->probes_start_us = 0;
		return;
	}
	snmp_inc(sk->stack, TcpExtTCPWinProbe);
	sk->probes_out++;
	if (sk->backoff < sk->stack->sysctl.tcp_retries2)
		sk->backoff++;
	tcp_arm_rtx_timer(sk, RTX_TIMER_PERSIST, tcp_probe_interval_us(sk));
}

static void rtx_timer_fired(struct timer *t, void *ctx)
{
	struct tcp_sock *sk = container_of(t, struct tcp_sock, rtx_timer);
	uint8_t kind = sk->rtx_timer_kind;
	(void)ctx;
	sk->rtx_timer_kind = RTX_TIMER_NONE;
	if (kind == RTX_TIMER_RTO)
		rto_timeout(sk);
	else if (kind == RTX_TIMER_PERSIST)
		persist_timeout(sk);
	else if (kind == RTX_TIMER_TLP)
		tlp_timeout(sk);
	else if (kind == RTX_TIMER_REO)
		rack_reo_timeout(sk);
}

/* --- delayed ACK ------------------------------------------------------------------------------ */

/* RFC 9293 3.8.6.3 allows 500 ms; as Linux, no more than a round trip and at most 200 ms. */
void tcp_schedule_delack(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us, ato = max_u32(sk->ato_us, TCP_ATO_MIN_US);
	uint64_t max = TCP_DELACK_MAX_US;
	if (sk->srtt_us && max_u32(sk->srtt_us, TCP_ATO_MIN_US) < max)
		max = max_u32(sk->srtt_us, TCP_ATO_MIN_US);
	uint64_t at = now + (ato < max ? ato : max);
	sk->ack_delayed = true;
	if (timer_armed(&sk->delack_timer) && sk->delack_timer.expires_us <= at) {
		/* Nearly due: no use in waiting for the rest. */
		if (sk->delack_timer.expires_us <= now + ato / 4)
			tcp_send_ack(sk);
		return;
	}
	timer_set(&sk->stack->wheel, &sk->delack_timer, at);
}

static void delack_timer_fired(struct timer *t, void *ctx)
{
	struct tcp_sock *sk = container_of(t, struct tcp_sock, delack_timer);
	(void)ctx;
	if (!sk->ack_delayed)
		return;
	if (sk->pingpong) {
		/* The program did not answer in time: it is no conversation after all. */
		sk->pingpong = 0;
		sk->ato_us = TCP_ATO_MIN_US;
	} else {
		sk->ato_us = min_u32(2 * max_u32(sk->ato_us, TCP_ATO_MIN_US), sk->rto_us);
	}
	snmp_inc(sk->stack, TcpExtDelayedACKs);
	tcp_send_ack(sk);
}

/* --- keepalive -------------------------------------------------------------------------------- */

static uint64_t keep_idle_us(const struct tcp_sock *sk)
{
	return SEC_US * (sk->keepidle_s ? sk->keepidle_s : sk->stack->sysctl.tcp_keepalive_time_s);
}

static uint64_t keep_interval_us(const struct tcp_sock *sk)
{
	return SEC_US *
	       (sk->keepintvl_s ? sk->keepintvl_s : sk->stack->sysctl.tcp_keepalive_intvl_s);
}

static bool keepalive_exhausted(const struct tcp_sock *sk, uint64_t idle_us)
{
	uint32_t max = sk->keepcnt ? sk->keepcnt : sk->stack->sysctl.tcp_keepalive_probes;
	if (sk->user_timeout_ms)
		return idle_us >= sk->user_timeout_ms * MS_US && sk->keepalive_probes_out > 0;
	return sk->keepalive_probes_out >= max;
}

void tcp_keepalive_start(struct tcp_sock *sk, uint64_t after_us)
{
	timer_set(&sk->stack->wheel, &sk->keepalive_timer, sk->stack->now_us + after_us);
}

static void keepalive_probe(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	uint64_t last =
	    sk->last_rcv_us > sk->last_ack_rcv_us ? sk->last_rcv_us : sk->last_ack_rcv_us;
	uint64_t idle = now - last, wait = keep_idle_us(sk);
	if (idle < wait) {
		tcp_keepalive_start(sk, wait - idle);
		return;
	}
	if (keepalive_exhausted(sk, idle)) {
		tcp_send_active_reset(sk);
		give_up(sk);
		return;
	}
	snmp_inc(sk->stack, TcpExtTCPKeepAlive);
	trace_probe(sk, true, sk->keepalive_probes_out);
	tcp_send_probe(sk);
	sk->keepalive_probes_out++;
	tcp_keepalive_start(sk, keep_interval_us(sk));
}

static bool is_connected(const struct tcp_sock *sk)
{
	return tcp_state_sends(sk) || sk->c.state == TCP_FIN_WAIT2;
}

static void keepalive_timer_fired(struct timer *t, void *ctx)
{
	struct tcp_sock *sk = container_of(t, struct tcp_sock, keepalive_timer);
	(void)ctx;
	/* RFC 9293 3.6: nobody reads any more and the peer does not close: done waiting. */
	if (sk->c.state == TCP_FIN_WAIT2 && sk->orphan) {
		tcp_send_active_reset(sk);
		tcp_done(sk, 0);
		return;
	}
	if (!sk->keepalive || !is_connected(sk))
		return;
	/* Data in flight or waiting has timers of its own (RFC 9293 3.8.4, MUST-26). */
	if (!list_empty(&sk->rtx_queue) || tcp_has_unsent(sk))
		tcp_keepalive_start(sk, keep_idle_us(sk));
	else
		keepalive_probe(sk);
}

/* --- life cycle ------------------------------------------------------------------------------ */

void tcp_timers_init(struct tcp_sock *sk)
{
	struct timer_wheel *w = &sk->stack->wheel;
	timer_init(w, &sk->rtx_timer, rtx_timer_fired);
	timer_init(w, &sk->delack_timer, delack_timer_fired);
	timer_init(w, &sk->keepalive_timer, keepalive_timer_fired);
	pacing_renew(sk);
	sk->rtx_timer_kind = RTX_TIMER_NONE;
	sk->rto_us = TCP_RTO_INITIAL_US;
	sk->rto_var_us = TCP_RTO_INITIAL_US;
	sk->reordering_segs = sk->stack->sysctl.tcp_reordering;
	sk->cwnd_bytes = TCP_DEFAULT_MSS; /* until tcp_cc_init() */
	sk->ssthresh_bytes = TCP_INFINITE_SSTHRESH;
	sk->rack_reo_wnd_mult = 1;
}

void tcp_timers_cancel(struct tcp_sock *sk)
{
	tcp_stop_rtx_timer(sk);
	timer_cancel(&sk->stack->wheel, &sk->delack_timer);
	timer_cancel(&sk->stack->wheel, &sk->keepalive_timer);
	pacing_stop(sk);
}
