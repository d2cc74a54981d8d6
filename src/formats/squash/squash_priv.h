/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the squashfs reader alone. */
#ifndef FORMATS_SQUASH_PRIV_H
#define FORMATS_SQUASH_PRIV_H

#include "formats/squash/squash.h"

#include "base/cursor.h"

#include <inttypes.h>

struct squash {
	int fd;
	uint64_t offset;
	struct squash_super super;
	struct squash_cache *cache;
	struct squash_cache *own_cache; /* the same, if it is ours to free */
	struct squash_decoder *decoder; /* of metadata; NULL until needed */
	uint32_t *ids;
	uint64_t *fragment_index; /* start of each metadata block of the fragment table */
	uint64_t *xattr_index;	  /* the same of the table of attribute sets */
	uint64_t xattr_values;	  /* start of the attributes themselves */
};

/* squash_pread() - exactly @size bytes at @pos of the image; ERR_CORRUPT if the image ends before */
must_check struct error *squash_pread(const struct squash *img, uint64_t pos, void *buf, size_t size);
/* squash_meta_read() - @size bytes of metadata, across blocks; moves @pos behind them */
must_check struct error *squash_meta_read(struct squash *img, struct squash_pos *pos, void *buf, size_t size);
void squash_cache_forget(struct squash_cache *cache, const struct squash *img);
/* squash_table_entry() - item @i of a table of 16-byte items that is reached over an index of metadata blocks */
must_check struct error *squash_table_entry(struct squash *img, const uint64_t *index, uint32_t i, uint8_t ret_item[16]);

static inline struct squash_pos squash_pos_of(uint64_t table, uint64_t ref)
{
	return (struct squash_pos){ .block = table + (ref >> 16), .offset = (uint32_t)(ref & 0xffff) };
}

#endif
