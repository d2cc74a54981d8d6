/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of a squashfs image that is being written: names, attributes and block lists, never file contents. The layer
 * rules (image/layer) build it entry by entry while contents stream past; squash_writer_finish() turns it into the
 * image's tables.
 *
 * The tree owns its nodes, names, targets, xattrs; nodes live until squash_tree_free(). Memory is bounded by the limit
 * given at creation, counted over everything the tree holds.
 */
#ifndef FORMATS_SQUASH_TREE_H
#define FORMATS_SQUASH_TREE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct squash_tree;
struct squash_content; /* block list of a regular file, see squash_writer.h */

struct squash_xattr {
	char *name; /* with its prefix: "user.x", "trusted.x", "security.x" */
	void *value;
	size_t size;
};

struct squash_node {
	struct squash_node *parent; /* NULL for the root */
	const char *name;	    /* one component, NUL-terminated; "" for the root */
	uint16_t name_len;
	bool removed;	   /* the node is not written; its name may be taken by a new node */
	uint32_t mode;	   /* type and permission bits, as st_mode */
	uint32_t uid, gid; /* as the image has them, no mapping */
	int64_t mtime;	   /* seconds; stored as 32 bits unsigned, clamped */
	uint32_t rdev_major, rdev_minor;
	const char *target;		      /* symbolic link: target bytes, NUL-terminated */
	const struct squash_content *content; /* regular file: NULL is an empty file */
	struct squash_node *link_to; /* hard link: shares the inode of this node, which is no link itself; else NULL */
	struct squash_xattr *xattrs; /* sorted by name */
	uint32_t n_xattrs;
	uint32_t user_flags; /* free for the builder of the tree */
	struct squash_node
		*next_sibling; /* in no particular order, removed nodes included; first: squash_tree_children() */
	/* Private to the room. */
	struct squash_children *children; /* NULL while there are none */
	struct squash_node *hash_next;
	uint32_t hash;
	uint32_t number;    /* writer: inode number, 0 until assigned */
	uint32_t n_links;   /* writer: names of this inode */
	bool is_written;    /* writer: inode_ref is valid */
	uint64_t inode_ref; /* writer: place of the inode */
};

/* squash_tree_new() - a tree of a root alone; @memory_limit bytes at most for everything in it, 0: no limit */
struct squash_tree *squash_tree_new(uint64_t memory_limit);
void squash_tree_free(struct squash_tree *tree);
DEFINE_CLEANUP(struct squash_tree *, squash_tree_free)

/* squash_tree_root() - the root directory, 0755 0:0 mtime 0 to begin with */
struct squash_node *squash_tree_root(struct squash_tree *tree);
/* squash_tree_find() - child of @dir, or NULL; nodes marked removed are not found */
struct squash_node *squash_tree_find(struct squash_node *dir, const char *name, size_t name_len);
/* squash_tree_children() - first child of @dir or NULL; go on with next_sibling; removed ones are among them */
struct squash_node *squash_tree_children(const struct squash_node *dir);
/**
 * squash_tree_add() - add a child; there must be none of this name
 * @dir: must be a directory; the node starts as mode 0, owner 0:0, mtime 0
 *
 * Errors: ERR_CORRUPT for names that are empty, ".", "..", hold "/" or are longer than 256 bytes; ERR_LIMIT over the
 * memory limit.
 */
must_check struct error *squash_tree_add(struct squash_tree *tree, struct squash_node *dir, const char *name,
					 size_t name_len, struct squash_node **ret_node);
/* squash_tree_set_target() - copy the target of a symbolic link; ERR_LIMIT above 4095 bytes, which no path can have */
must_check struct error *squash_tree_set_target(struct squash_tree *tree, struct squash_node *node, const char *target);
/**
 * squash_tree_set_xattr() - add or replace
 * @name:     with its prefix; other prefixes than user. trusted. security. are dropped
 * @ret_kept: false if it was dropped; may be NULL
 *
 * Errors: ERR_LIMIT for names above 255 bytes, values above 65536, more than 8192 attributes (what Linux can handle),
 * over the memory limit.
 */
must_check struct error *squash_tree_set_xattr(struct squash_tree *tree, struct squash_node *node, const char *name,
					       const void *value, size_t size, bool *ret_kept);
/* squash_tree_path() - "/a/b" for messages; caller frees */
char *squash_tree_path(const struct squash_node *node);

#endif
