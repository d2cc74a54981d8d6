/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata: blocks of up to 8 KiB, each behind a 16-bit header that holds its stored size and whether it is compressed. They are
 * unpacked once and kept, least recently used first out, in a cache that images share.
 */
#include "formats/squash/squash_priv.h"

#include "base/io.h"

enum {
	HEADER_SIZE = 2,
	UNCOMPRESSED = 0x8000,
	CACHE_BUCKETS = 1024,
};

struct meta_block {
	const struct squash *img; /* with start: the key */
	uint64_t start;
	uint64_t next; /* where the following block starts */
	struct meta_block *chain;
	struct meta_block *newer, *older;
	uint32_t size;
	uint8_t data[SQUASH_META_SIZE];
};

struct squash_cache {
	struct meta_block *buckets[CACHE_BUCKETS];
	struct meta_block *newest, *oldest;
	size_t n, max;
};

struct squash_cache *squash_cache_new(size_t max_bytes)
{
	struct squash_cache *cache = xcalloc(1, sizeof(*cache));

	cache->max = max_bytes / sizeof(struct meta_block);
	if (cache->max < 4)
		cache->max = 4; /* what one call touches */
	return cache;
}

static struct meta_block **bucket_of(struct squash_cache *cache, const struct squash *img, uint64_t start)
{
	uint64_t h = (start ^ (uint64_t)(uintptr_t)img * 31) * 0x9e3779b97f4a7c15u;

	return &cache->buckets[h >> 54];
}

static void list_remove(struct squash_cache *cache, struct meta_block *b)
{
	*(b->newer ? &b->newer->older : &cache->newest) = b->older;
	*(b->older ? &b->older->newer : &cache->oldest) = b->newer;
}

static void list_add_newest(struct squash_cache *cache, struct meta_block *b)
{
	b->newer = NULL;
	b->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = b;
	cache->newest = b;
}

/* Takes a block out of table and list; it still belongs to the caller. */
static void cache_remove(struct squash_cache *cache, struct meta_block *b)
{
	struct meta_block **at = bucket_of(cache, b->img, b->start);

	while (*at != b)
		at = &(*at)->chain;
	*at = b->chain;
	list_remove(cache, b);
	cache->n--;
}

void squash_cache_forget(struct squash_cache *cache, const struct squash *img)
{
	for (struct meta_block *b = cache->newest, *older; b; b = older) {
		older = b->older;
		if (!img || b->img == img) {
			cache_remove(cache, b);
			free(b);
		}
	}
}

void squash_cache_trim(struct squash_cache *cache)
{
	squash_cache_forget(cache, NULL);
}

void squash_cache_free(struct squash_cache *cache)
{
	if (!cache)
		return;
	squash_cache_trim(cache);
	free(cache);
}

struct error *squash_pread(const struct squash *img, uint64_t pos, void *buf, size_t size)
{
	uint64_t end;
	size_t n;

	if (!add_ok(pos, size, &end) || end > img->super.bytes_used)
		return error_new(ERR_CORRUPT, "squashfs refers to bytes %" PRIu64 "+%zu, the image has %" PRIu64, pos, size,
				 img->super.bytes_used);
	TRY(io_pread(img->fd, buf, size, img->offset + pos, &n));
	if (n != size)
		return error_new(ERR_CORRUPT, "squashfs ends at byte %" PRIu64 " within a block", pos + n);
	return NULL;
}

static struct error *meta_load(struct squash *img, uint64_t start, struct meta_block *b)
{
	uint8_t stored[HEADER_SIZE + SQUASH_META_SIZE];
	uint64_t left = start < img->super.bytes_used ? img->super.bytes_used - start : 0;
	size_t have = left < sizeof(stored) ? (size_t)left : sizeof(stored);
	struct cursor c;
	uint16_t header;
	size_t size;

	TRY(squash_pread(img, start, stored, have));
	c = cursor_over(stored, have);
	header = cursor_u16le(&c);
	size = header & (UNCOMPRESSED - 1);
	if (c.overrun || size == 0 || size > SQUASH_META_SIZE || size > cursor_left(&c))
		return error_new(ERR_CORRUPT, "squashfs metadata block at %" PRIu64 " has a bad size", start);
	if (header & UNCOMPRESSED) {
		memcpy(b->data, stored + HEADER_SIZE, size);
		b->size = (uint32_t)size;
	} else {
		size_t unpacked;

		if (!img->decoder)
			TRY(squash_decoder_new(img->super.codec, &img->decoder));
		TRY_CTX(squash_decode(img->decoder, stored + HEADER_SIZE, size, b->data, sizeof(b->data), &unpacked),
			"squashfs metadata block at %" PRIu64, start);
		if (unpacked == 0)
			return error_new(ERR_CORRUPT, "squashfs metadata block at %" PRIu64 " is empty", start);
		b->size = (uint32_t)unpacked;
	}
	b->img = img;
	b->start = start;
	b->next = start + HEADER_SIZE + size;
	return NULL;
}

/* The unpacked block at @start; valid until the next call. */
static struct error *meta_get(struct squash *img, uint64_t start, const struct meta_block **ret_block)
{
	struct squash_cache *cache = img->cache;
	struct meta_block **bucket = bucket_of(cache, img, start);
	struct meta_block *b = *bucket;
	struct error *err;

	while (b && (b->start != start || b->img != img))
		b = b->chain;
	if (b) {
		if (b != cache->newest) {
			list_remove(cache, b);
			list_add_newest(cache, b);
		}
		*ret_block = b;
		return NULL;
	}
	if (cache->n >= cache->max) {
		b = cache->oldest;
		cache_remove(cache, b);
	} else {
		b = xmalloc(sizeof(*b));
	}
	err = meta_load(img, start, b);
	if (err) {
		free(b);
		return err;
	}
	b->chain = *bucket;
	*bucket = b;
	list_add_newest(cache, b);
	cache->n++;
	*ret_block = b;
	return NULL;
}

struct error *squash_meta_read(struct squash *img, struct squash_pos *pos, void *buf, size_t size)
{
	uint8_t *out = buf;

	while (size > 0) {
		const struct meta_block *b;
		size_t n;

		TRY(meta_get(img, pos->block, &b));
		if (pos->offset > b->size)
			return error_new(ERR_CORRUPT, "squashfs refers to byte %u of a metadata block of %u", pos->offset, b->size);
		n = b->size - pos->offset;
		if (n == 0) { /* every block takes at least three bytes of the image: this ends */
			*pos = (struct squash_pos){ .block = b->next };
			continue;
		}
		if (n > size)
			n = size;
		memcpy(out, b->data + pos->offset, n);
		out += n;
		size -= n;
		pos->offset += (uint32_t)n;
	}
	return NULL;
}
