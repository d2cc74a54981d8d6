/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compression of single blocks, private to the room. A compressor holds the codec's working memory, so that a block
 * costs no set-up; one thread uses it at a time. The same bytes always give the same result.
 */
#ifndef FORMATS_SQUASH_COMPRESS_H
#define FORMATS_SQUASH_COMPRESS_H

#include "formats/squash/squash_writer.h"

#define SQUASH_CODEC_OPTIONS_MAX 8u

struct squash_compressor;

/* squash_compressor_new() - ERR_UNSUPPORTED for other codecs than gzip, lz4, zstd and for levels a codec has not */
must_check struct error *squash_compressor_new(enum squash_codec codec, int level,
					       struct squash_compressor **ret_compressor);
void squash_compressor_free(struct squash_compressor *compressor);
DEFINE_CLEANUP(struct squash_compressor *, squash_compressor_free)

/* squash_compress() - bytes put into @out, which has room for @size; 0 if the result would not be smaller than the
 * input */
size_t squash_compress(struct squash_compressor *compressor, const void *in, size_t size, void *out);
/* squash_codec_options() - the record behind the superblock; returns its size, 0 if the codec needs none */
size_t squash_codec_options(enum squash_codec codec, int level, uint8_t options[static SQUASH_CODEC_OPTIONS_MAX]);

#endif
