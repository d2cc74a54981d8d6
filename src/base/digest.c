/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/digest.h"

#include "base/str.h"

bool digest_parse(const char *text, struct digest *ret_digest)
{
	const char *hex = str_after(text, "sha256:");

	if (!hex || strlen(hex) != DIGEST_HEX_LEN || strspn(hex, "0123456789abcdef") != DIGEST_HEX_LEN)
		return false;
	memcpy(ret_digest->text, text, DIGEST_TEXT_LEN + 1);
	return true;
}

struct digest digest_from_bytes(const uint8_t raw[SHA256_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	struct digest d = { .text = "sha256:" };

	for (size_t i = 0; i < SHA256_SIZE; i++) {
		d.text[7 + 2 * i] = hex[raw[i] >> 4];
		d.text[8 + 2 * i] = hex[raw[i] & 15];
	}
	return d;
}

const char *digest_hex(const struct digest *d)
{
	return d->text + strlen("sha256:");
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return str_eq(a->text, b->text);
}
