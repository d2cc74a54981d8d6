/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_meta.h"

#include "formats/squash/squash_bytes.h"

#define HEADER_SIZE 2u

void squash_meta_flush(struct squash_meta *meta)
{
	if (meta->fill == 0)
		return;

	uint8_t *at = (uint8_t *)buf_reserve(&meta->packed, HEADER_SIZE + meta->fill);
	size_t n = squash_compress(meta->compressor, meta->block, meta->fill, at + HEADER_SIZE);

	if (n == 0) {
		n = meta->fill;
		memcpy(at + HEADER_SIZE, meta->block, n);
		(void)store_u16(at, (uint16_t)(n | SQUASH_META_RAW));
	} else {
		(void)store_u16(at, (uint16_t)n);
	}
	meta->packed.len += HEADER_SIZE + n;
	meta->fill = 0;
}

void squash_meta_append(struct squash_meta *meta, const void *data, size_t size)
{
	const uint8_t *from = data;

	meta->size += size;
	while (size > 0) {
		size_t room = SQUASH_META_SIZE - meta->fill;
		size_t n = size < room ? size : room;

		memcpy(meta->block + meta->fill, from, n);
		meta->fill += n;
		from += n;
		size -= n;
		if (meta->fill == SQUASH_META_SIZE)
			squash_meta_flush(meta);
	}
}

uint64_t squash_meta_ref(const struct squash_meta *meta)
{
	return (uint64_t)meta->packed.len << 16 | meta->fill;
}

void squash_meta_release(struct squash_meta *meta)
{
	buf_free(&meta->packed);
}
