/* SPDX-License-Identifier: MIT */
/*
 * A connection's timers.
 *
 * Theory of operation
 *   - A connection's three timers are three times and one timer, which is armed for the first of
 *     them or earlier: to put one off, as each ACK does with the RTO, then costs nothing but a
 *     store. It is armed only while one of them is.
 *   - TCP_TIMER_RTX has one of four meanings at a time, as in Linux: the RTO (RFC 6298), the persist
 *     timer (RFC 9293 3.8.6.1), the tail loss probe and the reordering timer (RFC 8985). The first,
 *     third and fourth run while something is in flight, the second only while nothing is.
 *   - Each RTO doubles the next, up to tcp_rto_max. A connection gives up when tcp_retries2 says so
 *     (as the time that many doublings from tcp_rto_min take: RFC 1122 4.2.3.5's R2), or when
 *     TCP_USER_TIMEOUT (RFC 5482) has passed; an orphan by tcp_orphan_retries; a SYN after
 *     tcp_syn_retries or TCP_SYNCNT. The error is what ICMP said last, else ETIMEDOUT.
 *   - TCP_TIMER_DELACK sends the ACK that found nothing to ride on. Its time adapts (ato_us), between
 * 40 and 200 ms.
 *   - TCP_TIMER_KEEPALIVE runs on connections with SO_KEEPALIVE (RFC 9293 3.8.4), and ends an orphan's
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

/* --- three times and one timer ---------------------------------------------------------------- */

/* Of one that is armed. */
uint64_t tcp_timer_expires_us(const struct tcp_sock *sk, enum tcp_timer which)
{
	uint64_t now_ms = sk->stack->now_us / MS_US;
	int32_t ahead_ms = (int32_t)(sk->timer_at_ms[which] - (uint32_t)now_ms);
	return (now_ms + (uint64_t)(int64_t)ahead_ms) * MS_US;
}

/* Never early. What is farther than 24 days is looked at then. */
void tcp_timer_set(struct tcp_sock *sk, enum tcp_timer which, uint64_t at_us)
{
	uint64_t at_ms = (at_us + MS_US - 1) / MS_US, most = sk->stack->now_us / MS_US + INT32_MAX;
	at_ms = at_ms < most ? at_ms : most;
	sk->timer_at_ms[which] = (uint32_t)at_ms;
	sk->timers_armed |= (uint8_t)(1u << which);
	if (!timer_armed(&sk->timer) || at_ms * MS_US < sk->timer.expires_us)
		timer_set(&sk->stack->wheel, &sk->timer, at_ms * MS_US);
}

void tcp_timer_cancel(struct tcp_sock *sk, enum tcp_timer which)
{
	sk->timers_armed &= (uint8_t) ~(1u << which);
	if (!sk->timers_armed)
		timer_cancel(&sk->stack->wheel, &sk->timer);
}

/* Which of those that are armed comes first; TCP_TIMERS: none is. */
static enum tcp_timer first_timer(const struct tcp_sock *sk)
{
	enum tcp_timer first = TCP_TIMERS;
	for (enum tcp_timer i = TCP_TIMER_RTX; i < TCP_TIMERS; i++)
		if (tcp_timer_armed(sk, i) &&
		    (first == TCP_TIMERS || seq_lt(sk->timer_at_ms[i], sk->timer_at_ms[first])))
			first = i;
	return first;
}

static void arm_first(struct tcp_sock *sk)
{
	enum tcp_timer first = first_timer(sk);
	if (first < TCP_TIMERS)
		timer_set(&sk->stack->wheel, &sk->timer, tcp_timer_expires_us(sk, first));
}

static void rtx_timer_fired(struct tcp_sock *sk);
static void delack_timer_fired(struct tcp_sock *sk);
static void keepalive_timer_fired(struct tcp_sock *sk);

/* One at a time, as its sock may be freed by it: another that is due as well is so in a tick. */
static void timer_fired(struct timer *t, void *ctx)
{
	static void (*const fired[TCP_TIMERS])(struct tcp_sock *) = {
	    [TCP_TIMER_RTX] = rtx_timer_fired,
	    [TCP_TIMER_DELACK] = delack_timer_fired,
	    [TCP_TIMER_KEEPALIVE] = keepalive_timer_fired,
	};
	struct tcp_sock *sk = container_of(t, struct tcp_sock, timer);
	const struct stack *st = ctx;
	enum tcp_timer due = first_timer(sk);
	if (due == TCP_TIMERS)
		return;
	bool early = tcp_timer_expires_us(sk, due) > st->now_us;
	if (!early)
		sk->timers_armed &= (uint8_t) ~(1u << due);
	arm_first(sk);
	if (!early)
		fired[due](sk);
}

/* --- arming ----------------------------------------------------------------------------------- */

void tcp_arm_rtx_timer(struct tcp_sock *sk, enum tcp_timer_kind kind, uint64_t after_us)
{
	sk->rtx_timer_kind = (uint8_t)kind;
	tcp_timer_set(sk, TCP_TIMER_RTX, sk->stack->now_us + after_us);
}

void tcp_stop_rtx_timer(struct tcp_sock *sk)
{
	sk->rtx_timer_kind = RTX_TIMER_NONE;
	tcp_timer_cancel(sk, TCP_TIMER_RTX);
}

/* TCP_USER_TIMEOUT ends the wait in time, not at the next doubling. */
static uint64_t clamp_to_user_timeout(const struct tcp_sock *sk, uint32_t since_ms,
				      uint64_t after_us)
{
	if (!sk->user_timeout_ms || !since_ms)
		return after_us;
	uint64_t user_us = sk->user_timeout_ms * MS_US, gone = stack_since_us(sk->stack, since_ms);
	uint64_t left = user_us > gone ? user_us - gone : 1;
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
	return clamp_to_user_timeout(sk, sk->probes_start_ms, when);
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
	if (sk->retransmits == 0 || sk->first_retrans_ms == 0)
		return false;
	if (timeout_us == 0) {
		uint64_t base = is_opening(sk) ? TCP_RTO_INITIAL_US : rto_min_us(sk);
		/* first_retrans_us is one RTO into the run that is modelled. */
		timeout_us = model_timeout_us(sk, boundary, base);
	}
	return stack_since_us(sk->stack, sk->first_retrans_ms) >= timeout_us;
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
		sk->rto_run_since_ms = stack_now_ms(sk->stack);
	}
	sk->total_rto++;
}

void tcp_rto_run_ends(struct tcp_sock *sk)
{
	if (sk->rto_run_since_ms)
		sk->rto_runs_ms += stack_now_ms(sk->stack) - sk->rto_run_since_ms;
	sk->rto_run_since_ms = 0;
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
			  clamp_to_user_timeout(sk, sk->first_retrans_ms, sk->rto_us));
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
	uint64_t gone = sk->first_retrans_ms ? stack_since_us(sk->stack, sk->first_retrans_ms)
					     : now - rtx_head(sk)->sent_us;
	if (user_us) {
		if (gone >= user_us)
			return true;
		patience_us = user_us < patience_us ? user_us : patience_us;
	}
	return stack_since_us(sk->stack, sk->last_ack_rcv_ms) > patience_us && gone > patience_us;
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
			  clamp_to_user_timeout(sk, sk->first_retrans_ms, after));
}

/* --- zero window ------------------------------------------------------------------------------ */

static bool probes_exhausted(struct tcp_sock *sk)
{
	uint32_t now_ms = stack_now_ms(sk->stack);
	unsigned max = sk->stack->sysctl.tcp_retries2;
	if (!sk->probes_start_ms)
		sk->probes_start_ms = now_ms;
	else if (sk->user_timeout_ms && now_ms - sk->probes_start_ms >= sk->user_timeout_ms)
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
		sk->probes_start_ms = 0;
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
		sk->probes_start_ms = 0;
		return;
	}
	snmp_inc(sk->stack, TcpExtTCPWinProbe);
	sk->probes_out++;
	if (sk->backoff < sk->stack->sysctl.tcp_retries2)
		sk->backoff++;
	tcp_arm_rtx_timer(sk, RTX_TIMER_PERSIST, tcp_probe_interval_us(sk));
}

static void rtx_timer_fired(struct tcp_sock *sk)
{
	uint8_t kind = sk->rtx_timer_kind;
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
	if (tcp_timer_armed(sk, TCP_TIMER_DELACK)) {
		uint64_t expires = tcp_timer_expires_us(sk, TCP_TIMER_DELACK);
		/* Nearly due: no use in waiting for the rest. */
		if (expires <= at && expires <= now + ato / 4)
			tcp_send_ack(sk);
		if (expires <= at)
			return;
	}
	tcp_timer_set(sk, TCP_TIMER_DELACK, at);
}

static void delack_timer_fired(struct tcp_sock *sk)
{
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
	tcp_timer_set(sk, TCP_TIMER_KEEPALIVE, sk->stack->now_us + after_us);
}

uint64_t tcp_idle_us(const struct tcp_sock *sk)
{
	uint64_t data = sk->stack->now_us - sk->last_rcv_us;
	uint64_t ack = stack_since_us(sk->stack, sk->last_ack_rcv_ms);
	return data < ack ? data : ack;
}

static void keepalive_probe(struct tcp_sock *sk)
{
	uint64_t idle = tcp_idle_us(sk), wait = keep_idle_us(sk);
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

static void keepalive_timer_fired(struct tcp_sock *sk)
{
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
	timer_init(&sk->stack->wheel, &sk->timer, timer_fired);
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
	sk->rtx_timer_kind = RTX_TIMER_NONE;
	sk->timers_armed = 0;
	timer_cancel(&sk->stack->wheel, &sk->timer);
	pacing_stop(sk);
}
