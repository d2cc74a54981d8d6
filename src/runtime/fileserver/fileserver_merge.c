/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layers as one tree, as overlayfs would show them: the topmost entry of a name wins; directories of one name are one, down to an
 * opaque one; a character device 0:0 is a whiteout. So the kernel's overlay has one lower directory, and a name costs one request
 * however many layers there are. A directory that lies in several layers is a merged directory with a node of its
 * own; everything else is the node of its layer. The name of a merged directory's node is its place in the table; the topmost
 * directory of it leads there again.
 */
#include "runtime/fileserver/fileserver_priv.h"

enum {
	MERGED_MAX = 1 << 20,	     /* merged directories of one image: 100 bytes each */
	LISTINGS_MAX = 8,	     /* merged directories whose names are kept */
	LISTING_NAMES_MAX = 4 << 20, /* names of one merged directory */
	BUCKETS = 4096,
};

#define MERGED_TAG ((fuse_ino_t)0xffff << 48)

struct merged_dir {
	fuse_ino_t *parts; /* top first; at least two */
	size_t n;
	size_t chain; /* next of the bucket, + 1 */
	struct strv names; /* sorted, each once; empty until it is listed */
	uint64_t listed;   /* when it was last asked for; 0: not kept */
};

/* Collects what overlayfs would merge under one name. */
struct gather {
	fuse_ino_t parts[FILESERVER_LAYERS_MAX];
	size_t n;
	bool done; /* nothing below shows */
};

struct merge {
	struct gather gather; /* of the lookup at work */
	struct merged_dir *dirs;
	size_t n, cap;
	size_t buckets[BUCKETS];
	size_t n_listings;
	uint64_t tick;
};

struct merge *merge_new(void)
{
	return xcalloc(1, sizeof(struct merge));
}

static void listing_drop(struct merge *m, struct merged_dir *d)
{
	strv_free(&d->names);
	d->listed = 0;
	m->n_listings--;
}

void merge_trim(struct merge *m)
{
	for (size_t i = 0; i < m->n && m->n_listings > 0; i++)
		if (m->dirs[i].listed)
			listing_drop(m, &m->dirs[i]);
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	merge_trim(m);
	for (size_t i = 0; i < m->n; i++)
		free(m->dirs[i].parts);
	free(m->dirs);
	free(m);
}

static struct merged_dir *merged_at(struct merge *m, fuse_ino_t node)
{
	fuse_ino_t i = node & ~MERGED_TAG;

	return (node & MERGED_TAG) == MERGED_TAG && i < m->n ? &m->dirs[i] : NULL;
}

bool merge_has(const struct fileserver *server, fuse_ino_t node)
{
	return merged_at(server->merge, node) != NULL;
}

fuse_ino_t merge_top(const struct fileserver *server, fuse_ino_t node)
{
	const struct merged_dir *d = merged_at(server->merge, node);

	return d ? d->parts[0] : node;
}

/* The node of a directory made of @parts, which are copied. */
static struct error *intern(struct merge *m, const fuse_ino_t *parts, size_t n, fuse_ino_t *ret_node)
{
	size_t *bucket = &m->buckets[(parts[0] * 0x9e3779b97f4a7c15u) >> 52];

	if (n == 1) {
		*ret_node = parts[0];
		return NULL;
	}
	for (size_t i = *bucket; i; i = m->dirs[i - 1].chain) {
		if (m->dirs[i - 1].parts[0] == parts[0]) {
			*ret_node = MERGED_TAG | (i - 1);
			return NULL;
		}
	}
	if (m->n == MERGED_MAX)
		return error_new(ERR_LIMIT, "image has more than %d directories that lie in several layers", MERGED_MAX);
	GROW(m->dirs, m->n, m->cap);
	m->dirs[m->n] = (struct merged_dir){ .parts = xcalloc(n, sizeof(*parts)), .n = n, .chain = *bucket };
	memcpy(m->dirs[m->n].parts, parts, n * sizeof(*parts));
	*ret_node = MERGED_TAG | m->n;
	*bucket = ++m->n;
	return NULL;
}

static struct error *node_is_opaque(struct fileserver *server, fuse_ino_t node, const struct squash_inode *inode, bool *ret_opaque)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };

	*ret_opaque = false;
	TRY(squash_xattrs_read(node_layer(server, node)->img, inode, &set));
	for (size_t i = 0; i < set.n; i++)
		if (str_eq(set.items[i].name, "trusted.overlay.opaque"))
			*ret_opaque = set.items[i].size == 1 && *(const char *)set.items[i].value == 'y';
	return NULL;
}

static bool inode_is_whiteout(const struct squash_inode *inode)
{
	return S_ISCHR(inode->mode) && inode->rdev_major == 0 && inode->rdev_minor == 0;
}

static struct gather *gather_start(struct fileserver *server)
{
	struct gather *g = &server->merge->gather;

	g->n = 0;
	g->done = false;
	return g;
}

static struct error *gather_node(struct fileserver *server, fuse_ino_t node, struct gather *g)
{
	struct squash_inode inode;

	TRY(node_inode(server, node, &inode));
	if (!S_ISDIR(inode.mode)) {
		g->done = true;
		if (g->n == 0 && !inode_is_whiteout(&inode))
			g->parts[g->n++] = node;
		return NULL;
	}
	g->parts[g->n++] = node;
	return node_is_opaque(server, node, &inode, &g->done);
}

static struct error *child_of_parts(struct fileserver *server, const fuse_ino_t *parts, size_t n, const char *name,
				    fuse_ino_t *ret_node)
{
	struct gather *g = gather_start(server);

	for (size_t i = 0; i < n && !g->done; i++) {
		const struct kept_dir *d;
		const struct squash_dirent *e;

		TRY(node_dir(server, parts[i], &d));
		e = squash_dir_find(d->dir, name, strlen(name));
		if (e)
			TRY(gather_node(server, (parts[i] & ~(fuse_ino_t)0xffffffffffff) | e->ref, g));
	}
	*ret_node = 0;
	return g->n ? intern(server->merge, g->parts, g->n, ret_node) : NULL;
}

struct error *merge_child(struct fileserver *server, fuse_ino_t parent, const char *name, fuse_ino_t *ret_node)
{
	const struct merged_dir *d = merged_at(server->merge, parent);
	const fuse_ino_t *parts = d ? d->parts : &parent;

	return child_of_parts(server, parts, d ? d->n : 1, name, ret_node);
}

struct error *merge_root(struct fileserver *server, fuse_ino_t *ret_node)
{
	struct gather *g = gather_start(server);

	for (size_t i = server->n_layers; i-- > 0 && !g->done;)
		TRY(gather_node(server, node_of(i, squash_super(server->layers[i].img)->root_ref), g));
	*ret_node = 0;
	return g->n ? intern(server->merge, g->parts, g->n, ret_node) : NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct error *list_names(struct fileserver *server, const struct merged_dir *d, struct strv *ret_names)
{
	cleanup_strv struct strv all = { 0 };

	for (size_t k = 0; k < d->n; k++) {
		const struct kept_dir *part;

		TRY(node_dir(server, d->parts[k], &part));
		if (squash_dir_count(part->dir) > LISTING_NAMES_MAX - all.n)
			return error_new(ERR_LIMIT, "directory of several layers has more than %d names", LISTING_NAMES_MAX);
		for (size_t i = 0; i < squash_dir_count(part->dir); i++) {
			const struct squash_dirent *e = squash_dir_at(part->dir, i);

			strv_add_take(&all, xstrndup(e->name, e->name_len));
		}
	}
	if (all.n)
		qsort(all.items, all.n, sizeof(*all.items), compare_names);
	for (size_t i = 0; i < all.n; i++)
		if (i == 0 || !str_eq(all.items[i], all.items[i - 1]))
			strv_add(ret_names, all.items[i]);
	return NULL;
}

static void listings_shrink(struct merge *m)
{
	struct merged_dir *oldest = NULL;

	if (m->n_listings < LISTINGS_MAX)
		return;
	for (size_t i = 0; i < m->n; i++)
		if (m->dirs[i].listed && (!oldest || m->dirs[i].listed < oldest->listed))
			oldest = &m->dirs[i];
	if (oldest)
		listing_drop(m, oldest);
}

struct error *merge_names(struct fileserver *server, fuse_ino_t node, const struct strv **ret_names)
{
	struct merge *m = server->merge;
	struct merged_dir *d = merged_at(m, node);

	if (!d)
		return error_sys(ENOTDIR, "node %" PRIx64, (uint64_t)node);
	if (!d->listed) {
		struct strv names = { 0 };
		struct error *err = list_names(server, d, &names);

		if (err) {
			strv_free(&names);
			return err;
		}
		listings_shrink(m);
		d->names = names;
		m->n_listings++;
	}
	d->listed = ++m->tick;
	*ret_names = &d->names;
	return NULL;
}
