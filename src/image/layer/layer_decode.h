/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Undoes the compression of a layer's blob: gzip (RFC 1952, several members), zstd (RFC 8878, several and skippable frames), or
 * none. Chosen by the first bytes, never by the media type, as the reference does. Bytes after the last member or frame are
 * ignored, but read, so that the blob's digest counts.
 */
#ifndef IMAGE_LAYER_DECODE_H
#define IMAGE_LAYER_DECODE_H

#include "image/source/source.h"

enum {
	/* Window of a zstd frame, log2: 128 MiB, what zstd itself takes without being asked for more. It bounds our memory. */
	LAYER_ZSTD_WINDOW_LOG_MAX = 27,
};

struct layer_decoder;

/* layer_decoder_new() - @blob is taken over */
struct layer_decoder *layer_decoder_new(struct blob_reader *blob);
void layer_decoder_free(struct layer_decoder *d);
DEFINE_CLEANUP(struct layer_decoder *, layer_decoder_free)

/**
 * layer_decoder_read() - the next plain bytes
 * @ret_n: @size, or less at the end of the blob; the end is told only after the blob was read to its end, hence verified
 *
 * Errors: ERR_CORRUPT for broken or cut-off compressed data, ERR_LIMIT for a window above the limit, what the blob reports;
 * where data is broken and the blob turns out to be another than its descriptor's, it is the blob's error.
 */
must_check struct error *layer_decoder_read(struct layer_decoder *d, void *buf, size_t size, size_t *ret_n);
/* layer_decoder_stored() - stored bytes read so far */
uint64_t layer_decoder_stored(const struct layer_decoder *d);

#endif
