/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_decode.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { INPUT_SIZE = 256 << 10, MAGIC_SIZE = 4 };

enum format {
	FORMAT_UNKNOWN,
	FORMAT_PLAIN,
	FORMAT_GZIP,
	FORMAT_ZSTD,
	FORMAT_REST, /* what follows the compressed data */
};

struct layer_decoder {
	struct blob_reader *blob;
	enum format format;
	bool blob_ended;
	bool blob_failed; /* it is not read again */
	uint64_t stored;
	size_t pos, len; /* unread input is input[pos, len) */
	struct inflate_state *gzip;
	ZSTD_DCtx *zstd;
	bool in_frame; /* zstd: the frame begun is not complete */
	uint8_t input[INPUT_SIZE];
};

struct layer_decoder *layer_decoder_new(struct blob_reader *blob)
{
	struct layer_decoder *d = xmalloc(sizeof(*d));

	memset(d, 0, offsetof(struct layer_decoder, input));
	d->blob = blob;
	return d;
}

void layer_decoder_free(struct layer_decoder *d)
{
	if (!d)
		return;
	blob_reader_close(d->blob);
	free(d->gzip);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

uint64_t layer_decoder_stored(const struct layer_decoder *d)
{
	return d->stored;
}

/* All reading of the blob: counts, and notes how it ended. */
static struct error *read_blob(struct layer_decoder *d, void *buf, size_t size, size_t *ret_n)
{
	struct error *err = d->blob->read(d->blob, buf, size, ret_n);

	if (err) {
		d->blob_failed = true;
		return err;
	}
	d->blob_ended = *ret_n == 0;
	d->stored += *ret_n;
	return NULL;
}

/* Gets at least @want unread bytes into the input, fewer only at the end of the blob. */
static struct error *want_input(struct layer_decoder *d, size_t want)
{
	if (d->len - d->pos >= want)
		return NULL;
	memmove(d->input, d->input + d->pos, d->len - d->pos);
	d->len -= d->pos;
	d->pos = 0;
	while (d->len < want && !d->blob_ended) {
		size_t got = 0;

		TRY(read_blob(d, d->input + d->len, INPUT_SIZE - d->len, &got));
		d->len += got;
	}
	return NULL;
}

/* The magic at the front of the unread input. */
static struct error *sniff(struct layer_decoder *d, enum format otherwise, enum format *ret_format)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const uint8_t skippable[] = { 0x2a, 0x4d, 0x18 };
	const uint8_t *in = NULL;
	size_t n = 0;

	TRY(want_input(d, MAGIC_SIZE));
	in = d->input + d->pos;
	n = d->len - d->pos;
	*ret_format = otherwise;
	if (n >= 2 && in[0] == 0x1f && in[1] == 0x8b)
		*ret_format = FORMAT_GZIP;
	else if (n >= MAGIC_SIZE && memcmp(in, zstd, sizeof(zstd)) == 0)
		*ret_format = FORMAT_ZSTD;
	else if (n >= MAGIC_SIZE && in[0] >> 4 == 5 && memcmp(in + 1, skippable, sizeof(skippable)) == 0)
		*ret_format = FORMAT_ZSTD;
	return NULL;
}

static struct error *read_plain(struct layer_decoder *d, uint8_t *buf, size_t size, size_t *ret_n)
{
	size_t n = d->len - d->pos;

	if (n == 0 && !d->blob_ended) /* nothing buffered: no copy */
		return read_blob(d, buf, size, ret_n);
	if (n > size)
		n = size;
	memcpy(buf, d->input + d->pos, n);
	d->pos += n;
	*ret_n = n;
	return NULL;
}

/* A member ended: another gzip member follows, or the rest is no data of ours. */
static struct error *next_member(struct layer_decoder *d)
{
	enum format next = FORMAT_REST;

	TRY(sniff(d, FORMAT_REST, &next));
	d->format = next == FORMAT_GZIP ? FORMAT_GZIP : FORMAT_REST;
	isal_inflate_reset(d->gzip);
	d->gzip->crc_flag = ISAL_GZIP;
	return NULL;
}

static struct error *read_gzip(struct layer_decoder *d, uint8_t *buf, size_t size, size_t *ret_n)
{
	struct inflate_state *s = d->gzip;
	int rc = 0;

	if (!s) {
		s = d->gzip = xmalloc(sizeof(*s));
		isal_inflate_init(s);
		s->crc_flag = ISAL_GZIP;
	}
	if (s->block_state == ISAL_BLOCK_FINISH) {
		TRY(next_member(d));
		*ret_n = 0;
		return NULL;
	}
	TRY(want_input(d, 1));
	s->next_in = d->input + d->pos;
	s->avail_in = (uint32_t)(d->len - d->pos);
	s->next_out = buf;
	s->avail_out = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	rc = isal_inflate(s);
	if (rc < 0)
		return error_new(ERR_CORRUPT, "gzip: invalid compressed data (code %d)", rc);
	*ret_n = (size_t)(s->next_out - buf);
	if (*ret_n == 0 && s->block_state != ISAL_BLOCK_FINISH && s->avail_in == d->len - d->pos)
		return error_new(ERR_CORRUPT, "gzip: unexpected end of the compressed data");
	d->pos = d->len - s->avail_in;
	return NULL;
}

static struct error *next_frame(struct layer_decoder *d)
{
	enum format next = FORMAT_REST;

	TRY(sniff(d, FORMAT_REST, &next));
	d->format = next == FORMAT_ZSTD ? FORMAT_ZSTD : FORMAT_REST;
	d->in_frame = d->format == FORMAT_ZSTD;
	return NULL;
}

static struct error *read_zstd(struct layer_decoder *d, uint8_t *buf, size_t size, size_t *ret_n)
{
	ZSTD_outBuffer out = { .dst = buf, .size = size };
	ZSTD_inBuffer in = { 0 };
	size_t rc = 0;

	if (!d->zstd) {
		d->zstd = ZSTD_createDCtx();
		if (!d->zstd)
			return error_new(ERR_INTERNAL, "zstd: out of memory");
		(void)ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, LAYER_ZSTD_WINDOW_LOG_MAX);
	}
	*ret_n = 0;
	if (!d->in_frame)
		return next_frame(d);
	TRY(want_input(d, 1));
	in = (ZSTD_inBuffer){ .src = d->input + d->pos, .size = d->len - d->pos };
	rc = ZSTD_decompressStream(d->zstd, &out, &in);
	if (ZSTD_isError(rc))
		return error_new(ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge ? ERR_LIMIT
												   : ERR_CORRUPT,
				 "zstd: %s", ZSTD_getErrorName(rc));
	d->pos += in.pos;
	d->in_frame = rc != 0;
	*ret_n = out.pos;
	if (rc != 0 && in.pos == 0 && out.pos == 0)
		return error_new(ERR_CORRUPT, "zstd: unexpected end of the compressed data");
	return NULL;
}

static struct error *read_some(struct layer_decoder *d, uint8_t *buf, size_t size, size_t *ret_n)
{
	*ret_n = 0;
	switch (d->format) {
	case FORMAT_UNKNOWN:
		return sniff(d, FORMAT_PLAIN, &d->format);
	case FORMAT_PLAIN:
		return read_plain(d, buf, size, ret_n);
	case FORMAT_GZIP:
		return read_gzip(d, buf, size, ret_n);
	case FORMAT_ZSTD:
		return read_zstd(d, buf, size, ret_n);
	case FORMAT_REST:
		d->pos = d->len;
		return want_input(d, 1);
	}
	return NULL;
}

static bool at_end(const struct layer_decoder *d)
{
	return d->blob_ended && d->pos == d->len && (d->format == FORMAT_PLAIN || d->format == FORMAT_REST);
}

/*
 * Broken data may be broken on its way: then the blob says so at its end, and that is what to tell. Reads the blob to
 * its end; @err, which is taken over, or the blob's own error comes back.
 */
static struct error *blame(struct layer_decoder *d, struct error *err)
{
	while (!d->blob_ended && !d->blob_failed) {
		size_t got;
		struct error *blob_err = read_blob(d, d->input, INPUT_SIZE, &got);

		if (blob_err) {
			error_free(err);
			return blob_err;
		}
	}
	return err;
}

struct error *layer_decoder_read(struct layer_decoder *d, void *buf, size_t size, size_t *ret_n)
{
	uint8_t *out = buf;
	size_t have = 0;

	while (have < size && !at_end(d)) {
		size_t got = 0;

		struct error *err = read_some(d, out + have, size - have, &got);

		if (err)
			return blame(d, err);
		have += got;
	}
	*ret_n = have;
	return NULL;
}
