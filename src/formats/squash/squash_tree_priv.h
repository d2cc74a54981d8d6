/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The children of a directory, private to the room.
 */
#ifndef FORMATS_SQUASH_TREE_PRIV_H
#define FORMATS_SQUASH_TREE_PRIV_H

#include "base/str.h"
#include "formats/squash/squash_tree.h"

struct squash_children {
	struct squash_tree *tree;
	struct squash_node *first;
	struct squash_node **buckets; /* by name; NULL while the children are few */
	uint32_t n_children;	      /* removed ones included */
	uint32_t n_buckets;	      /* a power of two */

	/* Writer: the listing, once it is in the directory table, until the directory's inode is written. */
	uint64_t listing_ref;
	uint32_t listing_size;
	uint32_t n_subdirs;
	uint32_t n_index;
	struct buf index; /* records of the long inode */
	struct squash_children *next_indexed;
};

#endif
