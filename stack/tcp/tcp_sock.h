/* SPDX-License-Identifier: MIT */
/*
 * struct tcp_sock: a connection, a listener, or a socket that is neither yet.
 *
 * There may be a hundred thousand of them, most of them idle, so it is small:
 *   - What only some sockets have is an object of its own, made when it is first needed: what hangs on
 *     a listener, on a child until accept() has taken it, on a hole in what was received, on pacing,
 *     probing for the path MTU, ends of records, keys. Where it cannot be had the caller's error
 *     says so, or the thing is left undone that needed it (each where it is made).
 *   - What is compared in milliseconds is kept in 32 bits of them (stack_now_ms()): 0 means never,
 *     which one time in 49 days is wrong for a millisecond.
 *   - It is in whole cache lines (stack/base/slab.h); fields are in the order of their use, and of
 *     their size where that is the same, so that there are no holes.
 */
#ifndef XTCP_TCP_SOCK_H
#define XTCP_TCP_SOCK_H

#include "stack/base/list.h"
#include "stack/base/timer.h"
#include "stack/tcp/tcp.h"

#define TCP_SACK_BLOCKS_MAX 4
#define TCP_EOR_MAX 8

struct sack_block {
	uint32_t start, end; /* [start, end) */
};

enum sock_kind { SOCK_KIND_TCP, SOCK_KIND_REQUEST, SOCK_KIND_TIMEWAIT };

/* What every entry of the established hash starts with: half a cache line. */
struct sock_common {
	struct sock_common *hash_next;
	uint32_t hash; /* of its addresses and ports, while it is hashed */
	struct addr4 laddr, raddr;
	uint16_t lport, rport; /* host order */
	uint32_t ts_recent;    /* RFC 7323 4.3 */
	uint8_t kind : 2;      /* enum sock_kind */
	bool hashed : 1, tstamp_ok : 1;
	bool reuseaddr : 1, reuseport : 1; /* not of a request_sock */
	bool keyed : 1;			   /* a timewait_sock: it is a timewait_keyed */
	uint8_t state;			   /* enum tcp_state */
	uint8_t tos, rcv_wscale;
};
_Static_assert(sizeof(struct sock_common) == 32, "there are many of them");

enum tcp_timer {
	TCP_TIMER_RTX, /* RTO, persist, loss probe and reordering: never two at once, as Linux */
	TCP_TIMER_DELACK,
	TCP_TIMER_KEEPALIVE,
	TCP_TIMERS,
};

enum tcp_timer_kind {
	RTX_TIMER_NONE,
	RTX_TIMER_RTO,
	RTX_TIMER_PERSIST,
	RTX_TIMER_TLP,
	RTX_TIMER_REO, /* RACK's reordering timer */
};

/* A child of a listener until accept() has taken it and, with Fast Open, the handshake is over. */
struct tcp_child {
	struct tcp_sock *sk;
	/* While on its accept queue: such a sock is no orphan although it has no user. A connection
	 * that ends there stays there, in CLOSE, until tcp_accept() or listen_stop(). */
	struct tcp_sock *parent;
	struct list accept_node;	    /* on the parent's accept queue */
	struct tcp_sock *fastopen_listener; /* while it counts in its fastopen_qlen */
	struct list fastopen_node;
};

/* What has come beyond a hole (oooqueue.c). */
struct ooo_queue {
	struct list segs; /* pkt.node: sorted by seq, not overlapping, never empty */
	uint32_t truesize;
	uint32_t pkts;
	uint32_t sack_cnt;
	struct sack_block sacks[TCP_SACK_BLOCKS_MAX]; /* newest first (RFC 2018 4) */
};

/* Of a connection that is paced (pacing.c); once it is, it stays so. */
struct tcp_pacing {
	struct timer timer;
	struct tcp_sock *sk;
	uint64_t max_bytes_per_s; /* SO_MAX_PACING_RATE */
	uint64_t bytes_per_s, next_send_ns;
};

/* Ends of records that are not sent yet (write_marks.c). */
struct eor_marks {
	uint32_t count; /* never 0 */
	uint32_t end[TCP_EOR_MAX];
};

/* Path MTU by probing (mtu_probe.c): sizes of IP packets. */
struct mtu_search {
	uint32_t low, high;  /* works; is not known to fail */
	uint32_t probe;	     /* in flight, or 0 */
	uint32_t start, end; /* its sequence numbers */
	uint64_t since_us;   /* when the search began */
};

struct tcp_sock {
	struct sock_common c;

	/* --- who it is, and on which lists */
	struct stack *stack;
	void *user;		/* NULL: orphan */
	struct list event_node; /* stack's event list */
	struct list flush_node; /* stack's list of sockets with something to send */
	struct tcp_auth *auth;	/* keys (auth.c); NULL: none was ever set */
	uint16_t events;
	bool orphan : 1; /* closed by its user: it frees itself when it is done */
	bool bound_addr_set : 1, bound_port_set : 1, bind_no_port : 1,
	    freebind : 1; /* IP_BIND_ADDRESS_NO_PORT, IP_FREEBIND */
	bool nodelay : 1, cork : 1, keepalive : 1, linger_on : 1, oobinline : 1, quickack : 1,
	    defer_accept_on : 1, sndbuf_locked : 1, rcvbuf_locked : 1, thin_linear_timeouts : 1,
	    recvmsg_inq : 1, fastopen_no_cookie : 1, fastopen_connect : 1;
	uint8_t pmtudisc; /* IP_MTU_DISCOVER */
	uint16_t user_mss;
	struct list all_node;	 /* every tcp_sock of the stack */
	struct tcp_owner *owner; /* its account */

	/* --- binding (bind.c), listening (listen.c) */
	struct bind_bucket *bucket;
	struct list bind_node;
	struct addr4 bound_addr; /* what bind() said; c.laddr is what is used */
	uint32_t ip_cmsg;	 /* 1 << IP_PKTINFO and the like: sockopt_ip.c */
	struct listen_queue *lq;
	struct tcp_child *child;
	struct tcp_pacing *pace;
	void *cc_heap; /* the congestion control's, if cc_priv is too small for it */
	struct fastopen_keys *fastopen_keys; /* TCP_FASTOPEN_KEY, or NULL */
	uint32_t fastopen_max_qlen;	     /* TCP_FASTOPEN */

	/* --- options */
	int32_t linger_s;
	uint32_t user_timeout_ms;
	uint32_t window_clamp;
	uint32_t notsent_lowat;
	uint32_t sndbuf_bytes, rcvbuf_bytes; /* limits */
	uint16_t err;			     /* sk_err, positive */
	uint16_t err_soft; /* from ICMP: reported if the connection then times out */
	uint16_t keepidle_s, keepintvl_s;
	uint16_t defer_accept_s;
	int16_t linger2_s; /* TCP_LINGER2 */
	uint8_t keepcnt;
	uint8_t syn_retries; /* TCP_SYNCNT, 0: the sysctl */
	uint8_t ttl;	     /* 0: default */

	/* === from here on: of one connection (tcp_sock_renew()) */

	/* --- send side (RFC 9293 3.3.1) */
	uint8_t ecn;		/* enum ecn_bits */
	uint8_t rtx_timer_kind; /* enum tcp_timer_kind */
	uint8_t retransmits;
	uint32_t iss, snd_una, snd_nxt, snd_wl1, snd_up;
	uint32_t snd_wnd, max_window; /* bytes, scaled */
	uint32_t write_seq;	      /* end of what the program has written */
	uint32_t snd_sml;	      /* end of the last small segment sent (Minshall's Nagle) */
	uint32_t pmtu_bytes;
	struct list snd_blocks;	      /* snd_block.node: bytes [snd_una, write_seq) */
	struct list rtx_queue;	      /* tx_seg.node: [snd_una, snd_nxt) */
	struct snd_block *snd_cursor; /* where the last look-up in snd_blocks ended, or NULL */
	struct eor_marks *eor;	      /* NULL: no record ends in what is not sent yet */
	struct mtu_search *mtu;	      /* NULL: nothing is searched for */
	uint32_t sndq_bytes;	      /* write_seq - snd_una of data, FIN not counted */
	uint32_t pushed_seq;	      /* end of the last segment sent with PSH */
	uint16_t mss_cache;	      /* payload bytes per segment now, options counted */
	uint16_t advmss;	      /* what we told the peer */
	uint16_t mss_clamp;	      /* what the peer told us */
	uint8_t snd_wscale;
	bool wscale_ok : 1, sack_ok : 1;
	bool more : 1, more_holds : 1; /* the last write had MSG_MORE; and nothing has come since */
	bool nagle_push : 1;	       /* what waits now goes, whatever Nagle says */
	bool fin_queued : 1, fin_sent : 1, urg_pending : 1, write_blocked : 1;
	bool ecn_reduces : 1; /* for cc->ssthresh(): a mark, not a loss */
	/* Fast Open: made by a SYN with data, may send in SYN_RECV; data in a SYN was taken. */
	bool fastopen_child : 1, fastopen_new_cookie : 1, syn_data_acked : 1;
	bool fastopen_exp : 1; /* our option is the experimental one */
	/* and actively: the SYN waits for data; it spoke of Fast Open; it took data along. */
	bool write_pending : 1; /* connecting, and more will be written than the SYN took */
	bool fastopen_deferred : 1, syn_fastopen : 1, syn_data : 1;
	uint8_t fastopen_fail; /* tcpi_fastopen_client_fail */

	/* --- receive side */
	bool rcv_fin : 1, rcv_shutdown : 1, ack_now : 1, ack_delayed : 1, dup_sack : 1;
	bool rcv_pushed : 1; /* a small segment waits for its delayed ACK */
	uint8_t urg_state;   /* 0 none, 1 seen and not yet reached, 2 delivered */
	uint8_t quick_acks, pingpong;
	uint8_t timers_armed;	/* 1 << enum tcp_timer */
	uint16_t rcv_mss;	/* estimate, for the delayed ACK rule */
	uint16_t last_seg_size; /* of a segment smaller than rcv_mss */
	uint32_t irs, rcv_nxt, rcv_wnd, rcv_wup, copied_seq;
	uint32_t urg_seq;      /* of the urgent byte */
	uint32_t confirmed_ms; /* when the neighbour was last told of our progress */
	struct list rcv_queue; /* pkt.node: in order, [copied_seq, rcv_nxt) */
	struct ooo_queue *ooo; /* NULL: nothing has come out of order */
	uint32_t rcvq_truesize, rcvq_bytes;
	uint32_t rcv_ssthresh, ato_us;
	struct sack_block dsack;			 /* RFC 2883, valid if dup_sack */
	uint32_t rcv_rtt_us, rcv_rtt_seq, rcv_rtt_tsecr; /* autotuning */
	uint32_t rcvq_space_bytes, rcvq_space_seq;
	uint32_t dsack_dups;
	uint64_t rcv_rtt_start_us, rcvq_space_us;
	uint64_t last_rcv_us; /* of data */

	/* --- timestamps (RFC 7323) */
	uint32_t ts_recent_ms, ts_off, last_ack_sent; /* Last.ACK.sent */

	/* --- RTT and RTO (RFC 6298) */
	uint32_t srtt_us, rttvar_us, rto_us, min_rtt_us; /* srtt_us 0: none yet */
	uint32_t rto_var_us, rto_var_max_us,
	    rtt_seq; /* 4 * deviation, its maximum of this round trip */
	uint32_t min_rtt_stamp_ms;
	uint32_t created_ms;

	/* --- timers (timers.c) */
	struct timer timer; /* no later than the first of those that timers_armed names: */
	uint32_t timer_at_ms[TCP_TIMERS];
	uint32_t first_retrans_ms; /* when the oldest unacknowledged byte first timed out */
	uint32_t probes_start_ms;  /* of this run of zero-window probes; 0: none */
	uint32_t last_ack_rcv_ms;  /* the last acceptable ACK */
	uint8_t backoff, probes_out, keepalive_probes_out;

	/* --- congestion and recovery */
	uint8_t ca_state, dupacks, frto; /* frto: enum frto_phase */
	uint8_t rack_reo_wnd_mult, rack_reo_wnd_persist;
	bool is_cwnd_limited : 1, reordering_seen : 1, rack_advanced : 1, tlp_retrans : 1,
	    rate_app_limited : 1;
	uint8_t chrono; /* enum chrono: what the time since chrono_start_us is charged to */
	uint16_t reordering_segs;
	uint32_t cwnd_bytes, ssthresh_bytes, prior_cwnd_bytes, prior_ssthresh_bytes;
	uint32_t cwnd_used_bytes;
	uint32_t last_oow_ack_ms;  /* rate limit */
	uint32_t rto_run_since_ms; /* the present run of timeouts, 0: none ... */
	const struct cc_ops *cc;
	uint64_t cc_priv[8];
	uint32_t high_seq; /* snd_nxt when recovery began */
	uint32_t undo_marker, undo_retrans;
	uint32_t sacked_bytes, lost_bytes, retrans_bytes; /* of the retransmit queue */
	uint32_t lost_total_bytes;			  /* ever marked, modulo 2^32 */
	uint32_t dup_acked_bytes; /* without SACK: what duplicate ACKs say has left the network */
	uint32_t prr_delivered, prr_out;
	uint32_t delivered_segs, delivered_ce_segs;
	uint32_t max_flight_bytes, cwnd_usage_seq; /* RFC 7661-style validation, as Linux */
	uint32_t highest_sack_seq;		   /* end of the highest SACKed bytes */
	uint32_t rto_runs_ms; /* ... and how long those before it were (TCP_INFO) */
	uint32_t rack_end_seq, rack_rtt_us, rack_dsack_seq, tlp_high_seq;
	uint64_t rack_sent_us; /* RFC 8985: of the most recently sent delivered segment */
	uint64_t delivered_bytes, delivered_us;
	uint64_t first_sent_us, app_limited; /* of the flight; its end if the program limits it */
	uint64_t delivery_bytes_per_s;	     /* as TCP_INFO shows it */
	uint64_t chrono_us[3], chrono_start_us;
	uint64_t last_snd_us, cwnd_stamp_us;

	/* --- totals */
	uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
	uint32_t segs_in, segs_out, data_segs_in, data_segs_out, total_retrans;
	uint16_t total_rto, total_rto_recoveries; /* timeouts, and runs of them */
};

/* The listener on whose accept queue it is, or NULL. */
static inline struct tcp_sock *tcp_parent(const struct tcp_sock *sk)
{
	return sk->child ? sk->child->parent : NULL;
}

static inline bool tcp_timer_armed(const struct tcp_sock *sk, enum tcp_timer which)
{
	return sk->timers_armed & 1u << which;
}

static inline uint32_t ooo_pkts(const struct tcp_sock *sk)
{
	return sk->ooo ? sk->ooo->pkts : 0;
}

static inline uint32_t ooo_truesize(const struct tcp_sock *sk)
{
	return sk->ooo ? sk->ooo->truesize : 0;
}

static inline uint32_t ooo_sack_cnt(const struct tcp_sock *sk)
{
	return sk->ooo ? sk->ooo->sack_cnt : 0;
}

#endif
