/* SPDX-License-Identifier: MIT */
/*
 * IPv4: what the layers above and below it call.
 *
 * ip_input() checks a packet, reassembles it and hands it to TCP or ICMP; ip_output() routes a
 * payload, prepends the headers and gives the frame to the neighbour layer or, for an address of
 * ours, to the loopback queue that stack_flush() drains. Not a router: what is not for us is
 * counted and dropped.
 */
#ifndef XTCP_IP_H
#define XTCP_IP_H

#include <sys/uio.h>

#include "stack/base/addr.h"
#include "stack/base/pkt.h"

struct stack;
struct tcp_sock;

enum { IPPROTO_ICMP_ = 1, IPPROTO_TCP_ = 6 };

#define IPV4_HDR_BYTES 20
#define L4_HDR_MAX 60

/* What the layers above know of a received packet. */
struct ip_meta {
	struct ip_addr src, dst;
	uint8_t ttl, tos, proto;
	uint32_t payload_len; /* L4 bytes */
	bool loopback;
};

/* A packet to send: an L4 header, and payload that is valid during the call. */
struct ip_tx {
	struct ip_addr src, dst;
	uint8_t proto, ttl, tos; /* ttl 0: the default */
	bool df;
	uint8_t hdr[L4_HDR_MAX];
	uint16_t hdr_len;
	uint16_t csum_offset; /* in hdr; the field must be 0. 0xffff: the L4 has done it itself */
	struct iovec payload[20];
	int payload_cnt;
	uint32_t payload_len;
	uint16_t gso_size; /* 0, or payload bytes per segment (payload_len may exceed the MTU) */
	bool ecn_cwr;
	uint32_t path_mtu_bytes; /* ip_output() says; 0: no route */
};

/* 0; -ENETUNREACH, -EHOSTUNREACH (neighbour failed), -EMSGSIZE (df and beyond the path MTU),
 * -ENOBUFS */
int ip_output(struct stack *st, struct ip_tx *tx);
void ip_input(struct stack *st, struct pkt *p); /* p->data at the IP header; takes p */
void ip_loopback_run(struct stack *st); /* delivers what was queued to ourselves (bounded) */

/* --- routes ------------------------------------------------------------------------------- */

struct route {
	uint32_t dst, gateway; /* gateway 0: on link */
	uint8_t prefix_len;
	uint32_t prefsrc;			/* 0: chosen from the addresses */
	uint32_t mtu, advmss, window, initcwnd; /* 0: not set. window: bytes, caps ours */
	uint32_t metric;
	bool connected; /* came with an address */
};

/* What a destination gets: the result of route, path MTU and address choice together. */
struct ip_path {
	uint32_t src, nexthop;
	uint32_t mtu_bytes; /* min(link, route, learnt path MTU) */
	uint32_t advmss, window, initcwnd;
	bool local;
};

/* src_hint: 0 or an address already chosen. 0, -ENETUNREACH (no route; broadcast, multicast; no address
 * of ours), -EINVAL */
int ip_route_output(struct stack *st, uint32_t dst, uint32_t src_hint, struct ip_path *out);
int ip_route_add(
    struct stack *st,
    const struct route *r); /* -EEXIST, -ENOSPC, -EINVAL, -ENETUNREACH (gateway not on link) */
/* In the place of the one to the same destination with the same metric, if there is one. */
int ip_route_replace(struct stack *st, const struct route *r);
int ip_route_del(struct stack *st, uint32_t dst, unsigned prefix_len,
		 uint32_t gateway);					  /* -ESRCH */
bool ip_route_get(const struct stack *st, unsigned i, struct route *out); /* i-th in lookup order */

/* --- path MTU (RFC 1191) -------------------------------------------------------------------- */
/* The MSS to offer over such a path (Linux: 256 at least). */
uint32_t ip_mtu_to_advmss(uint32_t mtu_bytes);
uint32_t ip_pmtu(struct stack *st, uint32_t dst, uint32_t link_mtu);
void ip_pmtu_update(struct stack *st, uint32_t dst, uint32_t mtu); /* clamped to ip_min_pmtu */

/* --- ICMP (RFC 792, 1122) ------------------------------------------------------------------- */
enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12
};
enum {
	ICMP_NET_UNREACH = 0,
	ICMP_HOST_UNREACH = 1,
	ICMP_PROT_UNREACH = 2,
	ICMP_PORT_UNREACH = 3,
	ICMP_FRAG_NEEDED = 4
};
void icmp_input(struct stack *st, struct pkt *p, const struct ip_meta *m); /* takes p */
/* Answers the packet whose IP header is at ip/ip_len; rate-limited, never about a broadcast, a
 * multicast, a fragment other than the first or an ICMP error (RFC 1122 3.2.2). */
void icmp_send_error(struct stack *st, const uint8_t *ip, size_t ip_len, uint8_t type, uint8_t code,
		     uint32_t info);

/* --- link ----------------------------------------------------------------------------------- */
/* link/ethernet.c: a frame with headers in `hdr` of which the first 14 bytes are to be filled. */
int ethernet_output(struct stack *st, uint32_t nexthop_v4, struct iovec *iov, int iovcnt,
		    const struct ip_tx *tx);

#endif
