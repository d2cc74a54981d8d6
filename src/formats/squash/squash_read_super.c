/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening an image: superblock, owner ids, and the indexes of the fragment and attribute tables. */
#include "formats/squash/squash_priv.h"

enum {
	SUPER_SIZE = 96,
	SUPER_MAGIC = 0x73717368, /* "hsqs" */
	FLAG_NO_XATTRS = 0x200,
	TABLE_ITEM_SIZE = 16,	  /* fragments and attribute sets */
	ITEMS_PER_BLOCK = SQUASH_META_SIZE / TABLE_ITEM_SIZE,
	IDS_PER_BLOCK = SQUASH_META_SIZE / 4,
	XATTR_HEADER_SIZE = 16,
	OWN_CACHE_BYTES = 1 << 20,
};

static struct error *super_parse(const uint8_t *data, struct squash_super *s)
{
	struct cursor c = cursor_over(data, SUPER_SIZE);
	uint16_t block_log, major, minor;

	if (cursor_u32le(&c) != SUPER_MAGIC)
		return error_new(ERR_UNSUPPORTED, "not a squashfs image: no magic number");
	s->n_inodes = cursor_u32le(&c);
	s->mkfs_time = cursor_u32le(&c);
	s->block_size = cursor_u32le(&c);
	s->n_fragments = cursor_u32le(&c);
	s->codec = cursor_u16le(&c);
	block_log = cursor_u16le(&c);
	s->flags = cursor_u16le(&c);
	s->n_ids = cursor_u16le(&c);
	major = cursor_u16le(&c);
	minor = cursor_u16le(&c);
	s->root_ref = cursor_u64le(&c);
	s->bytes_used = cursor_u64le(&c);
	s->id_table = cursor_u64le(&c);
	s->xattr_table = cursor_u64le(&c);
	s->inode_table = cursor_u64le(&c);
	s->dir_table = cursor_u64le(&c);
	s->fragment_table = cursor_u64le(&c);
	TRY(cursor_finish(&c, "squashfs superblock"));

	if (major != 4 || minor != 0)
		return error_new(ERR_UNSUPPORTED, "squashfs version %u.%u is not supported", major, minor);
	if (!squash_codec_name(s->codec))
		return error_new(ERR_UNSUPPORTED, "squashfs compression %u is unknown", s->codec);
	if (block_log > 20 || s->block_size != 1u << block_log || s->block_size < SQUASH_BLOCK_MIN)
		return error_new(ERR_CORRUPT, "squashfs block size %u (2^%u) is not allowed", s->block_size, block_log);
	return NULL;
}

static struct error *super_check(const struct squash_super *s, uint64_t size)
{
	if (s->bytes_used > size || s->bytes_used < SUPER_SIZE)
		return error_new(ERR_CORRUPT, "squashfs of %" PRIu64 " bytes in a space of %" PRIu64, s->bytes_used, size);
	if (s->inode_table < SUPER_SIZE || s->inode_table >= s->dir_table || s->dir_table >= s->bytes_used)
		return error_new(ERR_CORRUPT, "squashfs tables are out of order");
	if (s->root_ref >> 48 != 0)
		return error_new(ERR_CORRUPT, "squashfs root inode is out of range");
	if (s->n_ids == 0)
		return error_new(ERR_CORRUPT, "squashfs has no owner ids");
	if (s->n_fragments > SQUASH_FRAGMENTS_MAX)
		return error_new(ERR_LIMIT, "squashfs has %u fragment blocks (limit %d)", s->n_fragments, SQUASH_FRAGMENTS_MAX);
	return NULL;
}

/* The positions of the @n metadata blocks of a table: plain numbers at @pos. */
static struct error *index_read(const struct squash *img, uint64_t pos, size_t n, const char *what, uint64_t **ret_index)
{
	cleanup_free uint8_t *raw = NULL;
	cleanup_free uint64_t *index = NULL;
	struct cursor c;

	/* The limits of ids, fragments and attribute sets make this at most 256 KiB. */
	TRY(alloc_bounded(n, 8, (size_t)SQUASH_FRAGMENTS_MAX / ITEMS_PER_BLOCK * 8, what, &raw));
	TRY(alloc_bounded(n, 8, (size_t)SQUASH_FRAGMENTS_MAX / ITEMS_PER_BLOCK * 8, what, &index));
	TRY_CTX(squash_pread(img, pos, raw, n * 8), "%s", what);
	c = cursor_over(raw, n * 8);
	for (size_t i = 0; i < n; i++)
		index[i] = cursor_u64le(&c);
	*ret_index = take_ptr(&index);
	return NULL;
}

struct error *squash_table_entry(struct squash *img, const uint64_t *index, uint32_t i, uint8_t ret_item[16])
{
	struct squash_pos pos = { .block = index[i / ITEMS_PER_BLOCK], .offset = i % ITEMS_PER_BLOCK * TABLE_ITEM_SIZE };

	return squash_meta_read(img, &pos, ret_item, TABLE_ITEM_SIZE);
}

static struct error *ids_read(struct squash *img)
{
	size_t n_blocks = (img->super.n_ids + IDS_PER_BLOCK - 1) / IDS_PER_BLOCK;
	cleanup_free uint64_t *index = NULL;
	uint8_t raw[SQUASH_META_SIZE];

	TRY(index_read(img, img->super.id_table, n_blocks, "squashfs id table", &index));
	img->ids = xcalloc(img->super.n_ids, sizeof(*img->ids)); /* 16 bits of count */
	for (uint32_t i = 0; i < img->super.n_ids; i += IDS_PER_BLOCK) {
		uint32_t n = img->super.n_ids - i < IDS_PER_BLOCK ? img->super.n_ids - i : IDS_PER_BLOCK;
		struct squash_pos pos = { .block = index[i / IDS_PER_BLOCK] };
		struct cursor c = cursor_over(raw, sizeof(raw));

		TRY_CTX(squash_meta_read(img, &pos, raw, n * 4), "squashfs id table");
		for (uint32_t k = 0; k < n; k++)
			img->ids[i + k] = cursor_u32le(&c);
	}
	return NULL;
}

static struct error *xattr_table_open(struct squash *img)
{
	struct squash_super *s = &img->super;
	uint8_t raw[XATTR_HEADER_SIZE];
	struct cursor c = cursor_over(raw, sizeof(raw));

	if (s->xattr_table == UINT64_MAX || s->flags & FLAG_NO_XATTRS)
		return NULL;
	TRY_CTX(squash_pread(img, s->xattr_table, raw, sizeof(raw)), "squashfs xattr table");
	img->xattr_values = cursor_u64le(&c);
	s->n_xattr_ids = cursor_u32le(&c);
	if (s->n_xattr_ids > SQUASH_XATTR_IDS_MAX)
		return error_new(ERR_LIMIT, "squashfs has %u attribute sets (limit %d)", s->n_xattr_ids, SQUASH_XATTR_IDS_MAX);
	if (img->xattr_values > s->bytes_used)
		return error_new(ERR_CORRUPT, "squashfs xattr table lies outside of the image");
	return index_read(img, s->xattr_table + XATTR_HEADER_SIZE, (s->n_xattr_ids + ITEMS_PER_BLOCK - 1) / ITEMS_PER_BLOCK,
			  "squashfs xattr table", &img->xattr_index);
}

struct error *squash_open(int fd, uint64_t offset, uint64_t size, struct squash_cache *cache, struct squash **ret_img)
{
	cleanup_with(squash_free) struct squash *img = xcalloc(1, sizeof(*img));
	uint8_t raw[SUPER_SIZE];
	uint64_t end;

	if (!add_ok(offset, size, &end) || end > INT64_MAX)
		return error_new(ERR_CORRUPT, "squashfs at %" PRIu64 "+%" PRIu64 " lies outside of any file", offset, size);
	img->fd = fd;
	img->offset = offset;
	img->super.bytes_used = size; /* for reading the superblock itself */
	TRY_CTX(squash_pread(img, 0, raw, sizeof(raw)), "squashfs superblock");
	TRY(super_parse(raw, &img->super));
	TRY(super_check(&img->super, size));
	img->own_cache = cache ? NULL : squash_cache_new(OWN_CACHE_BYTES);
	img->cache = cache ? cache : img->own_cache;
	TRY(ids_read(img));
	if (img->super.n_fragments > 0)
		TRY(index_read(img, img->super.fragment_table, (img->super.n_fragments + ITEMS_PER_BLOCK - 1) / ITEMS_PER_BLOCK,
			       "squashfs fragment table", &img->fragment_index));
	TRY(xattr_table_open(img));
	*ret_img = take_ptr(&img);
	return NULL;
}

const struct squash_super *squash_super(const struct squash *img)
{
	return &img->super;
}

int squash_fd(const struct squash *img)
{
	return img->fd;
}

void squash_trim(struct squash *img)
{
	squash_decoder_free(img->decoder);
	img->decoder = NULL;
}

void squash_free(struct squash *img)
{
	if (!img)
		return;
	if (img->cache)
		squash_cache_forget(img->cache, img);
	squash_cache_free(img->own_cache);
	squash_decoder_free(img->decoder);
	free(img->ids);
	free(img->fragment_index);
	free(img->xattr_index);
	free(img);
}
