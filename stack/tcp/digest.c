/* SPDX-License-Identifier: MIT */
/*
 * The digests of RFC 2385 and the codes of RFC 5926, computed by libcrypto: the one file of the
 * stack that knows the library.
 *
 * A struct digest holds what is costly to find (the algorithms, contexts to work in) and is made
 * when the first key of a stack is set. It lives in a library context of its own: nothing is
 * shared with other stacks, and no configuration file is looked for.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/digest.h"

struct digest {
	OSSL_LIB_CTX *library;
	EVP_MD *md5;
	EVP_MD_CTX *md5_ctx;
	EVP_MAC_CTX *mac[DIGEST_MACS];
	EVP_MAC_CTX *running; /* NULL: MD5 is */
	bool failed;
};

static const struct {
	const char *name, *parameter;
	char value[12];
	uint8_t bytes;
} macs[DIGEST_MACS] = {
    [DIGEST_HMAC_SHA1] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA1", 20},
    [DIGEST_HMAC_SHA256] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA256", 32},
    [DIGEST_CMAC_AES128] = {"CMAC", OSSL_MAC_PARAM_CIPHER, "AES-128-CBC", 16},
};

/* NULL: the library does not have it; what needs it then fails. */
static EVP_MAC_CTX *new_mac(const struct digest *d, enum digest_mac alg)
{
	char value[sizeof(macs[alg].value)]; /* the library wants it writable */
	memcpy(value, macs[alg].value, sizeof(value));
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(macs[alg].parameter, value, 0),
	    OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(d->library, macs[alg].name, NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac); /* ctx holds it */
	if (ctx && EVP_MAC_CTX_set_params(ctx, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->library = OSSL_LIB_CTX_new();
	d->md5 = d->library ? EVP_MD_fetch(d->library, "MD5", NULL) : NULL;
	d->md5_ctx = EVP_MD_CTX_new();
	if (!d->md5 || !d->md5_ctx) {
		digest_free(d);
		return NULL;
	}
	for (unsigned alg = 0; alg < DIGEST_MACS; alg++)
		d->mac[alg] = new_mac(d, alg);
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	for (unsigned alg = 0; alg < DIGEST_MACS; alg++)
		EVP_MAC_CTX_free(d->mac[alg]);
	EVP_MD_CTX_free(d->md5_ctx);
	EVP_MD_free(d->md5);
	OSSL_LIB_CTX_free(d->library);
	free(d);
}

uint8_t digest_mac_bytes(enum digest_mac alg)
{
	return macs[alg].bytes;
}

void digest_begin_md5(struct digest *d)
{
	d->running = NULL;
	d->failed = EVP_DigestInit_ex2(d->md5_ctx, d->md5, NULL) != 1;
}

void digest_begin_mac(struct digest *d, enum digest_mac alg, const uint8_t *key, size_t len)
{
	d->running = d->mac[alg];
	d->failed = !d->running || EVP_MAC_init(d->running, key, len, NULL) != 1;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (d->failed || len == 0)
		return;
	if (d->running)
		d->failed = EVP_MAC_update(d->running, data, len) != 1;
	else
		d->failed = EVP_DigestUpdate(d->md5_ctx, data, len) != 1;
}

static bool finish(struct digest *d, uint8_t out[EVP_MAX_MD_SIZE], size_t *size)
{
	unsigned md5_size = 0;
	if (d->running)
		return EVP_MAC_final(d->running, out, size, EVP_MAX_MD_SIZE) == 1;
	if (EVP_DigestFinal_ex(d->md5_ctx, out, &md5_size) != 1)
		return false;
	*size = md5_size;
	return true;
}

bool digest_end(struct digest *d, uint8_t *to, size_t len)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	size_t size = 0;
	if (!d->failed)
		d->failed = !finish(d, out, &size) || size < len;
	memset(to, 0, len);
	if (!d->failed)
		memcpy(to, out, len);
	return !d->failed;
}

bool digest_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
