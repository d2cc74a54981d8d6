/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An image source for tests: an OCI layout in a tar (fixtures), or layers and config that the test makes itself. Its blob readers
 * check size and digest as the real ones do.
 */
#ifndef TESTLIB_MEMORY_SOURCE_H
#define TESTLIB_MEMORY_SOURCE_H

#include "image/source/source.h"

/* memory_source_layout() - the first image of an OCI layout in a tar file */
struct source *memory_source_layout(const char *path);

/* One layer for memory_source_make(). */
struct memory_layer {
	const char *media_type; /* NULL: OCI_MT_LAYER_TAR, or _GZIP where @gzip */
	struct buf *plain;	/* the tar */
	bool gzip;
	const char *wrong_diff_id; /* NULL: the right one */
};

/* memory_source_make() - an image of these layers, bottom first, for linux/amd64 */
struct source *memory_source_make(const struct memory_layer *layers, size_t n_layers);
/* memory_source_opened() - how often a blob was opened */
unsigned int memory_source_opened(const struct source *source);
/* memory_source_blob() - the stored bytes of a blob, to damage them */
struct buf *memory_source_blob(struct source *source, const struct digest *digest);

#endif
