/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_bytes.h"
#include "formats/squash/squash_tables.h"

#include <sys/stat.h>

#define RECORD_MAX 64u /* fixed part of the longest inode */
#define WORDS_BATCH 256u
#define DEV_MAJOR_MAX 0xfffu
#define DEV_MINOR_MAX 0xfffffu
#define SHORT_LISTING_MAX UINT16_MAX
#define LISTING_EXTRA 3u /* a listing's size counts 3 more than it has: "." and ".." */
#define REF_TABLE_MAX ((uint64_t)UINT32_MAX << 16)

/* An inode under construction. */
struct record {
	uint8_t bytes[RECORD_MAX];
	uint8_t *end;
	uint32_t xattr; /* index or SQUASH_NO_XATTR */
};

static struct error *at_node(struct error *err, const struct squash_node *node)
{
	cleanup_free char *path = squash_tree_path(node);

	return error_wrap(err, "%s", path);
}

static uint32_t clamp_time(int64_t seconds)
{
	if (seconds < 0)
		return 0;
	return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

/* The head that all inodes have; the type's long form is chosen if there are attributes or @is_long. */
static struct error *start(struct squash_tables *t, const struct squash_node *node, enum squash_inode_type type,
			   bool is_long, struct record *r)
{
	uint16_t uid;
	uint16_t gid;

	r->xattr = SQUASH_NO_XATTR;
	if (node->n_xattrs)
		TRY(squash_xattrs_get(&t->xattrs, node, &r->xattr));
	TRY(squash_ids_get(&t->ids, node->uid, &uid));
	TRY(squash_ids_get(&t->ids, node->gid, &gid));
	is_long = is_long || node->n_xattrs;
	r->end = store_u16(r->bytes, (uint16_t)(type + (is_long ? SQUASH_EXTENDED : 0)));
	r->end = store_u16(r->end, (uint16_t)(node->mode & 07777));
	r->end = store_u16(r->end, uid);
	r->end = store_u16(r->end, gid);
	r->end = store_u32(r->end, clamp_time(node->mtime));
	r->end = store_u32(r->end, node->number);
	return NULL;
}

static void add_u16(struct record *r, uint16_t v)
{
	r->end = store_u16(r->end, v);
}

static void add_u32(struct record *r, uint32_t v)
{
	r->end = store_u32(r->end, v);
}

static void add_u64(struct record *r, uint64_t v)
{
	r->end = store_u64(r->end, v);
}

static void finish(struct squash_tables *t, const struct record *r)
{
	squash_meta_append(&t->inodes, r->bytes, (size_t)(r->end - r->bytes));
}

static struct error *write_dir(struct squash_tables *t, const struct squash_node *node)
{
	static const struct squash_children empty = { 0 };
	const struct squash_children *dir = node->children ? node->children : &empty;
	uint32_t size = dir->listing_size + LISTING_EXTRA;
	uint32_t parent = node->parent ? node->parent->number : t->n_inodes + 1;
	bool is_long = dir->n_index || size > SHORT_LISTING_MAX;
	struct record r;

	TRY(start(t, node, SQUASH_DIR, is_long, &r));
	if (is_long || node->n_xattrs) {
		add_u32(&r, dir->n_subdirs + 2);
		add_u32(&r, size);
		add_u32(&r, (uint32_t)(dir->listing_ref >> 16));
		add_u32(&r, parent);
		add_u16(&r, (uint16_t)dir->n_index);
		add_u16(&r, (uint16_t)dir->listing_ref);
		add_u32(&r, r.xattr);
	} else {
		add_u32(&r, (uint32_t)(dir->listing_ref >> 16));
		add_u32(&r, dir->n_subdirs + 2);
		add_u16(&r, (uint16_t)size);
		add_u16(&r, (uint16_t)dir->listing_ref);
		add_u32(&r, parent);
	}
	finish(t, &r);
	squash_meta_append(&t->inodes, dir->index.data, dir->index.len);
	return NULL;
}

static void append_words(struct squash_tables *t, const uint32_t *words, uint32_t n)
{
	uint8_t bytes[WORDS_BATCH * 4];

	while (n > 0) {
		uint32_t batch = n < WORDS_BATCH ? n : WORDS_BATCH;
		uint8_t *end = bytes;

		for (uint32_t i = 0; i < batch; i++)
			end = store_u32(end, words[i]);
		squash_meta_append(&t->inodes, bytes, (size_t)(end - bytes));
		words += batch;
		n -= batch;
	}
}

static struct error *write_regular(struct squash_tables *t, const struct squash_node *node)
{
	static const struct squash_content empty = { .fragment = SQUASH_NO_FRAGMENT };
	static const struct squash_extent no_blocks = { 0 };
	const struct squash_content *content = node->content ? node->content : &empty;
	const struct squash_extent *file = content->file ? content->file : &no_blocks;
	/* As others write it: less than the size, or the file would seem to have no data at all. */
	uint64_t sparse = file->sparse && file->sparse == content->size ? file->sparse - 1 : file->sparse;

	if (file->same_as)
		file = file->same_as;

	bool is_long = file->start > UINT32_MAX || content->size > UINT32_MAX || node->n_links > 1 || sparse;
	struct record r;

	TRY(start(t, node, SQUASH_REG, is_long, &r));
	if (is_long || node->n_xattrs) {
		add_u64(&r, file->start);
		add_u64(&r, content->size);
		add_u64(&r, sparse);
		add_u32(&r, node->n_links);
		add_u32(&r, content->fragment);
		add_u32(&r, content->fragment_offset);
		add_u32(&r, r.xattr);
	} else {
		add_u32(&r, (uint32_t)file->start);
		add_u32(&r, content->fragment);
		add_u32(&r, content->fragment_offset);
		add_u32(&r, (uint32_t)content->size);
	}
	finish(t, &r);
	append_words(t, file->words, file->n_words);
	return NULL;
}

static struct error *write_symlink(struct squash_tables *t, const struct squash_node *node)
{
	struct record r;

	if (!node->target)
		return error_new(ERR_INTERNAL, "a symbolic link has no target");

	size_t len = strlen(node->target);

	TRY(start(t, node, SQUASH_SYMLINK, false, &r));
	add_u32(&r, node->n_links);
	add_u32(&r, (uint32_t)len);
	finish(t, &r);
	squash_meta_append(&t->inodes, node->target, len);
	if (node->n_xattrs) {
		r.end = r.bytes;
		add_u32(&r, r.xattr);
		finish(t, &r);
	}
	return NULL;
}

/* Devices carry their number, pipes and sockets nothing. */
static struct error *write_special(struct squash_tables *t, const struct squash_node *node, enum squash_inode_type type)
{
	struct record r;

	TRY(start(t, node, type, false, &r));
	add_u32(&r, node->n_links);
	if (type == SQUASH_BLKDEV || type == SQUASH_CHRDEV) {
		if (node->rdev_major > DEV_MAJOR_MAX || node->rdev_minor > DEV_MINOR_MAX)
			return error_new(ERR_LIMIT, "squashfs cannot hold the device number %u:%u (limit %u:%u)",
					 node->rdev_major, node->rdev_minor, DEV_MAJOR_MAX, DEV_MINOR_MAX);
		/* As the kernel packs them: the minor number lies around the major. */
		add_u32(&r, (node->rdev_minor & 0xff) | node->rdev_major << 8 | (node->rdev_minor & ~0xffu) << 12);
	}
	if (node->n_xattrs)
		add_u32(&r, r.xattr);
	finish(t, &r);
	return NULL;
}

static struct error *write_any(struct squash_tables *t, const struct squash_node *node)
{
	switch (node->mode & S_IFMT) {
	case S_IFDIR:
		return write_dir(t, node);
	case S_IFREG:
		return write_regular(t, node);
	case S_IFLNK:
		return write_symlink(t, node);
	case S_IFBLK:
		return write_special(t, node, SQUASH_BLKDEV);
	case S_IFCHR:
		return write_special(t, node, SQUASH_CHRDEV);
	case S_IFIFO:
		return write_special(t, node, SQUASH_FIFO);
	case S_IFSOCK:
		return write_special(t, node, SQUASH_SOCKET);
	default:
		return error_new(ERR_INTERNAL, "a file of the tree has no type (mode %o)", node->mode);
	}
}

struct error *squash_inode_write(struct squash_tables *t, struct squash_node *node)
{
	uint64_t ref = squash_meta_ref(&t->inodes);
	struct error *err = NULL;

	if (ref > REF_TABLE_MAX)
		err = error_new(ERR_LIMIT, "the inodes take more than 4 GiB");
	else
		err = write_any(t, node);
	if (err)
		return at_node(err, node);
	node->inode_ref = ref;
	node->is_written = true;
	return NULL;
}
