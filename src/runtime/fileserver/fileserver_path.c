/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths through the merged layers (fileserver_merge.c). Symbolic links are followed inside the image.
 */
#include "runtime/fileserver/fileserver_priv.h"

enum {
	LINKS_MAX = 40,		  /* as Linux */
	DEPTH_MAX = 256,	  /* directories below one another on the way */
	PATH_BYTES_MAX = 1 << 20, /* of a path while its links are put in */
};

/* A directory on the way, of one layer or merged. */
struct step {
	fuse_ino_t node;
	char *name;
};

struct walk {
	struct fileserver *server;
	struct step dirs[DEPTH_MAX];
	size_t depth; /* dirs[depth - 1] is where we are; dirs[0] the root */
	char *rest;   /* of the path, not walked yet */
	size_t n_links;
	fuse_ino_t leaf; /* what the last name led to, if it is no directory; 0: none */
	struct squash_inode leaf_inode;
	char *leaf_name;
};

static void walk_pop(struct walk *w)
{
	free(w->dirs[--w->depth].name);
}

static void walk_clear(struct walk *w)
{
	while (w->depth > 0)
		walk_pop(w);
	free(w->rest);
	free(w->leaf_name);
}

static struct error *walk_start(struct walk *w)
{
	struct step *root = &w->dirs[w->depth++];

	root->name = xstrdup("");
	return merge_root(w->server, &root->node);
}

/* Looks @name up in the directory where we are; goes there if it is a directory, else sets the leaf. */
static struct error *walk_down(struct walk *w, const char *name, bool *ret_found)
{
	struct squash_inode inode;
	fuse_ino_t node;

	*ret_found = false;
	if (w->depth == DEPTH_MAX)
		return error_new(ERR_LIMIT, "path is more than %d directories deep", DEPTH_MAX);
	TRY(merge_child(w->server, w->dirs[w->depth - 1].node, name, &node));
	if (!node)
		return NULL;
	TRY(node_inode(w->server, merge_top(w->server, node), &inode));
	*ret_found = true;
	if (S_ISDIR(inode.mode)) {
		w->dirs[w->depth++] = (struct step){ .node = node, .name = xstrdup(name) };
		return NULL;
	}
	w->leaf = node;
	w->leaf_inode = inode;
	free(w->leaf_name);
	w->leaf_name = xstrdup(name);
	return NULL;
}

/* Puts the leaf's target before the rest of the path. */
static struct error *walk_follow(struct walk *w, bool *ret_found)
{
	cleanup_free char *target = NULL;
	char *rest;

	*ret_found = ++w->n_links <= LINKS_MAX;
	TRY(squash_link_read(node_layer(w->server, w->leaf)->img, &w->leaf_inode, &target));
	w->leaf = 0;
	if (target[0] == '/')
		while (w->depth > 1)
			walk_pop(w);
	rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (strlen(rest) > PATH_BYTES_MAX)
		return error_new(ERR_LIMIT, "path with its links is longer than %d bytes", PATH_BYTES_MAX);
	return NULL;
}

/* Cuts the next name off the rest; NULL at the end. Caller frees. */
static char *walk_name(struct walk *w)
{
	size_t skip = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + skip, "/");
	char *name = len > 0 ? xstrndup(w->rest + skip, len) : NULL;

	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	return name;
}

static struct error *walk_path(struct walk *w, const char *path, bool *ret_found)
{
	TRY(walk_start(w));
	w->rest = xstrdup(path);
	*ret_found = true;
	while (*ret_found) {
		cleanup_free char *name = walk_name(w);

		if (!name)
			return NULL;
		if (w->leaf) { /* a name below something that is no directory */
			*ret_found = false;
			return NULL;
		}
		if (str_eq(name, "."))
			continue;
		if (str_eq(name, "..")) {
			if (w->depth > 1)
				walk_pop(w);
			continue;
		}
		TRY(walk_down(w, name, ret_found));
		if (w->leaf && S_ISLNK(w->leaf_inode.mode))
			TRY(walk_follow(w, ret_found));
	}
	return NULL;
}

static char *walk_result(const struct walk *w)
{
	struct buf b = { 0 };

	for (size_t i = 1; i < w->depth; i++)
		buf_appendf(&b, "/%s", w->dirs[i].name);
	if (w->leaf)
		buf_appendf(&b, "/%s", w->leaf_name);
	if (b.len == 0)
		buf_append_char(&b, '/');
	return buf_take(&b);
}

struct error *fileserver_resolve(struct fileserver *server, const char *path, char **ret_path)
{
	cleanup_free struct walk *w = xcalloc(1, sizeof(*w));
	struct error *err;
	bool found;

	w->server = server;
	err = walk_path(w, path, &found);
	if (!err)
		*ret_path = found ? walk_result(w) : NULL;
	walk_clear(w);
	return err;
}

static struct error *leaf_read(struct fileserver *server, fuse_ino_t node, char *data, size_t size)
{
	uint32_t block_size = squash_super(node_layer(server, node)->img)->block_size;
	uint32_t layer = (uint32_t)(node_layer(server, node) - server->layers);
	struct kept_file *f;

	TRY(node_file(server, node, &f));
	for (uint64_t i = 0; i < squash_map_count(f->map); i++) {
		struct squash_block w;
		struct block *b;
		const uint8_t *bytes;
		size_t at = (size_t)(i * block_size);

		TRY(squash_map_block(f->map, i, &w));
		if (w.stored_size == 0 || at + w.length > size) /* data is zeroes already */
			continue;
		TRY(blocks_load_now(server->blocks, layer, &w, &b));
		bytes = block_data(b, w.offset, w.length);
		if (bytes)
			memcpy(data + at, bytes, w.length);
		block_release(server->blocks, b);
		if (!bytes)
			return error_new(ERR_CORRUPT, "squashfs file lies outside of its fragment");
	}
	return NULL;
}

struct error *fileserver_read_file(struct fileserver *server, const char *path, size_t limit, char **ret_data, size_t *ret_len)
{
	cleanup_free struct walk *w = xcalloc(1, sizeof(*w));
	cleanup_free char *data = NULL;
	struct error *err;
	size_t size = 0;
	bool found;

	w->server = server;
	err = walk_path(w, path, &found);
	found = !err && found && w->leaf && S_ISREG(w->leaf_inode.mode);
	if (found) {
		if (w->leaf_inode.size > limit)
			err = error_new(ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
		else
			size = (size_t)w->leaf_inode.size;
		if (!err)
			err = alloc_bounded(size + 1, 1, limit + 1, path, &data);
		if (!err)
			err = leaf_read(server, w->leaf, data, size);
	}
	walk_clear(w);
	if (err)
		return error_wrap(err, "while reading %s of the image", path);
	*ret_len = size;
	*ret_data = take_ptr(&data);
	return NULL;
}

struct error *fileserver_expect(struct fileserver *server, const char *path, bool *ret_found)
{
	cleanup_free struct walk *w = xcalloc(1, sizeof(*w));
	struct error *err;
	bool found;

	w->server = server;
	err = walk_path(w, path, &found);
	found = !err && found && w->leaf && S_ISREG(w->leaf_inode.mode);
	if (found)
		server->expected = w->leaf;
	walk_clear(w);
	if (err)
		return error_wrap(err, "while looking for %s in the image", path);
	if (ret_found)
		*ret_found = found;
	return NULL;
}
