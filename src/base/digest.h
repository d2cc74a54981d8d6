/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digest text, `sha256:` + 64 lower-case hex digits (image-spec, "Digests"). Parsed strictly before any path is built
 * from it. The hashing itself is in base/sha256.h, which only the image program links.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_HEX_LEN = 64, DIGEST_TEXT_LEN = 71, SHA256_SIZE = 32 };

/* A checked digest; text is "sha256:<64 hex>"; the empty string means "none". */
struct digest {
	char text[DIGEST_TEXT_LEN + 1];
};

/* digest_parse() - true and *ret_digest if @text is exactly one well-formed sha256 digest */
bool digest_parse(const char *text, struct digest *ret_digest);
/* digest_from_bytes() - text of a raw SHA-256 */
struct digest digest_from_bytes(const uint8_t raw[SHA256_SIZE]);
/* digest_hex() - the 64 hex digits, borrowed from @d */
const char *digest_hex(const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);

#endif
