/* SPDX-License-Identifier: MIT */
/*
 * What the files of the sending side share with each other and with nobody else: the retransmit
 * queue's records and the steps that cross from one file to the next.
 */
#ifndef XTCP_TCP_SEND_H
#define XTCP_TCP_SEND_H

#include "stack/stack_impl.h"

#define TCP_ATO_MIN_US 40000u
#define TCP_DELACK_MAX_US 200000u
#define TCP_RTO_INITIAL_US 1000000u   /* RFC 6298 2.1 */
#define TCP_RTO_SYN_LOST_US 3000000u  /* RFC 6298 5.7 */
#define TCP_RESOURCE_PROBE_US 500000u /* how soon to try again what failed for lack of memory */
#define TCP_TIMEOUT_MIN_US 2000u      /* the least a loss probe or reordering timer waits */
#define TCP_CWND_MAX_BYTES (1u << 30)
#define UNDO_RETRANS_NONE UINT32_MAX /* nothing has been retransmitted in this episode yet */

static inline struct tx_seg *tx_seg_of(struct list *node)
{
	return container_of(node, struct tx_seg, node);
}

/* The first record of the retransmit queue, or NULL. */
static inline struct tx_seg *rtx_head(const struct tcp_sock *sk)
{
	return list_empty(&sk->rtx_queue) ? NULL : tx_seg_of(sk->rtx_queue.next);
}

static inline struct tx_seg *rtx_tail(const struct tcp_sock *sk)
{
	return list_empty(&sk->rtx_queue) ? NULL : tx_seg_of(sk->rtx_queue.prev);
}

/* Sequence space, SYN and FIN included. */
static inline uint32_t tx_seg_len(const struct tx_seg *seg)
{
	return seg->end_seq - seg->seq;
}

/* How many segments its first `len` bytes were. */
static inline uint32_t tx_seg_count(const struct tx_seg *seg, uint32_t len)
{
	return len > seg->mss && seg->mss ? (len + seg->mss - 1) / seg->mss : 1;
}

/* Ours, that is not acknowledged yet: it has a number of its own, and no part in any window. */
static inline uint32_t tcp_syn_in_flight(const struct tcp_sock *sk)
{
	return sk->c.state == TCP_SYN_RECV && sk->snd_una == sk->iss ? 1 : 0;
}

static inline uint32_t tcp_window_end(const struct tcp_sock *sk)
{
	return sk->snd_una + tcp_syn_in_flight(sk) + sk->snd_wnd;
}

static inline uint32_t tcp_unsent_bytes(const struct tcp_sock *sk)
{
	return sk->fin_sent ? 0 : sk->write_seq - sk->snd_nxt;
}

/* Data or a FIN that has never been sent. */
static inline bool tcp_has_unsent(const struct tcp_sock *sk)
{
	return tcp_unsent_bytes(sk) > 0 || (sk->fin_queued && !sk->fin_sent);
}

/* The states in which data may leave, and but for Fast Open's the FIN (RFC 9293 3.10.2, RFC 7413 4.2.2;
 * the closing ones for what is queued). */
static inline bool tcp_state_sends(const struct tcp_sock *sk)
{
	return sk->c.state == TCP_ESTABLISHED || sk->c.state == TCP_CLOSE_WAIT ||
	       sk->c.state == TCP_FIN_WAIT1 || sk->c.state == TCP_CLOSING ||
	       sk->c.state == TCP_LAST_ACK || (sk->c.state == TCP_SYN_RECV && sk->fastopen_child);
}

static inline bool tcp_in_slow_start(const struct tcp_sock *sk)
{
	return sk->cwnd_bytes < sk->ssthresh_bytes;
}

static inline bool tcp_in_cwnd_reduction(const struct tcp_sock *sk)
{
	return sk->ca_state == CA_CWR || sk->ca_state == CA_RECOVERY;
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* --- sndpool.c. alloc: NULL when memory is short; free: on a list or not */
struct snd_block *snd_block_alloc(struct stack *st, bool large);
void snd_block_free(struct stack *st, struct snd_block *b);
struct tx_seg *tx_seg_alloc(struct stack *st);
void tx_seg_free(struct stack *st, struct tx_seg *seg);

/* --- sndbuf.c */
/* Cuts seg in two; the part from `at` on follows it and is returned. NULL: no memory, unchanged. */
struct tx_seg *tx_seg_split(struct tcp_sock *sk, struct tx_seg *seg, uint32_t at);
void sndbuf_expand(struct tcp_sock *sk);
uint32_t tcp_sendable_bytes(const struct tcp_sock *sk); /* what the windows take now */
void sndbuf_check_space(struct tcp_sock *sk);
void sndbuf_check_unsent(struct tcp_sock *sk); /* some has been sent: TCP_NOTSENT_LOWAT */
/* The program has been told to wait for space. */
bool sndbuf_is_full(const struct tcp_sock *sk);

/* All of `want`, or as many whole segments as `room` holds. */
static inline uint32_t whole_segments(uint32_t want, uint32_t room, uint32_t mss)
{
	return want <= room ? want : room - room % mss;
}

/* --- write_marks.c */
bool write_marks_full(const struct tcp_sock *sk); /* of records: the program waits */
void write_marks_forget(struct tcp_sock *sk);
void write_marks_committed(struct tcp_sock *sk); /* a write that says nothing of itself */
uint32_t write_marks_sendable(const struct tcp_sock *sk);
bool write_marks_push(struct tcp_sock *sk, uint32_t end); /* a segment that ends there pushes */
void write_marks_sent(struct tcp_sock *sk);		  /* snd_nxt has moved */

/* --- output.c */
/* Every segment of a connection leaves here: `len` bytes from seq on, cut into pieces of `mss`. */
int tcp_transmit(struct tcp_sock *sk, uint32_t seq, uint32_t len, uint8_t flags, uint32_t mss);
/* The path shrank: learn its new size. True if segments must become smaller. */
bool tcp_resync_mss(struct tcp_sock *sk);
uint32_t tcp_current_mss(const struct tcp_sock *sk);
uint32_t tcp_tso_limit(const struct tcp_sock *sk, uint32_t mss);
/* One new segment beyond the congestion window, if the peer's window allows: true if sent. */
bool tcp_send_tail_probe_data(struct tcp_sock *sk);
/* `len` new bytes as one segment, whatever the MSS says: true if sent. */
bool tcp_send_whole(struct tcp_sock *sk, uint32_t len);
int tcp_retransmit_syn(struct tcp_sock *sk);

/* --- retransmit.c */
void tcp_count_retrans(struct tcp_sock *sk, struct tx_seg *seg, uint32_t bytes, uint32_t segs);

/* --- timers.c */
void tcp_arm_rtx_timer(struct tcp_sock *sk, enum tcp_timer_kind kind, uint64_t after_us);
void tcp_stop_rtx_timer(struct tcp_sock *sk);
void tcp_resume_rto(struct tcp_sock *sk);
uint64_t tcp_probe_interval_us(const struct tcp_sock *sk);

/* --- ack.c */
void tcp_set_rto(struct tcp_sock *sk);

/* --- recovery.c */
void tcp_mark_lost(struct tcp_sock *sk, struct tx_seg *seg);
void recovery_enter(struct tcp_sock *sk, bool ece);
/* Sends again what is marked lost, within cwnd. */
void recovery_xmit(struct tcp_sock *sk);
/* RFC 6937bis: cwnd after `acked` bytes were delivered and `lost` newly marked. */
void recovery_prr(struct tcp_sock *sk, uint32_t acked, uint32_t lost, bool una_advanced);
void recovery_init_reduction(struct tcp_sock *sk);
void recovery_end_reduction(struct tcp_sock *sk);
void recovery_try_keep_open(struct tcp_sock *sk);

/* --- frto.c */
enum frto_phase {
	FRTO_OFF,
	FRTO_TIMED_OUT, /* the first segment has been sent again */
	FRTO_SEND_NEW,	/* an ACK moved snd_una: new data is to follow */
	FRTO_SENT_NEW,	/* it did: the next ACK decides */
};
enum frto_verdict { FRTO_REAL, FRTO_WAIT, FRTO_SPURIOUS };
void frto_begin(struct tcp_sock *sk);
enum frto_verdict frto_on_ack(struct tcp_sock *sk, const struct ack_sample *s, bool is_dupack);
void frto_sent(struct tcp_sock *sk);
static inline bool frto_holds_retransmissions(const struct tcp_sock *sk)
{
	return sk->frto >= FRTO_SEND_NEW;
}

/* --- rack.c */
/* RFC 8985 6.2, RACK_sent_after() */
static inline bool rack_sent_after(uint64_t t1, uint32_t seq1, uint64_t t2, uint32_t seq2)
{
	return t1 > t2 || (t1 == t2 && seq_gt(seq1, seq2));
}
void rack_advance(struct tcp_sock *sk, const struct tx_seg *delivered);
bool rack_mark_lost(struct tcp_sock *sk); /* true: it has armed the reordering timer */
void rack_reo_timeout(struct tcp_sock *sk);
void rack_update_reo_wnd(struct tcp_sock *sk, bool dsack);
bool rack_is_recent(const struct tcp_sock *sk, const struct tx_seg *seg);
void rack_check_reordering(struct tcp_sock *sk, uint32_t low_seq, uint32_t fack);
bool tlp_schedule(struct tcp_sock *sk, bool advancing_rto);
void tlp_timeout(struct tcp_sock *sk);
void tlp_on_ack(struct tcp_sock *sk, uint32_t ack, const struct ack_sample *s);

/* --- rate.c */
void rate_seg_sent(struct tcp_sock *sk, struct tx_seg *seg);
void rate_seg_delivered(struct tcp_sock *sk, const struct tx_seg *seg, struct ack_sample *s);
void rate_sample(struct tcp_sock *sk, struct ack_sample *s);
void rate_check_app_limited(struct tcp_sock *sk);

/* --- ecn.c */
uint8_t ecn_send(struct tcp_sock *sk, bool new_data, uint8_t *flags);
void ecn_queue_cwr(struct tcp_sock *sk);
void ecn_withdraw_cwr(struct tcp_sock *sk);
bool ecn_is_echo(const struct tcp_sock *sk, const struct tcp_segment *seg);
void ecn_reduce(struct tcp_sock *sk);

/* --- pacing.c */
#define PACING_UNLIMITED UINT64_MAX
int pacing_start(struct tcp_sock *sk);	/* safe to repeat. 0 or -ENOMEM */
void pacing_stop(struct tcp_sock *sk);	/* the timer; the connection is over */
void pacing_renew(struct tcp_sock *sk); /* nothing of an earlier connection is left */
void pacing_free(struct tcp_sock *sk);
bool pacing_waits(const struct tcp_sock *sk); /* data waits for its time */
uint64_t pacing_max(const struct tcp_sock *sk);
void pacing_update(struct tcp_sock *sk);
void pacing_set_rate(struct tcp_sock *sk, uint64_t bytes_per_s);
int pacing_set_max(struct tcp_sock *sk, uint64_t bytes_per_s); /* 0 or -ENOMEM */
uint64_t pacing_rate_shown(const struct tcp_sock *sk);
void pacing_sent(struct tcp_sock *sk, uint32_t len);
uint64_t pacing_delay_us(const struct tcp_sock *sk);
bool pacing_holds(struct tcp_sock *sk);
uint32_t pacing_tso_limit(const struct tcp_sock *sk, uint32_t mss, uint32_t limit);

/* --- chrono.c */
enum chrono { CHRONO_IDLE, CHRONO_BUSY, CHRONO_RWND_LIMITED, CHRONO_SNDBUF_LIMITED };
void chrono_start(struct tcp_sock *sk, enum chrono what);
void chrono_stop(struct tcp_sock *sk, enum chrono what);
void chrono_end(struct tcp_sock *sk);
uint64_t chrono_read_us(const struct tcp_sock *sk, enum chrono what);

/* --- cc_*.c */
extern const struct cc_ops cc_reno, cc_cubic, cc_bbr;

/* --- cc.c */
bool tcp_is_cwnd_limited(const struct tcp_sock *sk);
void tcp_cwnd_validate(struct tcp_sock *sk, bool cwnd_limited);
void tcp_slow_start_after_idle(struct tcp_sock *sk);
uint32_t tcp_current_ssthresh(const struct tcp_sock *sk);
/* RFC 5681 3.1: grows by what was acknowledged up to ssthresh; returns what is left of it. */
uint32_t tcp_slow_start(struct tcp_sock *sk, uint32_t acked_bytes);

#endif
