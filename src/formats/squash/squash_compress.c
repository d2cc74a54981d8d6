/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_compress.h"

#include "base/mem.h"
#include "formats/squash/squash_bytes.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lz4hc.h>
#include <zstd.h>

#define ZSTD_LEVEL_DEFAULT 3
#define GZIP_LEVEL_DEFAULT 6
#define GZIP_LEVEL_MAX 12
#define LZ4_VERSION_LEGACY 1u /* the raw block format, the only one that the kernel knows */
#define LZ4_FLAG_HC 1u

struct squash_compressor {
	enum squash_codec codec;
	int level;
	ZSTD_CCtx *zstd;
	struct libdeflate_compressor *deflate;
	void *lz4_state;
};

static struct error *bad_level(const char *codec, int level, int max)
{
	return error_new(ERR_UNSUPPORTED, "%s has no compression level %d (1 to %d)", codec, level, max);
}

static struct error *open_zstd(struct squash_compressor *c)
{
	if (c->level == 0)
		c->level = ZSTD_LEVEL_DEFAULT;
	if (c->level > ZSTD_maxCLevel())
		return bad_level("zstd", c->level, ZSTD_maxCLevel());
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return error_sys(ENOMEM, "set up zstd");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, c->level)))
		return error_new(ERR_INTERNAL, "zstd refuses level %d", c->level);
	return NULL;
}

static struct error *open_gzip(struct squash_compressor *c)
{
	if (c->level == 0)
		c->level = GZIP_LEVEL_DEFAULT;
	if (c->level > GZIP_LEVEL_MAX)
		return bad_level("gzip", c->level, GZIP_LEVEL_MAX);
	c->deflate = libdeflate_alloc_compressor(c->level);
	return c->deflate ? NULL : error_sys(ENOMEM, "set up gzip");
}

static struct error *open_lz4(struct squash_compressor *c)
{
	if (c->level > LZ4HC_CLEVEL_MAX)
		return bad_level("lz4", c->level, LZ4HC_CLEVEL_MAX);
	c->lz4_state = xmalloc((size_t)(c->level ? LZ4_sizeofStateHC() : LZ4_sizeofState()));
	return NULL;
}

static struct error *open_codec(struct squash_compressor *c)
{
	switch (c->codec) {
	case SQUASH_ZSTD:
		return open_zstd(c);
	case SQUASH_GZIP:
		return open_gzip(c);
	case SQUASH_LZ4:
		return open_lz4(c);
	case SQUASH_LZMA:
	case SQUASH_LZO:
	case SQUASH_XZ:
		break;
	}
	return error_new(ERR_UNSUPPORTED, "squashfs images cannot be written with codec %d", (int)c->codec);
}

struct error *squash_compressor_new(enum squash_codec codec, int level, struct squash_compressor **ret_compressor)
{
	cleanup_with(squash_compressor_free) struct squash_compressor *c = xcalloc(1, sizeof(*c));

	if (level < 0)
		return error_new(ERR_UNSUPPORTED, "there is no compression level %d", level);
	c->codec = codec;
	c->level = level;
	TRY(open_codec(c));
	*ret_compressor = take_ptr(&c);
	return NULL;
}

void squash_compressor_free(struct squash_compressor *c)
{
	if (!c)
		return;
	(void)ZSTD_freeCCtx(c->zstd);
	libdeflate_free_compressor(c->deflate);
	free(c->lz4_state);
	free(c);
}

static size_t compress_lz4(struct squash_compressor *c, const void *in, size_t size, void *out, size_t room)
{
	int n = c->level ? LZ4_compress_HC_extStateHC(c->lz4_state, in, out, (int)size, (int)room, c->level)
			 : LZ4_compress_fast_extState(c->lz4_state, in, out, (int)size, (int)room, 1);

	return n > 0 ? (size_t)n : 0;
}

size_t squash_compress(struct squash_compressor *c, const void *in, size_t size, void *out)
{
	if (size < 2)
		return 0;

	size_t room = size - 1;

	if (c->zstd) {
		size_t n = ZSTD_compress2(c->zstd, out, room, in, size);

		return ZSTD_isError(n) ? 0 : n;
	}
	if (c->deflate)
		return libdeflate_zlib_compress(c->deflate, in, size, out, room);
	return compress_lz4(c, in, size, out, room);
}

size_t squash_codec_options(enum squash_codec codec, int level, uint8_t options[static SQUASH_CODEC_OPTIONS_MAX])
{
	if (codec != SQUASH_LZ4)
		return 0; /* gzip and zstd: absent means the defaults, which suit every reader */
	uint8_t *end = store_u32(options, LZ4_VERSION_LEGACY);

	end = store_u32(end, level ? LZ4_FLAG_HC : 0);
	return (size_t)(end - options);
}
