/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What follows the data blocks: inode table, directory table, fragment table, id table, attribute table; then the
 * superblock.
 *
 * The tree is walked twice, without recursion, since its depth is the image's choice. First each directory's children
 * are sorted and numbered one after the other. Then, directories bottom up: when all below a directory is written, the
 * inodes of its children are appended together and then its listing. So the children of a directory share metadata
 * blocks and have numbers in a row, which keeps listings short; a directory's own inode is among those of its siblings.
 */
#include "formats/squash/squash_tables.h"

#include "base/io.h"
#include "base/mem.h"
#include "formats/squash/squash_bytes.h"

#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

static bool is_dir(const struct squash_node *node)
{
	return S_ISDIR(node->mode) && !node->link_to;
}

static int compare_names(const void *a, const void *b)
{
	const struct squash_node *x = *(struct squash_node *const *)a;
	const struct squash_node *y = *(struct squash_node *const *)b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, len);

	return order ? order : (int)x->name_len - (int)y->name_len;
}

static struct error *check_unique(struct squash_node **sorted, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		if (compare_names(&sorted[i - 1], &sorted[i]) == 0) {
			cleanup_free char *path = squash_tree_path(sorted[i]);

			return error_new(ERR_INTERNAL, "the name %s is there twice", path);
		}
	}
	return NULL;
}

/* Sorts the children by name, removed ones behind the others. */
static struct error *sort_children(struct squash_children *dir)
{
	cleanup_free struct squash_node **array = xmalloc(dir->n_children * sizeof(struct squash_node *));
	uint32_t n = 0;
	uint32_t n_removed = 0;

	for (struct squash_node *node = dir->first; node; node = node->next_sibling) {
		if (node->removed)
			array[dir->n_children - ++n_removed] = node;
		else
			array[n++] = node;
	}
	qsort(array, n, sizeof(struct squash_node *), compare_names);
	TRY(check_unique(array, n));
	for (uint32_t i = 0; i < dir->n_children; i++)
		array[i]->next_sibling = i + 1 < dir->n_children ? array[i + 1] : NULL;
	dir->first = dir->n_children ? array[0] : NULL;
	return NULL;
}

static struct error *number_inode(struct squash_tables *t, struct squash_node *node)
{
	struct squash_node *inode = squash_node_inode(node);

	if (node->link_to && (inode->link_to || S_ISDIR(inode->mode))) {
		cleanup_free char *path = squash_tree_path(node);

		return error_new(ERR_CORRUPT, "%s is a hard link to a %s", path,
				 inode->link_to ? "hard link" : "directory");
	}
	inode->n_links++;
	if (inode->number == 0) {
		if (t->n_inodes == UINT32_MAX - 1)
			return error_new(ERR_LIMIT, "squashfs cannot hold more than %u inodes", UINT32_MAX - 1);
		inode->number = ++t->n_inodes;
	}
	return NULL;
}

static struct error *number_children(struct squash_tables *t, struct squash_children *dir)
{
	TRY(sort_children(dir));
	dir->n_subdirs = 0;
	for (struct squash_node *node = dir->first; node && !node->removed; node = node->next_sibling) {
		TRY(number_inode(t, node));
		if (is_dir(node))
			dir->n_subdirs++;
	}
	return NULL;
}

/* The first directory among @node and the siblings behind it. */
static struct squash_node *first_dir(struct squash_node *node)
{
	while (node && !node->removed && !is_dir(node))
		node = node->next_sibling;
	return node && !node->removed ? node : NULL;
}

static struct squash_node *first_subdir(const struct squash_node *node)
{
	return node->children ? first_dir(node->children->first) : NULL;
}

static struct error *number_all(struct squash_tables *t, struct squash_node *root)
{
	struct squash_node *at = root;

	TRY(number_inode(t, root));
	while (at) {
		if (at->children)
			TRY(number_children(t, at->children));

		struct squash_node *next = first_subdir(at);

		for (; !next && at != root; at = at->parent)
			next = first_dir(at->next_sibling);
		at = next;
	}
	return NULL;
}

static struct error *write_children(struct squash_tables *t, struct squash_node *node)
{
	if (!node->children)
		return NULL;
	for (struct squash_node *child = node->children->first; child && !child->removed; child = child->next_sibling) {
		struct squash_node *inode = squash_node_inode(child);

		if (!inode->is_written)
			TRY(squash_inode_write(t, inode));
	}
	return squash_listing_write(t, node);
}

static struct squash_node *lowest_first_dir(struct squash_node *node)
{
	for (struct squash_node *below = first_subdir(node); below; below = first_subdir(below))
		node = below;
	return node;
}

static struct error *write_all(struct squash_tables *t, struct squash_node *root)
{
	struct squash_node *at = lowest_first_dir(root);

	for (;;) {
		TRY(write_children(t, at));
		if (at == root)
			break;

		struct squash_node *next = first_dir(at->next_sibling);

		at = next ? lowest_first_dir(next) : at->parent;
	}
	TRY(squash_inode_write(t, root));
	squash_meta_flush(&t->inodes);
	squash_meta_flush(&t->dirs);
	squash_meta_flush(&t->xattrs.meta);
	return NULL;
}

static struct error *append(struct squash_tables *t, const void *data, size_t size)
{
	return squash_placer_append(&t->writer->placer, data, size);
}

/*
 * Writes @records as metadata blocks, then @head, then the list of the blocks' places. *ret_start is where @head lies:
 * what the superblock points to.
 */
static struct error *append_lookup(struct squash_tables *t, const void *records, size_t size, const struct buf *head,
				   uint64_t *ret_start)
{
	struct squash_meta meta = { .compressor = t->compressor };
	cleanup_buf struct buf places = { 0 };
	const uint8_t *from = records;
	uint64_t base = t->writer->placer.pos;

	buf_append(&places, head->data, head->len);
	for (size_t done = 0; done < size; done += SQUASH_META_SIZE) {
		size_t n = size - done < SQUASH_META_SIZE ? size - done : SQUASH_META_SIZE;

		(void)store_u64((uint8_t *)buf_reserve(&places, 8), base + meta.packed.len);
		places.len += 8;
		squash_meta_append(&meta, from + done, n);
	}
	squash_meta_flush(&meta);

	struct error *err = append(t, meta.packed.data, meta.packed.len);

	squash_meta_release(&meta);
	TRY(err);
	*ret_start = t->writer->placer.pos;
	return append(t, places.data, places.len);
}

static struct error *append_fragments(struct squash_tables *t, uint64_t *ret_start)
{
	const struct squash_placer *placer = &t->writer->placer;
	cleanup_buf struct buf records = { 0 };
	const struct buf head = { 0 };

	if (placer->n_fragments == 0)
		return NULL;
	if (placer->n_fragments > SQUASH_FRAGMENTS_MAX)
		return error_new(ERR_LIMIT, "the image has more than %d fragment blocks", SQUASH_FRAGMENTS_MAX);
	for (size_t i = 0; i < placer->n_fragments; i++) {
		uint8_t *end = store_u64((uint8_t *)buf_reserve(&records, SQUASH_FRAGMENT_ENTRY_SIZE),
					 placer->fragments[i].start);

		end = store_u32(end, placer->fragments[i].word);
		(void)store_u32(end, 0);
		records.len += SQUASH_FRAGMENT_ENTRY_SIZE;
	}
	return append_lookup(t, records.data, records.len, &head, ret_start);
}

static struct error *append_ids(struct squash_tables *t, uint64_t *ret_start)
{
	cleanup_buf struct buf records = { 0 };
	const struct buf head = { 0 };

	for (uint32_t i = 0; i < t->ids.n; i++) {
		(void)store_u32((uint8_t *)buf_reserve(&records, 4), t->ids.ids[i]);
		records.len += 4;
	}
	return append_lookup(t, records.data, records.len, &head, ret_start);
}

static struct error *append_xattrs(struct squash_tables *t, uint64_t *ret_start)
{
	cleanup_buf struct buf records = { 0 };
	cleanup_buf struct buf head = { 0 };
	uint64_t pairs_start = t->writer->placer.pos;

	if (t->xattrs.n == 0)
		return NULL;
	for (uint32_t i = 0; i < t->xattrs.n; i++) {
		const struct squash_xattr_set *set = &t->xattrs.sets[i];
		uint8_t *end = store_u64((uint8_t *)buf_reserve(&records, 16), set->ref);

		end = store_u32(end, set->node->n_xattrs);
		(void)store_u32(end, set->size);
		records.len += 16;
	}

	uint8_t *end = store_u64((uint8_t *)buf_reserve(&head, 16), pairs_start);

	end = store_u32(end, t->xattrs.n);
	(void)store_u32(end, 0);
	head.len = 16;
	TRY(append(t, t->xattrs.meta.packed.data, t->xattrs.meta.packed.len));
	return append_lookup(t, records.data, records.len, &head, ret_start);
}

/* Places of the tables, from the start of the image. */
struct places {
	uint64_t inodes, dirs, fragments, ids, xattrs, end;
};

static uint16_t super_flags(const struct squash_tables *t)
{
	uint16_t flags = SQUASH_FLAG_DUPLICATES;

	if (t->writer->options.codec == SQUASH_LZ4)
		flags |= SQUASH_FLAG_CODEC_OPTIONS;
	if (t->writer->placer.n_fragments == 0)
		flags |= SQUASH_FLAG_NO_FRAGMENTS;
	if (t->xattrs.n == 0)
		flags |= SQUASH_FLAG_NO_XATTRS;
	return flags;
}

static struct error *write_super(struct squash_tables *t, const struct squash_node *root, const struct places *places)
{
	const struct squash_writer *w = t->writer;
	uint8_t super[SQUASH_SUPER_SIZE];
	uint8_t *end = store_u32(super, SQUASH_MAGIC);

	end = store_u32(end, t->n_inodes);
	end = store_u32(end, 0); /* mkfs_time */
	end = store_u32(end, w->options.block_size);
	end = store_u32(end, (uint32_t)w->placer.n_fragments);
	end = store_u16(end, (uint16_t)w->options.codec);
	end = store_u16(end, (uint16_t)__builtin_ctz(w->options.block_size));
	end = store_u16(end, super_flags(t));
	end = store_u16(end, (uint16_t)t->ids.n);
	end = store_u16(end, SQUASH_MAJOR);
	end = store_u16(end, SQUASH_MINOR);
	end = store_u64(end, root->inode_ref);
	end = store_u64(end, places->end);
	end = store_u64(end, places->ids);
	end = store_u64(end, places->xattrs);
	end = store_u64(end, places->inodes);
	end = store_u64(end, places->dirs);
	end = store_u64(end, places->fragments);
	end = store_u64(end, SQUASH_NO_TABLE); /* inode numbers to inodes, for NFS */
	TRY_CTX(io_pwrite_all(w->placer.fd, super, (size_t)(end - super), w->placer.offset),
		"write the squashfs superblock");
	return NULL;
}

/* Fills up to a multiple of 4096, and cuts off what duplicates left behind the end. */
static struct error *pad(struct squash_tables *t)
{
	static const uint8_t zeros[SQUASH_PADDING];
	struct squash_placer *placer = &t->writer->placer;
	uint64_t rest = placer->pos % SQUASH_PADDING;
	struct stat st;

	if (rest)
		TRY(append(t, zeros, SQUASH_PADDING - rest));
	if (placer->pos_max == placer->pos)
		return NULL;
	if (fstat(placer->fd, &st) < 0)
		return error_sys(errno, "stat the squashfs image");
	if (S_ISREG(st.st_mode) && ftruncate(placer->fd, (off_t)(placer->offset + placer->pos)) < 0)
		return error_sys(errno, "truncate the squashfs image");
	return NULL;
}

static struct error *write_tables(struct squash_tables *t, struct squash_tree *tree)
{
	struct squash_node *root = squash_tree_root(tree);
	struct places places = { .fragments = SQUASH_NO_TABLE, .xattrs = SQUASH_NO_TABLE };

	TRY(number_all(t, root));
	TRY(write_all(t, root));
	places.inodes = t->writer->placer.pos;
	TRY(append(t, t->inodes.packed.data, t->inodes.packed.len));
	places.dirs = t->writer->placer.pos;
	TRY(append(t, t->dirs.packed.data, t->dirs.packed.len));
	TRY(append_fragments(t, &places.fragments));
	TRY(append_ids(t, &places.ids));
	TRY(append_xattrs(t, &places.xattrs));
	places.end = t->writer->placer.pos;
	TRY(pad(t));
	return write_super(t, root, &places);
}

static void release(struct squash_tables *t)
{
	for (struct squash_children *dir = t->indexed; dir; dir = dir->next_indexed)
		buf_free(&dir->index);
	squash_meta_release(&t->inodes);
	squash_meta_release(&t->dirs);
	squash_ids_release(&t->ids);
	squash_xattrs_release(&t->xattrs);
	squash_compressor_free(t->compressor);
	free(t);
}
DEFINE_CLEANUP(struct squash_tables *, release)

struct error *squash_tables_write(struct squash_writer *w, struct squash_tree *tree, uint64_t *ret_size)
{
	cleanup_with(release) struct squash_tables *t = xcalloc(1, sizeof(*t));

	t->writer = w;
	TRY(squash_compressor_new(w->options.codec, w->options.level, &t->compressor));
	t->inodes.compressor = t->compressor;
	t->dirs.compressor = t->compressor;
	t->xattrs.meta.compressor = t->compressor;
	if (getrandom(&t->xattrs.seed, sizeof(t->xattrs.seed), 0) != sizeof(t->xattrs.seed))
		return error_sys(errno, "getrandom");
	TRY(write_tables(t, tree));
	*ret_size = w->placer.pos;
	return NULL;
}
