/* SPDX-License-Identifier: MIT */
/*
 * TCP as its user (xtcpd, a test, the simulator) sees it: the INET socket calls, without
 * descriptors and without blocking.
 *
 * Ownership: a tcp_sock belongs to the caller from tcp_socket() or tcp_accept() until
 * tcp_close() or tcp_abort(); after these the pointer is gone, whatever the connection still has
 * to do on the wire. Errors are returned as -errno, the errno Linux gives. Nothing here sends at
 * once: segments leave in stack_flush().
 *
 * Numbers of levels, options and struct tcp_info are Linux's: include <linux/tcp.h>, never
 * <netinet/tcp.h> (both define the states).
 */
#ifndef XTCP_TCP_H
#define XTCP_TCP_H

#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "stack/base/addr.h"

struct stack;
struct tcp_sock;

/* Linux's numbers. */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV, /* a request_sock */
};

enum tcp_event {
	TCP_EVENT_CONNECTED = 1, /* the active open is done */
	TCP_EVENT_READABLE = 2,	 /* bytes (or an urgent mark) are in the receive queue */
	TCP_EVENT_EOF = 4,	 /* the peer's FIN has been received; it follows the queued bytes */
	TCP_EVENT_WRITABLE =
	    8, /* there is send space again after tcp_send_reserve() gave too little */
	TCP_EVENT_ACCEPT = 16, /* the listener's accept queue is not empty */
	TCP_EVENT_ERROR = 32,  /* the connection is dead: tcp_error() says why */
	TCP_EVENT_CLOSED = 64, /* both FINs are done; nothing more will happen */
};

/* `user` is the caller's; `uid` the owner's. NULL with *err set: -ENFILE (limit), -ENOMEM. */
struct tcp_sock *tcp_socket(struct stack *st, void *user, uint32_t uid, int *err);
void tcp_set_user(struct tcp_sock *sk, void *user);
void *tcp_user(const struct tcp_sock *sk);

/*
 * Address ANY and port 0 are allowed. -EINVAL (bound already, or not CLOSE), -EADDRNOTAVAIL,
 * -EADDRINUSE, -EAFNOSUPPORT. The right to a port below 1024 is for the caller to check.
 */
uint32_t tcp_notsent_mark(const struct tcp_sock *sk); /* TCP_NOTSENT_LOWAT; UINT32_MAX: none */
bool tcp_bindable_v4(const struct tcp_sock *sk, uint32_t v4); /* with its IP_FREEBIND */
int tcp_bind(struct tcp_sock *sk, const struct sock_addr *local);
/* Binds an ephemeral port if unbound; again on a listener: changes the backlog. -EINVAL
 * (connected), -EADDRINUSE. */
int tcp_listen(struct tcp_sock *sk, int backlog);
/* 0: SYN_SENT, an event follows. -EISCONN, -EALREADY, -EINVAL, -EAFNOSUPPORT, -ENETUNREACH,
 * -EADDRNOTAVAIL (no port), -ECONNREFUSED (loopback only says so by event). */
int tcp_connect(struct tcp_sock *sk, const struct sock_addr *remote);
/*
 * TCP Fast Open (RFC 7413). tcp_fastopen_room(): how many bytes the SYN of a connect to `remote` could
 * take along; 0 if there is no cookie yet; -EOPNOTSUPP where tcp_fastopen turns it off, or what
 * tcp_connect() would return. tcp_connect_fast() is tcp_connect() with Fast Open, as is tcp_connect()
 * itself after TCP_FASTOPEN_CONNECT: with a cookie it may be deferred, in SYN_SENT and nothing sent;
 * the bytes that are then committed go with the SYN at the next flush. tcp_connect_go() sends it
 * without waiting for any. tcp_deferred_room(): how many bytes it could take, or -EISCONN. After
 * tcp_connect_expect_data() the SYN-ACK's acknowledgment waits for the rest of a write.
 */
int tcp_fastopen_room(struct tcp_sock *sk, const struct sock_addr *remote);
int tcp_connect_fast(struct tcp_sock *sk, const struct sock_addr *remote);
bool tcp_connect_deferred(const struct tcp_sock *sk);
void tcp_connect_go(struct tcp_sock *sk);
int tcp_deferred_room(struct tcp_sock *sk);
void tcp_connect_expect_data(struct tcp_sock *sk);
/* What is kept of other hosts between connections (as ip-tcp_metrics(8)): Fast Open's. */
#define TCP_METRICS_COOKIE_MAX 16
struct tcp_metrics {
	uint32_t laddr, raddr;
	uint64_t learnt_us;    /* absolute */
	uint16_t fastopen_mss; /* of the last SYN-ACK */
	uint8_t cookie_len;    /* 0: none */
	uint8_t cookie[TCP_METRICS_COOKIE_MAX];
};
/* Calls fn for each, the last used one last, until it returns false. */
void tcp_metrics_for_each(const struct stack *st,
			  bool (*fn)(void *arg, const struct tcp_metrics *m), void *arg);
/* Forgets what is known of raddr, or all of it (NULL). How many there were. */
unsigned tcp_metrics_flush(struct stack *st, const uint32_t *raddr);
/* connect(AF_UNSPEC), and shutdown() of a listener: back to CLOSE; a connection is reset, a
 * listener's children too; the local port stays only if it was bound explicitly. */
void tcp_disconnect(struct tcp_sock *sk);
/* The next established connection in order, or NULL. It keeps counting against the backlog for as
 * long as ops->accept_unread says that the program has not taken it. */
struct tcp_sock *tcp_accept(struct tcp_sock *listener);

/*
 * Sending: tcp_send_reserve() gives up to `max` spans of free send buffer, of about `want_bytes`
 * in all and never beyond the send buffer's limit; the caller fills them from the front and
 * tcp_send_commit()s the count. Returns the number of spans, 0 when full (TCP_EVENT_WRITABLE
 * follows) or when the state cannot send.
 */
int tcp_send_reserve(struct tcp_sock *sk, size_t want_bytes, struct iovec *iov, int max);
void tcp_send_commit(struct tcp_sock *sk, size_t n);
/* What the write said of itself whose last byte has just been committed. */
enum {
	TCP_SEND_MORE = 1, /* MSG_MORE */
	TCP_SEND_EOR = 2,
	/* MSG_EOR */
};
void tcp_send_flags(struct tcp_sock *sk, unsigned flags);
void tcp_send_urgent(struct tcp_sock *sk); /* the last committed byte is urgent */
void tcp_send_fin(struct tcp_sock *sk);	   /* half-close after what is queued; idempotent */

/*
 * Receiving: spans of the in-order bytes, without consuming; tcp_recv_done() consumes and opens
 * the window. Spans end before an urgent byte that is out of band; then, once all before it is
 * consumed, tcp_recv_at_mark() is true and the next span is that single byte.
 */
int tcp_recv_iov(struct tcp_sock *sk, struct iovec *iov, int max);
void tcp_recv_done(struct tcp_sock *sk, size_t n);
bool tcp_recv_at_mark(const struct tcp_sock *sk);
bool tcp_recv_eof(const struct tcp_sock *sk); /* the FIN is received and the queue is empty */
/* Nobody will read any more (shutdown(SHUT_RD)): later bytes are acknowledged and dropped. */
void tcp_recv_shutdown(struct tcp_sock *sk);
/* At a batch's end: queued pkts whose buffers are mostly air are replaced by small ones. */
void tcp_recv_compact(struct tcp_sock *sk);

/* FIN after what is queued (RFC 9293 3.10.4) or, with SO_LINGER 0 or unread bytes in the receive
 * queue, RST (RFC 2525 2.17). `unread`: the caller holds bytes the program did not read. */
void tcp_close(struct tcp_sock *sk, bool unread);
void tcp_abort(struct tcp_sock *sk); /* RST at once, if the state calls for one */
/*
 * A socket in CLOSE that nobody uses for now and that stays the caller's, for its options: it lets
 * go of its port and buffers and causes no event. True: it was bound to *bound by its user.
 */
bool tcp_park(struct tcp_sock *sk, struct sock_addr *bound);

/*
 * SOL_SOCKET, IPPROTO_IP and IPPROTO_TCP options with Linux's names, types, ranges and errnos
 * (-ENOPROTOOPT for an unknown one; lengths as Linux checks them). On a listener they are
 * inherited by its children. getsockopt sets *len to the bytes written.
 */
int tcp_setsockopt(struct tcp_sock *sk, int level, int name, const void *val, size_t len);
int tcp_getsockopt(struct tcp_sock *sk, int level, int name, void *val, size_t *len);

/* What TCP_CONGESTION takes: names with single spaces between them. */
const char *tcp_available_congestion_control(void);
bool tcp_congestion_control_listed(const char *list, const char *name, size_t len);
/* Is this value of TCP_CONGESTION for everybody? If not, it is the caller who knows rights. */
bool tcp_congestion_control_allowed(const struct tcp_sock *sk, const void *val, size_t len);

enum tcp_state tcp_state(const struct tcp_sock *sk);
int tcp_error(struct tcp_sock *sk); /* sk_err, positive; reading it clears it */
struct sock_addr tcp_local(const struct tcp_sock *sk);
struct sock_addr tcp_remote(const struct tcp_sock *sk); /* family ADDR_NONE: not connected */
/* The connection's other end, where that is a socket of the same stack; else NULL. */
struct tcp_sock *tcp_peer_here(const struct tcp_sock *sk);
void tcp_get_info(const struct tcp_sock *sk, struct tcp_info *info);
size_t tcp_outq_bytes(const struct tcp_sock *sk);	  /* written and not acknowledged */
size_t tcp_outq_unsent_bytes(const struct tcp_sock *sk);  /* written and not sent */
size_t tcp_inq_bytes(const struct tcp_sock *sk);	  /* received in order and not consumed */
bool tcp_linger(const struct tcp_sock *sk, int *seconds); /* SO_LINGER, when on */

/* A socket's options, for when it has ended and its program may still ask (saved_options.c). */
struct cc_ops;
struct tcp_saved_options {
	struct {
		bool reuseaddr, reuseport;
		uint8_t tos;
	} c;
	bool nodelay, cork, keepalive, linger_on, oobinline, quickack, sndbuf_locked, rcvbuf_locked,
	    thin_linear_timeouts, recvmsg_inq, freebind, bind_no_port, defer_accept_on,
	    fastopen_no_cookie;
	uint8_t pingpong, pmtudisc, keepcnt, syn_retries, ttl;
	uint16_t user_mss, mss_cache, keepidle_s, keepintvl_s, defer_accept_s;
	int16_t linger2_s;
	int32_t linger_s;
	uint32_t ip_cmsg, user_timeout_ms, window_clamp, notsent_lowat, sndbuf_bytes, rcvbuf_bytes;
	uint64_t max_pacing_rate;
	const struct cc_ops *cc;
};
void tcp_save_options(const struct tcp_sock *sk, struct tcp_saved_options *saved);
/* Of a new socket. 0 or -ENOMEM. */
int tcp_restore_options(struct tcp_sock *sk, const struct tcp_saved_options *saved);

/* What `ss` shows of a socket, a request_sock or a timewait_sock. */
struct tcp_diag {
	enum tcp_state state; /* TCP_NEW_SYN_RECV is shown as SYN-RECV */
	struct sock_addr local, remote;
	uint32_t recv_q, send_q; /* a listener: accept queue's length and its limit */
	uint32_t uid;
	void *user;		   /* NULL: an orphan, a request_sock, a timewait_sock */
	const struct tcp_sock *sk; /* NULL for the latter two */
	const char *timer;	   /* "on" "keepalive" "timewait" "persist" or NULL */
	uint64_t timer_expires_us; /* absolute */
	unsigned retransmits;
};
/* Calls fn for each until it returns false. The table must not change meanwhile. */
void tcp_for_each(struct stack *st, bool (*fn)(void *arg, const struct tcp_diag *d), void *arg);

/* What has become of a connection whose socket was closed. TCP_CLOSE: it is over. */
enum tcp_state tcp_orphan_state(struct stack *st, const struct sock_addr *local,
				const struct sock_addr *remote);
/* Cuts it off, as tcp_disconnect() does. False: it was over. */
bool tcp_orphan_reset(struct stack *st, const struct sock_addr *local,
		      const struct sock_addr *remote);

/* How much the sockets of one user may hold in buffers, 0: all there is; and how much they do. */
void tcp_limit_owners(struct stack *st, size_t bytes);
struct tcp_owner_usage {
	uint32_t uid, sockets; /* orphans too */
	size_t bytes;
};
void tcp_for_each_owner(const struct stack *st,
			void (*fn)(void *arg, const struct tcp_owner_usage *usage), void *arg);

/* How many of each there are. */
struct tcp_counts {
	uint32_t sockets, orphans, timewait, request_socks, listeners;
	size_t rcvbuf_bytes, sndbuf_bytes;
};
struct tcp_counts tcp_count(const struct stack *st);

#endif
