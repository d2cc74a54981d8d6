/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_codec.h"

#include "base/mem.h"

#include <libdeflate.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <string.h>
#include <zstd.h>

enum {
	/* Dictionaries are no larger than a block (1 MiB); liblzma needs a little beside it. Hostile headers ask for 4 GiB. */
	LZMA_MEMORY_MAX = 16 << 20,
	LZMA_PROPS_SIZE = 5,
	LZMA_HEADER_SIZE = 13, /* properties and the unpacked size, 64 bits */
};

struct squash_decoder {
	unsigned int codec;
	union {
		struct libdeflate_decompressor *deflate;
		ZSTD_DCtx *zstd;
	} u;
};

typedef bool decode_fn(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size);

static bool decode_gzip(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	return libdeflate_zlib_decompress(d->u.deflate, in, in_size, out, out_cap, ret_size) == LIBDEFLATE_SUCCESS;
}

/*
 * The old lzma format: properties, unpacked size, then a stream that ends with a marker although the size is known. Decoders
 * disagree about that combination, so the size is replaced by "unknown" and compared afterwards.
 */
static bool decode_lzma(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t header[LZMA_HEADER_SIZE];
	const uint8_t *bytes = in;
	uint64_t size = 0;
	lzma_ret ret;

	(void)d;
	if (in_size < LZMA_HEADER_SIZE)
		return false;
	for (int i = LZMA_HEADER_SIZE - 1; i >= LZMA_PROPS_SIZE; i--)
		size = size << 8 | bytes[i];
	if (size > out_cap || lzma_alone_decoder(&stream, LZMA_MEMORY_MAX) != LZMA_OK)
		return false;
	memcpy(header, bytes, LZMA_PROPS_SIZE);
	memset(header + LZMA_PROPS_SIZE, 0xff, sizeof(header) - LZMA_PROPS_SIZE);
	stream.next_in = header;
	stream.avail_in = sizeof(header);
	stream.next_out = out;
	stream.avail_out = out_cap;
	ret = lzma_code(&stream, LZMA_RUN);
	if (ret == LZMA_OK) {
		stream.next_in = bytes + LZMA_HEADER_SIZE;
		stream.avail_in = in_size - LZMA_HEADER_SIZE;
		ret = lzma_code(&stream, LZMA_FINISH);
	}
	*ret_size = (size_t)size;
	size = stream.total_out >= size ? size : UINT64_MAX; /* too short is damage, whatever the decoder says */
	lzma_end(&stream);
	return size != UINT64_MAX && (ret == LZMA_STREAM_END || ret == LZMA_OK || ret == LZMA_BUF_ERROR);
}

static bool decode_lzo(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	lzo_uint size = out_cap;

	(void)d;
	if (lzo1x_decompress_safe(in, in_size, out, &size, NULL) != LZO_E_OK)
		return false;
	*ret_size = size;
	return true;
}

static bool decode_xz(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	uint64_t memory = LZMA_MEMORY_MAX;
	size_t in_pos = 0;
	size_t out_pos = 0;

	(void)d;
	if (lzma_stream_buffer_decode(&memory, 0, NULL, in, &in_pos, in_size, out, &out_pos, out_cap) != LZMA_OK)
		return false;
	*ret_size = out_pos;
	return true;
}

static bool decode_lz4(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	int size;

	(void)d;
	if (in_size > INT_MAX || out_cap > INT_MAX)
		return false;
	size = LZ4_decompress_safe(in, out, (int)in_size, (int)out_cap);
	if (size < 0)
		return false;
	*ret_size = (size_t)size;
	return true;
}

static bool decode_zstd(struct squash_decoder *d, const void *in, size_t in_size, void *out, size_t out_cap, size_t *ret_size)
{
	size_t size = ZSTD_decompressDCtx(d->u.zstd, out, out_cap, in, in_size);

	if (ZSTD_isError(size))
		return false;
	*ret_size = size;
	return true;
}

static const struct {
	const char *name;
	decode_fn *decode;
} codecs[] = {
	[SQUASH_GZIP] = { "gzip", decode_gzip }, [SQUASH_LZMA] = { "lzma", decode_lzma }, [SQUASH_LZO] = { "lzo", decode_lzo },
	[SQUASH_XZ] = { "xz", decode_xz },	 [SQUASH_LZ4] = { "lz4", decode_lz4 },	  [SQUASH_ZSTD] = { "zstd", decode_zstd },
};

const char *squash_codec_name(unsigned int codec)
{
	return codec < ARRAY_LEN(codecs) ? codecs[codec].name : NULL;
}

struct error *squash_decoder_new(unsigned int codec, struct squash_decoder **ret_decoder)
{
	cleanup_with(squash_decoder_free) struct squash_decoder *d = NULL;

	if (!squash_codec_name(codec))
		return error_new(ERR_UNSUPPORTED, "squashfs compression %u is unknown", codec);
	d = xcalloc(1, sizeof(*d));
	d->codec = codec;
	if (codec == SQUASH_GZIP && !(d->u.deflate = libdeflate_alloc_decompressor()))
		return error_sys(ENOMEM, "allocate gzip decoder");
	if (codec == SQUASH_ZSTD && !(d->u.zstd = ZSTD_createDCtx()))
		return error_sys(ENOMEM, "allocate zstd decoder");
	*ret_decoder = take_ptr(&d);
	return NULL;
}

void squash_decoder_free(struct squash_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->codec == SQUASH_GZIP && decoder->u.deflate)
		libdeflate_free_decompressor(decoder->u.deflate);
	if (decoder->codec == SQUASH_ZSTD)
		ZSTD_freeDCtx(decoder->u.zstd);
	free(decoder);
}

struct error *squash_decode(struct squash_decoder *decoder, const void *in, size_t in_size, void *out, size_t out_cap,
			    size_t *ret_size)
{
	size_t size = 0;

	if (in_size == 0 || !codecs[decoder->codec].decode(decoder, in, in_size, out, out_cap, &size))
		return error_new(ERR_CORRUPT, "%zu bytes of %s do not unpack into %zu bytes", in_size,
				 codecs[decoder->codec].name, out_cap);
	*ret_size = size;
	return NULL;
}
