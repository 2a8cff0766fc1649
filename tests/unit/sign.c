/* SPDX-License-Identifier: MIT */
#include "tests/unit/sign.h"

#include <check.h>
#include <openssl/evp.h>
#include <string.h>

#include "stack/base/bytes.h"

#define TCP_HEADER 20
#define TCP_PROTO 6

static size_t header_bytes(const uint8_t *tcp)
{
	return (size_t)(tcp[12] >> 4) * 4;
}

static size_t pseudo_header(uint8_t *to, uint32_t src, uint32_t dst, size_t len)
{
	uint8_t *p = put_be32(put_be32(to, src), dst);
	p = put_be16(put_be16(p, TCP_PROTO), (uint16_t)len);
	return (size_t)(p - to);
}

void sign_md5(uint8_t mac[SIGN_MD5_BYTES], uint32_t src, uint32_t dst, const uint8_t *tcp,
	      size_t len, const char *key)
{
	static uint8_t text[12 + TCP_HEADER + 70000 + 80];
	size_t head = header_bytes(tcp), n = pseudo_header(text, src, dst, len);
	memcpy(text + n, tcp, TCP_HEADER);
	memset(text + n + 16, 0, 2); /* the checksum */
	n += TCP_HEADER;
	memcpy(text + n, tcp + head, len - head);
	n += len - head;
	memcpy(text + n, key, strlen(key));
	n += strlen(key);
	ck_assert_int_eq(EVP_Digest(text, n, mac, NULL, EVP_md5(), NULL), 1);
}

const uint8_t *sign_find_option(const uint8_t *tcp, size_t len, uint8_t kind, size_t *body_len)
{
	size_t head = header_bytes(tcp);
	ck_assert_uint_le(head, len);
	for (size_t at = TCP_HEADER; at < head && tcp[at] != 0;) {
		if (tcp[at] == 1) {
			at++;
			continue;
		}
		ck_assert_uint_le(at + 2, head);
		ck_assert_uint_ge(tcp[at + 1], 2);
		ck_assert_uint_le(at + tcp[at + 1], head);
		if (tcp[at] == kind) {
			*body_len = tcp[at + 1] - 2u;
			return tcp + at + 2;
		}
		at += tcp[at + 1];
	}
	return NULL;
}
