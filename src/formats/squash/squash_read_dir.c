/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: runs of up to 256 entries behind a header that names their inode block. The whole listing is read and checked once;
 * the entries point into it. Writers sort by name, but nothing forces a hostile one to.
 */
#include "formats/squash/squash_priv.h"

#include <sys/stat.h>

enum {
	RUN_ENTRIES_MAX = 256,
	LISTING_EXTRA = 3, /* a directory's size counts "." and "..", as three bytes */
};

struct squash_dir {
	struct squash_dirent *entries;
	size_t n, cap;
	uint8_t *listing; /* the names live here */
	size_t listing_size;
};

static int name_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

static int entry_compare(const void *a, const void *b)
{
	const struct squash_dirent *x = a;
	const struct squash_dirent *y = b;

	return name_compare(x->name, x->name_len, y->name, y->name_len);
}

static bool name_is_good(const char *name, size_t len)
{
	if (len == 0 || len > SQUASH_NAME_MAX || memchr(name, '/', len) || memchr(name, 0, len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static struct error *entry_parse(struct cursor *c, uint32_t block, uint32_t number, struct squash_dir *dir)
{
	static const uint16_t types[] = { 0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK };
	struct squash_dirent *e;
	uint16_t offset = cursor_u16le(c);
	uint32_t delta = (uint32_t)cursor_s16le(c); /* sign-extended; the sum wraps */
	uint16_t type = cursor_u16le(c);
	size_t len = (size_t)cursor_u16le(c) + 1;
	const uint8_t *name = cursor_bytes(c, len);

	if (!name)
		return NULL; /* the caller's cursor_finish() tells */
	if (type == 0 || type >= ARRAY_LEN(types))
		return error_new(ERR_CORRUPT, "squashfs directory entry of unknown type %u", type);
	if (!name_is_good((const char *)name, len))
		return error_new(ERR_CORRUPT, "squashfs directory entry with a forbidden name");
	GROW(dir->entries, dir->n, dir->cap);
	e = &dir->entries[dir->n++];
	e->name = (const char *)name;
	e->name_len = (uint16_t)len;
	e->type = types[type];
	e->number = number + delta;
	e->ref = (uint64_t)block << 16 | offset;
	return NULL;
}

static struct error *listing_parse(struct squash_dir *dir)
{
	struct cursor c = cursor_over(dir->listing, dir->listing_size);

	while (cursor_left(&c) > 0 && !c.overrun) {
		uint32_t count = cursor_u32le(&c);
		uint32_t block = cursor_u32le(&c);
		uint32_t number = cursor_u32le(&c);

		if (count >= RUN_ENTRIES_MAX)
			return error_new(ERR_CORRUPT, "squashfs directory with a run of %" PRIu64 " entries",
					 (uint64_t)count + 1);
		for (uint32_t i = 0; i <= count && !c.overrun; i++)
			TRY(entry_parse(&c, block, number, dir));
	}
	return cursor_finish(&c, "squashfs directory");
}

static struct error *dir_order(struct squash_dir *dir)
{
	bool sorted = true;

	for (size_t i = 1; i < dir->n && sorted; i++)
		sorted = entry_compare(&dir->entries[i - 1], &dir->entries[i]) < 0;
	if (sorted)
		return NULL;
	qsort(dir->entries, dir->n, sizeof(*dir->entries), entry_compare);
	for (size_t i = 1; i < dir->n; i++)
		if (entry_compare(&dir->entries[i - 1], &dir->entries[i]) == 0)
			return error_new(ERR_CORRUPT, "squashfs directory has two entries of one name");
	return NULL;
}

struct error *squash_dir_read(struct squash *img, const struct squash_inode *inode, struct squash_dir **ret_dir)
{
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	struct squash_pos pos = inode->pos;

	if (!S_ISDIR(inode->mode))
		return error_new(ERR_INTERNAL, "squashfs inode %u is no directory", inode->number);
	dir = xcalloc(1, sizeof(*dir));
	dir->listing_size = inode->size > LISTING_EXTRA ? (size_t)inode->size - LISTING_EXTRA : 0;
	if (dir->listing_size > SQUASH_DIR_SIZE_MAX)
		return error_new(ERR_LIMIT, "squashfs directory of %zu bytes (limit %d)", dir->listing_size, SQUASH_DIR_SIZE_MAX);
	dir->listing = xmalloc(dir->listing_size + 1);
	TRY_CTX(squash_meta_read(img, &pos, dir->listing, dir->listing_size), "squashfs directory");
	TRY(listing_parse(dir));
	TRY(dir_order(dir));
	*ret_dir = take_ptr(&dir);
	return NULL;
}

void squash_dir_free(struct squash_dir *dir)
{
	if (!dir)
		return;
	free(dir->entries);
	free(dir->listing);
	free(dir);
}

size_t squash_dir_count(const struct squash_dir *dir)
{
	return dir->n;
}

size_t squash_dir_memory(const struct squash_dir *dir)
{
	return sizeof(*dir) + dir->listing_size + dir->cap * sizeof(*dir->entries);
}

const struct squash_dirent *squash_dir_at(const struct squash_dir *dir, size_t i)
{
	return &dir->entries[i];
}

const struct squash_dirent *squash_dir_find(const struct squash_dir *dir, const char *name, size_t name_len)
{
	size_t low = 0;
	size_t high = dir->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct squash_dirent *e = &dir->entries[mid];
		int order = name_compare(name, name_len, e->name, e->name_len);

		if (order == 0)
			return e;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}
