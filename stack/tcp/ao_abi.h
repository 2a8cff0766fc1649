/* SPDX-License-Identifier: MIT */
/*
 * TCP-AO's socket options as Linux (6.7 and later) numbers and lays them out, for systems whose
 * <linux/tcp.h> is older. An ABI: nothing here is ours to choose.
 */
#ifndef XTCP_TCP_AO_ABI_H
#define XTCP_TCP_AO_ABI_H

#include <linux/tcp.h>
#include <stdint.h>

#ifndef TCP_AO_ADD_KEY

#define TCP_AO_ADD_KEY 38
#define TCP_AO_DEL_KEY 39
#define TCP_AO_INFO 40
#define TCP_AO_GET_KEYS 41
#define TCP_AO_REPAIR 42

#define TCP_AO_MAXKEYLEN 80
#define TCP_AO_KEYF_IFINDEX (1 << 0)
#define TCP_AO_KEYF_EXCLUDE_OPT (1 << 1) /* RFC 5925 3.1: the TCP option flag */

struct tcp_ao_add {
	struct __kernel_sockaddr_storage addr;
	char alg_name[64];
	int32_t ifindex;
	uint32_t set_current : 1, set_rnext : 1, reserved : 30;
	uint16_t reserved2;
	uint8_t prefix, sndid, rcvid, maclen, keyflags, keylen;
	uint8_t key[TCP_AO_MAXKEYLEN];
} __attribute__((aligned(8)));

struct tcp_ao_del {
	struct __kernel_sockaddr_storage addr;
	int32_t ifindex;
	uint32_t set_current : 1, set_rnext : 1, del_async : 1, reserved : 29;
	uint16_t reserved2;
	uint8_t prefix, sndid, rcvid, current_key, rnext, keyflags;
} __attribute__((aligned(8)));

struct tcp_ao_info_opt {
	uint32_t set_current : 1, set_rnext : 1, ao_required : 1, set_counters : 1,
	    accept_icmps : 1, reserved : 27;
	uint16_t reserved2;
	uint8_t current_key, rnext;
	uint64_t pkt_good, pkt_bad, pkt_key_not_found, pkt_ao_required, pkt_dropped_icmp;
} __attribute__((aligned(8)));

struct tcp_ao_getsockopt {
	struct __kernel_sockaddr_storage addr;
	char alg_name[64];
	uint8_t key[TCP_AO_MAXKEYLEN];
	uint32_t nkeys;
	uint16_t is_current : 1, is_rnext : 1, get_all : 1, reserved : 13;
	uint8_t sndid, rcvid, prefix, maclen, keyflags, keylen;
	int32_t ifindex;
	uint64_t pkt_good, pkt_bad;
} __attribute__((aligned(8)));

#endif

_Static_assert(sizeof(struct tcp_ao_add) == 288, "tcp_ao_add");
_Static_assert(sizeof(struct tcp_ao_del) == 144, "tcp_ao_del");
_Static_assert(sizeof(struct tcp_ao_info_opt) == 48, "tcp_ao_info_opt");
_Static_assert(sizeof(struct tcp_ao_getsockopt) == 304, "tcp_ao_getsockopt");

#endif
