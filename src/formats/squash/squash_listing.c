/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directory listings: sorted names in runs below a header. A run has at most 256 names, all their inodes start in one
 * metadata block, and their numbers are near the header's. A run here also starts anew in each metadata block of the
 * listing, and the long inode gets an index of these places, so that a reader finds a name without reading the listing
 * from its start.
 */
#include "formats/squash/squash_bytes.h"
#include "formats/squash/squash_tables.h"

#include <stdlib.h>
#include <sys/stat.h>

#define HEADER_SIZE 12u
#define ENTRY_SIZE 8u
#define DELTA_MAX INT16_MAX
#define INDEX_MAX UINT16_MAX
#define TABLE_MAX UINT32_MAX

static uint16_t entry_type(const struct squash_node *inode)
{
	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		return SQUASH_DIR;
	case S_IFREG:
		return SQUASH_REG;
	case S_IFLNK:
		return SQUASH_SYMLINK;
	case S_IFBLK:
		return SQUASH_BLKDEV;
	case S_IFCHR:
		return SQUASH_CHRDEV;
	case S_IFIFO:
		return SQUASH_FIFO;
	default:
		return SQUASH_SOCKET; /* no other kind has got an inode */
	}
}

static uint64_t block_of(uint64_t pos)
{
	return pos / SQUASH_META_SIZE;
}

/* How many nodes from @first on go below one header. */
static uint32_t run_length(const struct squash_tables *t, struct squash_node *first)
{
	const struct squash_node *base = squash_node_inode(first);
	uint64_t pos = t->dirs.size + HEADER_SIZE;
	uint32_t n = 0;

	for (struct squash_node *node = first; node && !node->removed; node = node->next_sibling) {
		const struct squash_node *inode = squash_node_inode(node);
		int64_t delta = (int64_t)inode->number - base->number;

		if (n == SQUASH_DIR_RUN_MAX || inode->inode_ref >> 16 != base->inode_ref >> 16 ||
		    llabs(delta) > DELTA_MAX)
			break;
		if (n > 0 && block_of(pos) != block_of(t->dirs.size))
			break;
		pos += ENTRY_SIZE + node->name_len;
		n++;
	}
	return n;
}

static void write_header(struct squash_tables *t, const struct squash_node *base, uint32_t n)
{
	uint8_t header[HEADER_SIZE];
	uint8_t *end = store_u32(header, n - 1);

	end = store_u32(end, (uint32_t)(base->inode_ref >> 16));
	end = store_u32(end, base->number);
	squash_meta_append(&t->dirs, header, (size_t)(end - header));
}

static void write_entry(struct squash_tables *t, struct squash_node *node, uint32_t base_number)
{
	const struct squash_node *inode = squash_node_inode(node);
	uint8_t entry[ENTRY_SIZE];
	uint8_t *end = store_u16(entry, (uint16_t)inode->inode_ref);

	end = store_u16(end, (uint16_t)(inode->number - base_number));
	end = store_u16(end, entry_type(inode));
	end = store_u16(end, (uint16_t)(node->name_len - 1));
	squash_meta_append(&t->dirs, entry, (size_t)(end - entry));
	squash_meta_append(&t->dirs, node->name, node->name_len);
}

/* Remembers that a run begins at the end of the directory table. */
static void add_index(struct squash_tables *t, struct squash_children *dir, uint64_t listing_start,
		      const struct squash_node *first)
{
	uint8_t head[HEADER_SIZE];
	uint8_t *end = store_u32(head, (uint32_t)(t->dirs.size - listing_start));

	if (dir->n_index == INDEX_MAX)
		return; /* the rest is found by reading on from the last place */
	if (dir->n_index++ == 0) {
		dir->next_indexed = t->indexed;
		t->indexed = dir;
	}
	end = store_u32(end, (uint32_t)(squash_meta_ref(&t->dirs) >> 16));
	end = store_u32(end, first->name_len - 1u);
	buf_append(&dir->index, head, (size_t)(end - head));
	buf_append(&dir->index, first->name, first->name_len);
}

static struct error *listing_too_long(const struct squash_node *node)
{
	cleanup_free char *path = squash_tree_path(node);

	return error_new(ERR_LIMIT, "the listing of %s is longer than %d bytes", path, SQUASH_DIR_SIZE_MAX);
}

struct error *squash_listing_write(struct squash_tables *t, const struct squash_node *node)
{
	struct squash_children *dir = node->children;
	uint64_t listing_start = t->dirs.size;
	uint64_t indexed = block_of(listing_start);

	dir->listing_ref = squash_meta_ref(&t->dirs);
	for (struct squash_node *child = dir->first; child && !child->removed;) {
		uint32_t base = squash_node_inode(child)->number;
		uint32_t n = run_length(t, child);

		if (block_of(t->dirs.size) != indexed) {
			indexed = block_of(t->dirs.size);
			add_index(t, dir, listing_start, child);
		}
		write_header(t, squash_node_inode(child), n);
		for (; n > 0; n--, child = child->next_sibling)
			write_entry(t, child, base);
		if (t->dirs.size - listing_start > SQUASH_DIR_SIZE_MAX)
			return listing_too_long(node);
	}
	if (t->dirs.packed.len > TABLE_MAX)
		return error_new(ERR_LIMIT, "the directories take more than 4 GiB");
	dir->listing_size = (uint32_t)(t->dirs.size - listing_start);
	return NULL;
}
