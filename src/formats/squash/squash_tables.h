/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of an image while they are made: inodes, directories, ids, extended attributes. Private to the room.
 */
#ifndef FORMATS_SQUASH_TABLES_H
#define FORMATS_SQUASH_TABLES_H

#include "formats/squash/squash_meta.h"
#include "formats/squash/squash_tree_priv.h"
#include "formats/squash/squash_writer_priv.h"

/* User and group ids, each stored once; inodes hold its index. */
struct squash_ids {
	uint32_t *ids;
	uint32_t n, cap;
	uint32_t *slots; /* open hash: index + 1 */
};

/* squash_ids_get() - index of @id, a new one if needed; ERR_LIMIT beyond 65535 */
must_check struct error *squash_ids_get(struct squash_ids *ids, uint32_t id, uint16_t *ret_index);
void squash_ids_release(struct squash_ids *ids);

/* A set of attributes that some inodes have. */
struct squash_xattr_set {
	const struct squash_node *node; /* one that has them */
	uint64_t hash;
	uint64_t ref;  /* in the stream of names and values */
	uint32_t size; /* uncompressed */
	uint32_t next; /* in the bucket: index + 1, 0 ends */
};

struct squash_xattr_table {
	struct squash_meta meta; /* names and values */
	uint64_t seed;		 /* of the hash, secret: sets come from images */
	struct squash_xattr_set *sets;
	uint32_t n, cap;
	uint32_t *buckets; /* index + 1 */
	uint32_t n_buckets;
};

/* squash_xattrs_get() - index of the set of attributes of @node, which has some */
must_check struct error *squash_xattrs_get(struct squash_xattr_table *xattrs, const struct squash_node *node,
					   uint32_t *ret_index);
void squash_xattrs_release(struct squash_xattr_table *xattrs);

struct squash_tables {
	struct squash_writer *writer;
	struct squash_compressor *compressor;
	struct squash_meta inodes;
	struct squash_meta dirs;
	struct squash_ids ids;
	struct squash_xattr_table xattrs;
	struct squash_children *indexed; /* directories with an index */
	uint32_t n_inodes;
};

/* squash_inode_write() - append the inode of @node, no link and not yet written; sets its inode_ref, is_written */
must_check struct error *squash_inode_write(struct squash_tables *t, struct squash_node *node);
/* squash_listing_write() - append the listing of @node, which has children; they are sorted and have inodes */
must_check struct error *squash_listing_write(struct squash_tables *t, const struct squash_node *node);

/* The node with the inode that @node shows. */
static inline struct squash_node *squash_node_inode(struct squash_node *node)
{
	return node->link_to ? node->link_to : node;
}

#endif
