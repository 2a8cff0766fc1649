/* SPDX-License-Identifier: MIT */
/*
 * Message digests and message authentication codes over pieces: begin, add the pieces in order,
 * end. A failure anywhere is told at the end, as with the readers of base/bytes.h.
 */
#ifndef XTCP_TCP_DIGEST_H
#define XTCP_TCP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_MD5_BYTES 16
#define DIGEST_MAC_MAX_BYTES 32

enum digest_mac { DIGEST_HMAC_SHA1, DIGEST_HMAC_SHA256, DIGEST_CMAC_AES128, DIGEST_MACS };

struct digest;

struct digest *digest_new(void); /* NULL: no memory, or the library refuses MD5 */
void digest_free(struct digest *d);

void digest_begin_md5(struct digest *d);
void digest_begin_mac(struct digest *d, enum digest_mac alg, const uint8_t *key, size_t len);
void digest_add(struct digest *d, const void *data, size_t len);
/* The first `len` bytes of the result. False: it could not be computed, `to` is all zero. */
bool digest_end(struct digest *d, uint8_t *to, size_t len);
/* Of the whole, untruncated code. */
uint8_t digest_mac_bytes(enum digest_mac alg);

/* In constant time: how far they agree is not told. */
bool digest_equal(const uint8_t *a, const uint8_t *b, size_t len);

#endif
