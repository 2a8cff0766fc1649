/* SPDX-License-Identifier: MIT */
/*
 * TCP's own structures. Names are Linux's and the RFCs'. Sequence numbers are uint32_t and are
 * compared with the functions below only. cwnd, ssthresh and flight are in bytes (RFC 5681), and
 * say so; TCP_INFO divides by the MSS.
 */
#ifndef XTCP_TCP_IMPL_H
#define XTCP_TCP_IMPL_H

#include "stack/base/list.h"
#include "stack/base/siphash.h"
#include "stack/base/slab.h"
#include "stack/base/snmp.h"
#include "stack/base/timer.h"
#include "stack/ip/ip.h"
#include "stack/tcp/tcp.h"
#include "stack/tcp/tcp_sock.h"
#include "stack/trace.h"

/* RFC 9293 3.4: sequence arithmetic is modulo 2^32. */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}
static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}
static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return seq_lt(b, a);
}
static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return seq_leq(b, a);
}

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

#define TCP_HDR_BYTES 20
#define TCP_OPTIONS_MAX_BYTES 40
#define TCP_DEFAULT_MSS 536 /* RFC 9293 3.7.1: what a peer that says nothing gets */
#define TCP_MAX_WSCALE 14
#define TCP_FASTOPEN_COOKIE_MIN 4 /* RFC 7413 4.1.1; an even number of bytes */
#define TCP_FASTOPEN_COOKIE_MAX 16

struct tcp_auth;

/* How a segment is signed (auth.c). BAD: twice, or in a way that nobody can have meant. */
enum tcp_auth_kind { AUTH_NONE, AUTH_MD5, AUTH_AO, AUTH_BAD };
#define MD5_OPTION_BYTES 20 /* padded */

/* The options of one segment, either way. */
struct tcp_options {
	uint16_t mss;	/* 0: absent */
	uint8_t wscale; /* valid if has_wscale; clamped to 14 */
	uint8_t sack_cnt;
	bool has_wscale, has_ts, sack_permitted;
	uint8_t auth; /* enum tcp_auth_kind */
	uint32_t tsval, tsecr;
	struct sack_block sack[TCP_SACK_BLOCKS_MAX];
	const uint8_t *mac;   /* received: in the segment */
	uint8_t mac_len;      /* AUTH_AO */
	uint8_t keyid, rnext; /* AUTH_AO: KeyID, RNextKeyID */
	bool has_tfo;	      /* RFC 7413 4.1.1; tfo_len 0: a request */
	bool tfo_exp;	      /* ... as it was before it had a number of its own (appendix A) */
	uint8_t tfo_len, tfo[TCP_FASTOPEN_COOKIE_MAX];
};

/* A received segment, parsed and checksummed. */
struct tcp_segment {
	struct ip_meta ip;
	uint16_t sport, dport;
	uint32_t seq, ack, end_seq; /* end_seq counts SYN and FIN */
	uint16_t wnd;		    /* as on the wire, unscaled */
	uint16_t urg;
	uint8_t flags;
	struct tcp_options opt;
	struct pkt *pkt;	/* data/len are the payload; NULL once somebody has taken it */
	const uint8_t *tcp_hdr; /* for signatures; valid while pkt is */
	uint16_t tcp_hdr_len;
};

/* A port in use and who holds it (Linux's inet_bind_bucket). */
struct bind_bucket;

/*
 * The passive open's first half: a SYN answered, nothing else (not a connection). It is in the
 * established hash under its four-tuple (keyed with a random seed: the SYN queue) and on its
 * listener's list.
 */
struct request_sock {
	struct sock_common c; /* state TCP_NEW_SYN_RECV */
	struct list node;     /* listener's syn_queue */
	struct tcp_sock *listener;
	uint64_t synack_us;    /* when the first SYN-ACK left: the child's first RTT sample */
	uint32_t expires_ms;   /* its SYN-ACK: modulo 2^32, as all that is in ms */
	uint32_t challenge_ms; /* last out-of-window answer: rate limit */
	uint32_t irs, iss;     /* peer's and our initial sequence numbers */
	uint32_t ts_off;
	uint32_t rcv_wnd; /* bytes offered in the SYN-ACK */
	uint16_t mss;	  /* the peer's, clamped */
	uint8_t snd_wscale;
	uint8_t num_retrans, num_timeout;
	uint8_t ao_keyid, ao_rnext; /* what our segments are to say, as the SYN asked for */
	bool wscale_ok : 1, sack_ok : 1, ecn_ok : 1, acked : 1 /* TCP_DEFER_ACCEPT */, ao_used : 1;
	bool fastopen_cookie : 1; /* goes with the first SYN-ACK */
	bool fastopen_exp : 1;	  /* in the experimental option, as it was asked for */
};
_Static_assert(sizeof(struct request_sock) == 96, "a SYN flood makes many of them");

/* TIME_WAIT, and nothing more than it needs. FIN_WAIT_2 orphans live here too. */
struct timewait_sock {
	struct sock_common c; /* state TCP_TIME_WAIT or TCP_FIN_WAIT2 */
	struct timer timer;
	struct list bind_node; /* of its port's bucket */
	uint32_t rcv_nxt, snd_nxt, rcv_wnd;
	uint32_t ts_off;
	uint32_t ts_recent_ms, last_oow_ack_ms;
};
_Static_assert(sizeof(struct timewait_sock) == 96, "a busy server leaves many of them");

/* One whose answers are signed (c.keyed). */
struct timewait_keyed {
	struct timewait_sock tw;
	struct tcp_auth *auth;
};

#define SYN_QUEUE_LEVELS 8 /* 1, 2, 4 .. 64 s, and 120 s from there on */

/* A listener's queues; only listeners have one. */
struct listen_queue {
	struct tcp_sock *listener;
	struct list hash_node; /* tcp_layer.lhash */
	/* request_sock.node, by how often the SYN-ACK has timed out: each in the order of expiry */
	struct list syn_queue[SYN_QUEUE_LEVELS];
	struct timer synack_timer;	/* the first of all of them */
	struct list accept_queue;	/* tcp_child.accept_node: established, in order */
	uint32_t qlen;			/* request_socks */
	uint32_t young;			/* of these, whose SYN-ACK has not timed out yet */
	uint32_t ack_backlog;		/* in accept_queue */
	uint32_t handed;		/* popped by tcp_accept(), not yet taken by the program */
	uint32_t max_ack_backlog;	/* the backlog: the queue holds one more */
	uint64_t last_synq_overflow_us; /* cookies are believed only for a while after it */
	bool synq_overflow_seen;
	uint32_t fastopen_qlen;		/* Fast Open children in SYN_RECV, and penalties */
	struct list fastopen_pending;	/* tcp_child.fastopen_node: these children */
	struct list fastopen_penalties; /* fastopen_server.c */
};

/* One transmitted piece of the send buffer: the unit of SACK, loss marks and RTT samples. */
struct tx_seg {
	struct list node;      /* retransmit queue, in sequence order */
	uint32_t seq, end_seq; /* FIN and SYN count */
	uint64_t sent_us;      /* last transmission */
	/* For the delivery rate, as they were when it was sent (rate.c): */
	uint64_t delivered, delivered_us; /* delivered_us 0: has been sampled */
	uint64_t flight_us;		  /* first_sent_us */
	uint16_t retrans;		  /* transmissions after the first */
	uint16_t mss;			  /* payload bytes per segment when it was last sent */
	bool sacked : 1, lost : 1, retransmitted : 1 /* outstanding retransmission */,
	    app_limited : 1, syn : 1, fin : 1, urg : 1, psh : 1 /* a write ended with it */;
};

struct tcp_sock;

/* Congestion control (tcp/cc_*.c): chosen by TCP_CONGESTION. All amounts in bytes. */
struct ack_sample {
	uint32_t acked_bytes;		 /* newly acknowledged, cumulatively or by SACK */
	uint32_t prior_in_flight;	 /* before this ACK */
	uint32_t lost_bytes;		 /* newly marked */
	int64_t rtt_us;			 /* -1: no sample */
	uint64_t delivered, interval_us; /* delivery rate sample; interval 0: none */
	uint64_t prior_delivered,
	    prior_us;	       /* delivered_bytes when that was sent, and delivered_us */
	uint32_t last_end_seq; /* of the segment the sample is of */
	uint32_t acked_segs;
	bool app_limited, ece;
	uint32_t sacked_bytes;		   /* the part of acked_bytes that SACK brought */
	bool una_advanced, dsack, not_dup; /* not_dup: brought data or a window update */
	bool orig_acked;		   /* something up to high_seq that was sent only once */
};
struct cc_ops {
	const char *name;
	void (*init)(struct tcp_sock *sk);
	/* The new ssthresh in bytes on loss. */
	uint32_t (*ssthresh)(struct tcp_sock *sk);
	/* Grows (or models) cwnd on an ACK outside recovery. */
	void (*cong_avoid)(struct tcp_sock *sk, const struct ack_sample *s);
	void (*cwnd_event_idle)(struct tcp_sock *sk); /* restart after idle; may be NULL */
	void (*loss_event)(struct tcp_sock *sk);      /* RTO; may be NULL */
	uint32_t (*undo_cwnd)(struct tcp_sock *sk);
	/* cwnd and the pacing rate are its own: cong_avoid() is called for each ACK in any state, and
	 * but for an RTO nothing else changes them. */
	bool owns_cwnd;
	size_t heap_bytes; /* of tcp_sock.cc_heap; 0: cc_priv is enough */
	size_t (*get_info)(struct tcp_sock *sk, void *to,
			   size_t room); /* TCP_CC_INFO; may be NULL */
};
const struct cc_ops *cc_find(const char *name); /* NULL: none of that name */
/* TCP_CONGESTION: -ENOENT for an unknown name, -ENOMEM. May be called at any time. */
int tcp_set_congestion_control(struct tcp_sock *sk, const char *name);
/* On entering ESTABLISHED (after the handshake's RTT sample, with mss_cache set): ops (from the
 * sysctl if none is chosen), initial window, ssthresh, recovery state. */
void tcp_cc_init(struct tcp_sock *sk);

enum ca_state { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

/* A block of send buffer: written once, freed when all of it is acknowledged. */
struct snd_block {
	struct list node;
	uint32_t cap, used, acked; /* bytes; data[acked..used) is live */
	uint32_t seq;		   /* of data[0], once used > 0 */
	uint8_t data[];
};

/* What the sockets of one user hold (owners.c). */
struct tcp_owner {
	struct list node;
	uint32_t uid, socks;
	size_t bytes;
};

#define TCP_INFINITE_SSTHRESH 0x7fffffffu

#define TCP_EHASH_MIN 1024

#define FASTOPEN_CACHE_MAX 1024
#define FASTOPEN_CACHE_BUCKETS 256

/* The active side of Fast Open: the cookies (fastopen_cache.c), and a suspicion of black holes. */
struct fastopen_layer {
	struct list bucket[FASTOPEN_CACHE_BUCKETS];
	struct list lru; /* oldest first */
	unsigned count;
	uint32_t suspensions;
	uint64_t suspended_until_us;
};
void fastopen_layer_init(struct stack *st);
void fastopen_layer_destroy(struct stack *st);

struct tcp_layer {
	struct siphash_key ehash_key, isn_key, port_key, ts_key, cookie_key[2];
	struct sock_common **ehash; /* power of two, grows */
	uint32_t ehash_size, ehash_count;
	struct list *bhash;	 /* bind_bucket by port: one head each */
	uint32_t next_ephemeral; /* RFC 6056 3.3.3 */
	struct list *lhash;	 /* listen_queue.hash_node by port */
	uint32_t lhash_size;
	struct list all, events, flush;
	struct slab sock_slab, request_slab, timewait_slab;
	uint32_t sockets, orphans, timewait, request_socks, listeners;
	size_t rcvbuf_bytes, sndbuf_bytes;
	bool memory_pressed;
	struct list owners;
	size_t owner_limit_bytes;   /* 0: none */
	uint32_t port_counter[256]; /* RFC 6056 3.3.4 */
	struct fastopen_layer fastopen;
	uint64_t challenge_window_us;
	uint32_t challenge_count;
	struct list free_blocks_small, free_blocks_large; /* warm snd_blocks */
	uint32_t free_blocks_small_cnt, free_blocks_large_cnt;
	struct list free_tx_segs;
	struct digest *digest; /* made with the first key */
	uint32_t free_tx_segs_cnt;
};

/* ================================================================ who calls whom
 * Left of the line: the passive open and the tables. Right of it: the connection. Each function is
 * documented where it is defined; this is the list of those that cross a file.
 */

/* owners.c: what each user holds */
bool tcp_owner_join(struct tcp_sock *sk, uint32_t uid); /* false: no memory */
void tcp_owner_leave(struct tcp_sock *sk);
void tcp_owner_charge(struct tcp_sock *sk, size_t bytes);
void tcp_owner_uncharge(struct tcp_sock *sk, size_t bytes);
bool tcp_owner_is_pressed(const struct tcp_sock *sk);	/* windows shrink */
bool tcp_owner_is_full(const struct tcp_sock *sk);	/* nothing more is queued ... */
bool tcp_owner_may_have_one(const struct tcp_sock *sk); /* ... but the first of a connection */

/* tcp.c: life cycle of the layer */
int tcp_layer_init(struct stack *st);
void tcp_layer_destroy(struct stack *st);
void tcp_layer_trim(struct stack *st);
void tcp_flush(struct stack *st); /* sends for every socket on the flush list */

/* segment.c: the wire format. parse false: malformed, *why says how (true with DROP_TCP_OPTIONS:
 * its options are, and are ignored from there on) */
bool tcp_segment_parse(struct tcp_segment *seg, struct pkt *p, const struct ip_meta *m, int *why);
size_t tcp_options_write(uint8_t *to, const struct tcp_options *opt); /* padded to 4; <= 40 */
bool tcp_options_parse(const uint8_t *p, size_t len, struct tcp_options *opt); /* RFC 9293 3.2 */
uint8_t *tcp_header_write(uint8_t *to, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack,
			  size_t hdr_len, uint8_t flags, uint16_t wnd, uint16_t urg);

/* tcp_in.c: demultiplexing; ip/ calls tcp_input() and tcp_icmp_error() */
void tcp_input(struct stack *st, struct pkt *p, const struct ip_meta *m); /* takes p */
/* An ICMP error that quotes a segment of ours: quoted is from its TCP header on (>= 8 bytes).
 * mtu: next-hop MTU for ICMP_FRAG_NEEDED. RFC 5927: the quoted sequence must be in flight. */
void tcp_icmp_error(struct stack *st, const struct ip_addr *local, const struct ip_addr *remote,
		    const uint8_t *quoted, size_t len, uint8_t type, uint8_t code, uint32_t mtu);
/* A neighbour cannot be resolved: EHOSTUNREACH for those still connecting by way of it. */
void tcp_neigh_failed(struct stack *st, const struct ip_addr *neigh);

/* hashtables.c */
struct sock_common *ehash_lookup(struct stack *st, struct addr4 laddr, uint16_t lport,
				 struct addr4 raddr, uint16_t rport);
void ehash_insert(struct stack *st, struct sock_common *c); /* c is hashed nowhere */
void ehash_remove(struct stack *st, struct sock_common *c); /* safe to repeat */
/* c, of the same addresses and ports, takes the place of `old`. */
void ehash_replace(struct stack *st, struct sock_common *old, struct sock_common *c);
struct tcp_sock *listener_lookup(struct stack *st,
				 const struct tcp_segment *seg); /* SO_REUSEPORT too */
void listener_hash(struct tcp_sock *sk);
void listener_unhash(struct tcp_sock *sk);

/* bind.c: ports */
int bind_port(struct tcp_sock *sk, uint16_t port); /* port 0: chosen. -EADDRINUSE */
/* RFC 6056: the ephemeral port for a connect(); one bound already is checked. laddr, raddr and
 * rport are set; the caller does ehash_insert(). Where a TIME_WAIT gives way, write_seq is the ISN
 * to use (else 0) and ts_recent what the old connection had. -EADDRNOTAVAIL */
int bind_connect(struct tcp_sock *sk);
void bind_release(struct tcp_sock *sk);
void bind_inherit(struct tcp_sock *child, const struct tcp_sock *listener);
void bind_timewait(struct timewait_sock *tw, const struct tcp_sock *sk);
void bind_timewait_release(struct stack *st, struct timewait_sock *tw);

/* isn.c: RFC 6528 and RFC 7323 5.4 */
uint32_t tcp_isn(struct stack *st, const struct sock_common *c);
uint32_t tcp_ts_offset(struct stack *st, const struct sock_common *c);
static inline uint32_t tcp_ts_clock_ms(uint64_t now_us)
{
	return (uint32_t)(now_us / 1000);
}

/* listen.c, request.c, syncookies.c */
int listen_start(struct tcp_sock *sk, int backlog);
void listen_stop(struct tcp_sock *sk); /* drops request_socks, resets unaccepted children */
void listen_rcv(struct tcp_sock *listener,
		struct tcp_segment *seg); /* a segment to the listener itself */
void request_rcv(struct request_sock *req, struct tcp_segment *seg);
void request_free(struct request_sock *req);
uint64_t request_expires_us(const struct request_sock *req); /* when the SYN-ACK times out */
void syn_queue_init(struct listen_queue *lq);
void syn_queue_drop(struct listen_queue *lq);
bool accept_queue_full(struct tcp_sock *listener);
void accept_queue_add(struct tcp_sock *listener, struct tcp_sock *child);
void tcp_child_settled(struct tcp_sock *sk); /* frees sk->child once nothing of it holds */
void request_icmp_error(struct request_sock *req, uint32_t seq, uint8_t type, uint8_t code);

/* timewait.c: the connection hands over; sk is freed by the caller if it is an orphan, else it
 * becomes CLOSE with TCP_EVENT_CLOSED */
void timewait_enter(struct tcp_sock *sk, enum tcp_state substate, uint64_t timeout_us);
/* True: a new SYN may replace it (RFC 6191, RFC 1122 4.2.2.13); *isn_base as the new ISN's floor.
 */
bool timewait_rcv(struct stack *st, struct timewait_sock *tw, struct tcp_segment *seg,
		  uint32_t *isn_base);
void timewait_free(struct stack *st, struct timewait_sock *tw);
/* What signs its answers, or NULL. */
static inline struct tcp_auth *timewait_auth(const struct timewait_sock *tw)
{
	return tw->c.keyed ? container_of(tw, const struct timewait_keyed, tw)->auth : NULL;
}

/* reset.c: answers outside any connection */
/* RFC 9293 3.10.7.1; c is whom it was for (it knows the keys), NULL nobody */
void tcp_reset_reply(struct stack *st, const struct tcp_segment *seg, const struct sock_common *c);
/* A bare segment of a request_sock or a timewait_sock, signed as it must be. */
void tcp_send_bare(struct stack *st, const struct sock_common *c, uint32_t seq, uint32_t ack,
		   uint8_t flags, uint16_t wnd, struct tcp_options *opt, uint8_t tos, uint8_t ttl);
/* RFC 5961 7: an ACK, unless the per-second or the per-socket limit says no. */
void tcp_challenge_ack(struct tcp_sock *sk);
bool tcp_oow_rate_limited(struct stack *st, uint32_t *last_ms, enum snmp counter);

/* ------------------------------------------------------------------ the connection */

/* sock.c: allocation and state */
struct tcp_sock *tcp_sock_alloc(struct stack *st, uint32_t uid, int *err);
void tcp_sock_free(struct tcp_sock *sk); /* unhashes, cancels, frees everything */
void tcp_set_state(struct tcp_sock *sk, enum tcp_state state); /* keeps CurrEstab and friends */
void tcp_event(struct tcp_sock *sk, unsigned events);
void tcp_want_flush(struct tcp_sock *sk);
/* The connection is over with an error (0: in order): events, queues purged, unhashed; an orphan
 * is freed. sk must not be used afterwards unless it has a user. */
void tcp_done(struct tcp_sock *sk, int err);
/* A new connection may begin: all that an earlier one left is forgotten, what bind() and
 * setsockopt() said stays. In CLOSE only. */
void tcp_sock_renew(struct tcp_sock *sk);
/* An orphan whose FIN is acknowledged: hands over to a timewait_sock; sk is gone. */
void tcp_orphan_fin_wait_2(struct tcp_sock *sk);
/* Path, MSS and initial windows for the destination. */
int tcp_sock_route(struct tcp_sock *sk);
void tcp_sync_mss(struct tcp_sock *sk, uint32_t pmtu_bytes);
/* Payload of a packet of that size, and back; options counted. */
uint32_t tcp_mtu_to_mss(const struct tcp_sock *sk, uint32_t mtu_bytes);
uint32_t tcp_mss_to_mtu(const struct tcp_sock *sk, uint32_t mss);
/* The widest window the receive buffer allows: the rest of it is for buffers' overhead. */
uint32_t tcp_full_space(const struct tcp_sock *sk);
/* Windows: our initial receive window and scale, from tcp_full_space(). RFC 7323 2.3 */
void tcp_select_initial_window(struct stack *st, uint32_t space_bytes, uint32_t mss, uint32_t clamp,
			       bool wscale_ok, uint32_t *rcv_wnd, uint8_t *rcv_wscale);
void tcp_init_transfer(struct tcp_sock *sk); /* on entering ESTABLISHED: cwnd, buffers, timers */

/* sockopt_ip.c: IP_MTU_DISCOVER */
void ip_sk_init(struct tcp_sock *sk);		     /* what the sysctls say */
bool ip_sk_dont_fragment(const struct tcp_sock *sk); /* its segments carry DF */
bool ip_sk_accepts_pmtu(const struct tcp_sock *sk);  /* it adapts to what ICMP says */

/* sockopt.c: what a listener's options mean for its child */
bool sockopt_inherit(struct tcp_sock *child, const struct tcp_sock *listener); /* or no memory */

/* auth.c: signed segments */
void tcp_auth_free(struct tcp_auth *auth);	 /* NULL allowed */
bool tcp_auth_is_md5(const struct tcp_sock *sk); /* are its peer's segments signed that way? */
uint32_t tcp_auth_option_bytes(const struct tcp_sock *sk); /* in each of its segments */
/* Which keys are the connection's, once the peer is known. -EKEYREJECTED */
int tcp_auth_connect(struct tcp_sock *sk);
int tcp_auth_inherit(struct tcp_sock *child, const struct request_sock *req); /* or so, -ENOMEM */
struct tcp_auth *tcp_auth_for_timewait(const struct tcp_sock *sk);
const struct sock_common *tcp_auth_of_lost(struct stack *st, const struct tcp_segment *seg);
bool tcp_ao_ignores_icmp(struct stack *st, const struct sock_common *c, uint8_t type, uint8_t code);
bool tcp_auth_check_slow(struct stack *st, struct sock_common *c, const struct tcp_segment *seg);
/* Is a segment for c, whose keys these are, signed as they want it? False: it must be dropped (and
 * is counted). */
static inline bool tcp_auth_check(struct stack *st, struct sock_common *c,
				  const struct tcp_auth *auth, const struct tcp_segment *seg)
{
	return (!auth && seg->opt.auth == AUTH_NONE) || tcp_auth_check_slow(st, c, seg);
}

/* minisocks.c: the child of a request_sock in SYN_RECV, not hashed yet; NULL: no memory */
struct tcp_sock *tcp_create_child(struct tcp_sock *listener, const struct request_sock *req,
				  const struct tcp_segment *seg);

/* connect.c */
int tcp_connect_start(struct tcp_sock *sk, bool fast); /* fast: with Fast Open */
/* Why tcp_connect() would refuse at once, or 0. */
int tcp_connect_check(const struct tcp_sock *sk, const struct sock_addr *remote);
void tcp_rcv_syn_sent(struct tcp_sock *sk, struct tcp_segment *seg);

/* input.c: RFC 9293 3.10.7.4; seg->pkt is taken or left for the caller to free */
void tcp_rcv(struct tcp_sock *sk, struct tcp_segment *seg);
bool tcp_paws_ok(const struct stack *st, uint32_t ts_recent, uint32_t ts_recent_ms, uint32_t tsval);
void tcp_sock_icmp_error(struct tcp_sock *sk, uint32_t seq, uint8_t type, uint8_t code,
			 uint32_t mtu);

/* ack.c */
bool tcp_ack(struct tcp_sock *sk, const struct tcp_segment *seg); /* false: segment unacceptable */
void tcp_rtt_sample(struct tcp_sock *sk, int64_t rtt_us);

/* rcvqueue.c, rcvmem.c, oooqueue.c, rcvwindow.c */
void tcp_data_queue(struct tcp_sock *sk, struct tcp_segment *seg);
uint32_t tcp_receive_window(const struct tcp_sock *sk); /* what is still offered */
uint32_t tcp_select_window(
    struct tcp_sock *sk); /* RFC 9293 3.8.6.2.2; updates rcv_wnd, rcv_wup; bytes, unscaled */
void tcp_rcv_queues_purge(struct tcp_sock *sk);
/* [start, end) has come again: the next ACK says so, and it and those after it are not delayed. */
void tcp_dsack_old(struct tcp_sock *sk, uint32_t start, uint32_t end);
void tcp_rcv_init(struct tcp_sock *sk); /* on entering ESTABLISHED */
void tcp_rcv_queues_settle(
    struct tcp_sock *sk); /* at the flush: nothing waits in a buffer mostly empty */
void tcp_urgent(struct tcp_sock *sk, const struct tcp_segment *seg); /* RFC 9293 3.8.5 */
void tcp_enter_quickack(struct tcp_sock *sk, unsigned max);

/* recovery.c, sack.c */
void sack_update(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *sample);
void recovery_on_ack(struct tcp_sock *sk, const struct tcp_segment *seg, struct ack_sample *s,
		     uint32_t prior_una, bool is_dupack);
void recovery_enter_loss(struct tcp_sock *sk);
uint32_t tcp_pipe_bytes(const struct tcp_sock *sk);
/* The path MTU shrank and tcp_sync_mss() is done: what was sent too large is lost, and that is not
 * congestion (RFC 1191 6.4, RFC 5681 4.1). */
void tcp_simple_retransmit(struct tcp_sock *sk);
/* Nothing in flight has arrived, and that is not congestion either. */
void recovery_resend_all(struct tcp_sock *sk);
void recovery_resend_lost(struct tcp_sock *sk); /* what is marked lost, likewise */

/* output.c */
/* write_seq never counts the FIN, snd_nxt does once it is sent: the FIN is acknowledged when */
static inline bool tcp_fin_acked(const struct tcp_sock *sk)
{
	return sk->fin_sent && sk->snd_una == sk->snd_nxt;
}
/* Retransmits what is lost, sends what cwnd and window allow, arms the timers; tcp_flush() calls
 * it. */
void tcp_write_xmit(struct tcp_sock *sk);
void tcp_send_ack(struct tcp_sock *sk);
void tcp_send_active_reset(struct tcp_sock *sk);
int tcp_retransmit_seg(struct tcp_sock *sk, struct tx_seg *seg, enum trace_cause cause);
bool tcp_offers_timestamps(const struct tcp_sock *sk); /* in a SYN */
void tcp_send_syn(struct tcp_sock *sk);	  /* SYN or, in SYN_RECV by simultaneous open, SYN-ACK */
void tcp_send_probe(struct tcp_sock *sk); /* keepalive or zero-window */

/* sndbuf.c */
void sndbuf_ack(struct tcp_sock *sk, uint32_t bytes);
int sndbuf_iov(struct tcp_sock *sk, uint32_t seq, uint32_t len, struct iovec *iov, int max);
void sndbuf_purge(struct tcp_sock *sk);	 /* snd_blocks and rtx_queue */
void sndbuf_pool_trim(struct stack *st); /* empties the warm free lists */

/* ecn.c */
enum { IP_ECN_NOT_ECT, IP_ECN_ECT1, IP_ECN_ECT0, IP_ECN_CE, IP_ECN_MASK = 3 }; /* RFC 3168 5 */
enum ecn_bits {
	ECN_OK = 1,	    /* both sides speak it */
	ECN_QUEUE_CWR = 2,  /* the next new data says that cwnd is reduced */
	ECN_DEMAND_CWR = 4, /* a mark has come: ECE until the peer says so */
	ECN_SEEN = 8,	    /* the peer's data comes as ECT */
};
void ecn_offer(struct tcp_sock *sk);
uint8_t ecn_syn_flags(const struct tcp_sock *sk);
void ecn_rcv_syn(struct tcp_sock *sk, const struct tcp_segment *seg);
bool ecn_accepts(const struct stack *st, const struct tcp_segment *seg);
void ecn_rcv_data(struct tcp_sock *sk, const struct tcp_segment *seg);

/* timers.c */
void tcp_timers_init(struct tcp_sock *sk);
void tcp_timers_cancel(struct tcp_sock *sk);
void tcp_timer_set(struct tcp_sock *sk, enum tcp_timer which, uint64_t at_us);
void tcp_timer_cancel(struct tcp_sock *sk, enum tcp_timer which);
uint64_t tcp_timer_expires_us(const struct tcp_sock *sk, enum tcp_timer which);
void tcp_rearm_rto(struct tcp_sock *sk);
void tcp_rto_run_ends(struct tcp_sock *sk); /* something has been acknowledged */
void tcp_schedule_delack(struct tcp_sock *sk);
void tcp_keepalive_start(struct tcp_sock *sk, uint64_t after_us);
uint64_t tcp_idle_us(const struct tcp_sock *sk); /* since anything came */

#endif
