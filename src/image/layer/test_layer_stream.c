/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/layer/layer_stream.h"

#include "base/sha256.h"
#include "base/test.h"
#include "image/layer/layer_decode.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* So many more threads can be had; then creating one fails, as under RLIMIT_NPROC. */
static int threads_left = INT32_MAX;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	create_fn *real = NULL;

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	if (threads_left <= 0 || !real)
		return EAGAIN;
	threads_left--;
	return real(thread, attr, start, arg);
}

/* ---- a source of one blob ---- */

struct one_blob {
	struct source base;
	const struct buf *bytes;
	size_t chunk; /* most bytes of one read; 0: as many as wanted */
	struct error *error; /* given at the end, instead of the end */
	bool refuses;
	unsigned int n_open;
};

struct one_reader {
	struct blob_reader base;
	struct one_blob *of;
	size_t at;
};

static struct error *one_read(struct blob_reader *base, void *buf, size_t size, size_t *ret_n)
{
	struct one_reader *r = (struct one_reader *)base;
	size_t n = r->of->bytes->len - r->at;

	n = n < size ? n : size;
	if (r->of->chunk && n > r->of->chunk)
		n = r->of->chunk;
	if (n > 0)
		memcpy(buf, r->of->bytes->data + r->at, n);
	else if (r->of->error)
		return take_ptr(&r->of->error);
	r->at += n;
	*ret_n = n;
	return NULL;
}

static void one_close(struct blob_reader *base)
{
	((struct one_reader *)base)->of->n_open--;
	free(base);
}

static struct error *one_open(struct source *base, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	struct one_blob *one = (struct one_blob *)base;
	struct one_reader *r = NULL;

	(void)desc;
	if (one->refuses)
		return error_new(ERR_NOT_FOUND, "no such blob");
	r = xcalloc(1, sizeof(*r));
	*r = (struct one_reader){ .base = { .read = one_read, .close = one_close }, .of = one };
	one->n_open++;
	*ret_reader = &r->base;
	return NULL;
}

static struct one_blob one_blob(const struct buf *bytes)
{
	return (struct one_blob){ .base = { .open_blob = one_open }, .bytes = bytes };
}

static char media_type[] = "layer";
static const struct oci_desc desc = { .media_type = media_type, .digest = { "sha256:the-layer" } };

/* The whole stream; @diff_id NULL: not checked. */
static struct error *read_stream(struct one_blob *one, const struct digest *diff_id, struct buf *out)
{
	cleanup_with(layer_stream_close) struct layer_stream *s = layer_stream_open(&one->base, &desc, diff_id);
	struct tar_input input = layer_stream_input(s);

	for (;;) {
		const uint8_t *data = NULL;
		size_t size = 0;

		TRY(input.next(input.ctx, &data, &size));
		if (size == 0)
			break;
		buf_append(out, data, size);
	}
	TRY(layer_stream_finish(s));
	assert_int_equal(layer_stream_stored(s), one->bytes->len);
	return NULL;
}

static void assert_decodes(const struct buf *stored, const struct buf *plain)
{
	static const size_t chunks[] = { 0, 1, 3, 1000 };
	struct digest diff_id = sha256_of(buf_str(plain), plain->len);

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct one_blob one = one_blob(stored);
		cleanup_buf struct buf got = { 0 };

		if (chunks[i] && stored->len / chunks[i] > 100000)
			continue;
		one.chunk = chunks[i];
		assert_ok(read_stream(&one, &diff_id, &got));
		assert_int_equal(got.len, plain->len);
		if (plain->len > 0)
			assert_memory_equal(got.data, plain->data, plain->len);
		assert_int_equal(one.n_open, 0);
	}
}

static void assert_breaks(const struct buf *stored, enum error_kind kind, const char *text)
{
	struct one_blob one = one_blob(stored);
	cleanup_buf struct buf got = { 0 };

	assert_error(read_stream(&one, NULL, &got), kind, text);
	assert_int_equal(one.n_open, 0);
}

static void add_gzip(struct buf *out, const void *data, size_t size)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	z.avail_out = (uInt)deflateBound(&z, size);
	z.next_out = (Bytef *)buf_reserve(out, z.avail_out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

static void add_zstd(struct buf *out, const void *data, size_t size)
{
	size_t room = ZSTD_compressBound(size);
	size_t n = ZSTD_compress(buf_reserve(out, room), room, data, size, 3);

	assert_false(ZSTD_isError(n));
	out->len += n;
}

/* Bytes that compress somewhat; more than all buffers of the stream together. */
static void make_plain(struct buf *out, size_t size)
{
	uint32_t seed = 1;

	(void)buf_reserve(out, size);
	for (; out->len < size; out->len++) {
		seed = seed * 1664525 + 1013904223;
		out->data[out->len] = (char)(seed >> 28);
	}
}

static void test_plain(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 511, 256 << 10, (256 << 10) + 1, 5 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_buf struct buf plain = { 0 };

		make_plain(&plain, sizes[i]);
		assert_decodes(&plain, &plain);
	}
}

static void test_gzip(void **state)
{
	static const size_t sizes[] = { 0, 1, 256 << 10, 5 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_buf struct buf plain = { 0 };
		cleanup_buf struct buf stored = { 0 };

		make_plain(&plain, sizes[i]);
		add_gzip(&stored, buf_str(&plain), plain.len);
		assert_decodes(&stored, &plain);
	}
}

static void test_gzip_members(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };

	(void)state;
	make_plain(&plain, 600000);
	add_gzip(&stored, plain.data, 200000);
	add_gzip(&stored, "", 0);
	add_gzip(&stored, plain.data + 200000, 1);
	add_gzip(&stored, plain.data + 200001, plain.len - 200001);
	assert_decodes(&stored, &plain);
	buf_append(&stored, "\0\0\0 garbage that is no member", 30);
	assert_decodes(&stored, &plain);
}

static void test_zstd(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };

	(void)state;
	make_plain(&plain, 5 << 20);
	buf_append(&stored, "\x5f\x2a\x4d\x18\x05\0\0\0hello", 13); /* a skippable frame comes first */
	add_zstd(&stored, plain.data, 1 << 20);
	buf_append(&stored, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	add_zstd(&stored, "", 0);
	add_zstd(&stored, plain.data + (1 << 20), 4 << 20);
	assert_decodes(&stored, &plain);
	buf_append(&stored, "tail", 4);
	assert_decodes(&stored, &plain);
}

static void test_truncated(void **state)
{
	cleanup_buf struct buf plain = { 0 };

	(void)state;
	make_plain(&plain, 3 << 20);
	for (int i = 0; i < 2; i++) {
		cleanup_buf struct buf stored = { 0 };
		size_t whole = 0;

		(i ? add_zstd : add_gzip)(&stored, plain.data, plain.len);
		whole = stored.len;
		static const size_t cuts[] = { 1, 4, 100, 1000000 };

		for (size_t k = 0; k < ARRAY_LEN(cuts); k++) {
			stored.len = whole - cuts[k];
			assert_breaks(&stored, ERR_CORRUPT, "layer sha256:the-layer: ");
		}
		stored.len = i ? 6 : 5; /* within the header */
		assert_breaks(&stored, ERR_CORRUPT, "unexpected end of the compressed data");
	}
}

/* Broken data early in a blob that fails at its end: the blob's error is told, and it is read no further after it. */
static void test_damaged_on_the_way(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };
	cleanup_buf struct buf got = { 0 };

	(void)state;
	make_plain(&plain, 100000);
	add_gzip(&stored, plain.data, plain.len);
	memset(stored.data + 1000, 0xff, 100);

	struct one_blob one = one_blob(&stored);

	one.chunk = 500;
	one.error = error_new(ERR_CORRUPT, "blob is another one");
	assert_error(read_stream(&one, NULL, &got), ERR_CORRUPT, "blob is another one");
	assert_null(one.error);
	assert_int_equal(one.n_open, 0);
}

static void test_damaged(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };

	(void)state;
	make_plain(&plain, 100000);
	add_gzip(&stored, plain.data, plain.len);
	stored.data[stored.len - 6] ^= 1; /* its CRC */
	assert_breaks(&stored, ERR_CORRUPT, "gzip: invalid compressed data");
	stored.len = 0;
	add_gzip(&stored, plain.data, plain.len);
	memset(stored.data + 1000, 0xff, 100);
	assert_breaks(&stored, ERR_CORRUPT, "gzip: invalid compressed data");
	stored.len = 0;
	add_zstd(&stored, plain.data, plain.len);
	memset(stored.data + 20, 0xff, 100);
	assert_breaks(&stored, ERR_CORRUPT, "zstd: ");
}

/* A frame that asks for a window of 256 MiB would make us allocate that much. */
static void test_window_class_m(void **state)
{
	cleanup_buf struct buf stored = { 0 };
	/* magic; no size, no checksum; window descriptor: exponent, log2 = 10 + it; an empty last block */
	char frame[] = "\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00";

	(void)state;
	frame[5] = (char)((LAYER_ZSTD_WINDOW_LOG_MAX - 10) << 3);
	buf_append(&stored, frame, 9);
	cleanup_buf struct buf empty = { 0 };

	assert_decodes(&stored, &empty);
	stored.data[5] = (char)((LAYER_ZSTD_WINDOW_LOG_MAX + 1 - 10) << 3);
	assert_breaks(&stored, ERR_LIMIT, "zstd: ");
}

static void test_diff_id(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf got = { 0 };
	struct one_blob one = one_blob(&plain);
	struct digest wrong = sha256_of("other", 5);

	(void)state;
	make_plain(&plain, 1 << 20);
	assert_error(read_stream(&one, &wrong, &got), ERR_CORRUPT, "layer sha256:the-layer: uncompressed digest is sha256:");
	buf_clear(&got);
	assert_ok(read_stream(&one, NULL, &got));
}

static void test_source_errors(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };
	cleanup_buf struct buf got = { 0 };
	struct one_blob one = one_blob(&stored);

	(void)state;
	make_plain(&plain, 4 << 20);
	add_gzip(&stored, plain.data, plain.len);
	one.error = error_new(ERR_CORRUPT, "wrong digest"); /* the end itself must be seen, after the last member too */
	assert_error(read_stream(&one, NULL, &got), ERR_CORRUPT, "layer sha256:the-layer: wrong digest");
	one.refuses = true;
	assert_error(read_stream(&one, NULL, &got), ERR_NOT_FOUND, "layer sha256:the-layer: no such blob");
}

/* Closing half-way ends the threads, wherever they are. */
static void test_close_early(void **state)
{
	cleanup_buf struct buf plain = { 0 };

	(void)state;
	make_plain(&plain, 8 << 20);
	for (int turns = 0; turns < 6; turns++) {
		struct one_blob one = one_blob(&plain);
		struct digest any = { 0 };
		struct layer_stream *s = layer_stream_open(&one.base, &desc, &any);
		struct tar_input input = layer_stream_input(s);

		for (int i = 0; i < turns; i++) {
			const uint8_t *data = NULL;
			size_t size = 0;

			assert_ok(input.next(input.ctx, &data, &size));
			assert_true(size > 0);
		}
		layer_stream_close(s);
		assert_int_equal(one.n_open, 0);
	}
	layer_stream_close(NULL);
}

static void test_without_threads(void **state)
{
	cleanup_buf struct buf plain = { 0 };
	cleanup_buf struct buf stored = { 0 };

	(void)state;
	make_plain(&plain, 5 << 20);
	add_gzip(&stored, plain.data, plain.len);
	for (int left = 0; left < 2; left++) {
		struct one_blob one = one_blob(&stored);
		struct digest diff_id = sha256_of(plain.data, plain.len);
		cleanup_buf struct buf got = { 0 };

		threads_left = left;
		assert_ok(read_stream(&one, &diff_id, &got));
		assert_int_equal(got.len, plain.len);
		assert_memory_equal(got.data, plain.data, plain.len);
		threads_left = left;
		diff_id.text[10] ^= 1;
		assert_error(read_stream(&one, &diff_id, &got), ERR_CORRUPT, "uncompressed digest is");
	}
	threads_left = INT32_MAX;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	      cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_gzip_members),  cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_on_the_way),
		cmocka_unit_test(test_window_class_m), cmocka_unit_test(test_diff_id),
		cmocka_unit_test(test_source_errors), cmocka_unit_test(test_close_early),
		cmocka_unit_test(test_without_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
