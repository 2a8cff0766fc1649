/* SPDX-License-Identifier: MIT */
/*
 * What a connection can tell of itself: TCP_INFO, and the rows that `ss` shows.
 *
 * struct tcp_info counts windows and queues in segments where the stack counts bytes: they are
 * divided by the current MSS, rounded up, so that "something" is never shown as nothing.
 */
#include "stack/tcp/sockopt.h"
#include "stack/tcp/tcp_passive.h"
#include "stack/tcp/tcp_send.h"

/* --- TCP_INFO -------------------------------------------------------------------------------- */

static uint32_t segments(const struct tcp_sock *sk, uint64_t bytes)
{
	uint32_t mss = sk->mss_cache ? sk->mss_cache : TCP_DEFAULT_MSS;
	return (uint32_t)((bytes + mss - 1) / mss);
}

/* ... of a limit: what fits into it. */
static uint32_t whole(const struct tcp_sock *sk, uint32_t bytes)
{
	return bytes / (sk->mss_cache ? sk->mss_cache : TCP_DEFAULT_MSS);
}

static uint32_t ms_since(const struct tcp_sock *sk, uint32_t then_ms)
{
	return stack_now_ms(sk->stack) - (then_ms ? then_ms : sk->created_ms);
}

static void info_negotiated(const struct tcp_sock *sk, struct tcp_info *info)
{
	if (sk->c.tstamp_ok)
		info->tcpi_options |= TCPI_OPT_TIMESTAMPS;
	if (sk->sack_ok)
		info->tcpi_options |= TCPI_OPT_SACK;
	if (sk->syn_data_acked)
		info->tcpi_options |= TCPI_OPT_SYN_DATA;
	info->tcpi_fastopen_client_fail = sk->fastopen_fail & 3;
	if (sk->wscale_ok) {
		info->tcpi_options |= TCPI_OPT_WSCALE;
		info->tcpi_snd_wscale = sk->snd_wscale & 15;
		info->tcpi_rcv_wscale = sk->c.rcv_wscale & 15;
	}
	if (sk->ecn & ECN_OK)
		info->tcpi_options |= TCPI_OPT_ECN;
	if (sk->ecn & ECN_SEEN)
		info->tcpi_options |= TCPI_OPT_ECN_SEEN;
}

static void info_path(const struct tcp_sock *sk, struct tcp_info *info)
{
	info->tcpi_rto = sk->rto_us;
	info->tcpi_ato = sk->ato_us;
	info->tcpi_rtt = sk->srtt_us;
	info->tcpi_rttvar = sk->rttvar_us;
	info->tcpi_min_rtt = sk->min_rtt_us;
	info->tcpi_rcv_rtt = sk->rcv_rtt_us;
	info->tcpi_snd_mss = sk->mss_cache ? sk->mss_cache : TCP_DEFAULT_MSS;
	info->tcpi_rcv_mss = sk->rcv_mss;
	info->tcpi_advmss = sk->advmss;
	info->tcpi_pmtu = sk->pmtu_bytes;
}

static void info_congestion(const struct tcp_sock *sk, struct tcp_info *info)
{
	bool infinite = sk->ssthresh_bytes >= TCP_INFINITE_SSTHRESH;
	info->tcpi_ca_state = sk->ca_state;
	info->tcpi_retransmits = sk->retransmits;
	info->tcpi_probes = sk->probes_out;
	info->tcpi_backoff = sk->backoff < 255 ? (uint8_t)sk->backoff : 255;
	info->tcpi_snd_cwnd = max_u32(whole(sk, sk->cwnd_bytes), 1);
	info->tcpi_snd_ssthresh = infinite ? TCP_INFINITE_SSTHRESH : whole(sk, sk->ssthresh_bytes);
	info->tcpi_reordering = sk->reordering_segs;
	info->tcpi_reord_seen = sk->reordering_seen;
	info->tcpi_pacing_rate = pacing_rate_shown(sk);
	info->tcpi_max_pacing_rate = pacing_max(sk);
}

static void info_queues(const struct tcp_sock *sk, struct tcp_info *info)
{
	info->tcpi_unacked = segments(sk, sk->snd_nxt - sk->snd_una);
	info->tcpi_sacked = segments(sk, sk->sacked_bytes);
	info->tcpi_lost = segments(sk, sk->lost_bytes);
	info->tcpi_retrans = segments(sk, sk->retrans_bytes);
	info->tcpi_notsent_bytes = tcp_unsent_bytes(sk);
	info->tcpi_snd_wnd = sk->snd_wnd;
	info->tcpi_rcv_space = sk->rcvq_space_bytes;
	info->tcpi_rcv_ssthresh = sk->rcv_ssthresh;
}

static void info_totals(const struct tcp_sock *sk, struct tcp_info *info)
{
	info->tcpi_last_data_sent = ms_since(sk, tcp_ts_clock_ms(sk->last_snd_us));
	info->tcpi_last_data_recv = ms_since(sk, tcp_ts_clock_ms(sk->last_rcv_us));
	info->tcpi_last_ack_recv = ms_since(sk, sk->last_ack_rcv_ms);
	info->tcpi_bytes_acked = sk->bytes_acked;
	info->tcpi_bytes_received = sk->bytes_received;
	info->tcpi_bytes_sent = sk->bytes_sent;
	info->tcpi_bytes_retrans = sk->bytes_retrans;
	info->tcpi_segs_in = sk->segs_in;
	info->tcpi_segs_out = sk->segs_out;
	info->tcpi_data_segs_in = sk->data_segs_in;
	info->tcpi_data_segs_out = sk->data_segs_out;
	info->tcpi_total_retrans = sk->total_retrans;
	info->tcpi_dsack_dups = sk->dsack_dups;
	info->tcpi_delivered = sk->delivered_segs;
	info->tcpi_delivered_ce = sk->delivered_ce_segs;
}

static void info_rates(const struct tcp_sock *sk, struct tcp_info *info)
{
	info->tcpi_delivery_rate = sk->delivery_bytes_per_s;
	info->tcpi_delivery_rate_app_limited = sk->rate_app_limited;
	info->tcpi_busy_time = chrono_read_us(sk, CHRONO_BUSY);
	info->tcpi_rwnd_limited = chrono_read_us(sk, CHRONO_RWND_LIMITED);
	info->tcpi_sndbuf_limited = chrono_read_us(sk, CHRONO_SNDBUF_LIMITED);
}

void tcp_get_info(const struct tcp_sock *sk, struct tcp_info *info)
{
	memset(info, 0, sizeof(*info));
	info->tcpi_state = sk->c.state;
	info_path(sk, info);
	info_congestion(sk, info);
	if (sk->c.state == TCP_LISTEN) { /* as Linux: the accept queue's length and limit */
		info->tcpi_unacked = sk->lq->ack_backlog + sk->lq->handed;
		info->tcpi_sacked = sk->lq->max_ack_backlog;
		return;
	}
	info_negotiated(sk, info);
	info_queues(sk, info);
	info_totals(sk, info);
	info_rates(sk, info);
}

/* Accurate ECN (RFC 9768) is not spoken, and routes have one path: their counters stay at 0. */
void tcp_get_info_linux(const struct tcp_sock *sk, struct tcp_info_linux *info)
{
	struct tcp_info known;
	uint32_t rto_ms = sk->rto_runs_ms;
	if (sk->rto_run_since_ms)
		rto_ms += stack_now_ms(sk->stack) - sk->rto_run_since_ms;
	tcp_get_info(sk, &known);
	memset(info, 0, sizeof(*info));
	memcpy(info->before, &known, sizeof(info->before));
	if (sk->c.state == TCP_LISTEN)
		return;
	info->rcv_wnd = tcp_receive_window(sk);
	info->total_rto = sk->total_rto;
	info->total_rto_recoveries = sk->total_rto_recoveries;
	info->total_rto_time_ms = rto_ms;
}

enum { /* linux/sock_diag.h: SK_MEMINFO_... */
       MEMINFO_RMEM_ALLOC,
       MEMINFO_RCVBUF,
       MEMINFO_WMEM_ALLOC,
       MEMINFO_SNDBUF,
       MEMINFO_FWD_ALLOC,
       MEMINFO_WMEM_QUEUED,
};

/* What is sent is handed to the link at once, and memory is not set aside for later. */
void tcp_get_meminfo(const struct tcp_sock *sk, uint32_t vars[TCP_MEMINFO_VARS])
{
	memset(vars, 0, TCP_MEMINFO_VARS * sizeof(vars[0]));
	vars[MEMINFO_RMEM_ALLOC] = sk->rcvq_truesize + ooo_truesize(sk);
	vars[MEMINFO_RCVBUF] = sk->rcvbuf_bytes;
	vars[MEMINFO_SNDBUF] = sk->sndbuf_bytes;
	vars[MEMINFO_WMEM_QUEUED] = sk->sndq_bytes;
}

/* --- ss -------------------------------------------------------------------------------------- */

static void diag_timer(struct tcp_diag *d, const char *name, uint64_t expires_us)
{
	d->timer = name;
	d->timer_expires_us = expires_us;
}

static void diag_listener(struct tcp_diag *d, const struct tcp_sock *sk)
{
	const struct stack *st = sk->stack;
	struct listen_queue *lq = sk->lq;
	if (lq->handed > 0)
		lq->handed = st->ops.accept_unread ? st->ops.accept_unread(st->ctx, sk->user) : 0;
	d->recv_q = lq->ack_backlog + lq->handed;
	d->send_q = lq->max_ack_backlog;
}

static struct tcp_diag diag_sock(const struct tcp_sock *sk)
{
	struct tcp_diag d = {.state = sk->c.state,
			     .local = tcp_local(sk),
			     .remote = tcp_remote(sk),
			     .recv_q = (uint32_t)tcp_inq_bytes(sk),
			     .send_q = (uint32_t)tcp_outq_bytes(sk),
			     .uid = sk->owner->uid,
			     .user = sk->user,
			     .sk = sk,
			     .retransmits = sk->retransmits};
	if (sk->c.state == TCP_LISTEN) {
		diag_listener(&d, sk);
	} else if (tcp_timer_armed(sk, TCP_TIMER_RTX)) {
		bool persist = sk->rtx_timer_kind == RTX_TIMER_PERSIST;
		diag_timer(&d, persist ? "persist" : "on", tcp_timer_expires_us(sk, TCP_TIMER_RTX));
		if (persist)
			d.retransmits = sk->probes_out;
	} else if (tcp_timer_armed(sk, TCP_TIMER_KEEPALIVE)) {
		diag_timer(&d, "keepalive", tcp_timer_expires_us(sk, TCP_TIMER_KEEPALIVE));
		d.retransmits = sk->keepalive_probes_out;
	}
	return d;
}

static struct tcp_diag diag_common(const struct sock_common *c)
{
	struct tcp_diag d = {.state = c->state,
			     .local = {.addr = addr4_tagged(c->laddr), .port = c->lport},
			     .remote = {.addr = addr4_tagged(c->raddr), .port = c->rport}};
	if (c->kind == SOCK_KIND_REQUEST) {
		const struct request_sock *req = container_of(c, struct request_sock, c);
		diag_timer(&d, "on", request_expires_us(req));
		d.retransmits = req->num_retrans;
		d.uid = req->listener->owner->uid;
	} else {
		const struct timewait_sock *tw = container_of(c, struct timewait_sock, c);
		diag_timer(&d, "timewait", tw->timer.expires_us);
	}
	return d;
}

/* A socket nothing has been done with yet is not shown. */
static bool is_shown(const struct tcp_sock *sk)
{
	return sk->c.state != TCP_CLOSE || sk->bucket;
}

void tcp_for_each(struct stack *st, bool (*fn)(void *arg, const struct tcp_diag *d), void *arg)
{
	const struct tcp_layer *tcp = &st->tcp;
	list_for_each (pos, &tcp->all) {
		const struct tcp_sock *sk = container_of(pos, struct tcp_sock, all_node);
		struct tcp_diag d = diag_sock(sk);
		if (is_shown(sk) && !fn(arg, &d))
			return;
	}
	for (uint32_t i = 0; i < tcp->ehash_size; i++) {
		for (const struct sock_common *c = tcp->ehash[i]; c; c = c->hash_next) {
			if (c->kind == SOCK_KIND_TCP)
				continue;
			struct tcp_diag d = diag_common(c);
			if (!fn(arg, &d))
				return;
		}
	}
}

struct tcp_counts tcp_count(const struct stack *st)
{
	const struct tcp_layer *tcp = &st->tcp;
	return (struct tcp_counts){.sockets = tcp->sockets,
				   .orphans = tcp->orphans,
				   .timewait = tcp->timewait,
				   .request_socks = tcp->request_socks,
				   .listeners = tcp->listeners,
				   .rcvbuf_bytes = tcp->rcvbuf_bytes,
				   .sndbuf_bytes = tcp->sndbuf_bytes};
}
