/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/squash_codec.h"

#include "base/str.h"
#include "base/test.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zstd.h>

enum { PLAIN_SIZE = 5000, ROOM = 8192 };

static void plain_fill(uint8_t *plain)
{
	for (size_t i = 0; i < PLAIN_SIZE; i++)
		plain[i] = (uint8_t)("some text that repeats "[i % 23] + (i % 97 == 0));
}

static size_t pack_lzma(const uint8_t *plain, uint8_t *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	assert_false(lzma_lzma_preset(&options, 1));
	options.dict_size = 8192;
	assert_int_equal(lzma_alone_encoder(&s, &options), LZMA_OK);
	s.next_in = plain;
	s.avail_in = PLAIN_SIZE;
	s.next_out = out;
	s.avail_out = ROOM;
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	lzma_end(&s);
	for (int i = 0; i < 8; i++) /* writers of squashfs put the true size where the encoder put "unknown" */
		out[5 + i] = (uint8_t)((uint64_t)PLAIN_SIZE >> 8 * i);
	return ROOM - s.avail_out;
}

static size_t pack(enum squash_codec codec, const uint8_t *plain, uint8_t *out)
{
	struct libdeflate_compressor *deflate;
	static uint8_t lzo_memory[LZO1X_1_MEM_COMPRESS];
	lzo_uint lzo_size = ROOM;
	size_t n = 0;

	switch (codec) {
	case SQUASH_GZIP:
		deflate = libdeflate_alloc_compressor(6);
		n = libdeflate_zlib_compress(deflate, plain, PLAIN_SIZE, out, ROOM);
		libdeflate_free_compressor(deflate);
		return n;
	case SQUASH_LZMA:
		return pack_lzma(plain, out);
	case SQUASH_LZO:
		assert_int_equal(lzo1x_1_compress(plain, PLAIN_SIZE, out, &lzo_size, lzo_memory), LZO_E_OK);
		return lzo_size;
	case SQUASH_XZ:
		assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain, PLAIN_SIZE, out, &n, ROOM), LZMA_OK);
		return n;
	case SQUASH_LZ4:
		return (size_t)LZ4_compress_default((const char *)plain, (char *)out, PLAIN_SIZE, ROOM);
	case SQUASH_ZSTD:
		return ZSTD_compress(out, ROOM, plain, PLAIN_SIZE, 3);
	}
	return 0;
}

static void test_each(void **state)
{
	static uint8_t plain[PLAIN_SIZE], packed[ROOM], out[ROOM];

	(void)state;
	plain_fill(plain);
	for (enum squash_codec codec = SQUASH_GZIP; codec <= SQUASH_ZSTD; codec++) {
		size_t packed_size = pack(codec, plain, packed);
		struct squash_decoder *d;
		size_t size;

		print_message("%s: %zu bytes\n", squash_codec_name(codec), packed_size);
		assert_true(packed_size > 0 && packed_size < PLAIN_SIZE);
		assert_ok(squash_decoder_new(codec, &d));
		for (int again = 0; again < 2; again++) {
			assert_ok(squash_decode(d, packed, packed_size, out, PLAIN_SIZE, &size)); /* exactly the room it takes */
			assert_int_equal(size, PLAIN_SIZE);
			assert_memory_equal(out, plain, PLAIN_SIZE);
			assert_error(squash_decode(d, packed, packed_size, out, PLAIN_SIZE - 1, &size), ERR_CORRUPT, "do not unpack");
			assert_error(squash_decode(d, packed, packed_size / 2, out, ROOM, &size), ERR_CORRUPT, "do not unpack");
			assert_error(squash_decode(d, packed, 0, out, ROOM, &size), ERR_CORRUPT, "0 bytes");
			assert_error(squash_decode(d, plain, PLAIN_SIZE, out, ROOM, &size), ERR_CORRUPT, squash_codec_name(codec));
		}
		squash_decoder_free(d);
	}
}

static void test_unknown(void **state)
{
	static const unsigned int unknown[] = { 0, 7, UINT16_MAX, UINT32_MAX };
	struct squash_decoder *d = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		assert_null(squash_codec_name(unknown[i]));
		assert_error(squash_decoder_new(unknown[i], &d), ERR_UNSUPPORTED, "unknown");
	}
	assert_string_equal(squash_codec_name(SQUASH_LZ4), "lz4");
	squash_decoder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
