/* SPDX-License-Identifier: MIT */
/*
 * What the files of setsockopt() and getsockopt() share, one for each level or subject.
 */
#ifndef XTCP_TCP_SOCKOPT_H
#define XTCP_TCP_SOCKOPT_H

#include "stack/stack_impl.h"

static inline bool sockopt_is_open(const struct tcp_sock *sk)
{
	return sk->c.state != TCP_CLOSE && sk->c.state != TCP_LISTEN;
}

/* Copies as much of `size` bytes as *len has room for, and says how much that is. 0. */
int sockopt_give(void *to, size_t *len, const void *from, size_t size);

/* info.c: TCP_INFO as Linux 6.18 gives it, of which <linux/tcp.h> may know the first part alone. */
struct tcp_info_linux {
	uint8_t before[offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(uint32_t)];
	uint32_t rcv_wnd, rehash;
	uint16_t total_rto, total_rto_recoveries;
	uint32_t total_rto_time_ms;
	uint32_t received_ce;
	uint32_t delivered_e1_bytes, delivered_e0_bytes, delivered_ce_bytes;
	uint32_t received_e1_bytes, received_e0_bytes, received_ce_bytes;
	uint32_t accecn;
};
void tcp_get_info_linux(const struct tcp_sock *sk, struct tcp_info_linux *info);

/* info.c: SO_MEMINFO, the numbers of linux/sock_diag.h in their order */
#define TCP_MEMINFO_VARS 9
void tcp_get_meminfo(const struct tcp_sock *sk, uint32_t vars[TCP_MEMINFO_VARS]);

/* sockopt_ip.c */
int ip_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len);
int ip_getsockopt(struct tcp_sock *sk, int name, void *val, size_t *len);

#endif
