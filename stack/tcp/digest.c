/* SPDX-License-Identifier: MIT */
/*
 * The digests of RFC 2385, computed by libcrypto: the one file of the stack that knows the library.
 *
 * A struct digest holds what is costly to find (the algorithm, a context to work in) and is made
 * when the first key of a stack is set. It lives in a library context of its own: nothing is
 * shared with other stacks, and no configuration file is looked for.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/digest.h"

struct digest {
	OSSL_LIB_CTX *library;
	EVP_MD *md5;
	EVP_MD_CTX *ctx;
	bool failed;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->library = OSSL_LIB_CTX_new();
	d->md5 = d->library ? EVP_MD_fetch(d->library, "MD5", NULL) : NULL;
	d->ctx = EVP_MD_CTX_new();
	if (!d->md5 || !d->ctx) {
		digest_free(d);
		return NULL;
	}
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->md5);
	OSSL_LIB_CTX_free(d->library);
	free(d);
}

void digest_begin_md5(struct digest *d)
{
	d->failed = EVP_DigestInit_ex2(d->ctx, d->md5, NULL) != 1;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (!d->failed && len > 0)
		d->failed = EVP_DigestUpdate(d->ctx, data, len) != 1;
}

bool digest_end(struct digest *d, uint8_t *to, size_t len)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (!d->failed)
		d->failed = EVP_DigestFinal_ex(d->ctx, out, &size) != 1 || size < len;
	memset(to, 0, len);
	if (!d->failed)
		memcpy(to, out, len);
	return !d->failed;
}

bool digest_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
