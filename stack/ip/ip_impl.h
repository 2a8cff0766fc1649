/* SPDX-License-Identifier: MIT */
/*
 * IPv4's own structures: addresses, routes, path MTUs, datagrams being reassembled, the loopback
 * queue and ICMP's token bucket. Each is bounded; the bounds are here or in struct sysctls.
 */
#ifndef XTCP_IP_IMPL_H
#define XTCP_IP_IMPL_H

#include "stack/base/list.h"
#include "stack/base/siphash.h"
#include "stack/base/timer.h"
#include "stack/ip/ip.h"

#define IP_ADDRS_MAX 64
#define IP_ROUTES_MAX 1024
#define IP_PMTU_MAX 1024 /* destinations with a learnt path MTU */
#define IP_PMTU_BUCKETS 256
#define IP_FRAG_BUCKETS 256
#define IP_IDENTS 256
#define IP_LOOPBACK_MTU 65535
#define IP_LOOPBACK_QUEUE_MAX 1024 /* packets */
#define IPV4_HDR_MAX_BYTES 60
#define IP_MIN_ADVMSS 256 /* as Linux: never advertise less */

#define IPPROTO_UDP_ 17

#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET_MASK 0x1fff /* in units of eight bytes */

#define INADDR_LOOPBACK_V4 0x7f000001u
#define INADDR_BROADCAST_V4 0xffffffffu

struct ifaddr {
	uint32_t v4;
	uint8_t prefix_len;
};

/* A path MTU learnt by ICMP (pmtu.c). */
struct pmtu_entry {
	struct list hash_node, lru_node;
	uint32_t dst, mtu;
	uint64_t expires_us;
	bool locked; /* the path takes less than ip_min_pmtu: send without DF */
};

/* A datagram of which some fragments have come (reassembly.c). */
struct frag_queue;

struct ip_layer {
	struct ifaddr addr[IP_ADDRS_MAX];
	unsigned addr_count;

	struct route *routes; /* longest prefix first, then lowest metric */
	unsigned route_count, route_cap;

	struct siphash_key hash_key;
	struct list pmtu_bucket[IP_PMTU_BUCKETS]; /* pmtu_entry.hash_node */
	struct list pmtu_lru;			  /* oldest first */
	unsigned pmtu_count;

	struct list frag_bucket[IP_FRAG_BUCKETS]; /* frag_queue.hash_node */
	struct list frag_lru;			  /* oldest first */
	unsigned frag_queues;
	size_t frag_bytes; /* truesize held */

	struct list loopback; /* pkt.node: for ourselves, drained by stack_flush() */
	unsigned loopback_count;

	uint16_t ident[IP_IDENTS]; /* RFC 6864: next identification, by hash of the addresses */

	uint64_t icmp_filled_us; /* token bucket */
	uint32_t icmp_tokens;
};

void ip_layer_init(struct stack *st);
void ip_layer_destroy(struct stack *st);

/* route.c: addresses */
bool ip_is_own_v4(const struct stack *st, uint32_t v4);	      /* assigned, or 127.0.0.0/8 */
bool ip_is_broadcast_v4(const struct stack *st, uint32_t v4); /* limited, or of a prefix of ours */
/* Within a prefix of ours, and a host's address there. */
bool ip_is_on_link_v4(const struct stack *st, uint32_t v4);
int ip_route_connect(struct stack *st, const struct ifaddr *a); /* the connected route */
static inline uint32_t ipv4_mask(unsigned prefix_len)
{
	return prefix_len == 0 ? 0 : 0xffffffffu << (32 - prefix_len);
}

/* An upper layer made progress with dst: its neighbour entry is confirmed. */
void ip_confirm(struct stack *st, uint32_t dst);

/* ipv4_in.c: a packet from the wire or from ourselves */
void ip_receive(struct stack *st, struct pkt *p, bool loopback); /* takes p */

/* ipv4_out.c */
void ipv4_header_write(uint8_t *to, uint16_t total_len, uint16_t id, uint16_t frag, uint8_t ttl,
		       uint8_t tos, uint8_t proto, uint32_t src, uint32_t dst);

/* reassembly.c: takes a fragment (data at its IP header of hdr_len, trimmed to its total length);
 * the whole datagram in a new pkt, data at its IP header, when this was the last piece. */
struct pkt *ip_reassemble(struct stack *st, struct pkt *p, size_t hdr_len);
void ip_reassembly_destroy(struct stack *st);

/* pmtu.c */
bool ip_pmtu_locked(struct stack *st, uint32_t dst);
void ip_pmtu_destroy(struct stack *st);

#endif
