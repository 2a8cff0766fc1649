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

/* --- RFC 5925 ------------------------------------------------------------------------------- */

static size_t mac_of(uint8_t to[SIGN_AO_MAX_BYTES], const char *alg, const void *key,
		     size_t key_len, const uint8_t *text, size_t len)
{
	size_t size = 0;
	const char *name = strncmp(alg, "AES", 3) == 0 ? "CMAC" : "HMAC";
	ck_assert_ptr_nonnull(EVP_Q_mac(NULL, name, NULL, alg, NULL, key, key_len, text, len, to,
					SIGN_AO_MAX_BYTES, &size));
	return size;
}

size_t sign_ao_traffic_key(uint8_t to[SIGN_AO_MAX_BYTES], const struct sign_ao *ao, uint32_t src,
			   uint32_t dst, uint16_t sport, uint16_t dport, uint32_t src_isn,
			   uint32_t dst_isn)
{
	static const uint8_t zero[16];
	uint8_t text[29] = "\1TCP-AO", master[SIGN_AO_MAX_BYTES];
	bool cmac = strncmp(ao->alg, "AES", 3) == 0;
	unsigned bits = strcmp(ao->alg, "SHA256") == 0 ? 256 : cmac ? 128 : 160;
	uint8_t *p = put_be32(put_be32(text + 7, src), dst);
	p = put_be16(put_be16(p, sport), dport);
	p = put_be32(put_be32(p, src_isn), dst_isn);
	put_be16(p, (uint16_t)bits);
	if (!cmac || strlen(ao->master) == 16)
		return mac_of(to, ao->alg, ao->master, strlen(ao->master), text, sizeof(text));
	mac_of(master, ao->alg, zero, sizeof(zero), (const uint8_t *)ao->master,
	       strlen(ao->master));
	return mac_of(to, ao->alg, master, 16, text, sizeof(text));
}

void sign_ao(uint8_t *mac, const struct sign_ao *ao, uint32_t src, uint32_t dst, const uint8_t *tcp,
	     size_t len, uint32_t src_isn, uint32_t dst_isn, uint32_t sne)
{
	static uint8_t text[16 + TCP_HEADER + 40 + 70000];
	uint8_t key[SIGN_AO_MAX_BYTES], out[SIGN_AO_MAX_BYTES];
	size_t head = header_bytes(tcp), body_len = 0;
	const uint8_t *body = sign_find_option(tcp, len, 29, &body_len);
	size_t key_len = sign_ao_traffic_key(key, ao, src, dst, (uint16_t)(tcp[0] << 8 | tcp[1]),
					     (uint16_t)(tcp[2] << 8 | tcp[3]), src_isn, dst_isn);
	put_be32(text, sne);
	size_t n = 4 + pseudo_header(text + 4, src, dst, len), at = n;
	ck_assert_ptr_nonnull(body);
	memcpy(text + n, tcp, head);
	memset(text + n + 16, 0, 2);
	memset(text + n + (body + 2 - tcp), 0, body_len - 2);
	n += head;
	if (ao->exclude_options) {
		memmove(text + at + TCP_HEADER, text + at + (body - 2 - tcp), body_len + 2);
		n = at + TCP_HEADER + body_len + 2;
	}
	memcpy(text + n, tcp + head, len - head);
	mac_of(out, ao->alg, key, key_len, text, n + len - head);
	memcpy(mac, out, ao->mac_len);
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
