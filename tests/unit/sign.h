/* SPDX-License-Identifier: MIT */
/*
 * Signatures of TCP segments as the RFCs define them, computed beside the stack's own code: what
 * the scripted peer signs with and judges by. A segment lies flat: header, options, payload.
 */
#ifndef XTCP_TESTS_SIGN_H
#define XTCP_TESTS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define SIGN_MD5_BYTES 16

/* RFC 2385 2.0 */
void sign_md5(uint8_t mac[SIGN_MD5_BYTES], uint32_t src, uint32_t dst, const uint8_t *tcp,
	      size_t len, const char *key);
/* The body of the option of that kind in a segment, or NULL; *body_len is its length. */
const uint8_t *sign_find_option(const uint8_t *tcp, size_t len, uint8_t kind, size_t *body_len);

#endif
