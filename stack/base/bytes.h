/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked readers and writers of wire bytes (network byte order). A reader that runs out
 * of bytes sets `failed`, returns zero from then on and never reads past its end, so a parser
 * reads all its fields and checks once.
 */
#ifndef XTCP_BASE_BYTES_H
#define XTCP_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *p, *end;
	bool failed;
};

static inline struct reader reader_of(const void *data, size_t len)
{
	return (struct reader){.p = data, .end = (const uint8_t *)data + len};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

/* n bytes, or NULL with failed set. */
static inline const uint8_t *read_bytes(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;
	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	return at;
}

static inline uint8_t read_u8(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 1);
	return b ? b[0] : 0;
}

static inline uint16_t read_be16(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 2);
	return b ? (uint16_t)(b[0] << 8 | b[1]) : 0;
}

static inline uint32_t read_be32(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 4);
	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static inline uint8_t *put_u8(uint8_t *p, uint8_t v)
{
	*p = v;
	return p + 1;
}

static inline uint8_t *put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static inline uint8_t *put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static inline uint8_t *put_bytes(uint8_t *p, const void *src, size_t n)
{
	memcpy(p, src, n);
	return p + n;
}

#endif
