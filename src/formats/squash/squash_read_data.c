/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contents of regular files. A file is a run of blocks that lie one behind the other from inode.start on; the list of their stored
 * sizes follows the inode. Its tail may be a piece of a fragment, a block shared by several files. A stored size of 0 is a hole.
 */
#include "formats/squash/squash_priv.h"

#include <sys/stat.h>

enum {
	WINDOW = 1024, /* blocks of which the places are kept unpacked: 12 KiB */
	SIZE_MASK = 0xffffff,
	SIZE_UNCOMPRESSED = 1 << 24,
};

/* Where the list goes on at the start of a window, and where that window's first block is stored. */
struct map_mark {
	struct squash_pos pos;
	uint64_t start;
};

struct squash_map {
	struct squash *img;
	struct squash_inode inode;
	uint64_t n_blocks; /* without the fragment */
	uint32_t tail;	   /* bytes in the fragment; 0: none */
	struct squash_block fragment;
	struct map_mark *marks; /* of the windows seen so far and the one behind them */
	size_t n_marks, cap_marks;
	uint64_t window; /* number of the window that is unpacked; UINT64_MAX: none */
	uint64_t *starts;
	uint32_t *sizes;
};

static struct error *fragment_find(struct squash *img, const struct squash_inode *inode, uint32_t tail, struct squash_block *ret)
{
	uint8_t raw[16];
	struct cursor c = cursor_over(raw, sizeof(raw));
	struct squash_block b = { .is_fragment = true, .offset = inode->fragment_offset, .length = tail };
	uint32_t size;

	if (inode->fragment >= img->super.n_fragments)
		return error_new(ERR_CORRUPT, "squashfs file refers to fragment %u of %u", inode->fragment, img->super.n_fragments);
	TRY(squash_table_entry(img, img->fragment_index, inode->fragment, raw));
	b.start = cursor_u64le(&c);
	size = cursor_u32le(&c);
	b.stored_size = size & SIZE_MASK;
	b.compressed = !(size & SIZE_UNCOMPRESSED);
	if (b.stored_size == 0 || b.stored_size > img->super.block_size || size > (SIZE_MASK | SIZE_UNCOMPRESSED))
		return error_new(ERR_CORRUPT, "squashfs fragment %u has a bad size", inode->fragment);
	if (b.offset > img->super.block_size || tail > img->super.block_size - b.offset)
		return error_new(ERR_CORRUPT, "squashfs file lies outside of its fragment");
	*ret = b;
	return NULL;
}

struct error *squash_map_new(struct squash *img, const struct squash_inode *inode, struct squash_map **ret_map)
{
	cleanup_with(squash_map_free) struct squash_map *map = NULL;
	uint32_t block_size = img->super.block_size;
	size_t window;

	if (!S_ISREG(inode->mode))
		return error_new(ERR_INTERNAL, "squashfs inode %u is no regular file", inode->number);
	map = xcalloc(1, sizeof(*map));
	map->img = img;
	map->inode = *inode;
	map->n_blocks = inode->size / block_size;
	if (inode->fragment != UINT32_MAX)
		map->tail = (uint32_t)(inode->size % block_size);
	else if (inode->size % block_size != 0)
		map->n_blocks++;
	if (map->n_blocks > SQUASH_FILE_BLOCKS_MAX)
		return error_new(ERR_LIMIT, "squashfs file of %" PRIu64 " blocks (limit %d)", map->n_blocks, SQUASH_FILE_BLOCKS_MAX);
	if (map->tail > 0)
		TRY(fragment_find(img, inode, map->tail, &map->fragment));
	window = map->n_blocks < WINDOW ? (size_t)map->n_blocks : WINDOW;
	map->starts = xcalloc(window + 1, sizeof(*map->starts));
	map->sizes = xcalloc(window + 1, sizeof(*map->sizes));
	GROW(map->marks, map->n_marks, map->cap_marks);
	map->marks[map->n_marks++] = (struct map_mark){ .pos = inode->pos, .start = inode->start };
	map->window = UINT64_MAX;
	*ret_map = take_ptr(&map);
	return NULL;
}

void squash_map_free(struct squash_map *map)
{
	if (!map)
		return;
	free(map->marks);
	free(map->starts);
	free(map->sizes);
	free(map);
}

uint64_t squash_map_count(const struct squash_map *map)
{
	return map->n_blocks + (map->tail > 0);
}

/* Unpacks window @w; its mark must be known. Marks the window behind it. */
static struct error *window_load(struct squash_map *map, uint64_t w)
{
	uint64_t left = map->n_blocks - w * WINDOW;
	size_t n = left < WINDOW ? (size_t)left : WINDOW;
	struct map_mark mark = map->marks[w];
	uint8_t raw[WINDOW * 4];
	struct cursor c = cursor_over(raw, sizeof(raw));

	map->window = UINT64_MAX;
	TRY_CTX(squash_meta_read(map->img, &mark.pos, raw, n * 4), "squashfs block list");
	for (size_t i = 0; i < n; i++) {
		uint32_t size = cursor_u32le(&c);

		map->starts[i] = mark.start;
		map->sizes[i] = size;
		if (!add_ok(mark.start, size & SIZE_MASK, &mark.start))
			return error_new(ERR_CORRUPT, "squashfs file lies outside of the image");
	}
	if (w + 1 == map->n_marks && left > WINDOW) {
		GROW(map->marks, map->n_marks, map->cap_marks);
		map->marks[map->n_marks++] = mark;
	}
	map->window = w;
	return NULL;
}

struct error *squash_map_block(struct squash_map *map, uint64_t i, struct squash_block *ret_block)
{
	uint32_t block_size = map->img->super.block_size;
	uint64_t left = map->inode.size - i * block_size;
	uint64_t w = i / WINDOW;
	struct squash_block b;
	uint32_t size;

	if (i == map->n_blocks) {
		*ret_block = map->fragment;
		return NULL;
	}
	while (map->window != w) /* windows not met so far are passed one by one; SQUASH_FILE_BLOCKS_MAX bounds that */
		TRY(window_load(map, w < map->n_marks ? w : map->n_marks - 1));
	size = map->sizes[i % WINDOW];
	b = (struct squash_block){
		.start = map->starts[i % WINDOW],
		.stored_size = size & SIZE_MASK,
		.compressed = !(size & SIZE_UNCOMPRESSED),
		.length = left < block_size ? (uint32_t)left : block_size,
	};
	if (b.stored_size > block_size || size > (SIZE_MASK | SIZE_UNCOMPRESSED))
		return error_new(ERR_CORRUPT, "squashfs data block of %u bytes", b.stored_size);
	*ret_block = b;
	return NULL;
}

struct error *squash_block_load(const struct squash *img, struct squash_decoder *decoder, const struct squash_block *block,
				void *scratch, void *out, size_t *ret_size)
{
	size_t room = block->is_fragment ? img->super.block_size : block->length;
	size_t size = block->stored_size;

	if (!block->compressed && size > room)
		return error_new(ERR_CORRUPT, "squashfs data block at %" PRIu64 " holds %zu bytes", block->start, size);
	TRY(squash_pread(img, block->start, block->compressed ? scratch : out, block->stored_size));
	if (block->compressed)
		TRY_CTX(squash_decode(decoder, scratch, block->stored_size, out, room, &size),
			"squashfs data block at %" PRIu64, block->start);
	if (block->is_fragment ? size < (size_t)block->offset + block->length : size != block->length)
		return error_new(ERR_CORRUPT, "squashfs data block at %" PRIu64 " holds %zu bytes", block->start, size);
	*ret_size = size;
	return NULL;
}

struct squash_file {
	struct squash *img;
	struct squash_map *map;
	struct squash_decoder *decoder;
	uint8_t *scratch, *data;
	uint64_t loaded;	     /* number of the block in data; UINT64_MAX: none */
	struct squash_block block;
};

struct error *squash_file_open(struct squash *img, const struct squash_inode *inode, struct squash_file **ret_file)
{
	cleanup_with(squash_file_free) struct squash_file *file = xcalloc(1, sizeof(*file));

	file->img = img;
	file->loaded = UINT64_MAX;
	TRY(squash_map_new(img, inode, &file->map));
	TRY(squash_decoder_new(img->super.codec, &file->decoder));
	file->scratch = xmalloc(img->super.block_size);
	file->data = xmalloc(img->super.block_size);
	*ret_file = take_ptr(&file);
	return NULL;
}

static struct error *file_load(struct squash_file *file, uint64_t i)
{
	size_t size;

	if (file->loaded == i)
		return NULL;
	file->loaded = UINT64_MAX;
	TRY(squash_map_block(file->map, i, &file->block));
	if (file->block.stored_size == 0)
		memset(file->data, 0, file->block.length);
	else
		TRY(squash_block_load(file->img, file->decoder, &file->block, file->scratch, file->data, &size));
	file->loaded = i;
	return NULL;
}

struct error *squash_file_read(struct squash_file *file, uint64_t offset, void *buf, size_t size, size_t *ret_size)
{
	uint32_t block_size = file->img->super.block_size;
	uint64_t end = file->map->inode.size;
	uint8_t *out = buf;
	size_t done = 0;

	if (offset < end && size > end - offset)
		size = (size_t)(end - offset);
	while (done < size && offset < end) {
		uint32_t skip = (uint32_t)(offset % block_size);
		size_t n = size - done;

		TRY(file_load(file, offset / block_size));
		if (n > file->block.length - skip)
			n = file->block.length - skip;
		memcpy(out + done, file->data + file->block.offset + skip, n);
		done += n;
		offset += n;
	}
	*ret_size = done;
	return NULL;
}

void squash_file_free(struct squash_file *file)
{
	if (!file)
		return;
	squash_map_free(file->map);
	squash_decoder_free(file->decoder);
	free(file->scratch);
	free(file->data);
	free(file);
}
