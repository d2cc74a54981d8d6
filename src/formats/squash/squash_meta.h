/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of metadata blocks: bytes are appended, cut into blocks of 8192, compressed, and kept until they are
 * written. Private to the room. Specification: squashfs 4.0, metadata blocks.
 */
#ifndef FORMATS_SQUASH_META_H
#define FORMATS_SQUASH_META_H

#include "base/str.h"
#include "formats/squash/squash_compress.h"
#include "formats/squash/squash_format.h"

struct squash_meta {
	struct squash_compressor *compressor; /* borrowed */
	struct buf packed;		      /* finished blocks with their headers */
	uint64_t size;			      /* bytes appended, before compression */
	size_t fill;			      /* of the block being filled; below SQUASH_META_SIZE between calls */
	uint8_t block[SQUASH_META_SIZE];
};

void squash_meta_append(struct squash_meta *meta, const void *data, size_t size);
/* squash_meta_ref() - where the next byte will lie: start of its block in the packed stream << 16 | place within the
 * block */
uint64_t squash_meta_ref(const struct squash_meta *meta);
/* squash_meta_flush() - finish the last block, if it holds anything; nothing may be appended afterwards */
void squash_meta_flush(struct squash_meta *meta);
void squash_meta_release(struct squash_meta *meta);

#endif
