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

/* info.c: SO_MEMINFO, the numbers of linux/sock_diag.h in their order */
#define TCP_MEMINFO_VARS 9
void tcp_get_meminfo(const struct tcp_sock *sk, uint32_t vars[TCP_MEMINFO_VARS]);

/* sockopt_ip.c */
int ip_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len);
int ip_getsockopt(struct tcp_sock *sk, int name, void *val, size_t *len);

#endif
