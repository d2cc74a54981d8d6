/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A blob that lies in a part of some file: of an archive, a layout, the cache, an OCI-SIF. Read in place, verified on
 * the way.
 */
#ifndef IMAGE_BLOB_RANGE_H
#define IMAGE_BLOB_RANGE_H

#include "image/source/source.h"

/* Where the bytes are. The descriptor is owned by whoever holds the struct, if that says so; -EBADF: nowhere. */
struct blob_range {
	int fd;
	uint64_t offset, size;
};

/**
 * blob_range_open() - read a blob from a part of a file
 * @range: its fd is duplicated; reads are by position, so several readers may share the file
 * @desc:  size and digest that the bytes must have
 *
 * Errors: ERR_CORRUPT if the sizes differ. The reader gives ERR_CORRUPT for a wrong digest, and where the file ends too
 * early.
 */
must_check struct error *blob_range_open(const struct blob_range *range, const struct oci_desc *desc,
					 struct blob_reader **ret_reader);

/**
 * blob_range_read() - append a small blob to @out
 * @desc:  NULL: the bytes are taken as they are
 * @limit: most bytes; @what names the blob in errors
 */
must_check struct error *blob_range_read(const struct blob_range *range, const struct oci_desc *desc, size_t limit,
					 const char *what, struct buf *out);

/* blob_reader_read_all() - append the rest of a stream, ERR_LIMIT above @limit bytes */
must_check struct error *blob_reader_read_all(struct blob_reader *reader, size_t limit, const char *what,
					      struct buf *out);

#endif
