/* SPDX-License-Identifier: MIT */
/*
 * A capture as pcapng (draft-ietf-opsawg-pcapng), which wireshark and tcpdump read: one section,
 * one Ethernet interface, times in microseconds.
 *
 * Theory of operation: an encoder into the caller's memory, block by block; where they go is the
 * caller's. Blocks are little-endian, padded to 32 bits, and carry their length at both ends. A
 * comment of several lines becomes one opt_comment a line.
 */
#ifndef XTCP_LINK_PCAPNG_H
#define XTCP_LINK_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_BEGIN_BYTES 256
#define PCAPNG_STATS_BYTES 64

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

struct pcapng_packet {
	uint64_t time_us; /* since 1970 */
	const uint8_t *data;
	size_t len;	     /* of data; captured */
	size_t orig_len;     /* on the wire */
	const char *comment; /* lines, or NULL */
	enum pcapng_direction direction;
};

/* The section's and the interface's header. How many bytes they take, as the others. */
size_t pcapng_begin(uint8_t to[PCAPNG_BEGIN_BYTES], const char *interface);
size_t pcapng_packet_bytes(const struct pcapng_packet *p);
size_t pcapng_packet(uint8_t *to, const struct pcapng_packet *p);
/* The end: what was received and what of it is not in the capture. */
size_t pcapng_stats(uint8_t to[PCAPNG_STATS_BYTES], uint64_t time_us, uint64_t received,
		    uint64_t dropped);

#endif
