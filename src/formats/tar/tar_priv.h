/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the tar room: the reader's state, shared by the header, pax and sparse parts. */
#ifndef FORMATS_TAR_PRIV_H
#define FORMATS_TAR_PRIV_H

#include "base/str.h"
#include "formats/tar/tar.h"

/* Stored bytes [offset, offset + size) of a sparse file's content. */
struct tar_piece {
	uint64_t offset, size;
};

struct tar_sparse {
	struct tar_piece *pieces;
	size_t n, cap;
	size_t at; /* piece being read */
};

/* What pax records override. Strings and xattr values point into the bytes of the records. */
struct tar_pax {
	struct buf bytes;
	bool has_size, has_uid, has_gid, has_mtime;
	bool has_sparse_size;
	const char *path, *link, *sparse_name, *sparse_map; /* NULL if absent */
	uint64_t size, sparse_size;
	uint32_t uid, gid;
	int64_t mtime;
	unsigned int sparse_major, sparse_minor;
	uint64_t piece_offset;	  /* form 0.0: offset of the next piece */
	struct tar_sparse pieces; /* form 0.0 */
	struct tar_xattr *xattrs;
	size_t n_xattrs, xattrs_cap;
};

struct tar {
	struct tar_input input;
	const uint8_t *data; /* rest of the chunk at hand */
	size_t left;
	bool input_ended, ended;

	struct tar_entry entry;
	struct buf name, link;
	struct tar_pax pax, global;
	struct buf long_name, long_link;
	bool has_long_name, has_long_link;

	uint64_t stored_left; /* content bytes of the entry that are still in the archive */
	unsigned int padding; /* zero bytes after them up to a whole block */
	bool is_sparse;
	struct tar_sparse sparse;
	uint64_t position; /* in the expanded content */
	uint8_t scratch[TAR_BLOCK];
};

#define TAR_INVALID "archive/tar: invalid tar header"

/* tar_block() - the next block, contiguous, valid until the next read; *ret_block NULL at a clean end of the input */
must_check struct error *tar_block(struct tar *tar, const uint8_t **ret_block);
/* tar_take() - the rest of the chunk at hand, at most @max bytes; an end of the input is ERR_CORRUPT */
must_check struct error *tar_take(struct tar *tar, uint64_t max, const uint8_t **ret_data, size_t *ret_size);
/* tar_take_all() - append exactly @size bytes to @out */
must_check struct error *tar_take_all(struct tar *tar, size_t size, struct buf *out);

/* tar_number() - a numeric field: octal, blank (0), or base-256 */
must_check struct error *tar_number(const uint8_t *field, size_t width, int64_t *ret_value);

/* tar_pax_clear() - forget all records; tar_pax_parse() - records of one header, on top of an empty @pax */
void tar_pax_clear(struct tar_pax *pax);
void tar_pax_free(struct tar_pax *pax);
must_check struct error *tar_pax_parse(struct tar_pax *pax);

/* The three ways to say where the data of a sparse file lies; each fills tar->sparse and the entry's size. */
must_check struct error *tar_sparse_gnu(struct tar *tar, const uint8_t *header);
must_check struct error *tar_sparse_pax(struct tar *tar);
must_check struct error *tar_sparse_add(struct tar_sparse *sparse, uint64_t offset, uint64_t size);
/* tar_sparse_check() - ordered, apart, within @size, and as much data as is stored */
must_check struct error *tar_sparse_check(const struct tar_sparse *sparse, uint64_t size, uint64_t stored);

#endif
