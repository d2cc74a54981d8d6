/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an OCI image to an OCI-SIF in one stream: layers newest first, inflate, tar, layer rules, squashfs, SIF. No unpacked tree, no
 * temporary copy, no privilege. The same input and options give the same bytes (but for the time in the history entry).
 * Rules: formats.md 2.4, 2.5, 3.6, 3.7.
 */
#ifndef IMAGE_CONVERT_H
#define IMAGE_CONVERT_H

#include "formats/squash/squash_writer.h"
#include "image/source/source.h"

#include <time.h>

struct convert_options {
	bool keep_layers;		       /* one squashfs per layer */
	struct squash_writer_options squash;
	struct timespec now;		       /* time of the history entry, UTC */
	const char *user_agent;		       /* created_by of the history entry */
	const struct oci_platform *platform;   /* required platform; NULL: the caller has checked it */
	const char *tmpdir;		       /* where squashfs layers lie while they are squashed; NULL: /tmp */
	log_sink *sink;			       /* INFO and WARNING lines of the conversion */
	void *sink_ctx;
	/* Progress in bytes of stored layer data; may be NULL. Called from the converting thread. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *progress_ctx;
};

/**
 * convert_to_ocisif() - write an image as OCI-SIF
 * @source:  started; its open_blob() is called from several threads
 * @options: borrowed
 * @fd:      an empty file, read-write, borrowed; after an error it holds no SIF and is to be removed
 *
 * Squashes unless layers are kept or there is but one. An image whose layers are all squashfs and are not squashed keeps its
 * manifest and config byte for byte. diffIDs are verified. Contents that hard links need of hidden files are read again.
 *
 * Errors: ERR_CORRUPT "image has no layers"; ERR_UNSUPPORTED "while fetching OCI image: while checking OCI image: image (x) does
 * not satisfy required platform (y)" and "while converting layers: could not convert layer to squashfs: unsupported layer type: t";
 * those of layers, source, writer and file.
 */
must_check struct error *convert_to_ocisif(struct source *source, const struct convert_options *options, int fd);

#endif
