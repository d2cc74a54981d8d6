/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the layer room: the state of the rules, shared by paths, nodes, links and the rules proper. */
#ifndef IMAGE_LAYER_PRIV_H
#define IMAGE_LAYER_PRIV_H

#include "base/str.h"
#include "image/layer/layer_rules.h"

#include <sys/stat.h>

/*
 * user_flags of a node: these bits, and above them the number of the layer that settled it last (LAYER_SHIFT).
 * A node without NODE_SHOWN only carries flags (a whiteout, a hidden name) and is not written.
 */
enum {
	NODE_EXACT = 1,	 /* settled: older layers cannot change this node itself */
	NODE_BELOW = 2,	 /* nothing of older layers shows below this node */
	NODE_SHOWN = 4,	 /* has an entry of its own, or something below it has */
	NODE_OWN = 8,	 /* has an entry of its own */
	NODE_LINK = 16,	 /* a hard link */
	NODE_LINKED = 32, /* hard links of its layer share its inode */
	NODE_MARKED = 64, /* 64, 128, 256: it has a mark of each kind */
	LAYER_SHIFT = 16,
};

/* One hard link entry of the layer at hand. Texts are NULL once they are of no more use. */
struct link {
	struct squash_node *node;  /* NULL: the link is hidden, or another entry replaced it */
	struct squash_node *inode; /* what it shares; NULL while not known */
	char *path;		   /* of a hidden link: others may link to it */
	char *target;		   /* cleaned */
	uint64_t ordinal;	   /* of its entry in the layer */
};

/* A target that links need and the tree does not have. */
struct want {
	char *target;		    /* cleaned path */
	uint64_t before;	    /* the entry must come before this one, if there is such */
	struct squash_node **links; /* the first becomes the file */
	size_t n_links, links_cap;
	bool reread; /* to be looked for in the next fill */
	bool taken;  /* links[0] has the content */
	char *alias; /* met as a hard link to this path; looked for before entry @alias_before */
	uint64_t alias_before;
	unsigned int n_aliases; /* steps of the chain so far */
};

enum mark_kind {
	MARK_WHITEOUT, /* the node is not in older layers */
	MARK_OPAQUE,   /* nothing of older layers is below it */
	MARK_REPLACED, /* a directory that was something else in its own layer, or that stays though an older layer has a file there */
};

/* What takes effect when the layer has ended, so that it never hides its own layer's entries. One of each kind a node. */
struct mark {
	struct squash_node *node;
	enum mark_kind kind;
	uint32_t mode, uid, gid; /* of the whiteout's entry, for the overlay form */
	int64_t mtime;
};

enum walk_mode {
	WALK_FIND,   /* changes nothing; what is missing gives a place with dir NULL */
	WALK_CREATE, /* for an entry: makes directories that are missing */
	WALK_MARK,   /* for a whiteout: the same, but no link is followed and nothing replaced: such places count as hidden */
};

struct layer_rules {
	struct squash_tree *tree;
	struct squash_writer *writer;
	struct layer_options options;

	uint32_t layer; /* number of the layer at hand, from 1; the newest first */
	uint64_t ordinal;
	uint64_t n_entries, n_blocks, n_rework;
	size_t link_text; /* bytes held by links and wants */
	struct buf path;  /* cleaned path of the entry at hand */
	struct buf work;  /* for walking it */

	struct mark *marks;
	size_t n_marks, marks_cap;
	struct link *links;
	size_t n_links, links_cap;
	struct link **hidden_links; /* sorted by path and ordinal, made when the layer ends */
	size_t n_hidden_links;
	struct want *wants; /* sorted by target */
	size_t n_wants, wants_cap;
	uint64_t *hidden; /* hashes of the hidden names of the layer that are no directories */
	size_t n_hidden, hidden_cap;
	bool fills_older; /* layer_rules_older() was called */
	bool warned_xattr;
	unsigned int n_dropped_links;
};

static inline uint32_t node_layer(const struct squash_node *node)
{
	return node->user_flags >> LAYER_SHIFT;
}

static inline void node_set_layer(struct squash_node *node, uint32_t layer)
{
	node->user_flags = (node->user_flags & ((1U << LAYER_SHIFT) - 1)) | layer << LAYER_SHIFT;
}

/* Has the layer at hand given this node its entry? */
static inline bool node_is_ours(const struct layer_rules *r, const struct squash_node *node)
{
	return (node->user_flags & NODE_OWN) && node_layer(node) == r->layer;
}

void layer_warn(struct layer_rules *r, const char *fmt, ...) printf_like(2, 3);
must_check struct error *layer_rework(struct layer_rules *r);

/* ---- layer_path.c ---- */

/* Where a path leads in the tree. */
struct place {
	struct squash_node *dir;  /* its directory */
	const char *name;	  /* last component, in r->work; "" for the root itself */
	struct squash_node *node; /* what has the name; NULL if nothing */
	bool hidden;		  /* a newer layer hides the directory's content */
};

/* layer_path_clean() - "a/b" of a name: no leading slash, no ".", no "..", no empty component; "" is the root */
void layer_path_clean(const char *name, struct buf *out);
/* layer_path_walk() - find the place of the clean path @path */
must_check struct error *layer_path_walk(struct layer_rules *r, const char *path, enum walk_mode mode, struct place *ret_place);
uint64_t layer_path_hash(const char *path);

/* ---- layer_node.c ---- */

/* layer_node_ghost() - a directory that only carries flags */
must_check struct error *layer_node_ghost(struct layer_rules *r, struct squash_node *dir, const char *name, size_t name_len,
					  struct squash_node **ret_node);
/* layer_node_clear() - take back what the layer at hand put into @node, and below it; *ret_free if nothing newer is left there */
must_check struct error *layer_node_clear(struct layer_rules *r, struct squash_node *node, bool *ret_free);
/* layer_node_show() - @node is part of the image, and so are the directories above it */
void layer_node_show(struct squash_node *node);
/* layer_node_settle() - @node has an entry of the layer at hand */
void layer_node_settle(struct layer_rules *r, struct squash_node *node, uint32_t flags);
/* layer_node_set() - type, attributes and xattrs of @entry; no content */
must_check struct error *layer_node_set(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry);
/* layer_node_set_xattrs() - the xattrs alone */
must_check struct error *layer_node_set_xattrs(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry);
/* layer_node_set_target() - the target of a symbolic link; ERR_CORRUPT for an empty one */
must_check struct error *layer_node_set_target(struct layer_rules *r, struct squash_node *node, const struct tar_entry *entry);
/* layer_node_content() - write the entry's content */
must_check struct error *layer_node_content(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry,
					    struct squash_node *node);
/* layer_node_move() - @to gets the inode of @from */
void layer_node_move(struct squash_node *to, struct squash_node *from);
void layer_node_defer(struct layer_rules *r, const struct mark *mark);
uint32_t layer_node_type(enum tar_type type);

/* ---- layer_links.c ---- */

/* layer_links_add() - a hard link entry at r->path; @node NULL if it is hidden */
must_check struct error *layer_links_add(struct layer_rules *r, const struct tar_entry *entry, struct squash_node *node);
/* layer_links_detach() - @node loses its entry: links that share its inode keep it, a link that it was is forgotten */
must_check struct error *layer_links_detach(struct layer_rules *r, struct squash_node *node);
/* layer_links_hidden() - an entry at r->path is hidden: its content may be wanted all the same */
must_check struct error *layer_links_hidden(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry);
/* layer_links_offer() - give the content of an entry at r->path to who wants it */
must_check struct error *layer_links_offer(struct layer_rules *r, const struct layer_input *input, const struct tar_entry *entry);
/* layer_links_begin() - a layer begins; layer_links_end() - it has ended: join links and targets; layer_links_seal() - after a fill */
void layer_links_begin(struct layer_rules *r);
must_check struct error *layer_links_end(struct layer_rules *r);
must_check struct error *layer_links_seal(struct layer_rules *r);
void layer_links_finish(struct layer_rules *r);
void layer_links_free(struct layer_rules *r);

#endif
