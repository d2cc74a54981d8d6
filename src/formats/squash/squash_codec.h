/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The compressions a squashfs image can have, and the reading half of them: one block of input, one block of output, nothing
 * streamed. Every decoder is given the room the format allows (8 KiB of metadata, one data block) and never writes past it,
 * so a bomb costs at most that much.
 */
#ifndef FORMATS_SQUASH_CODEC_H
#define FORMATS_SQUASH_CODEC_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum squash_codec { /* numbers as in the superblock */
	SQUASH_GZIP = 1,
	SQUASH_LZMA = 2,
	SQUASH_LZO = 3,
	SQUASH_XZ = 4,
	SQUASH_LZ4 = 5,
	SQUASH_ZSTD = 6,
};

/* Working memory of one codec. One thread at a time. */
struct squash_decoder;

/* squash_codec_name() - "gzip", "zstd", ...; NULL if @codec is none of the six */
const char *squash_codec_name(unsigned int codec);
/* squash_decoder_new() - ERR_UNSUPPORTED if @codec is none of the six */
must_check struct error *squash_decoder_new(unsigned int codec, struct squash_decoder **ret_decoder);
void squash_decoder_free(struct squash_decoder *decoder);
DEFINE_CLEANUP(struct squash_decoder *, squash_decoder_free)

/**
 * squash_decode() - unpack one block
 * @out:      receives at most @out_cap bytes
 * @ret_size: bytes unpacked
 *
 * Errors: ERR_CORRUPT for damaged input and for more than @out_cap bytes of output.
 */
must_check struct error *squash_decode(struct squash_decoder *decoder, const void *in, size_t in_size, void *out, size_t out_cap,
				       size_t *ret_size);

#endif
