/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/registry/registry_base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size)
{
	const unsigned char *in = data;
	cleanup_buf struct buf out = { 0 };

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i < 3 ? size - i : 3;
		unsigned int group = (unsigned int)in[i] << 16;

		if (left > 1)
			group |= (unsigned int)in[i + 1] << 8;
		if (left > 2)
			group |= in[i + 2];
		for (size_t j = 0; j < 4; j++)
			buf_append_char(&out, j <= left ? alphabet[group >> (18 - 6 * j) & 63] : '=');
	}
	return buf_take(&out);
}

bool base64_decode(const char *text, struct buf *out)
{
	size_t len = strlen(text);
	unsigned int group = 0;
	unsigned int bits = 0;

	if (len % 4 == 0)
		for (int padding = 0; padding < 2 && len > 0 && text[len - 1] == '='; padding++)
			len--;
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *at = memchr(alphabet, text[i], sizeof(alphabet) - 1);

		if (!at)
			return false;
		group = group << 6 | (unsigned int)(at - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_append_char(out, (char)(group >> bits & 0xff));
		}
	}
	return true;
}
