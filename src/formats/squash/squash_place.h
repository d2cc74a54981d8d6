/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data area of an image: stored blocks go to their place one behind the other, and a file that turns out to be
 * equal to an earlier one gives its space back. Private to the room. The placer is used by one thread at a time (see
 * squash_pool.h); the thread of the writer may look at it once the pool is drained.
 */
#ifndef FORMATS_SQUASH_PLACE_H
#define FORMATS_SQUASH_PLACE_H

#include "formats/squash/squash_pool.h"

/* What an inode says about where content lies. */
struct squash_content {
	uint64_t size;
	struct squash_extent *file; /* blocks; NULL if all of it lies in a fragment */
	uint32_t fragment;	    /* number of the fragment block with the tail, or SQUASH_NO_FRAGMENT */
	uint32_t fragment_offset;
};

/* The blocks of a file, one behind the other. The thread of the writer sets content and owns the list; the placer sets
 * the rest. */
struct squash_extent {
	struct squash_content content;
	struct squash_extent *next_owned;
	uint64_t start;	 /* of the first stored block, from the start of the image */
	uint64_t sparse; /* bytes in holes */
	uint64_t hash;	 /* of the stored bytes */
	uint32_t *words; /* size word of each block, host byte order; 0 is a hole */
	uint32_t n_words, words_cap;
	const struct squash_extent *same_as; /* an equal file, stored earlier, no duplicate itself */
	struct squash_extent *hash_next;
};

struct squash_fragment {
	uint64_t start;
	uint32_t word;
};

struct squash_placer {
	int fd;
	uint64_t offset; /* of the image in fd */
	uint32_t block_size;
	uint64_t pos;	  /* where the next block goes, from the start of the image */
	uint64_t pos_max; /* the furthest ever written; beyond pos there may be rests of duplicates */
	struct squash_fragment *fragments;
	size_t n_fragments, fragments_cap;
	struct squash_extent **buckets;
	size_t n_buckets, n_files;
	uint8_t *compare; /* room to compare two files, made when first needed */
};

/* squash_placer_place() - a squash_place_fn */
must_check struct error *squash_placer_place(void *placer, const struct squash_job *job);
/* squash_placer_append() - write bytes behind all others, for the tables */
must_check struct error *squash_placer_append(struct squash_placer *placer, const void *data, size_t size);
void squash_placer_release(struct squash_placer *placer); /* frees what it holds; not the files */

#endif
