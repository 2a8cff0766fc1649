/* SPDX-License-Identifier: MIT */
/*
 * A captured frame: what its headers say, as one line of text and for a filter.
 *
 * Theory of operation: packet_parse() reads what is there with bounds-checked readers and leaves
 * out what is not; nothing is taken to be right. A filter is a list of conditions that must all
 * hold: "host A", "port P", "tcp", "icmp", "arp", "drop", "comment", joined by "and".
 */
#ifndef XTCP_DAEMON_PACKET_H
#define XTCP_DAEMON_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/addr.h"

#define PACKET_LINE_MAX 512
#define PACKET_FLOWS 256

/* Host order. What a frame does not have is 0. */
struct packet {
	uint16_t ethertype;
	bool arp, ipv4, tcp, icmp; /* and whole enough to be read */
	uint8_t proto;
	uint32_t src, dst;
	uint16_t fragment_bytes; /* its offset */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags, header_bytes; /* TCP's */
	uint16_t window;
	size_t l4_offset, payload_bytes;
	uint8_t type, code;	    /* ICMP's; ARP's operation */
	uint16_t id, number;	    /* of an echo */
	struct mac_addr sender_mac; /* ARP's */
};

void packet_parse(struct packet *p, const uint8_t *frame, size_t len);
/* A segment of this connection, seen from the stack: sent, else received. */
bool packet_is_of(const struct packet *p, bool sent, uint32_t laddr, uint16_t lport, uint32_t raddr,
		  uint16_t rport);

/* --- packet_print.c: sequence numbers are relative once a flow is known, as tcpdump has them */
struct packet_flow {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint32_t base;
};
struct packet_flows {
	struct packet_flow flow[PACKET_FLOWS];
};
/* "10.77.0.1.43210 > 10.77.0.2.80: Flags [P.], seq 1:101, ack 1, win 512, length 100" */
void packet_print(const struct packet *p, const uint8_t *frame, size_t len,
		  struct packet_flows *flows, char line[PACKET_LINE_MAX]);

/* --- packet_filter.c */
#define PACKET_CONDITIONS_MAX 16
struct packet_condition {
	enum {
		PACKET_HOST,
		PACKET_PORT,
		PACKET_TCP,
		PACKET_ICMP,
		PACKET_ARP,
		PACKET_DROP,
		PACKET_COMMENT
	} what;
	uint32_t value;
};
struct packet_filter {
	struct packet_condition condition[PACKET_CONDITIONS_MAX];
	unsigned count;
};
/* NULL, or in `why` what is wrong with which word. */
const char *packet_filter_parse(struct packet_filter *f, int argc, char **argv, char *why,
				size_t why_len);
bool packet_filter_takes(const struct packet_filter *f, const struct packet *p, bool dropped,
			 bool commented);

#endif
