/* SPDX-License-Identifier: BSD-3-Clause */
/* Inodes: 14 shapes, a basic and an extended one for each of seven types. */
#include "formats/squash/squash_priv.h"

#include <sys/stat.h>

enum inode_type {
	INODE_DIR = 1,
	INODE_FILE,
	INODE_LINK,
	INODE_BLOCK_DEV,
	INODE_CHAR_DEV,
	INODE_FIFO,
	INODE_SOCKET,
	INODE_EXTENDED = 7, /* added to the above */
};

enum {
	BASE_SIZE = 16,
	BODY_MAX = 40, /* of the extended file, the largest */
};

/* Bytes after the common 16, before anything of variable length. */
static const uint8_t body_sizes[] = {
	[INODE_DIR] = 16,
	[INODE_FILE] = 16,
	[INODE_LINK] = 8,
	[INODE_BLOCK_DEV] = 8,
	[INODE_CHAR_DEV] = 8,
	[INODE_FIFO] = 4,
	[INODE_SOCKET] = 4,
	[INODE_EXTENDED + INODE_DIR] = 24,
	[INODE_EXTENDED + INODE_FILE] = 40,
	[INODE_EXTENDED + INODE_LINK] = 8,
	[INODE_EXTENDED + INODE_BLOCK_DEV] = 12,
	[INODE_EXTENDED + INODE_CHAR_DEV] = 12,
	[INODE_EXTENDED + INODE_FIFO] = 8,
	[INODE_EXTENDED + INODE_SOCKET] = 8,
};

static const uint32_t type_modes[] = {
	[INODE_DIR] = S_IFDIR,	     [INODE_FILE] = S_IFREG, [INODE_LINK] = S_IFLNK,	[INODE_BLOCK_DEV] = S_IFBLK,
	[INODE_CHAR_DEV] = S_IFCHR, [INODE_FIFO] = S_IFIFO, [INODE_SOCKET] = S_IFSOCK,
};

static void parse_dir(struct cursor *c, bool extended, const struct squash *img, struct squash_inode *inode)
{
	uint32_t block;

	if (extended) {
		inode->nlink = cursor_u32le(c);
		inode->size = cursor_u32le(c);
		block = cursor_u32le(c);
		inode->parent = cursor_u32le(c);
		cursor_skip(c, 2); /* entries of the index: we read directories whole */
		inode->pos.offset = cursor_u16le(c);
		inode->xattr_id = cursor_u32le(c);
	} else {
		block = cursor_u32le(c);
		inode->nlink = cursor_u32le(c);
		inode->size = cursor_u16le(c);
		inode->pos.offset = cursor_u16le(c);
		inode->parent = cursor_u32le(c);
	}
	inode->pos.block = img->super.dir_table + block;
}

static void parse_file(struct cursor *c, bool extended, struct squash_inode *inode)
{
	inode->nlink = 1;
	if (extended) {
		inode->start = cursor_u64le(c);
		inode->size = cursor_u64le(c);
		inode->sparse = cursor_u64le(c);
		inode->nlink = cursor_u32le(c);
		inode->fragment = cursor_u32le(c);
		inode->fragment_offset = cursor_u32le(c);
		inode->xattr_id = cursor_u32le(c);
	} else {
		inode->start = cursor_u32le(c);
		inode->fragment = cursor_u32le(c);
		inode->fragment_offset = cursor_u32le(c);
		inode->size = cursor_u32le(c);
	}
}

/* The extended link has its attribute id behind the target. */
static struct error *parse_link(struct cursor *c, bool extended, struct squash *img, struct squash_inode *inode)
{
	inode->nlink = cursor_u32le(c);
	inode->size = cursor_u32le(c);
	if (inode->size == 0 || inode->size > SQUASH_LINK_MAX)
		return error_new(ERR_CORRUPT, "squashfs symbolic link of %" PRIu64 " bytes", inode->size);
	if (extended) {
		struct squash_pos pos = inode->pos;
		uint8_t skipped[SQUASH_META_SIZE];
		struct cursor id = cursor_over(skipped, 4);

		for (uint64_t left = inode->size; left > 0;) {
			size_t n = left < sizeof(skipped) ? (size_t)left : sizeof(skipped);

			TRY(squash_meta_read(img, &pos, skipped, n));
			left -= n;
		}
		TRY(squash_meta_read(img, &pos, skipped, 4));
		inode->xattr_id = cursor_u32le(&id);
	}
	return NULL;
}

static void parse_special(struct cursor *c, enum inode_type type, bool extended, struct squash_inode *inode)
{
	inode->nlink = cursor_u32le(c);
	if (type == INODE_BLOCK_DEV || type == INODE_CHAR_DEV) {
		uint32_t dev = cursor_u32le(c);

		inode->rdev_major = dev >> 8 & 0xfff;
		inode->rdev_minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	}
	if (extended)
		inode->xattr_id = cursor_u32le(c);
}

static struct error *parse_base(const struct squash *img, struct cursor *c, unsigned int *ret_type, struct squash_inode *inode)
{
	unsigned int type = cursor_u16le(c);
	uint32_t uid, gid;

	inode->mode = cursor_u16le(c) & 07777;
	uid = cursor_u16le(c);
	gid = cursor_u16le(c);
	inode->mtime = cursor_u32le(c);
	inode->number = cursor_u32le(c);
	if (type == 0 || type >= ARRAY_LEN(body_sizes))
		return error_new(ERR_CORRUPT, "squashfs inode of unknown type %u", type);
	if (uid >= img->super.n_ids || gid >= img->super.n_ids)
		return error_new(ERR_CORRUPT, "squashfs inode with an owner outside of the id table");
	inode->uid = img->ids[uid];
	inode->gid = img->ids[gid];
	*ret_type = type;
	return NULL;
}

struct error *squash_inode_read(struct squash *img, uint64_t ref, struct squash_inode *ret_inode)
{
	struct squash_inode inode = { .ref = ref, .xattr_id = SQUASH_NO_XATTR, .fragment = UINT32_MAX };
	uint8_t raw[BASE_SIZE + BODY_MAX];
	struct cursor c = cursor_over(raw, BASE_SIZE);
	enum inode_type type;
	unsigned int stored_type = 0;
	bool extended;

	if (ref >> 48 != 0 || ref >> 16 >= img->super.dir_table - img->super.inode_table)
		return error_new(ERR_CORRUPT, "squashfs inode reference %" PRIx64 " is out of range", ref);
	inode.pos = squash_pos_of(img->super.inode_table, ref);
	TRY(squash_meta_read(img, &inode.pos, raw, BASE_SIZE));
	TRY(parse_base(img, &c, &stored_type, &inode));
	TRY(squash_meta_read(img, &inode.pos, raw + BASE_SIZE, body_sizes[stored_type]));
	c = cursor_over(raw + BASE_SIZE, body_sizes[stored_type]);
	extended = stored_type > INODE_EXTENDED;
	type = extended ? stored_type - INODE_EXTENDED : stored_type;
	inode.mode |= type_modes[type];
	if (type == INODE_DIR)
		parse_dir(&c, extended, img, &inode);
	else if (type == INODE_FILE)
		parse_file(&c, extended, &inode);
	else if (type == INODE_LINK)
		TRY(parse_link(&c, extended, img, &inode));
	else
		parse_special(&c, type, extended, &inode);
	TRY(cursor_finish(&c, "squashfs inode"));
	if (inode.size > INT64_MAX)
		return error_new(ERR_CORRUPT, "squashfs file of %" PRIu64 " bytes", inode.size);
	*ret_inode = inode;
	return NULL;
}

struct error *squash_link_read(struct squash *img, const struct squash_inode *inode, char **ret_target)
{
	cleanup_free char *target = NULL;
	struct squash_pos pos = inode->pos;

	if (!S_ISLNK(inode->mode))
		return error_new(ERR_INTERNAL, "squashfs inode %u is no symbolic link", inode->number);
	TRY(alloc_bounded(inode->size + 1, 1, SQUASH_LINK_MAX + 1, "squashfs symbolic link", &target));
	TRY(squash_meta_read(img, &pos, target, inode->size));
	if (memchr(target, 0, inode->size))
		return error_new(ERR_CORRUPT, "squashfs symbolic link holds a NUL");
	*ret_target = take_ptr(&target);
	return NULL;
}
