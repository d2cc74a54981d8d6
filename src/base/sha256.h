/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SHA-256 while bytes stream by (libcrypto). Linked by the image program alone: see docs/architecture.md on start-up
 * cost.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/cleanup.h"
#include "base/digest.h"

struct sha256;

struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *h, const void *data, size_t size);
/* sha256_digest() - digest of what was fed so far; more may be fed afterwards */
struct digest sha256_digest(const struct sha256 *h);
void sha256_free(struct sha256 *h);
DEFINE_CLEANUP(struct sha256 *, sha256_free)

/* sha256_of() - digest of one block of memory */
struct digest sha256_of(const void *data, size_t size);
/* sha256_raw() - the same as SHA256_SIZE bytes */
void sha256_raw(const void *data, size_t size, uint8_t ret_raw[static SHA256_SIZE]);

#endif
