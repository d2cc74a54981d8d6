/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer's parts, private to the room: squash_writer.c takes the contents, squash_tables.c writes what comes behind
 * them.
 */
#ifndef FORMATS_SQUASH_WRITER_PRIV_H
#define FORMATS_SQUASH_WRITER_PRIV_H

#include "formats/squash/squash_format.h"
#include "formats/squash/squash_piece.h"
#include "formats/squash/squash_writer.h"

struct squash_writer {
	struct squash_writer_options options;
	struct squash_placer placer;
	struct squash_pool *pool;
	bool in_file, finished;

	/* The file that is being written. */
	struct squash_job *block; /* its block that is being filled, or NULL */
	uint64_t file_size;
	struct squash_extent *file; /* NULL until it has a block or a hole */
	uint64_t n_blocks;	    /* of its own so far, holes included */
	uint64_t n_holes;	    /* blocks of zeros since its last stored block */
	uint64_t hole_size;	    /* bytes in all its holes */

	struct squash_job *fragment; /* the fragment block that is being filled, or NULL */
	uint32_t n_fragments;	     /* submitted, which is the number of the one being filled */
	struct squash_pieces pieces;
	struct squash_extent *owned; /* all files with blocks */
	uint64_t memory_used;	     /* for block lists and contents */
};

/* squash_tables_write() - everything behind the data, and the superblock; the pool is drained */
must_check struct error *squash_tables_write(struct squash_writer *w, struct squash_tree *tree, uint64_t *ret_size);

#endif
