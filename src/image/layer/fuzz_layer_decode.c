/* SPDX-License-Identifier: BSD-3-Clause */
/* Sniffing and undoing the compression of a blob. The first byte is the most that one read of the blob gives. */
#include "image/layer/layer_decode.h"

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	struct blob_reader base;
	const uint8_t *data;
	size_t left, chunk;
};

static struct error *read_bytes(struct blob_reader *base, void *buf, size_t size, size_t *ret_n)
{
	struct bytes *b = (struct bytes *)base;
	size_t n = b->left < b->chunk ? b->left : b->chunk;

	n = n < size ? n : size;
	if (n > 0)
		memcpy(buf, b->data, n);
	b->data += n;
	b->left -= n;
	*ret_n = n;
	return NULL;
}

static void close_bytes(struct blob_reader *base)
{
	(void)base;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { OUT = 100000, OUT_MAX = 4 << 20 };
	struct bytes bytes = { .base = { .read = read_bytes, .close = close_bytes } };
	cleanup_with(layer_decoder_free) struct layer_decoder *d = NULL;
	cleanup_free uint8_t *out = xmalloc(OUT);
	size_t got = OUT;

	if (size == 0)
		return 0;
	bytes.data = data + 1;
	bytes.left = size - 1;
	bytes.chunk = data[0] ? data[0] : SIZE_MAX;
	d = layer_decoder_new(&bytes.base);
	for (size_t total = 0; got == OUT && total < OUT_MAX; total += got) {
		struct error *err = layer_decoder_read(d, out, OUT, &got);

		if (err) {
			error_free(err);
			return 0;
		}
	}
	if (got < OUT && bytes.left > 0)
		abort(); /* the blob was not read to its end, so not verified */
	return 0;
}
