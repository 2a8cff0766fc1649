/* SPDX-License-Identifier: MIT */
/*
 * A socket's options without the socket: what a descriptor keeps whose connection has come to its
 * end, and which its program may ask for, or use for another connection.
 */
#include "stack/tcp/tcp_impl.h"
#include "stack/tcp/tcp_send.h"

/* Of the same name in struct tcp_sock and in struct tcp_saved_options. */
#define COPY(to, from)                                                                             \
	do {                                                                                       \
		(to)->c.reuseaddr = (from)->c.reuseaddr;                                           \
		(to)->c.reuseport = (from)->c.reuseport;                                           \
		(to)->c.tos = (from)->c.tos;                                                       \
		(to)->nodelay = (from)->nodelay;                                                   \
		(to)->cork = (from)->cork;                                                         \
		(to)->keepalive = (from)->keepalive;                                               \
		(to)->linger_on = (from)->linger_on;                                               \
		(to)->oobinline = (from)->oobinline;                                               \
		(to)->quickack = (from)->quickack;                                                 \
		(to)->sndbuf_locked = (from)->sndbuf_locked;                                       \
		(to)->rcvbuf_locked = (from)->rcvbuf_locked;                                       \
		(to)->thin_linear_timeouts = (from)->thin_linear_timeouts;                         \
		(to)->recvmsg_inq = (from)->recvmsg_inq;                                           \
		(to)->freebind = (from)->freebind;                                                 \
		(to)->bind_no_port = (from)->bind_no_port;                                         \
		(to)->defer_accept_on = (from)->defer_accept_on;                                   \
		(to)->fastopen_no_cookie = (from)->fastopen_no_cookie;                             \
		(to)->pingpong = (from)->pingpong;                                                 \
		(to)->pmtudisc = (from)->pmtudisc;                                                 \
		(to)->keepcnt = (from)->keepcnt;                                                   \
		(to)->syn_retries = (from)->syn_retries;                                           \
		(to)->ttl = (from)->ttl;                                                           \
		(to)->user_mss = (from)->user_mss;                                                 \
		(to)->mss_cache = (from)->mss_cache;                                               \
		(to)->keepidle_s = (from)->keepidle_s;                                             \
		(to)->keepintvl_s = (from)->keepintvl_s;                                           \
		(to)->defer_accept_s = (from)->defer_accept_s;                                     \
		(to)->linger2_s = (from)->linger2_s;                                               \
		(to)->linger_s = (from)->linger_s;                                                 \
		(to)->ip_cmsg = (from)->ip_cmsg;                                                   \
		(to)->user_timeout_ms = (from)->user_timeout_ms;                                   \
		(to)->window_clamp = (from)->window_clamp;                                         \
		(to)->notsent_lowat = (from)->notsent_lowat;                                       \
		(to)->sndbuf_bytes = (from)->sndbuf_bytes;                                         \
		(to)->rcvbuf_bytes = (from)->rcvbuf_bytes;                                         \
		(to)->cc = (from)->cc;                                                             \
	} while (0)

void tcp_save_options(const struct tcp_sock *sk, struct tcp_saved_options *saved)
{
	COPY(saved, sk);
	saved->max_pacing_rate = pacing_max(sk);
}

int tcp_restore_options(struct tcp_sock *sk, const struct tcp_saved_options *saved)
{
	COPY(sk, saved);
	return pacing_set_max(sk, saved->max_pacing_rate);
}
