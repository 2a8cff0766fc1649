/* SPDX-License-Identifier: MIT */
/*
 * Segments on their way out: what may be sent, how much at once, and the one function through
 * which every segment of a connection leaves.
 *
 * Theory of operation
 *   - tcp_write_xmit() is called once per batch: it sends again what recovery has marked lost, then
 *     new data as far as min(cwnd, peer's window), in TSO segments as large as the link takes. Each
 *     segment is recorded as a tx_seg before it leaves; a frame the IP layer refuses is as good as
 *     lost on the wire, and the timers bring it back.
 *   - A segment of less than one MSS waits where Nagle's rule as Minshall changed it, TCP_CORK or
 *     the silly window rule (RFC 9293 3.7.4, 3.8.6.2.1) say so. If nothing is in flight then, the
 *     persist timer sees to it that the wait ends (200 ms for a cork, as Linux).
 *   - The FIN rides on the last data segment. Once fin_sent is set snd_nxt counts it and nothing
 *     new leaves.
 *   - Any segment with ACK set carries the newest rcv_nxt, window, timestamps and SACK blocks, and
 *     so settles what ack_now and ack_delayed ask for.
 */
#include <errno.h>

#include "stack/tcp/fastopen.h"
#include "stack/tcp/mtu_probe.h"
#include "stack/tcp/tcp_auth.h"
#include "stack/tcp/tcp_send.h"
#include "stack/tcp/tcp_trace.h"

#define IOV_MAX_SPANS ((int)(sizeof(((struct ip_tx *)0)->payload) / sizeof(struct iovec)))

/* --- one segment ---------------------------------------------------------------------------- */

/* Four blocks, or three beside timestamps; a signature leaves room for less, or for none. */
static uint8_t sack_blocks_max(const struct tcp_sock *sk)
{
	uint32_t taken = 4 + (sk->c.tstamp_ok ? 12u : 0u);
	if (sk->auth)
		taken += tcp_auth_option_bytes(sk);
	return taken < TCP_OPTIONS_MAX_BYTES ? (uint8_t)((TCP_OPTIONS_MAX_BYTES - taken) / 8) : 0;
}

/* RFC 2018 3, RFC 2883 4: a D-SACK block comes first. */
static uint8_t fill_sack_blocks(const struct tcp_sock *sk, struct sack_block *to)
{
	uint8_t max = sack_blocks_max(sk), n = 0;
	if (!sk->sack_ok)
		return 0;
	if (sk->dup_sack && max > 0)
		to[n++] = sk->dsack;
	for (uint32_t i = 0; i < ooo_sack_cnt(sk) && n < max; i++)
		to[n++] = sk->ooo->sacks[i];
	return n;
}

static uint32_t sack_option_bytes(const struct tcp_sock *sk)
{
	uint32_t n = ooo_sack_cnt(sk) + (sk->dup_sack ? 1u : 0u);
	if (!sk->sack_ok || n == 0)
		return 0;
	n = min_u32(n, sack_blocks_max(sk));
	return n > 0 ? 4 + 8 * n : 0;
}

/* Beside an MD5 signature timestamps would leave no room for SACK blocks: as Linux, SACK stays. */
bool tcp_offers_timestamps(const struct tcp_sock *sk)
{
	return sk->stack->sysctl.tcp_timestamps && !tcp_auth_is_md5(sk);
}

static void fill_syn_options(const struct tcp_sock *sk, struct tcp_options *opt)
{
	const struct sysctls *ctl = &sk->stack->sysctl;
	bool offer = sk->c.state == TCP_SYN_SENT;
	opt->mss = sk->advmss;
	opt->has_ts = offer ? tcp_offers_timestamps(sk) : sk->c.tstamp_ok;
	opt->sack_permitted = offer ? ctl->tcp_sack : sk->sack_ok;
	opt->has_wscale = offer ? ctl->tcp_window_scaling : sk->wscale_ok;
	opt->wscale = sk->c.rcv_wscale;
	fastopen_syn_option(sk, opt);
}

static void fill_options(const struct tcp_sock *sk, uint8_t flags, struct tcp_options *opt)
{
	memset(opt, 0, sizeof(*opt));
	if (flags & TCP_SYN)
		fill_syn_options(sk, opt);
	else
		opt->has_ts = sk->c.tstamp_ok;
	if (opt->has_ts) {
		opt->tsval = tcp_ts_clock_ms(sk->stack->now_us) + sk->ts_off;
		opt->tsecr = flags & TCP_ACK ? sk->c.ts_recent : 0;
	}
	if (!(flags & (TCP_SYN | TCP_RST)))
		opt->sack_cnt = fill_sack_blocks(sk, opt->sack);
}

/* RFC 7323 2.2: the window in a SYN is not scaled. */
static uint16_t window_field(struct tcp_sock *sk, uint8_t flags)
{
	uint32_t wnd = flags & TCP_SYN ? sk->rcv_wnd : tcp_select_window(sk) >> sk->c.rcv_wscale;
	return (uint16_t)min_u32(wnd, 65535);
}

/* RFC 9293 3.8.5, RFC 6093: the pointer names the byte after the last urgent one. */
static uint16_t urgent_pointer(const struct tcp_sock *sk, uint32_t seq)
{
	if (!sk->urg_pending || seq_geq(seq, sk->snd_up))
		return 0;
	uint32_t ahead = sk->snd_up - seq;
	if (ahead <= 0xffff)
		return (uint16_t)ahead;
	return seq_gt(seq + 0xffff, sk->snd_nxt) ? 0xffff : 0;
}

/* What every segment with ACK settles. */
static void ack_sent(struct tcp_sock *sk)
{
	if (sk->quick_acks > 0 && --sk->quick_acks == 0)
		sk->ato_us = TCP_ATO_MIN_US;
	sk->ack_now = sk->ack_delayed = sk->dup_sack = false;
	tcp_timer_cancel(sk, TCP_TIMER_DELACK);
	sk->last_ack_sent = sk->rcv_nxt;
}

static void count_sent(struct tcp_sock *sk, uint32_t len, uint32_t segs)
{
	sk->stack->mib.counter[TcpOutSegs] += segs;
	sk->segs_out += segs;
	if (len > 0)
		sk->data_segs_out += segs;
	sk->bytes_sent += len;
}

int tcp_transmit(struct tcp_sock *sk, uint32_t seq, uint32_t len, uint8_t flags, uint32_t mss)
{
	struct ip_tx tx;
	struct tcp_options opt;
	struct tcp_sign sign;
	uint8_t ecn = 0;
	if (sk->ecn & ECN_OK && !(flags & TCP_SYN))
		ecn = ecn_send(sk, len > 0 && seq == sk->snd_nxt, &flags);
	fill_options(sk, flags, &opt);
	if (sk->auth) {
		tcp_sign_choose(sk->stack, &sk->c, NULL, seq, flags, &sign);
		tcp_sign_options(&sign, &opt);
	}
	size_t opt_len = tcp_options_write(tx.hdr + TCP_HDR_BYTES, &opt);
	uint16_t urg = urgent_pointer(sk, seq);
	if (urg)
		flags |= TCP_URG;
	uint16_t wnd = window_field(sk, flags);
	tx.hdr_len = (uint16_t)(TCP_HDR_BYTES + opt_len);
	tcp_header_write(tx.hdr, sk->c.lport, sk->c.rport, seq, flags & TCP_ACK ? sk->rcv_nxt : 0,
			 tx.hdr_len, flags, wnd, urg);
	tx.src = addr4_tagged(sk->c.laddr);
	tx.dst = addr4_tagged(sk->c.raddr);
	tx.proto = IPPROTO_TCP_;
	tx.ttl = sk->ttl;
	tx.tos = sk->c.tos | ecn;
	tx.df = ip_sk_dont_fragment(sk); /* RFC 1191: path MTU discovery */
	tx.csum_offset = 16;
	tx.ecn_cwr = flags & TCP_CWR;
	tx.payload_cnt =
	    sndbuf_iov(sk, seq + (flags & TCP_SYN ? 1 : 0), len, tx.payload, IOV_MAX_SPANS);
	tx.payload_len = len;
	tx.gso_size = len > mss ? (uint16_t)mss : 0;
	if (sk->auth)
		tcp_sign(sk->stack, &sign, &tx);
	count_sent(sk, len, tx.gso_size ? (len + mss - 1) / mss : 1);
	if (sk->pace && len > 0)
		pacing_sent(sk, len);
	if (flags & TCP_ACK)
		ack_sent(sk);
	int err = ip_output(sk->stack, &tx);
	if (tx.path_mtu_bytes > sk->pmtu_bytes) /* RFC 1191 6.3: for the next segment */
		tcp_sync_mss(sk, tx.path_mtu_bytes);
	if (err && flags & TCP_CWR && !(flags & TCP_SYN))
		ecn_queue_cwr(sk);
	return err;
}

/* --- sizes ---------------------------------------------------------------------------------- */

/* Payload of one segment now: SACK blocks take room, and no more than half of the largest window
 * the peer ever offered (RFC 9293 3.8.6.2.1). */
uint32_t tcp_current_mss(const struct tcp_sock *sk)
{
	uint32_t mss = max_u32(sk->mss_cache, 1);
	uint32_t sack = sack_option_bytes(sk);
	if (mss > sack + 8)
		mss -= sack;
	uint32_t half = sk->max_window > TCP_DEFAULT_MSS ? sk->max_window / 2 : sk->max_window;
	if (half > 0 && mss > half)
		mss = max_u32(half, 8);
	return mss;
}

/* Payload handed to the link at once: a multiple of mss, or mss alone without TSO. */
uint32_t tcp_tso_limit(const struct tcp_sock *sk, uint32_t mss)
{
	uint32_t limit =
	    min_u32(sk->stack->config.tso_max_bytes, 65535 - IPV4_HDR_BYTES - L4_HDR_MAX);
	if (sk->max_window > 0)
		limit = min_u32(limit, max_u32(sk->max_window / 2, mss));
	limit = pacing_tso_limit(sk, mss, limit);
	if (limit < 2 * mss || sk->urg_pending || sk->auth)
		return mss;
	return limit - limit % mss;
}

static uint32_t window_left(const struct tcp_sock *sk)
{
	uint32_t end = tcp_window_end(sk);
	return seq_gt(end, sk->snd_nxt) ? end - sk->snd_nxt : 0;
}

static uint32_t cwnd_left(const struct tcp_sock *sk, uint32_t mss)
{
	uint32_t in_flight = tcp_pipe_bytes(sk), syn = tcp_syn_in_flight(sk);
	if (in_flight <= syn)
		return max_u32(sk->cwnd_bytes, mss);
	in_flight -= syn;
	return sk->cwnd_bytes > in_flight ? sk->cwnd_bytes - in_flight : 0;
}

uint32_t tcp_sendable_bytes(const struct tcp_sock *sk)
{
	if (!tcp_state_sends(sk) || pacing_delay_us(sk) > 0)
		return 0;
	return min_u32(window_left(sk), cwnd_left(sk, tcp_current_mss(sk)));
}

bool tcp_resync_mss(struct tcp_sock *sk)
{
	struct ip_path path;
	uint32_t before = sk->mss_cache;
	if (ip_route_output(sk->stack, sk->c.raddr.v4, sk->c.laddr.v4, &path) != 0)
		return false;
	tcp_sync_mss(sk, path.mtu_bytes);
	return sk->mss_cache < before;
}

/* --- when to send --------------------------------------------------------------------------- */

/* RFC 9293 3.7.4 with Minshall's change: a partial segment waits only while another partial one is
 * unacknowledged. A cork holds it in any case; what ends the stream or is urgent never waits. */
static bool nagle_holds(const struct tcp_sock *sk)
{
	if (sk->fin_queued || sk->urg_pending || sk->nagle_push || sk->frto == FRTO_SEND_NEW)
		return false;
	if (sk->cork || sk->more_holds)
		return true;
	return !sk->nodelay && seq_gt(sk->snd_sml, sk->snd_una) &&
	       seq_leq(sk->snd_sml, sk->snd_nxt);
}

/*
 * Better to wait for the next ACK than to send a fragment of a TSO segment now: as Linux's
 * tcp_tso_should_defer(). Only while data flows and an ACK is near.
 */
static bool tso_should_defer(const struct tcp_sock *sk, uint32_t room, uint32_t limit)
{
	uint64_t now = sk->stack->now_us;
	const struct tx_seg *head = rtx_head(sk);
	if (!head || sk->ca_state >= CA_RECOVERY || room >= limit)
		return false;
	if (now - sk->last_snd_us > 1000)
		return false;
	uint32_t divisor = sk->stack->sysctl.tcp_tso_win_divisor;
	uint32_t window = min_u32(sk->snd_wnd, sk->cwnd_bytes);
	if (room >= (divisor ? window / divisor : 3u * sk->mss_cache))
		return false;
	return now - head->sent_us >= sk->srtt_us / 2;
}

/* What keeps unsent data from leaving. */
struct send_limits {
	bool cwnd, rwnd;
};

/* A burst is at most half a window, so that its ACK comes before the next one is due. */
static uint32_t half_window(const struct tcp_sock *sk, uint32_t mss)
{
	uint32_t half = sk->cwnd_bytes / 2;
	return max_u32(half - half % mss, mss);
}

/* How much of the unsent data may leave in one segment now. */
static uint32_t next_len(const struct tcp_sock *sk, uint32_t mss, struct send_limits *limits)
{
	uint32_t unsent = tcp_unsent_bytes(sk), limit = tcp_tso_limit(sk, mss);
	uint32_t record = write_marks_sendable(sk);
	uint32_t want = min_u32(record, min_u32(limit, half_window(sk, mss)));
	if (want == 0)
		return 0;
	uint32_t window_room = window_left(sk), cwnd_room = cwnd_left(sk, mss);
	uint32_t by_window = whole_segments(want, window_room, mss);
	uint32_t by_cwnd = whole_segments(want, cwnd_room, mss);
	if (by_cwnd < want && by_cwnd <= by_window)
		limits->cwnd = true;
	else if (by_window < want)
		limits->rwnd = true;
	uint32_t len = min_u32(by_window, by_cwnd);
	uint32_t partial = len % mss;
	if (partial && len == unsent && nagle_holds(sk)) /* what follows will not fill others */
		len -= partial;
	if (len > 0 && len < unsent && tso_should_defer(sk, min_u32(window_room, cwnd_room), limit))
		return 0;
	return len;
}

/* --- new data ------------------------------------------------------------------------------- */

static void before_first_in_flight(struct tcp_sock *sk)
{
	tcp_slow_start_after_idle(sk);
	if (sk->cc && sk->cc->cwnd_event_idle)
		sk->cc->cwnd_event_idle(sk);
}

static struct tx_seg *record_new(struct tcp_sock *sk, uint32_t len, uint32_t mss, bool fin)
{
	struct tx_seg *seg = tx_seg_alloc(sk->stack);
	if (!seg)
		return NULL;
	seg->seq = sk->snd_nxt;
	seg->end_seq = sk->snd_nxt + len + (fin ? 1 : 0);
	seg->fin = fin;
	seg->mss = (uint16_t)mss;
	seg->sent_us = sk->stack->now_us;
	rate_seg_sent(sk, seg);
	return seg;
}

static void after_new(struct tcp_sock *sk, uint32_t len, uint32_t mss, bool was_empty)
{
	uint64_t now = sk->stack->now_us;
	if (len % mss)
		sk->snd_sml = sk->snd_nxt;
	/* An answer within the delayed ACK time: a conversation, whose ACKs ride on data. */
	if (now - sk->last_rcv_us < sk->ato_us)
		sk->pingpong = 1;
	sk->last_snd_us = now;
	if (was_empty || sk->rtx_timer_kind == RTX_TIMER_TLP)
		tcp_rearm_rto(sk);
	if (len > 0)
		sk->stack->mib.counter[TcpExtTCPOrigDataSent] += (len + mss - 1) / mss;
}

/* Sends `len` new bytes, and the FIN behind them if asked. False: nothing was sent. */
static bool send_new(struct tcp_sock *sk, uint32_t len, uint32_t mss, bool fin)
{
	bool was_empty = list_empty(&sk->rtx_queue);
	struct tx_seg *seg = record_new(sk, len, mss, fin);
	if (!seg)
		return false;
	uint8_t flags = TCP_ACK | (fin ? TCP_FIN : 0);
	seg->psh = len > 0 && write_marks_push(sk, seg->seq + len);
	if (seg->psh || len > mss)
		flags |= TCP_PSH;
	list_add_tail(&sk->rtx_queue, &seg->node);
	int err = tcp_transmit(sk, seg->seq, len, flags, mss);
	if (err == -EMSGSIZE && tcp_resync_mss(sk)) {
		tx_seg_free(sk->stack, seg);
		return false;
	}
	sk->snd_nxt = seg->end_seq;
	sk->fin_sent = fin;
	write_marks_sent(sk);
	if (err == -EHOSTUNREACH || err == -ENETUNREACH)
		sk->err_soft = -err;
	if (tcp_in_cwnd_reduction(sk))
		sk->prr_out += len;
	after_new(sk, len, mss, was_empty);
	return true;
}

/* The FIN goes with the last byte if the window has room for both. */
static bool fin_follows(const struct tcp_sock *sk, uint32_t len)
{
	return sk->fin_queued && !sk->fin_sent && sk->snd_nxt + len == sk->write_seq &&
	       window_left(sk) > len && sk->c.state != TCP_SYN_RECV;
}

/* A FIN asked for before ESTABLISHED, or by tcp_send_fin(): the state that goes with it. */
static void enter_fin_state(struct tcp_sock *sk)
{
	if (!sk->fin_queued)
		return;
	if (sk->c.state == TCP_ESTABLISHED)
		tcp_set_state(sk, TCP_FIN_WAIT1);
	else if (sk->c.state == TCP_CLOSE_WAIT)
		tcp_set_state(sk, TCP_LAST_ACK);
}

/* RFC 9293 3.8.6.1; and the end of Nagle's and the cork's wait when no ACK will come. */
static void check_probe_timer(struct tcp_sock *sk)
{
	if (list_empty(&sk->rtx_queue) && tcp_has_unsent(sk) &&
	    sk->rtx_timer_kind != RTX_TIMER_PERSIST)
		tcp_arm_rtx_timer(sk, RTX_TIMER_PERSIST,
				  pacing_delay_us(sk) + tcp_probe_interval_us(sk));
}

static uint32_t xmit_new(struct tcp_sock *sk, struct send_limits *limits)
{
	uint32_t sent = 0, start = sk->snd_nxt, mss = tcp_current_mss(sk);
	int resyncs = 0;
	if (sk->mtu && !pacing_holds(sk)) {
		if (mtu_probe_send(sk) == MTU_PROBE_WAIT)
			return 0;
		sent = sk->snd_nxt - start;
	}
	while (tcp_has_unsent(sk) && !pacing_holds(sk)) {
		uint32_t before = sk->mss_cache, len = next_len(sk, mss, limits);
		if (len > 0 && list_empty(&sk->rtx_queue)) {
			before_first_in_flight(sk);
			len = next_len(sk, mss, limits);
		}
		bool fin = fin_follows(sk, len);
		if (len == 0 && !fin)
			break;
		if (send_new(sk, len, mss, fin))
			sent += len + (fin ? 1 : 0);
		else if (sk->mss_cache == before || ++resyncs > 4)
			break;
		else
			mss = tcp_current_mss(sk);
	}
	return sent;
}

void tcp_write_xmit(struct tcp_sock *sk)
{
	if (sk->fastopen_deferred)
		fastopen_xmit_deferred(sk);
	if (!tcp_state_sends(sk))
		return;
	struct send_limits limits = {0};
	enter_fin_state(sk);
	if (!frto_holds_retransmissions(sk) && sk->c.state != TCP_SYN_RECV)
		recovery_xmit(sk);
	if (tcp_has_unsent(sk)) {
		uint32_t sent = xmit_new(sk, &limits);
		if (sent > 0)
			tlp_schedule(sk, false);
		if (sent > 0 || limits.cwnd)
			tcp_cwnd_validate(sk, limits.cwnd || tcp_pipe_bytes(sk) >= sk->cwnd_bytes);
	}
	if (limits.rwnd)
		chrono_start(sk, CHRONO_RWND_LIMITED);
	else
		chrono_stop(sk, CHRONO_RWND_LIMITED);
	frto_sent(sk);
	check_probe_timer(sk);
	sndbuf_check_unsent(sk);
}

bool tcp_send_whole(struct tcp_sock *sk, uint32_t len)
{
	if (list_empty(&sk->rtx_queue))
		before_first_in_flight(sk);
	return len > 0 && send_new(sk, len, len, false);
}

bool tcp_send_tail_probe_data(struct tcp_sock *sk)
{
	if (!tcp_state_sends(sk))
		return false;
	uint32_t mss = tcp_current_mss(sk);
	uint32_t len = min_u32(write_marks_sendable(sk), mss);
	if (len == 0 || window_left(sk) < len)
		return false;
	return send_new(sk, len, mss, fin_follows(sk, len));
}

/* --- what the program asks for ---------------------------------------------------------------- */

void tcp_send_urgent(struct tcp_sock *sk)
{
	if (seq_leq(sk->write_seq, sk->snd_una))
		return;
	sk->snd_up = sk->write_seq;
	sk->urg_pending = true;
	tcp_want_flush(sk);
}

/* RFC 9293 3.10.4: before ESTABLISHED the FIN waits for it. */
void tcp_send_fin(struct tcp_sock *sk)
{
	bool opening = sk->c.state == TCP_SYN_SENT || sk->c.state == TCP_SYN_RECV;
	if (sk->fin_queued ||
	    (!opening && sk->c.state != TCP_ESTABLISHED && sk->c.state != TCP_CLOSE_WAIT))
		return;
	sk->fin_queued = true;
	chrono_start(sk, CHRONO_BUSY);
	sk->write_blocked = false;
	enter_fin_state(sk);
	tcp_want_flush(sk);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* len: RFC 7413, data that goes with it. */
static int transmit_syn(struct tcp_sock *sk, uint32_t len)
{
	uint8_t flags = TCP_SYN | (sk->c.state == TCP_SYN_RECV ? TCP_ACK : 0);
	/* As Linux: no more than the path has turned out to carry since. */
	sk->advmss = (uint16_t)min_u32(sk->advmss, ip_mtu_to_advmss(sk->pmtu_bytes));
	return tcp_transmit(sk, sk->iss, len, flags | ecn_syn_flags(sk), max_u32(len, 1));
}

static bool record_syn(struct tcp_sock *sk)
{
	struct tx_seg *seg = tx_seg_alloc(sk->stack);
	if (!seg)
		return false;
	seg->seq = sk->iss;
	seg->end_seq = sk->iss + 1;
	seg->syn = true;
	seg->sent_us = sk->stack->now_us;
	list_add_tail(&sk->rtx_queue, &seg->node);
	return true;
}

/*
 * The SYN (or, in SYN_RECV by simultaneous open, the SYN-ACK: RFC 9293 3.5). If no route or
 * neighbour is to be had the timer tries once more at once, and gives up for good if that fails
 * too: whoever connects is then told through an event, not from within its own call.
 */
void tcp_send_syn(struct tcp_sock *sk)
{
	uint32_t data = 0;
	sk->fastopen_deferred = false;
	if (list_empty(&sk->rtx_queue)) {
		sk->snd_una = sk->iss;
		sk->snd_nxt = sk->iss + 1;
		sk->write_seq = sk->snd_nxt + sk->sndq_bytes;
		sk->total_retrans = 0;
		sk->snd_up = sk->snd_sml = sk->pushed_seq = sk->snd_una;
		if (record_syn(sk))
			data = fastopen_attach_data(sk);
	}
	int err = transmit_syn(sk, data);
	bool unreachable = err == -EHOSTUNREACH || err == -ENETUNREACH;
	tcp_arm_rtx_timer(sk, RTX_TIMER_RTO, unreachable ? 0 : sk->rto_us);
}

int tcp_retransmit_syn(struct tcp_sock *sk)
{
	struct tx_seg *seg = rtx_head(sk);
	snmp_inc(sk->stack, TcpExtTCPSynRetrans);
	if (seg || (record_syn(sk) && (seg = rtx_head(sk)))) {
		trace_retrans(sk, seg, 0, TRACE_BY_RTO);
		tcp_count_retrans(sk, seg, 0, 1);
	}
	return transmit_syn(sk, 0);
}

/* --- segments without data ------------------------------------------------------------------- */

/* A sequence number the peer must find acceptable even if it has taken its window back. */
static uint32_t acceptable_seq(const struct tcp_sock *sk)
{
	uint32_t end = tcp_window_end(sk);
	return seq_geq(end, sk->snd_nxt) ? sk->snd_nxt : end;
}

void tcp_send_ack(struct tcp_sock *sk)
{
	if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN || sk->c.state == TCP_SYN_SENT)
		return;
	(void)tcp_transmit(sk, acceptable_seq(sk), 0, TCP_ACK, tcp_current_mss(sk));
}

void tcp_send_active_reset(struct tcp_sock *sk)
{
	snmp_inc(sk->stack, TcpOutRsts);
	(void)tcp_transmit(sk, acceptable_seq(sk), 0, TCP_RST | TCP_ACK, tcp_current_mss(sk));
}

/* RFC 9293 3.8.4: an old sequence number, which makes the peer answer. */
static void xmit_probe(struct tcp_sock *sk, bool urgent)
{
	(void)tcp_transmit(sk, sk->snd_una - (urgent ? 0 : 1), 0, TCP_ACK, tcp_current_mss(sk));
}

/* RFC 9293 3.8.6.1, 3.8.4: as much of the next data as the window takes, else a bare probe. */
void tcp_send_probe(struct tcp_sock *sk)
{
	if (sk->c.state == TCP_CLOSE || sk->c.state == TCP_LISTEN || sk->c.state == TCP_SYN_SENT)
		return;
	uint32_t mss = tcp_current_mss(sk);
	uint32_t len = min_u32(min_u32(write_marks_sendable(sk), window_left(sk)), mss);
	if (tcp_state_sends(sk) && (len > 0 || fin_follows(sk, 0))) {
		sk->pushed_seq = sk->snd_nxt - sk->max_window; /* push whatever goes */
		if (send_new(sk, len, mss, fin_follows(sk, len)))
			return;
	}
	if (sk->urg_pending && sk->snd_up - sk->snd_una <= 0xffff)
		xmit_probe(sk, true);
	xmit_probe(sk, false);
}
