/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_priv.h"

void layer_path_clean(const char *name, struct buf *out)
{
	buf_clear(out);
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && name[0] == '.' && name[1] == '.') {
			while (out->len > 0 && out->data[out->len - 1] != '/')
				out->len--;
			out->len -= out->len > 0; /* the slash */
			if (out->data)
				out->data[out->len] = '\0';
		} else if (len > 0 && !(len == 1 && name[0] == '.')) {
			if (out->len > 0)
				buf_append_char(out, '/');
			buf_append(out, name, len);
		}
		name += len;
		name += *name == '/';
	}
}

/* FNV-1a, 64 bits; a collision costs one needless reading of a layer. */
uint64_t layer_path_hash(const char *path)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
	return hash;
}

/* An entry below something that is no directory: when unpacking, that makes room for a directory. */
static struct error *make_directory(struct layer_rules *r, struct squash_node *node)
{
	bool is_free = false;

	TRY(layer_node_clear(r, node, &is_free));
	layer_node_defer(r, &(struct mark){ .node = node, .kind = MARK_REPLACED });
	return NULL;
}

/* Where in r->work the walk stands. */
struct walk {
	struct squash_node *dir;
	size_t at;
	unsigned int n_symlinks;
};

/* The rest of the path goes on behind the link's target: r->work becomes TARGET/REST. */
static void follow(struct layer_rules *r, struct walk *w, const struct squash_node *symlink, size_t rest)
{
	cleanup_buf struct buf path = { 0 };

	buf_append_str(&path, symlink->target);
	buf_append_char(&path, '/');
	buf_append_str(&path, r->work.data + rest);
	if (symlink->target[0] == '/')
		while (w->dir->parent)
			w->dir = w->dir->parent;
	buf_clear(&r->work);
	buf_append(&r->work, path.data, path.len);
	w->at = 0;
	w->n_symlinks++;
}

static bool hides(const struct layer_rules *r, const struct squash_node *node)
{
	/* What is no directory hides older layers at once, but not its own. */
	return (node->user_flags & NODE_BELOW) && (S_ISDIR(node->mode) || !node_is_ours(r, node));
}

/* Steps into the component [at, at + len) of r->work. */
static struct error *step(struct layer_rules *r, struct walk *w, size_t len, enum walk_mode mode, struct place *place)
{
	const char *name = r->work.data + w->at;
	struct squash_node *child = NULL;

	w->at += len + (r->work.data[w->at + len] == '/');
	if (len == 0 || (len == 1 && name[0] == '.'))
		return NULL;
	if (len == 2 && name[0] == '.' && name[1] == '.') { /* only from the target of a symbolic link */
		w->dir = w->dir->parent ? w->dir->parent : w->dir;
		return NULL;
	}
	if (str_starts(name, ".wh.")) { /* below a whiteout, or AUFS' own files: no part of the image */
		place->hidden = true;
		return NULL;
	}
	child = squash_tree_find(w->dir, name, len);
	if (!child && mode != WALK_FIND)
		TRY(layer_node_ghost(r, w->dir, name, len, &child));
	if (!child) {
		place->dir = NULL;
		w->dir = NULL;
		return NULL;
	}
	/* An opaque directory that has no entry so far: that something lies in it says that it is there. */
	if (hides(r, child) && mode == WALK_CREATE && !(child->user_flags & NODE_EXACT))
		layer_node_show(child);
	if (hides(r, child) || (mode == WALK_MARK && !S_ISDIR(child->mode))) {
		place->hidden = true;
		return NULL;
	}
	if (S_ISLNK(child->mode) && !(child->user_flags & NODE_LINK)) {
		if (w->n_symlinks == LAYER_SYMLINKS_MAX || r->work.len + strlen(child->target) > 2 * TAR_PATH_MAX)
			place->hidden = true; /* such a name cannot be reached in the end either */
		else
			follow(r, w, child, w->at);
		return NULL;
	}
	if (!S_ISDIR(child->mode) && mode == WALK_CREATE)
		TRY(make_directory(r, child));
	w->dir = S_ISDIR(child->mode) ? child : NULL;
	return NULL;
}

struct error *layer_path_walk(struct layer_rules *r, const char *path, enum walk_mode mode, struct place *ret_place)
{
	struct walk w = { .dir = squash_tree_root(r->tree) };
	struct place place = { .name = "" };
	bool is_root = path[0] == '\0';

	buf_clear(&r->work);
	buf_append_str(&r->work, path);
	place.hidden = !is_root && (w.dir->user_flags & NODE_BELOW);
	while (w.dir && !place.hidden && strchr(r->work.data + w.at, '/'))
		TRY(step(r, &w, strcspn(r->work.data + w.at, "/"), mode, &place));
	place.dir = w.dir;
	place.hidden |= w.dir && str_starts(buf_str(&r->work) + w.at, ".wh.");
	if (w.dir && !place.hidden) {
		place.name = r->work.data + w.at;
		place.node = is_root ? w.dir : squash_tree_find(w.dir, place.name, strlen(place.name));
	}
	*ret_place = place;
	return NULL;
}
