/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_rules.h"

#include "image/layer/layer_priv.h"

#define WHITEOUT      ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE	      ".wh..wh..opq"

static struct error *next_of_tar(void *ctx, const struct tar_entry **ret_entry)
{
	return tar_next(ctx, ret_entry);
}

static struct error *read_of_tar(void *ctx, struct tar_slice *ret_slice)
{
	return tar_read(ctx, ret_slice);
}

struct layer_input layer_input_tar(struct tar *tar)
{
	return (struct layer_input){ .next = next_of_tar, .read = read_of_tar, .ctx = tar };
}

struct layer_rules *layer_rules_new(struct squash_tree *tree, struct squash_writer *writer, const struct layer_options *options)
{
	struct layer_rules *r = xcalloc(1, sizeof(*r));

	r->tree = tree;
	r->writer = writer;
	r->options = *options;
	return r;
}

void layer_rules_free(struct layer_rules *r)
{
	if (!r)
		return;
	layer_links_free(r);
	buf_free(&r->path);
	buf_free(&r->work);
	free(r->marks);
	free(r);
}

void layer_warn(struct layer_rules *r, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	if (!r->options.sink)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	r->options.sink(r->options.sink_ctx, LOG_WARNING, text);
}

struct error *layer_rework(struct layer_rules *r)
{
	if (++r->n_rework > LAYER_REWORK_MAX)
		return error_new(ERR_LIMIT, "entries of a layer replace each other too often");
	return NULL;
}

static struct error *count_entry(struct layer_rules *r)
{
	if (++r->n_entries > LAYER_ENTRIES_MAX)
		return error_new(ERR_LIMIT, "the layers have more than %d entries", LAYER_ENTRIES_MAX);
	r->ordinal++;
	return NULL;
}

/* ---- whiteouts ---- */

/* "a/b" of "a/b/NAME"; "" if there is no slash */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
}

/* The node that a mark is put on, made if need be; *ret_node NULL where newer layers hide it. */
static struct error *marked_node(struct layer_rules *r, const char *path, struct squash_node **ret_node)
{
	struct place place = { 0 };

	*ret_node = NULL;
	TRY(layer_path_walk(r, path, WALK_MARK, &place));
	if (place.hidden)
		return NULL;
	if (!place.node)
		TRY(layer_node_ghost(r, place.dir, place.name, strlen(place.name), &place.node));
	*ret_node = place.node;
	return NULL;
}

static struct error *apply_opaque(struct layer_rules *r)
{
	cleanup_free char *dir = dir_of(buf_str(&r->path));
	struct squash_node *node = NULL;

	TRY(marked_node(r, dir, &node));
	if (node)
		layer_node_defer(r, &(struct mark){ .node = node, .kind = MARK_OPAQUE });
	return NULL;
}

static struct error *apply_whiteout(struct layer_rules *r, const struct tar_entry *entry, const char *hidden_name)
{
	cleanup_free char *dir = dir_of(buf_str(&r->path));
	cleanup_free char *path = xasprintf("%s/%s", dir, hidden_name);
	struct squash_node *node = NULL;

	/* A whiteout of "." or ".." would take away the directory itself, or its parent. */
	if (hidden_name[0] == '\0' || str_eq(hidden_name, ".") || str_eq(hidden_name, ".."))
		return error_new(ERR_CORRUPT, "malicious tar entry -- whiteout of a directory itself: %s", entry->name);
	TRY(marked_node(r, path, &node));
	if (node)
		layer_node_defer(r, &(struct mark){ .node = node,
						    .kind = MARK_WHITEOUT,
						    .mode = entry->mode,
						    .uid = entry->uid,
						    .gid = entry->gid,
						    .mtime = entry->mtime });
	return NULL;
}

/* Older layers do not show what the mark says. */
static void hide_older(const struct mark *mark)
{
	mark->node->user_flags |= NODE_BELOW;
	if (mark->kind != MARK_OPAQUE)
		mark->node->user_flags |= NODE_EXACT;
}

/* The mark as overlayfs reads it. A whiteout in a layer that has the name itself says only that it does not merge. */
static struct error *show_mark(struct layer_rules *r, const struct mark *mark)
{
	struct squash_node *node = mark->node;

	if (mark->kind == MARK_WHITEOUT && !(node->user_flags & NODE_SHOWN)) {
		node->mode = S_IFCHR | mark->mode;
		node->uid = mark->uid;
		node->gid = mark->gid;
		node->mtime = mark->mtime;
		layer_node_settle(r, node, NODE_BELOW);
		return NULL;
	}
	if (!S_ISDIR(node->mode))
		return NULL;
	if (!(node->user_flags & NODE_SHOWN))
		layer_node_settle(r, node, 0);
	return squash_tree_set_xattr(r->tree, node, "trusted.overlay.opaque", "y", 1, NULL);
}

static struct error *end_marks(struct layer_rules *r)
{
	for (size_t i = 0; i < r->n_marks; i++) {
		struct mark *mark = &r->marks[i];

		mark->node->user_flags &= ~((uint32_t)NODE_MARKED << mark->kind);
		if (r->options.overlay_form)
			TRY(show_mark(r, mark));
		else
			hide_older(mark);
	}
	r->n_marks = 0;
	return NULL;
}

/* ---- entries ---- */

static struct error *apply_root(struct layer_rules *r, const struct tar_entry *entry)
{
	struct squash_node *root = squash_tree_root(r->tree);

	if (entry->name[0] == '\0')
		return NULL;
	if (entry->type != TAR_DIR)
		return error_new(ERR_CORRUPT, "malicious tar entry -- refusing to change type of root directory");
	if ((root->user_flags & NODE_EXACT) && !node_is_ours(r, root))
		return NULL;
	TRY(layer_node_set(r, root, entry));
	layer_node_settle(r, root, 0);
	return NULL;
}

/* @node: what newer layers have at the entry's own place; NULL if they hide the place itself */
static struct error *apply_hidden(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry,
				  struct squash_node *node)
{
	bool is_free = false;

	/* A newer directory over something that is none: it does not merge with what this layer had there before, and older ones. */
	if (node && entry->type != TAR_DIR && S_ISDIR(node->mode)) {
		TRY(layer_node_clear(r, node, &is_free));
		layer_node_defer(r, &(struct mark){ .node = node, .kind = MARK_REPLACED });
	}
	if (entry->type == TAR_HARDLINK)
		TRY(layer_links_add(r, entry, NULL));
	return layer_links_hidden(r, input, entry);
}

static struct error *apply_directory(struct layer_rules *r, const struct tar_entry *entry, struct squash_node *node)
{
	bool is_free = false;

	if (!S_ISDIR(node->mode)) { /* of this same layer: it never merges with older ones */
		TRY(layer_node_clear(r, node, &is_free));
		layer_node_defer(r, &(struct mark){ .node = node, .kind = MARK_REPLACED });
	}
	TRY(layer_node_set(r, node, entry));
	layer_node_settle(r, node, 0);
	return NULL;
}

static struct error *apply_other(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry,
				 struct squash_node *node)
{
	TRY(layer_node_set(r, node, entry));
	layer_node_settle(r, node, NODE_BELOW | (entry->type == TAR_HARDLINK ? NODE_LINK : 0U));
	if (entry->type == TAR_HARDLINK)
		return layer_links_add(r, entry, node);
	return entry->type == TAR_FILE && entry->size > 0 ? layer_node_content(r, input, entry, node) : NULL;
}

static bool links_to_itself(const struct layer_rules *r, const struct tar_entry *entry)
{
	cleanup_buf struct buf target = { 0 };

	if (entry->type != TAR_HARDLINK)
		return false;
	layer_path_clean(entry->link, &target);
	return str_eq(buf_str(&target), buf_str(&r->path));
}

static struct error *apply_named(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry)
{
	struct place place = { 0 };
	bool is_free = true;

	TRY(layer_path_walk(r, buf_str(&r->path), WALK_CREATE, &place));
	if (place.hidden || (place.node && (place.node->user_flags & NODE_EXACT) && !node_is_ours(r, place.node))) {
		layer_node_show(place.dir); /* a directory whose content is hidden is there all the same */
		return apply_hidden(r, input, entry, place.hidden ? NULL : place.node);
	}
	if (place.node && node_is_ours(r, place.node) && links_to_itself(r, entry))
		return NULL;
	if (!place.node)
		TRY(layer_node_ghost(r, place.dir, place.name, strlen(place.name), &place.node));
	else if (entry->type != TAR_DIR)
		TRY(layer_node_clear(r, place.node, &is_free));
	if (!is_free) /* a newer layer shows something below: this stays a directory */
		return apply_hidden(r, input, entry, place.node);
	if (entry->type == TAR_DIR)
		return apply_directory(r, entry, place.node);
	return apply_other(r, input, entry, place.node);
}

/* Bookkeeping of AUFS (.wh..wh.plnk and the like): no part of the image. */
static bool is_aufs_meta(const char *path)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (str_starts(at, WHITEOUT_META))
			return true;
	}
	return false;
}

static struct error *apply_entry(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry)
{
	const char *path = NULL;
	const char *base = NULL;

	layer_path_clean(entry->name, &r->path);
	path = buf_str(&r->path);
	if (r->path.len > TAR_PATH_MAX)
		return error_new(ERR_LIMIT, "a name is longer than %d bytes: %.64s...", TAR_PATH_MAX, path);
	base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (path[0] == '\0')
		return apply_root(r, entry);
	if (str_eq(base, OPAQUE))
		return apply_opaque(r);
	if (is_aufs_meta(path))
		return NULL;
	if (str_starts(base, WHITEOUT))
		return apply_whiteout(r, entry, base + strlen(WHITEOUT));
	return apply_named(r, input, entry);
}

struct error *layer_rules_apply(struct layer_rules *r, const struct layer_input *input)
{
	r->layer++;
	r->ordinal = 0;
	layer_links_begin(r);
	for (;;) {
		const struct tar_entry *entry = NULL;

		TRY(input->next(input->ctx, &entry));
		if (!entry)
			break;
		TRY(count_entry(r));
		TRY(apply_entry(r, input, entry));
	}
	TRY(layer_links_end(r));
	return end_marks(r);
}

bool layer_rules_wants(const struct layer_rules *r)
{
	for (size_t i = 0; i < r->n_wants; i++)
		if (r->wants[i].reread)
			return true;
	return false;
}

bool layer_rules_lacks(const struct layer_rules *r)
{
	return r->n_wants > 0;
}

void layer_rules_older(struct layer_rules *r)
{
	r->fills_older = true;
	for (size_t i = 0; i < r->n_wants; i++)
		r->wants[i].reread = true;
}

struct error *layer_rules_fill(struct layer_rules *r, const struct layer_input *input)
{
	r->ordinal = 0;
	for (;;) {
		const struct tar_entry *entry = NULL;

		TRY(input->next(input->ctx, &entry));
		if (!entry)
			break;
		TRY(count_entry(r));
		layer_path_clean(entry->name, &r->path);
		TRY(layer_links_offer(r, input, entry));
	}
	return layer_links_seal(r);
}

struct error *layer_rules_finish(struct layer_rules *r)
{
	struct squash_node *root = squash_tree_root(r->tree);
	struct squash_node *at = root;

	layer_links_finish(r);
	for (;;) { /* every node, parents first */
		struct squash_node *child = NULL;

		if (at != root && !(at->user_flags & NODE_SHOWN))
			at->removed = true;
		else
			child = squash_tree_children(at);
		while (!child && at != root) {
			child = at->next_sibling;
			at = at->parent;
		}
		if (!child)
			return NULL;
		at = child;
	}
}
