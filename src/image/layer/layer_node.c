/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_priv.h"

#include <inttypes.h>

struct error *layer_node_ghost(struct layer_rules *r, struct squash_node *dir, const char *name, size_t name_len,
			       struct squash_node **ret_node)
{
	struct squash_node *node = NULL;

	TRY(squash_tree_add(r->tree, dir, name, name_len, &node));
	node->mode = S_IFDIR | 0755;
	*ret_node = node;
	return NULL;
}

uint32_t layer_node_type(enum tar_type type)
{
	switch (type) {
	case TAR_FILE:
	case TAR_HARDLINK:
		return S_IFREG;
	case TAR_SYMLINK:
		return S_IFLNK;
	case TAR_CHAR:
		return S_IFCHR;
	case TAR_BLOCKDEV:
		return S_IFBLK;
	case TAR_DIR:
		return S_IFDIR;
	case TAR_FIFO:
		return S_IFIFO;
	}
	return 0;
}

static void clear_inode(struct squash_node *node)
{
	node->mode = S_IFDIR | 0755;
	node->uid = 0;
	node->gid = 0;
	node->mtime = 0;
	node->rdev_major = 0;
	node->rdev_minor = 0;
	node->target = NULL;
	node->content = NULL;
	node->link_to = NULL;
	node->n_xattrs = 0;
}

void layer_node_move(struct squash_node *to, struct squash_node *from)
{
	to->mode = from->mode;
	to->uid = from->uid;
	to->gid = from->gid;
	to->mtime = from->mtime;
	to->rdev_major = from->rdev_major;
	to->rdev_minor = from->rdev_minor;
	to->target = from->target;
	to->content = from->content;
	to->xattrs = from->xattrs;
	to->n_xattrs = from->n_xattrs;
	to->link_to = NULL;
	from->xattrs = NULL;
	from->n_xattrs = 0;
	from->target = NULL;
	from->content = NULL;
}

/* The entry of the layer at hand is taken back; the node stays, for what it hides. */
static struct error *forget(struct layer_rules *r, struct squash_node *node)
{
	if (!node_is_ours(r, node))
		return NULL;
	TRY(layer_links_detach(r, node));
	clear_inode(node);
	node->user_flags &= ~(uint32_t)(NODE_EXACT | NODE_BELOW | NODE_OWN | NODE_LINK | NODE_LINKED);
	return NULL;
}

static bool has_shown_child(struct layer_rules *r, const struct squash_node *node)
{
	for (struct squash_node *c = squash_tree_children(node); c; c = c->next_sibling) {
		r->n_rework++;
		if (c->user_flags & NODE_SHOWN)
			return true;
	}
	return false;
}

/* Children before their parents, so that NODE_SHOWN can be worked out anew on the way. */
struct error *layer_node_clear(struct layer_rules *r, struct squash_node *node, bool *ret_free)
{
	struct squash_node *at = node;

	while (squash_tree_children(at))
		at = squash_tree_children(at);
	for (;;) {
		TRY(layer_rework(r));
		TRY(forget(r, at));
		if (!(at->user_flags & NODE_OWN) && !has_shown_child(r, at))
			at->user_flags &= ~(uint32_t)NODE_SHOWN;
		if (at == node)
			break;
		if (!at->next_sibling) {
			at = at->parent;
			continue;
		}
		at = at->next_sibling;
		while (squash_tree_children(at))
			at = squash_tree_children(at);
	}
	*ret_free = !(node->user_flags & NODE_SHOWN);
	return NULL;
}

void layer_node_show(struct squash_node *node)
{
	for (; node && !(node->user_flags & NODE_SHOWN); node = node->parent)
		node->user_flags |= NODE_SHOWN;
}

void layer_node_settle(struct layer_rules *r, struct squash_node *node, uint32_t flags)
{
	node->user_flags |= NODE_EXACT | NODE_OWN | flags;
	node_set_layer(node, r->layer);
	layer_node_show(node);
}

struct error *layer_node_set_xattrs(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry)
{
	node->n_xattrs = 0;
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		bool kept = true;

		if (str_starts(x->name, "trusted.overlay.") || str_starts(x->name, "user.overlay."))
			continue;
		TRY_CTX(squash_tree_set_xattr(r->tree, node, x->name, x->value, x->size, &kept), "extended attribute %s",
			x->name);
		if (!kept && !r->warned_xattr) {
			layer_warn(r, "Extended attributes other than user.*, trusted.* and security.* are dropped (%s of %s)",
				   x->name, entry->name);
			r->warned_xattr = true;
		}
	}
	return NULL;
}

struct error *layer_node_set_target(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry)
{
	if (entry->link[0] == '\0')
		return error_new(ERR_CORRUPT, "symbolic link %s has no target", entry->name);
	return squash_tree_set_target(r->tree, node, entry->link);
}

struct error *layer_node_set(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry)
{
	clear_inode(node);
	node->mode = layer_node_type(entry->type) | entry->mode;
	node->uid = entry->uid;
	node->gid = entry->gid;
	node->mtime = entry->mtime;
	node->rdev_major = entry->dev_major;
	node->rdev_minor = entry->dev_minor;
	if (entry->type == TAR_SYMLINK)
		TRY(layer_node_set_target(r, node, entry));
	return layer_node_set_xattrs(r, node, entry);
}

struct error *layer_node_content(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry,
				 struct squash_node *node)
{
	uint64_t n_blocks = entry->size / r->options.block_size + 1;
	const struct squash_content *content = NULL;

	if (n_blocks > LAYER_BLOCKS_MAX - r->n_blocks)
		return error_new(ERR_LIMIT, "file %s of %" PRIu64 " bytes: the image's files have more than %d blocks",
				 entry->name, entry->size, LAYER_BLOCKS_MAX);
	r->n_blocks += n_blocks;
	TRY(squash_writer_begin_file(r->writer));
	for (;;) {
		struct tar_slice slice = { 0 };

		TRY(input->read(input->ctx, &slice));
		if (slice.size == 0)
			break;
		if (slice.data)
			TRY(squash_writer_write(r->writer, slice.data, (size_t)slice.size));
		else
			TRY(squash_writer_write_hole(r->writer, slice.size));
	}
	TRY(squash_writer_end_file(r->writer, &content));
	node->content = content;
	return NULL;
}

void layer_node_defer(struct layer_rules *r, const struct mark *mark)
{
	uint32_t flag = (uint32_t)NODE_MARKED << mark->kind;

	if (mark->node->user_flags & flag)
		return;
	mark->node->user_flags |= flag;
	GROW(r->marks, r->n_marks, r->marks_cap);
	r->marks[r->n_marks++] = *mark;
}
