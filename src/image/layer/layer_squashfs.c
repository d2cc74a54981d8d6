/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_squashfs.h"

#include "base/str.h"
#include "formats/squash/squash.h"

#include <sys/stat.h>

/* A directory on the way from the root to the entry at hand. */
struct level {
	struct squash_dir *dir;
	size_t next;	 /* entry to go on with */
	size_t path_len; /* of the directory's own path */
};

/* The first name of an inode that has several. */
struct first_name {
	uint64_t ref;
	char *path; /* NULL: a free slot */
};

struct layer_squashfs {
	struct squash *img;
	struct squash_decoder *decoder;
	struct level *levels;
	size_t n_levels, levels_cap;
	size_t dirs_memory;
	bool begun;
	bool owes_opaque; /* the directory just told is opaque: its mark comes next */
	bool enters;	  /* the directory just told is to be walked next */

	struct tar_entry entry;
	struct buf path, mark; /* of the entry at hand; of its whiteout */
	char *link;
	struct squash_inode inode;
	struct squash_xattrs xattrs;
	struct tar_xattr *tar_xattrs;

	/* Open addressing; the size is a power of two, at most half of it used. */
	struct first_name *names;
	size_t n_names, names_size;

	/* The content at hand. */
	struct squash_map *map;
	uint64_t block;
	uint8_t *scratch, *plain, *fragment;
	uint64_t fragment_start; /* what @fragment holds; UINT64_MAX: nothing */
	size_t fragment_size;
};

struct error *layer_squashfs_open(int fd, uint64_t size, struct layer_squashfs **ret_walk)
{
	cleanup_with(layer_squashfs_free) struct layer_squashfs *w = xcalloc(1, sizeof(*w));
	uint32_t block_size = 0;

	TRY(squash_open(fd, 0, size, NULL, &w->img));
	TRY(squash_decoder_new(squash_super(w->img)->codec, &w->decoder));
	block_size = squash_super(w->img)->block_size;
	w->scratch = xmalloc(block_size);
	w->plain = xmalloc(block_size);
	w->fragment = xmalloc(block_size);
	w->fragment_start = UINT64_MAX;
	*ret_walk = take_ptr(&w);
	return NULL;
}

void layer_squashfs_free(struct layer_squashfs *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_levels; i++)
		squash_dir_free(w->levels[i].dir);
	for (size_t i = 0; i < w->names_size; i++)
		free(w->names[i].path);
	free(w->levels);
	free(w->names);
	free(w->link);
	free(w->tar_xattrs);
	squash_xattrs_free(&w->xattrs);
	buf_free(&w->path);
	buf_free(&w->mark);
	squash_map_free(w->map);
	free(w->scratch);
	free(w->plain);
	free(w->fragment);
	squash_decoder_free(w->decoder);
	squash_free(w->img);
	free(w);
}

/* ---- hard links ---- */

static struct first_name *name_slot(const struct layer_squashfs *w, uint64_t ref)
{
	size_t i = (size_t)(ref * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (w->names_size - 1);

	while (w->names[i].path && w->names[i].ref != ref)
		i = (i + 1) & (w->names_size - 1);
	return &w->names[i];
}

static void grow_names(struct layer_squashfs *w)
{
	struct first_name *old = w->names;
	size_t old_size = w->names_size;

	w->names_size = old_size ? old_size * 2 : 64;
	w->names = xcalloc(w->names_size, sizeof(*w->names));
	for (size_t i = 0; i < old_size; i++)
		if (old[i].path)
			*name_slot(w, old[i].ref) = old[i];
	free(old);
}

/* *ret_first is NULL if this is the first name of the inode. */
static struct error *first_name(struct layer_squashfs *w, const char **ret_first)
{
	struct first_name *slot = NULL;

	if (w->n_names * 2 >= w->names_size)
		grow_names(w);
	slot = name_slot(w, w->inode.ref);
	*ret_first = slot->path;
	if (slot->path)
		return NULL;
	if (w->n_names == LAYER_SQUASHFS_LINKS_MAX)
		return error_new(ERR_LIMIT, "a squashfs layer has more than %d files with several names", LAYER_SQUASHFS_LINKS_MAX);
	*slot = (struct first_name){ .ref = w->inode.ref, .path = xstrdup(buf_str(&w->path)) };
	w->n_names++;
	return NULL;
}

/* ---- entries ---- */

static bool is_opaque(const struct layer_squashfs *w)
{
	for (size_t i = 0; i < w->xattrs.n; i++) {
		const struct squash_xattr *x = &w->xattrs.items[i];

		if ((str_eq(x->name, "trusted.overlay.opaque") || str_eq(x->name, "user.overlay.opaque")) && x->size == 1 &&
		    *(const char *)x->value == 'y')
			return true;
	}
	return false;
}

static struct error *take_xattrs(struct layer_squashfs *w)
{
	squash_xattrs_free(&w->xattrs);
	w->xattrs = (struct squash_xattrs){ 0 };
	TRY(squash_xattrs_read(w->img, &w->inode, &w->xattrs));
	w->tar_xattrs = xreallocarray(w->tar_xattrs, w->xattrs.n, sizeof(*w->tar_xattrs));
	for (size_t i = 0; i < w->xattrs.n; i++)
		w->tar_xattrs[i] = (struct tar_xattr){ .name = w->xattrs.items[i].name,
						       .value = w->xattrs.items[i].value,
						       .size = w->xattrs.items[i].size };
	w->entry.xattrs = w->tar_xattrs;
	w->entry.n_xattrs = w->xattrs.n;
	return NULL;
}

/* "dir/.wh.NAME" of "dir/NAME" */
static void make_whiteout(struct layer_squashfs *w)
{
	const char *path = buf_str(&w->path);
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash + 1 - path) : 0;

	buf_clear(&w->mark);
	buf_append(&w->mark, path, dir_len);
	buf_append_str(&w->mark, ".wh.");
	buf_append_str(&w->mark, path + dir_len);
	w->entry.type = TAR_FILE;
	w->entry.name = buf_str(&w->mark);
	w->entry.size = 0;
	w->entry.n_xattrs = 0;
}

static struct error *type_of(const struct squash_inode *inode, const char *path, enum tar_type *ret_type)
{
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		*ret_type = TAR_FILE;
		return NULL;
	case S_IFDIR:
		*ret_type = TAR_DIR;
		return NULL;
	case S_IFLNK:
		*ret_type = TAR_SYMLINK;
		return NULL;
	case S_IFCHR:
		*ret_type = TAR_CHAR;
		return NULL;
	case S_IFBLK:
		*ret_type = TAR_BLOCKDEV;
		return NULL;
	case S_IFIFO:
		*ret_type = TAR_FIFO;
		return NULL;
	default:
		return error_new(ERR_UNSUPPORTED, "%s is of a type that no layer has (mode %o)", path, inode->mode);
	}
}

static struct error *make_special(struct layer_squashfs *w)
{
	const struct squash_inode *inode = &w->inode;
	const char *first = NULL;

	if (w->entry.type == TAR_CHAR && inode->rdev_major == 0 && inode->rdev_minor == 0) {
		make_whiteout(w);
		return NULL;
	}
	if (inode->nlink > 1)
		TRY(first_name(w, &first));
	if (first) {
		w->entry.type = TAR_HARDLINK;
		w->entry.link = first;
		w->entry.size = 0;
	} else if (w->entry.type == TAR_SYMLINK) {
		free(take_ptr(&w->link));
		TRY(squash_link_read(w->img, inode, &w->link));
		w->entry.link = w->link;
	} else if (w->entry.type == TAR_FILE) {
		TRY(squash_map_new(w->img, inode, &w->map));
	}
	return NULL;
}

/* The entry of the inode @ref at w->path. */
static struct error *make_entry(struct layer_squashfs *w, uint64_t ref)
{
	struct squash_inode *inode = &w->inode;

	TRY(squash_inode_read(w->img, ref, inode));
	w->entry = (struct tar_entry){ .name = w->path.len > 0 ? buf_str(&w->path) : "./",
				       .link = "",
				       .mode = inode->mode & 07777,
				       .uid = inode->uid,
				       .gid = inode->gid,
				       .mtime = inode->mtime,
				       .dev_major = inode->rdev_major,
				       .dev_minor = inode->rdev_minor };
	TRY(type_of(inode, w->entry.name, &w->entry.type));
	TRY(take_xattrs(w));
	if (w->entry.type == TAR_FILE)
		w->entry.size = inode->size;
	if (w->entry.type != TAR_DIR)
		return make_special(w);
	w->enters = true;
	w->owes_opaque = is_opaque(w);
	return NULL;
}

static void make_opaque(struct layer_squashfs *w)
{
	buf_clear(&w->mark);
	buf_append(&w->mark, buf_str(&w->path), w->path.len);
	buf_append_str(&w->mark, w->path.len > 0 ? "/.wh..wh..opq" : ".wh..wh..opq");
	w->entry = (struct tar_entry){ .name = buf_str(&w->mark), .link = "", .mode = 0600 };
	w->owes_opaque = false;
}

static struct error *enter(struct layer_squashfs *w)
{
	struct squash_dir *dir = NULL;

	w->enters = false;
	if (w->n_levels == SQUASH_DEPTH_MAX)
		return error_new(ERR_LIMIT, "a squashfs layer is deeper than %d directories", SQUASH_DEPTH_MAX);
	TRY(squash_dir_read(w->img, &w->inode, &dir));
	GROW(w->levels, w->n_levels, w->levels_cap);
	w->levels[w->n_levels++] = (struct level){ .dir = dir, .path_len = w->path.len };
	w->dirs_memory += squash_dir_memory(dir);
	if (w->dirs_memory > LAYER_SQUASHFS_DIRS_MAX)
		return error_new(ERR_LIMIT, "directories of a squashfs layer need more than %d bytes", LAYER_SQUASHFS_DIRS_MAX);
	return NULL;
}

static void leave(struct layer_squashfs *w)
{
	struct level *level = &w->levels[--w->n_levels];

	w->dirs_memory -= squash_dir_memory(level->dir);
	squash_dir_free(level->dir);
}

static struct error *next_entry(void *ctx, const struct tar_entry **ret_entry)
{
	struct layer_squashfs *w = ctx;

	squash_map_free(take_ptr(&w->map));
	w->block = 0;
	*ret_entry = &w->entry;
	if (!w->begun) {
		w->begun = true;
		return make_entry(w, squash_super(w->img)->root_ref);
	}
	if (w->owes_opaque) {
		make_opaque(w);
		return NULL;
	}
	if (w->enters)
		TRY(enter(w));
	while (w->n_levels > 0) {
		struct level *level = &w->levels[w->n_levels - 1];
		const struct squash_dirent *dirent = NULL;

		if (level->next == squash_dir_count(level->dir)) {
			leave(w);
			continue;
		}
		dirent = squash_dir_at(level->dir, level->next++);
		w->path.len = level->path_len;
		if (w->path.len > 0)
			buf_append_char(&w->path, '/');
		buf_append(&w->path, dirent->name, dirent->name_len);
		if (w->path.len > TAR_PATH_MAX)
			return error_new(ERR_LIMIT, "a name in a squashfs layer is longer than %d bytes", TAR_PATH_MAX);
		return make_entry(w, dirent->ref);
	}
	*ret_entry = NULL;
	return NULL;
}

/* ---- content ---- */

static struct error *load_fragment(struct layer_squashfs *w, const struct squash_block *block, struct tar_slice *ret_slice)
{
	if (w->fragment_start != block->start) {
		w->fragment_start = UINT64_MAX;
		TRY(squash_block_load(w->img, w->decoder, block, w->scratch, w->fragment, &w->fragment_size));
		w->fragment_start = block->start;
	}
	if (block->offset > w->fragment_size || block->length > w->fragment_size - block->offset)
		return error_new(ERR_CORRUPT, "squashfs: a fragment exceeds its block");
	*ret_slice = (struct tar_slice){ .data = w->fragment + block->offset, .size = block->length };
	return NULL;
}

static struct error *read_content(void *ctx, struct tar_slice *ret_slice)
{
	struct layer_squashfs *w = ctx;
	struct squash_block block = { 0 };
	size_t size = 0;

	*ret_slice = (struct tar_slice){ 0 };
	if (!w->map || w->block == squash_map_count(w->map))
		return NULL;
	TRY(squash_map_block(w->map, w->block++, &block));
	if (block.stored_size == 0) {
		ret_slice->size = block.length;
		return NULL;
	}
	if (block.is_fragment)
		return load_fragment(w, &block, ret_slice);
	TRY(squash_block_load(w->img, w->decoder, &block, w->scratch, w->plain, &size));
	*ret_slice = (struct tar_slice){ .data = w->plain, .size = size };
	return NULL;
}

struct layer_input layer_squashfs_input(struct layer_squashfs *walk)
{
	return (struct layer_input){ .next = next_entry, .read = read_content, .ctx = walk };
}
