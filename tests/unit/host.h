/* SPDX-License-Identifier: MIT */
/*
 * One stack on a bench: frames are put in by hand, what it sends is kept in order, time moves only
 * when a test says so (stepping through every timer on the way). Addresses are 10.77.0.2 for
 * the stack and 10.77.0.1 for the peer, whose Ethernet address the stack knows unless a test begins
 * with host_new_alone().
 */
#ifndef XTCP_TESTS_HOST_H
#define XTCP_TESTS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/stack_impl.h"

#define HOST_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u
#define THIRD_V4 0x0a4d0003u
#define SEC 1000000ull

extern const struct mac_addr host_mac, peer_mac, third_mac, broadcast_mac;

struct sent_frame {
	struct frame_out meta; /* its spans are not valid any more: */
	size_t len;
	uint8_t data[];
};

struct host {
	struct stack *st;
	uint64_t now_us;
	struct sent_frame **sent;
	unsigned sent_count, next; /* next: the oldest one host_sent() has not returned */
	bool link_refuses;
};

struct stack_config host_config(void);
struct host *host_new(void);	   /* 10.77.0.2/24 assigned, the peer a permanent neighbour */
struct host *host_new_alone(void); /* the same without the neighbour, and no frame forgotten */
struct host *host_new_with(const struct stack_config *config, bool know_peer);
void host_free(struct host *h);

/* Hands a frame to the stack and ends the batch. */
void host_input(struct host *h, const uint8_t *frame, size_t len);
void host_input_offloaded(struct host *h, const uint8_t *frame, size_t len, bool csum_valid);
void host_advance(struct host *h, uint64_t by_us);
/* The next frame sent, or NULL. Valid until host_free(). */
const struct sent_frame *host_sent(struct host *h);
unsigned host_sent_count(const struct host *h); /* not yet returned by host_sent() */
void host_forget_sent(struct host *h);
uint64_t host_counter(const struct host *h, enum snmp c);
uint64_t host_drops(const struct host *h, enum drop_reason r);

/* --- frames, each returns its length ---------------------------------------------------------- */

size_t frame_arp(uint8_t *to, const struct mac_addr *dst, const struct mac_addr *src, uint16_t op,
		 const struct mac_addr *sender, uint32_t sender_v4, uint32_t target_v4);

struct ipv4_spec {
	uint32_t src, dst; /* 0: the peer, the host */
	uint8_t proto, ttl, tos;
	uint16_t id, frag; /* frag: flags and offset as on the wire */
	const uint8_t *options;
	size_t options_len; /* a multiple of four */
};
size_t frame_ipv4(uint8_t *to, const struct ipv4_spec *spec, const void *payload, size_t len);
void ipv4_fix_checksum(uint8_t *frame); /* after a change to the IP header */
size_t icmp_message(uint8_t *to, uint8_t type, uint8_t code, uint32_t info, const void *body,
		    size_t len);
size_t udp_datagram(uint8_t *to, uint16_t sport, uint16_t dport, const void *body, size_t len);

/* --- reading what was sent -------------------------------------------------------------------- */
uint16_t be16_of(const uint8_t *p);
uint32_t be32_of(const uint8_t *p);
bool is_ipv4(const struct sent_frame *f, uint8_t proto); /* header checksum and length are right */
bool is_arp(const struct sent_frame *f, uint16_t op, uint32_t sender_v4, uint32_t target_v4);

#endif
