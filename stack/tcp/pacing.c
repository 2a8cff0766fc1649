/* SPDX-License-Identifier: MIT */
/*
 * Pacing: data leaves at a rate instead of as fast as the windows allow.
 *
 * Theory of operation
 *   - Only connections with SO_MAX_PACING_RATE, or whose congestion control asks for it, are paced
 *     (sk->pace), and with tcp_pacing all that begin, as Linux's fq qdisc does it; the others carry no timer and are not looked at.
 *   - The rate is the congestion control's own, or as in Linux cwnd per round trip and a bit more:
 *     twice that while slow start has far to go, 1.2 times afterwards (tcp_pacing_ss_ratio,
 *     tcp_pacing_ca_ratio). It never exceeds the program's maximum.
 *   - next_send_ns is when the next data may leave. What leaves moves it on by the time it takes at
 *     the rate. Who comes late, because the timer ticks in milliseconds, may make up for one tick:
 *     so the average is the rate, and a burst is about a millisecond of it, as is what is handed to
 *     the link at once.
 *   - Neither the first ten segments of a connection nor probes and the RTO's one segment wait, but
 *     all are charged. Everything else asks pacing_holds(), which sets the timer.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/tcp/tcp_send.h"

#define UNPACED_SEGS 10
#define TSO_MAX_BYTES 65536u
#define NS_PER_US 1000ull
#define NS_PER_S 1000000000ull
#define MAKE_UP_NS (TIMER_TICK_US * NS_PER_US)

static uint64_t now_ns(const struct tcp_sock *sk)
{
	return sk->stack->now_us * NS_PER_US;
}

/* What cwnd makes of the round trip time, as Linux's tcp_update_pacing_rate(). */
static uint64_t rate_of_cwnd(const struct tcp_sock *sk)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	bool slow_start = sk->cwnd_bytes < sk->ssthresh_bytes / 2;
	uint32_t percent = slow_start ? ctl->tcp_pacing_ss_ratio : ctl->tcp_pacing_ca_ratio;
	uint64_t window = max_u32(sk->cwnd_bytes, sk->snd_nxt - sk->snd_una);
	if (sk->srtt_us == 0)
		return PACING_UNLIMITED;
	return window * percent * 10000 / sk->srtt_us;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t at_most(uint64_t rate, uint64_t max)
{
	return rate < max ? rate : max;
}

/* After cwnd or the round trip time has changed. */
void pacing_update(struct tcp_sock *sk)
{
	if (sk->pace && !(sk->cc && sk->cc->owns_cwnd))
		pacing_set_rate(sk, rate_of_cwnd(sk));
}

void pacing_set_rate(struct tcp_sock *sk, uint64_t bytes_per_s)
{
	sk->pace->bytes_per_s = at_most(bytes_per_s, sk->pace->max_bytes_per_s);
}

/* For TCP_INFO: what it is, or what it would be. */
uint64_t pacing_rate_shown(const struct tcp_sock *sk)
{
	if (sk->pace && sk->pace->bytes_per_s)
		return sk->pace->bytes_per_s;
	return at_most(rate_of_cwnd(sk), pacing_max(sk));
}

uint64_t pacing_max(const struct tcp_sock *sk)
{
	return sk->pace ? sk->pace->max_bytes_per_s : PACING_UNLIMITED;
}

/* SO_MAX_PACING_RATE: holds at once, also for what is waiting. */
int pacing_set_max(struct tcp_sock *sk, uint64_t bytes_per_s)
{
	if (!sk->pace && bytes_per_s == PACING_UNLIMITED)
		return 0;
	int err = pacing_start(sk);
	if (err)
		return err;
	sk->pace->max_bytes_per_s = bytes_per_s;
	if (!tcp_state_sends(sk))
		return 0;
	pacing_update(sk);
	pacing_set_rate(sk, sk->pace->bytes_per_s);
	if (pacing_waits(sk)) {
		pacing_stop(sk);
		sk->pace->next_send_ns = now_ns(sk);
		tcp_want_flush(sk);
	}
	return 0;
}

/* A rate of nothing is no rate, as in Linux. */
static bool is_rate(uint64_t bytes_per_s)
{
	return bytes_per_s != 0 && bytes_per_s != PACING_UNLIMITED;
}

/* `len` bytes have just left. */
void pacing_sent(struct tcp_sock *sk, uint32_t len)
{
	struct tcp_pacing *p = sk->pace;
	uint64_t now = now_ns(sk);
	if (p->next_send_ns + MAKE_UP_NS < now)
		p->next_send_ns = now - MAKE_UP_NS;
	if (is_rate(p->bytes_per_s) && sk->data_segs_out >= UNPACED_SEGS)
		p->next_send_ns += len * NS_PER_S / p->bytes_per_s;
}

uint64_t pacing_delay_us(const struct tcp_sock *sk)
{
	uint64_t now = now_ns(sk);
	if (!sk->pace || sk->pace->next_send_ns <= now)
		return 0;
	return (sk->pace->next_send_ns - now + NS_PER_US - 1) / NS_PER_US;
}

/* True: nothing may leave now, and the timer is set. */
bool pacing_holds(struct tcp_sock *sk)
{
	uint64_t delay = pacing_delay_us(sk);
	if (delay == 0)
		return false;
	if (!timer_armed(&sk->pace->timer))
		timer_set(&sk->stack->wheel, &sk->pace->timer, sk->stack->now_us + delay);
	return true;
}

/*
 * Of what the link could take at once: about a millisecond's worth, paced or not, so that a slow
 * path sees no bursts; and more of it the shorter the round trip is, where bursts matter less than
 * what they save. As Linux's tcp_tso_autosize().
 */
uint32_t pacing_tso_limit(const struct tcp_sock *sk, uint32_t mss, uint32_t limit)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	uint64_t rate = pacing_rate_shown(sk);
	if (!is_rate(rate))
		return limit;
	uint64_t burst = rate / 1024;
	uint32_t halvings = sk->min_rtt_us >> min_u32(ctl->tcp_tso_rtt_log, 31);
	if (sk->min_rtt_us != 0 && halvings < 32)
		burst += TSO_MAX_BYTES >> halvings;
	uint64_t segs = max_u64(burst / mss, ctl->tcp_min_tso_segs);
	return segs * mss < limit ? (uint32_t)segs * mss : limit;
}

/* --- life cycle ------------------------------------------------------------------------------ */

static void pacing_timer_fired(struct timer *t, void *ctx)
{
	(void)ctx;
	tcp_want_flush(container_of(t, struct tcp_pacing, timer)->sk);
}

int pacing_start(struct tcp_sock *sk)
{
	struct tcp_pacing *p = sk->pace ? sk->pace : calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (sk->pace)
		return 0;
	timer_init(&sk->stack->wheel, &p->timer, pacing_timer_fired);
	p->sk = sk;
	p->max_bytes_per_s = PACING_UNLIMITED;
	sk->pace = p;
	return 0;
}

bool pacing_waits(const struct tcp_sock *sk)
{
	return sk->pace && timer_armed(&sk->pace->timer);
}

void pacing_stop(struct tcp_sock *sk)
{
	if (sk->pace)
		timer_cancel(&sk->stack->wheel, &sk->pace->timer);
}

void pacing_renew(struct tcp_sock *sk)
{
	if (sk->pace)
		sk->pace->bytes_per_s = sk->pace->next_send_ns = 0;
}

void pacing_free(struct tcp_sock *sk)
{
	pacing_stop(sk);
	free(sk->pace);
	sk->pace = NULL;
}
