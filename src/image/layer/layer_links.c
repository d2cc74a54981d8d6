/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hard links. While a layer streams past, a link whose target the layer has already put into the tree is joined at once. The rest wait
 * for the end of the layer: what was met later is joined then; what is hidden by newer layers, or lies in an older layer, becomes
 * a want. A want in the layer just read is filled by reading that layer again (layer_links_offer() during a fill); one in an
 * older layer is filled as that layer streams past, or joined to what it puts into the tree.
 */
#include "image/layer/layer_priv.h"

static void want_clear(struct layer_rules *r, struct want *w)
{
	r->link_text -= strlen(w->target);
	free(w->target);
	free(w->alias);
	free(w->links);
	*w = (struct want){ 0 };
}

void layer_links_begin(struct layer_rules *r)
{
	for (size_t i = 0; i < r->n_links; i++) {
		struct link *l = &r->links[i];

		r->link_text -= (l->path ? strlen(l->path) : 0) + (l->target ? strlen(l->target) : 0);
		free(l->path);
		free(l->target);
	}
	r->n_links = 0;
	free(r->hidden_links);
	r->hidden_links = NULL;
	r->n_hidden_links = 0;
	r->n_hidden = 0;
	r->fills_older = false;
}

void layer_links_free(struct layer_rules *r)
{
	layer_links_begin(r);
	for (size_t i = 0; i < r->n_wants; i++)
		want_clear(r, &r->wants[i]);
	free(r->wants);
	free(r->links);
	free(r->hidden);
}

/* Texts come from the archive: bounded, and counted by their length. */
static struct error *keep_text(struct layer_rules *r, const char *text, char **ret_copy)
{
	size_t len = strlen(text);

	if (len > LAYER_LINK_TEXT_MAX - r->link_text)
		return error_new(ERR_LIMIT, "hard links whose targets are missing have more than %d bytes of names",
				 LAYER_LINK_TEXT_MAX);
	r->link_text += len;
	*ret_copy = xstrdup(text);
	return NULL;
}

/* The inode that a name of the layer at hand has; NULL if it has no entry there that can be linked to, or not yet. */
static struct error *find_inode(struct layer_rules *r, const char *path, struct squash_node **ret_inode)
{
	struct place place = { 0 };
	struct squash_node *node = NULL;

	*ret_inode = NULL;
	TRY(layer_path_walk(r, path, WALK_FIND, &place));
	node = place.hidden ? NULL : place.node;
	if (!node || !node_is_ours(r, node))
		return NULL;
	if (node->user_flags & NODE_LINK)
		node = node->link_to;
	if (node && !S_ISDIR(node->mode))
		*ret_inode = node;
	return NULL;
}

static void join(struct squash_node *node, struct squash_node *inode)
{
	node->link_to = inode;
	inode->user_flags |= NODE_LINKED;
}

struct error *layer_links_add(struct layer_rules *r, const struct tar_entry *entry, struct squash_node *node)
{
	cleanup_buf struct buf target = { 0 };
	struct link *l = NULL;
	struct squash_node *inode = NULL;

	layer_path_clean(entry->link, &target);
	if (node)
		TRY(find_inode(r, buf_str(&target), &inode));
	GROW(r->links, r->n_links, r->links_cap);
	l = &r->links[r->n_links++];
	*l = (struct link){ .node = node, .ordinal = r->ordinal };
	if (inode && inode != node) {
		l->inode = inode;
		join(node, inode);
		return NULL;
	}
	if (!node)
		TRY(keep_text(r, buf_str(&r->path), &l->path));
	return keep_text(r, buf_str(&target), &l->target);
}

/* The links that share the inode of @node get it as their own. */
static void inherit(struct layer_rules *r, struct squash_node *node)
{
	struct squash_node *heir = NULL;

	for (size_t i = 0; i < r->n_links; i++) {
		struct link *l = &r->links[i];

		if (l->inode != node || !l->node)
			continue;
		if (!heir) {
			heir = l->node;
			layer_node_move(heir, node);
			heir->user_flags &= ~(uint32_t)NODE_LINK;
			l->node = NULL;
		} else {
			l->inode = heir;
			join(l->node, heir);
		}
	}
	r->n_rework += r->n_links;
}

struct error *layer_links_detach(struct layer_rules *r, struct squash_node *node)
{
	if (node->user_flags & NODE_LINKED)
		inherit(r, node);
	if (node->user_flags & NODE_LINK) {
		for (size_t i = 0; i < r->n_links; i++)
			if (r->links[i].node == node)
				r->links[i].node = NULL;
		r->n_rework += r->n_links;
	}
	return layer_rework(r);
}

/* ---- wants ---- */

static int compare_want(const void *a, const void *b)
{
	return strcmp(((const struct want *)a)->target, ((const struct want *)b)->target);
}

static struct want *find_want(struct layer_rules *r, const char *path)
{
	size_t low = 0;
	size_t high = r->n_wants;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, r->wants[middle].target);

		if (order == 0)
			return &r->wants[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The first link becomes the file that its target is: all but mode, owner and time, which are the link's own (formats.md 3.7). */
static struct error *take(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry, struct want *w)
{
	struct squash_node *node = w->links[0];

	node->mode = layer_node_type(entry->type) | (node->mode & 07777);
	node->rdev_major = entry->dev_major;
	node->rdev_minor = entry->dev_minor;
	node->content = NULL;
	node->target = NULL;
	node->user_flags &= ~(uint32_t)NODE_LINK;
	TRY(layer_node_set_xattrs(r, node, entry));
	if (entry->type == TAR_SYMLINK)
		TRY(layer_node_set_target(r, node, entry));
	if (entry->type == TAR_FILE && entry->size > 0)
		TRY(layer_node_content(r, input, entry, node));
	w->taken = true;
	free(w->alias);
	w->alias = NULL;
	return NULL;
}

struct error *layer_links_offer(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry)
{
	struct want *w = find_want(r, buf_str(&r->path));
	cleanup_buf struct buf target = { 0 };

	if (!w || entry->type == TAR_DIR)
		return NULL;
	if (r->ordinal >= w->before && (w->taken || w->alias))
		return NULL; /* what the link meant came before it */
	if (entry->type != TAR_HARDLINK)
		return take(r, input, entry, w);
	layer_path_clean(entry->link, &target);
	free(w->alias);
	w->alias = buf_take(&target);
	w->alias_before = r->ordinal;
	w->taken = false;
	return NULL;
}

struct error *layer_links_hidden(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry)
{
	if (entry->type == TAR_DIR)
		return NULL;
	if (entry->type != TAR_HARDLINK) {
		GROW(r->hidden, r->n_hidden, r->hidden_cap);
		r->hidden[r->n_hidden++] = layer_path_hash(buf_str(&r->path));
	}
	return r->n_wants > 0 ? layer_links_offer(r, input, entry) : NULL;
}

static int compare_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool may_be_hidden_here(const struct layer_rules *r, const char *path)
{
	uint64_t hash = layer_path_hash(path);

	return r->n_hidden > 0 && bsearch(&hash, r->hidden, r->n_hidden, sizeof(hash), compare_hash);
}

static int compare_link(const void *a, const void *b)
{
	const struct link *x = *(struct link *const *)a;
	const struct link *y = *(struct link *const *)b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal);
}

static void sort_hidden(struct layer_rules *r)
{
	if (r->n_hidden > 0)
		qsort(r->hidden, r->n_hidden, sizeof(*r->hidden), compare_hash);
	r->hidden_links = xreallocarray(NULL, r->n_links, sizeof(struct link *));
	for (size_t i = 0; i < r->n_links; i++)
		if (r->links[i].path)
			r->hidden_links[r->n_hidden_links++] = &r->links[i];
	if (r->n_hidden_links > 0)
		qsort(r->hidden_links, r->n_hidden_links, sizeof(struct link *), compare_link);
}

/* The last hidden link of this name before entry @before. */
static const struct link *find_hidden_link(const struct layer_rules *r, const char *path, uint64_t before)
{
	const struct link *found = NULL;
	size_t low = 0;
	size_t high = r->n_hidden_links;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct link *l = r->hidden_links[middle];
		int order = strcmp(l->path, path);

		if (order == 0 && l->ordinal < before)
			found = l;
		if (order < 0 || (order == 0 && l->ordinal < before))
			low = middle + 1;
		else
			high = middle;
	}
	return found;
}

static struct error *retarget(struct layer_rules *r, struct want *w, const char *target, uint64_t before)
{
	char *copy = NULL;

	TRY(keep_text(r, target, &copy));
	r->link_text -= strlen(w->target);
	free(w->target);
	w->target = copy;
	w->before = before;
	w->n_aliases++;
	free(w->alias);
	w->alias = NULL;
	return NULL;
}

static void add_link(struct want *w, struct squash_node *node)
{
	GROW(w->links, w->n_links, w->links_cap);
	w->links[w->n_links++] = node;
}

/* Wants of one target become one; those that are done are left out. */
static void tidy_wants(struct layer_rules *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_wants; i++)
		if (r->wants[i].target)
			r->wants[n++] = r->wants[i];
	r->n_wants = n;
	if (n == 0)
		return;
	qsort(r->wants, n, sizeof(*r->wants), compare_want);
	n = 0;
	for (size_t i = 1; i < r->n_wants; i++) {
		struct want *last = &r->wants[n];
		struct want *w = &r->wants[i];

		if (!str_eq(last->target, w->target)) {
			r->wants[++n] = *w;
			continue;
		}
		for (size_t k = 0; k < w->n_links; k++)
			add_link(last, w->links[k]);
		last->before = w->before < last->before ? w->before : last->before;
		last->n_aliases = w->n_aliases > last->n_aliases ? w->n_aliases : last->n_aliases;
		last->reread |= w->reread;
		want_clear(r, w);
	}
	r->n_wants = n + 1;
}

static void settle(struct layer_rules *r, struct want *w, struct squash_node *inode)
{
	for (size_t i = 0; i < w->n_links; i++)
		if (w->links[i] != inode)
			join(w->links[i], inode);
	want_clear(r, w);
}

/* Looks a want up in the layer at hand: in the tree, through links that newer layers hide, among the hidden names. */
static struct error *look_here(struct layer_rules *r, struct want *w)
{
	for (;;) {
		const struct link *alias = NULL;
		struct squash_node *inode = NULL;

		TRY(find_inode(r, w->target, &inode));
		if (inode) {
			settle(r, w, inode);
			return NULL;
		}
		alias = find_hidden_link(r, w->target, w->before);
		if (!alias || w->n_aliases == LAYER_LINK_CHAIN_MAX)
			break;
		TRY(retarget(r, w, alias->target, alias->ordinal));
	}
	w->reread = may_be_hidden_here(r, w->target);
	return NULL;
}

/* What the layer streaming past gave to the wants of newer layers. */
static struct error *check_carried(struct layer_rules *r, struct want *w)
{
	struct squash_node *inode = NULL;

	if (w->taken) {
		settle(r, w, w->links[0]);
		return NULL;
	}
	if (w->alias && w->n_aliases < LAYER_LINK_CHAIN_MAX) {
		cleanup_free char *alias = take_ptr(&w->alias);

		TRY(retarget(r, w, alias, w->alias_before));
		return look_here(r, w);
	}
	TRY(find_inode(r, w->target, &inode));
	if (inode)
		settle(r, w, inode);
	return NULL;
}

static struct error *add_want(struct layer_rules *r, const struct link *l)
{
	struct want w = { .before = l->ordinal };

	TRY(keep_text(r, l->target, &w.target));
	add_link(&w, l->node);
	GROW(r->wants, r->n_wants, r->wants_cap);
	r->wants[r->n_wants++] = w;
	return NULL;
}

/* Links to links that wait themselves: as long as that changes something, the target's target is the target. */
static struct error *chase_waiting(struct layer_rules *r, struct want *w)
{
	for (; w->n_aliases < LAYER_LINK_CHAIN_MAX; ) {
		struct place place = { 0 };
		const struct link *next = NULL;

		TRY(layer_path_walk(r, w->target, WALK_FIND, &place));
		if (place.hidden || !place.node || !node_is_ours(r, place.node) || !(place.node->user_flags & NODE_LINK) ||
		    place.node->link_to || place.node == w->links[0])
			return NULL;
		for (size_t i = 0; i < r->n_links && !next; i++)
			if (r->links[i].node == place.node)
				next = &r->links[i];
		r->n_rework += r->n_links;
		TRY(layer_rework(r));
		if (!next || !next->target || next->ordinal >= w->before)
			return NULL;
		TRY(retarget(r, w, next->target, next->ordinal));
	}
	return NULL;
}

struct error *layer_links_end(struct layer_rules *r)
{
	size_t n_carried = r->n_wants;

	sort_hidden(r);
	for (size_t i = 0; i < n_carried; i++)
		TRY(check_carried(r, &r->wants[i]));
	for (size_t i = 0; i < r->n_links; i++)
		if (r->links[i].node && !r->links[i].inode)
			TRY(add_want(r, &r->links[i]));
	for (size_t i = n_carried; i < r->n_wants; i++) {
		TRY(chase_waiting(r, &r->wants[i]));
		TRY(look_here(r, &r->wants[i]));
	}
	tidy_wants(r);
	for (size_t i = 0; i < r->n_wants; i++)
		if (!r->wants[i].reread)
			r->wants[i].before = UINT64_MAX;
	return NULL;
}

struct error *layer_links_seal(struct layer_rules *r)
{
	for (size_t i = 0; i < r->n_wants; i++) {
		struct want *w = &r->wants[i];

		w->reread = false;
		if (w->taken) {
			settle(r, w, w->links[0]);
		} else if (w->alias && w->n_aliases < LAYER_LINK_CHAIN_MAX) {
			cleanup_free char *alias = take_ptr(&w->alias);

			TRY(retarget(r, w, alias, w->alias_before));
			if (r->fills_older)
				w->reread = true;
			else
				TRY(look_here(r, w));
		}
		if (w->target && !w->reread)
			w->before = UINT64_MAX;
	}
	tidy_wants(r);
	return NULL;
}

/* The reference drops them without a word. */
void layer_links_finish(struct layer_rules *r)
{
	enum { N_NAMED = 10 };

	for (size_t i = 0; i < r->n_wants; i++) {
		struct want *w = &r->wants[i];

		for (size_t k = 0; k < w->n_links; k++) {
			cleanup_free char *path = squash_tree_path(w->links[k]);

			w->links[k]->removed = true;
			w->links[k]->user_flags &= ~(uint32_t)NODE_SHOWN;
			if (r->n_dropped_links++ < N_NAMED)
				layer_warn(r, "Hard link %s is dropped, the image does not have its target /%s", path, w->target);
		}
		want_clear(r, w);
	}
	r->n_wants = 0;
	if (r->n_dropped_links > N_NAMED)
		layer_warn(r, "%u more hard links without target are dropped", r->n_dropped_links - N_NAMED);
}
