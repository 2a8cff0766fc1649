/* SPDX-License-Identifier: MIT */
/*
 * The receive window, the buffer behind it, and when to acknowledge.
 *
 * Theory of operation
 *   - The window is tcp_full_space() less the bytes the program has not read yet. It is counted in
 *     bytes, not in buffers: those are kept close to their contents by rcvmem.c. It begins with
 *     what the handshake offered and opens as data comes (rcv_ssthresh); its right edge never moves
 *     back (RFC 9293 3.8.6.2.1), and it opens in steps worth a segment (3.8.6.2.2).
 *   - The buffer grows with what the program reads in a round trip (dynamic right-sizing, as
 *     Linux), up to tcp_rmem[2], unless SO_RCVBUF has fixed it.
 *   - An ACK is decided on here and leaves at the flush. At once: a second full segment, the first
 *     ones of a connection or after a pause (so that the peer's slow start is not held up), all
 *     while there is a hole. Otherwise it waits for data to ride on: ato_us follows the pace of
 *     arrivals, and pingpong says that the program answers what it gets.
 */
#include "stack/tcp/tcp_receive.h"

#define ATO_MIN_US 40000u
#define WORTH_WINDOW_BYTES 128 /* smaller segments do not open the window (Linux) */
#define SMALLEST_MSS 88	       /* what Linux believes of a peer's segments at least */
#define PRESSED_WINDOW_SEGS 4u /* while all sockets together hold too much (Linux) */
#define INITIAL_SPACE_SEGS 10  /* RFC 6928 */

/* --- the window ------------------------------------------------------------------------------ */

uint32_t tcp_receive_window(const struct tcp_sock *sk)
{
	uint32_t edge = sk->rcv_wup + sk->rcv_wnd;
	return seq_gt(edge, sk->rcv_nxt) ? edge - sk->rcv_nxt : 0;
}

static uint32_t mss_estimate(const struct tcp_sock *sk)
{
	return sk->rcv_mss ? sk->rcv_mss : TCP_DEFAULT_MSS;
}

/* A multiple of what the scale can express, but not nothing. */
static uint32_t in_units(const struct tcp_sock *sk, uint32_t window)
{
	uint32_t unit = 1u << sk->c.rcv_wscale;
	return window < unit ? unit : window & ~(unit - 1);
}

/* What could be offered, whatever is offered already. RFC 9293 3.8.6.2.2: rather nothing than a
 * silly window. */
static uint32_t window_to_offer(const struct tcp_sock *sk)
{
	uint32_t full = tcp_full_space(sk), mss = mss_estimate(sk), now = sk->rcv_wnd;
	uint32_t free = full > sk->rcvq_bytes ? full - sk->rcvq_bytes : 0;
	if (mss > full)
		mss = full;
	if (free == 0 || (free < full / 2 && (free < full / 16 || free < mss)))
		return 0;
	if (free > sk->rcv_ssthresh)
		free = sk->rcv_ssthresh;
	bool pressed = tcp_memory_pressure(sk->stack) || tcp_owner_is_pressed(sk);
	if (pressed && free > PRESSED_WINDOW_SEGS * sk->advmss)
		free = PRESSED_WINDOW_SEGS * sk->advmss;
	if (sk->c.rcv_wscale)
		return in_units(sk, free);
	if (now <= free && now + mss > free)
		return now;
	return mss > 1 && free > mss ? free - free % mss : free;
}

static void count_zero_windows(struct tcp_sock *sk, uint32_t before, uint32_t after)
{
	if (after == 0 && before)
		snmp_inc(sk->stack, TcpExtTCPToZeroWindowAdv);
	else if (after && before == 0)
		snmp_inc(sk->stack, TcpExtTCPFromZeroWindowAdv);
}

uint32_t tcp_select_window(struct tcp_sock *sk)
{
	uint32_t now = tcp_receive_window(sk), window = window_to_offer(sk);
	uint32_t unit = 1u << sk->c.rcv_wscale, most = 65535u << sk->c.rcv_wscale;
	if (window < now) { /* RFC 9293 3.8.6.2.1: never take back */
		if (window == 0)
			snmp_inc(sk->stack, TcpExtTCPWantZeroWindowAdv);
		window = (now + unit - 1) & ~(unit - 1);
	}
	if (window > most)
		window = most;
	count_zero_windows(sk, sk->rcv_wnd, window);
	sk->rcv_wnd = window;
	sk->rcv_wup = sk->rcv_nxt;
	return window;
}

/* Two segments for each that comes, or as much again as one that was aggregated. */
static void open_window(struct tcp_sock *sk, const struct pkt *p)
{
	uint32_t full = tcp_full_space(sk), grow = 2u * sk->advmss;
	if (p->len < WORTH_WINDOW_BYTES || sk->rcv_ssthresh >= full)
		return;
	if (grow < 2 * p->len)
		grow = 2 * p->len;
	sk->rcv_ssthresh = full - sk->rcv_ssthresh > grow ? sk->rcv_ssthresh + grow : full;
}

/* --- acknowledging --------------------------------------------------------------------------- */

void tcp_ack_at_flush(struct tcp_sock *sk)
{
	sk->ack_now = true;
	tcp_want_flush(sk);
}

void tcp_enter_quickack(struct tcp_sock *sk, unsigned max)
{
	uint32_t quick = sk->rcv_wnd / (2 * mss_estimate(sk));
	quick = quick == 0 ? 2 : quick > max ? max : quick;
	if (quick > sk->quick_acks)
		sk->quick_acks = (uint8_t)quick;
	sk->pingpong = 0;
	sk->ato_us = ATO_MIN_US;
}

/* RFC 9293 3.8.6.3, RFC 5681 4.2. A delay is for data that an answer may follow: before the first
 * byte has come (ato_us 0) there is none. */
void tcp_ack_decide(struct tcp_sock *sk)
{
	bool second_segment = sk->rcv_nxt - sk->rcv_wup > mss_estimate(sk);
	bool quick = sk->quickack || sk->ato_us == 0 || (sk->quick_acks > 0 && !sk->pingpong);
	if (sk->ack_now || quick || second_segment || sk->ooo)
		tcp_ack_at_flush(sk);
	else
		tcp_schedule_delack(sk);
}

/* The peer's segment size, for the rules above: the largest seen, or a smaller one that comes twice
 * in a row without PSH being the reason (Linux's tcp_measure_rcv_mss()). */
void tcp_measure_rcv_mss(struct tcp_sock *sk, const struct pkt *p)
{
	uint32_t len = p->gso_size && p->len > p->gso_size ? p->gso_size : p->len;
	if (len >= sk->rcv_mss) {
		uint32_t mss = len < sk->advmss ? len : sk->advmss;
		sk->rcv_mss = (uint16_t)(mss ? mss : 1);
		sk->rcv_pushed |= p->psh; /* full, and yet a message's end */
		return;
	}
	if (len >= TCP_DEFAULT_MSS || (len >= SMALLEST_MSS && !p->psh && !p->fin)) {
		if (len == sk->last_seg_size)
			sk->rcv_mss = (uint16_t)len;
		sk->last_seg_size = (uint16_t)len;
	}
	sk->rcv_pushed = true;
}

/* As Linux's tcp_event_data_recv(): how far apart segments come says how long an ACK may wait. */
static void adapt_ato(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us, since = now - sk->last_rcv_us;
	if (sk->ato_us == 0) {
		tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	} else if (since <= ATO_MIN_US / 2) {
		sk->ato_us = sk->ato_us / 2 + ATO_MIN_US / 2;
	} else if (since < sk->ato_us) {
		sk->ato_us = sk->ato_us / 2 + (uint32_t)since;
		if (sk->ato_us > sk->rto_us)
			sk->ato_us = sk->rto_us;
	} else if (since > sk->rto_us) { /* the peer is in slow start again */
		tcp_enter_quickack(sk, TCP_QUICK_ACKS_MAX);
	}
	sk->last_rcv_us = now;
}

/* --- autotuning (dynamic right-sizing, as Linux's tcp_rcv_space_adjust()) -------------------- */

static void rcv_rtt_sample(struct tcp_sock *sk, uint64_t us)
{
	uint32_t m = us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	if (sk->rcv_rtt_us == 0 || m < sk->rcv_rtt_us)
		sk->rcv_rtt_us = m;
	else
		sk->rcv_rtt_us += (m - sk->rcv_rtt_us) / 8;
}

/* A full segment that echoes a new timestamp of ours has come one round trip later. */
static void rcv_rtt_from_timestamp(struct tcp_sock *sk, const struct pkt *p, uint32_t tsecr)
{
	if (tsecr == sk->rcv_rtt_tsecr || p->len < sk->rcv_mss)
		return;
	sk->rcv_rtt_tsecr = tsecr;
	uint32_t ms = tcp_ts_clock_ms(sk->stack->now_us) + sk->ts_off - tsecr;
	if (ms < INT32_MAX / 1000)
		rcv_rtt_sample(sk, ms ? ms * 1000ull : 1000);
}

/* Without timestamps: a whole window takes a round trip at least. */
static void rcv_rtt_from_window(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	if (sk->rcv_rtt_start_us && seq_lt(sk->rcv_nxt, sk->rcv_rtt_seq))
		return;
	if (sk->rcv_rtt_start_us)
		rcv_rtt_sample(sk, now - sk->rcv_rtt_start_us);
	sk->rcv_rtt_seq = sk->rcv_nxt + sk->rcv_wnd;
	sk->rcv_rtt_start_us = now;
}

/* The buffer of which tcp_full_space() is `window`. */
static uint64_t buffer_for(const struct tcp_sock *sk, uint64_t window)
{
	int scale = sk->stack->sysctl.tcp_adv_win_scale;
	if (scale <= 0)
		return window << -scale;
	return scale < 16 ? (window << scale) / ((1u << scale) - 1) : window;
}

/* Twice what was read in a round trip, and more while the rate grows. */
static void grow_rcvbuf(struct tcp_sock *sk, uint32_t copied)
{
	uint64_t window = 2ull * copied + 16u * sk->advmss, max = sk->stack->sysctl.tcp_rmem[2];
	if (sk->rcvq_space_bytes)
		window += 2 * window * (copied - sk->rcvq_space_bytes) / sk->rcvq_space_bytes;
	uint64_t want = buffer_for(sk, window);
	if (want > max)
		want = max;
	if (want > sk->rcvbuf_bytes)
		sk->rcvbuf_bytes = (uint32_t)want;
}

static void adjust_space(struct tcp_sock *sk)
{
	uint64_t now = sk->stack->now_us;
	if (sk->rcv_rtt_us == 0 || now - sk->rcvq_space_us < sk->rcv_rtt_us)
		return;
	uint32_t copied = sk->copied_seq - sk->rcvq_space_seq;
	if (copied > sk->rcvq_space_bytes) {
		if (!sk->rcvbuf_locked && sk->stack->sysctl.tcp_moderate_rcvbuf)
			grow_rcvbuf(sk, copied);
		sk->rcvq_space_bytes = copied;
	}
	sk->rcvq_space_seq = sk->copied_seq;
	sk->rcvq_space_us = now;
}

void tcp_rcv_init(struct tcp_sock *sk)
{
	uint32_t mss = sk->advmss < sk->mss_cache ? sk->advmss : sk->mss_cache;
	uint64_t now = sk->stack->now_us;
	if (mss > TCP_DEFAULT_MSS)
		mss = TCP_DEFAULT_MSS;
	if (mss > sk->rcv_wnd / 2)
		mss = sk->rcv_wnd / 2;
	sk->rcv_mss = (uint16_t)(mss > SMALLEST_MSS ? mss : SMALLEST_MSS);
	sk->rcv_ssthresh = sk->rcv_wnd;
	sk->rcvq_space_bytes = (uint32_t)INITIAL_SPACE_SEGS * sk->advmss;
	if (sk->rcvq_space_bytes > sk->rcv_wnd)
		sk->rcvq_space_bytes = sk->rcv_wnd;
	sk->rcvq_space_seq = sk->copied_seq;
	sk->rcvq_space_us = sk->last_rcv_us = now;
	sk->last_ack_rcv_ms = stack_now_ms(sk->stack);
}

/* --- data comes and goes --------------------------------------------------------------------- */

void tcp_data_arrives(struct tcp_sock *sk, const struct pkt *p, const struct tcp_options *opt)
{
	if (p->len == 0)
		return;
	if (!sk->ack_delayed)
		sk->rcv_pushed = false;
	tcp_measure_rcv_mss(sk, p);
	if (sk->c.tstamp_ok && opt->has_ts && opt->tsecr)
		rcv_rtt_from_timestamp(sk, p, opt->tsecr);
	else if (!sk->c.tstamp_ok)
		rcv_rtt_from_window(sk);
	adapt_ato(sk);
	open_window(sk, p);
}

static bool receives(const struct tcp_sock *sk)
{
	return !sk->rcv_fin && (sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_FIN_WAIT1 ||
				sk->c.state == TCP_FIN_WAIT2);
}

/* RFC 9293 3.8.6.2.2: worth a segment of its own once two full segments (or half the buffer, or as
 * much again as is open) more may come, if the window was less than half open; else the next ACK
 * tells. */
static bool window_update_due(const struct tcp_sock *sk)
{
	uint32_t now = tcp_receive_window(sk), full = tcp_full_space(sk);
	uint32_t step = 2 * mss_estimate(sk);
	/* That it may grow with what came (rcv_ssthresh) is no news yet. */
	if (2 * (uint64_t)now > (full < sk->rcv_ssthresh ? full : sk->rcv_ssthresh))
		return false;
	if (step > full / 2)
		step = full / 2;
	uint32_t offer = window_to_offer(sk);
	return offer > now && (offer - now >= step || offer / 2 >= now);
}

/* The program has read all there was and is not answering: no use in delaying the ACK of what was
 * a message's end (Linux's tcp_cleanup_rbuf()). */
static bool delayed_ack_is_pointless(const struct tcp_sock *sk)
{
	return sk->ack_delayed && sk->rcv_pushed && !sk->pingpong && sk->rcvq_bytes == 0;
}

void tcp_data_consumed(struct tcp_sock *sk)
{
	if (!receives(sk))
		return;
	adjust_space(sk);
	if (window_update_due(sk) || delayed_ack_is_pointless(sk))
		tcp_ack_at_flush(sk);
}
