/* SPDX-License-Identifier: MIT */
/*
 * Signatures of TCP segments as the RFCs define them, computed beside the stack's own code: what
 * the scripted peer signs with and judges by. A segment lies flat: header, options, payload.
 */
#ifndef XTCP_TESTS_SIGN_H
#define XTCP_TESTS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGN_MD5_BYTES 16

/* RFC 2385 2.0 */
void sign_md5(uint8_t mac[SIGN_MD5_BYTES], uint32_t src, uint32_t dst, const uint8_t *tcp,
	      size_t len, const char *key);
/* A TCP-AO key (RFC 5925) as one side sees it. */
struct sign_ao {
	const char *alg; /* "SHA1", "SHA256" (HMAC with these), "AES-128-CBC" (CMAC) */
	const char *master;
	uint8_t keyid, rnext; /* of what this side sends */
	uint8_t mac_len;
	bool exclude_options;
};
#define SIGN_AO_MAX_BYTES 32

/* RFC 5926 3.1: the traffic key of what goes from src to dst; returns its length. The initial
 * sequence number of dst is 0 in the first SYN. */
size_t sign_ao_traffic_key(uint8_t to[SIGN_AO_MAX_BYTES], const struct sign_ao *ao, uint32_t src,
			   uint32_t dst, uint16_t sport, uint16_t dport, uint32_t src_isn,
			   uint32_t dst_isn);
/* RFC 5925 5.1. The option is in the segment, its code is taken as zero. */
void sign_ao(uint8_t *mac, const struct sign_ao *ao, uint32_t src, uint32_t dst, const uint8_t *tcp,
	     size_t len, uint32_t src_isn, uint32_t dst_isn, uint32_t sne);
/* The body of the option of that kind in a segment, or NULL; *body_len is its length. */
const uint8_t *sign_find_option(const uint8_t *tcp, size_t len, uint8_t kind, size_t *body_len);

#endif
