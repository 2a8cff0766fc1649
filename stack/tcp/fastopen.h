/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413): what its files share, and what the rest of TCP calls.
 */
#ifndef XTCP_TCP_FASTOPEN_H
#define XTCP_TCP_FASTOPEN_H

#include "stack/stack_impl.h"

#define FASTOPEN_COOKIE_BYTES 8 /* of the cookies made here */
#define FASTOPEN_KEY_BYTES 16

/* net.ipv4.tcp_fastopen */
enum {
	TFO_CLIENT_ENABLE = 1,
	TFO_SERVER_ENABLE = 2,
	TFO_CLIENT_NO_COOKIE = 4,
	TFO_SERVER_COOKIE_NOT_REQD = 0x200,
	TFO_SERVER_WO_SOCKOPT1 = 0x400, /* every listener, as long as its backlog */
};

static inline bool fastopen_mode(const struct tcp_sock *sk, uint32_t bit)
{
	return sk->stack->sysctl.tcp_fastopen & bit;
}

/* --- fastopen_server.c */
void fastopen_cookie(const struct tcp_sock *listener, const struct sock_common *c, unsigned key,
		     uint8_t cookie[FASTOPEN_COOKIE_BYTES]);
void fastopen_listen_start(struct tcp_sock *listener, uint32_t backlog);
void fastopen_listen_stop(struct listen_queue *lq);
/* A SYN for which req has been made up. True: its child waits in the accept queue and has answered;
 * false: go on as ever, req knows whether a cookie goes with the SYN-ACK. */
bool fastopen_rcv_syn(struct tcp_sock *listener, struct request_sock *req, struct tcp_segment *seg);
/* A segment for a child whose SYN-ACK is not acknowledged yet. True: taken care of. */
bool fastopen_rcv_child(struct tcp_sock *child, const struct tcp_segment *seg);
/* Its handshake is not done, but the program has accepted it: as good as connected (as Linux). */
bool fastopen_child_in_use(const struct tcp_sock *sk);
void fastopen_synack_lost(struct tcp_sock *child);   /* for the first time */
void fastopen_child_reset(struct tcp_sock *child);   /* by the peer, in SYN_RECV */
void fastopen_child_settled(struct tcp_sock *child); /* it leaves SYN_RECV */

void fastopen_server_option(const struct tcp_sock *sk, struct tcp_options *opt);

/* --- fastopen_client.c */
/* In SYN_SENT, for a connect() with Fast Open. True: the SYN waits for data. */
bool fastopen_connect_start(struct tcp_sock *sk);
void fastopen_xmit_deferred(struct tcp_sock *sk); /* at the flush */
/* As the SYN is made: how many bytes go with it, recorded behind it. */
uint32_t fastopen_attach_data(struct tcp_sock *sk);
/* The path does not carry what has been sent. True: that was a SYN with data, which has been seen to. */
bool fastopen_syn_too_large(struct tcp_sock *sk);
/* What sk's SYN or SYN-ACK says of Fast Open: the first one only. */
void fastopen_syn_option(const struct tcp_sock *sk, struct tcp_options *opt);
/* The SYN-ACK has been taken, the connection is ESTABLISHED. */
void fastopen_rcv_synack(struct tcp_sock *sk, const struct tcp_segment *seg);
/* The RTO has fired; the connection may end by it. */
void fastopen_timed_out(struct tcp_sock *sk, bool gives_up);

/* --- fastopen_cache.c */
struct fastopen_known {
	uint16_t mss;	    /* 0: nothing is known */
	uint8_t cookie_len; /* 0: none */
	uint8_t try_exp;    /* 1: ask in the experimental option; 2: that was no good either */
	bool exp;	    /* the cookie came in it */
	uint8_t cookie[TCP_FASTOPEN_COOKIE_MAX];
};
struct fastopen_known fastopen_cache_get(struct stack *st, const struct sock_common *c);
/* try_exp: what to try next, since this SYN-ACK answers a request without a cookie; else 0. */
void fastopen_cache_set(struct stack *st, const struct sock_common *c, uint16_t mss,
			const struct tcp_options *opt, uint8_t try_exp);

/* --- sockopt_fastopen.c: -ENOPROTOOPT for what is not an option of Fast Open */
int fastopen_setsockopt(struct tcp_sock *sk, int name, int value);
int fastopen_getsockopt(const struct tcp_sock *sk, int name, int *value);
int fastopen_set_key(struct tcp_sock *sk, const void *val, size_t len);
int fastopen_get_key(const struct tcp_sock *sk, void *val, size_t *len);

#endif
