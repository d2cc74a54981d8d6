/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sha256.h"

#include "base/mem.h"

#include <openssl/evp.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* libcrypto fails here only when memory runs out or SHA-256 is compiled away; neither leaves anything to do. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

struct sha256 *sha256_new(void)
{
	struct sha256 *h = xcalloc(1, sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	must(h->ctx != NULL);
	must(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL));
	return h;
}

void sha256_update(struct sha256 *h, const void *data, size_t size)
{
	must(EVP_DigestUpdate(h->ctx, data, size));
}

struct digest sha256_digest(const struct sha256 *h)
{
	uint8_t raw[SHA256_SIZE];
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	must(copy != NULL);
	must(EVP_MD_CTX_copy_ex(copy, h->ctx));
	must(EVP_DigestFinal_ex(copy, raw, NULL));
	EVP_MD_CTX_free(copy);
	return digest_from_bytes(raw);
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void sha256_raw(const void *data, size_t size, uint8_t ret_raw[static SHA256_SIZE])
{
	must(EVP_Digest(data, size, ret_raw, NULL, EVP_sha256(), NULL));
}

struct digest sha256_of(const void *data, size_t size)
{
	uint8_t raw[SHA256_SIZE];

	sha256_raw(data, size, raw);
	return digest_from_bytes(raw);
}
