/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/source/blob_range.h"

#include "base/draft.h"
#include "base/io.h"
#include "base/sha256.h"
#include "base/test.h"

static char media_type[] = "x";

/* A file "....DATA....", the blob being @data at offset 4. */
static struct blob_range file_with(const char *data)
{
	struct blob_range range = { .fd = -EBADF, .offset = 4, .size = strlen(data) };

	assert_ok(draft_unnamed("/tmp", &range.fd));
	assert_ok(io_write_all(range.fd, "....", 4));
	assert_ok(io_write_all(range.fd, data, strlen(data)));
	assert_ok(io_write_all(range.fd, "....", 4));
	return range;
}

static struct oci_desc desc_of(const char *data)
{
	return (struct oci_desc){ .media_type = media_type,
				  .digest = sha256_of(data, strlen(data)),
				  .size = strlen(data) };
}

static void good_blob_is_read(void **state)
{
	struct blob_range range = file_with("hello world");
	struct oci_desc desc = desc_of("hello world");
	cleanup_buf struct buf out = { 0 };
	cleanup_buf struct buf raw = { 0 };
	struct blob_reader *reader = NULL;
	char piece[5];
	size_t n;

	(void)state;
	assert_ok(blob_range_open(&range, &desc, &reader));
	assert_ok(reader->read(reader, piece, sizeof(piece), &n));
	assert_int_equal(n, 5);
	assert_memory_equal(piece, "hello", 5);
	assert_ok(blob_reader_read_all(reader, 6, "blob", &out));
	assert_string_equal(buf_str(&out), " world");
	reader->close(reader);
	blob_reader_close(NULL);
	assert_ok(blob_range_read(&range, &desc, 11, "blob", &raw));
	assert_string_equal(buf_str(&raw), "hello world");
	(void)close(range.fd);
}

static void empty_blob_is_checked_too(void **state)
{
	struct blob_range range = file_with("");
	struct oci_desc desc = desc_of("");
	struct oci_desc other = desc_of("x");
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_ok(blob_range_read(&range, &desc, 0, "blob", &out));
	assert_int_equal(out.len, 0);
	other.size = 0;
	assert_error(blob_range_read(&range, &other, 0, "blob", &out), ERR_CORRUPT,
		     "error verifying sha256 checksum after");
	(void)close(range.fd);
}

static void damage_is_noticed(void **state)
{
	struct blob_range range = file_with("hello world");
	struct oci_desc desc = desc_of("hello_world");
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_error(blob_range_read(&range, &desc, 100, "blob", &out), ERR_CORRUPT,
		     "error verifying sha256 checksum after reading 11 bytes");
	desc = desc_of("hello");
	assert_error(blob_range_read(&range, &desc, 100, "blob", &out), ERR_CORRUPT,
		     "error verifying size; got 11, want 5");
	desc = desc_of("hello world");
	assert_int_equal(ftruncate(range.fd, 10), 0);
	assert_error(blob_range_read(&range, &desc, 100, "blob", &out), ERR_CORRUPT,
		     "error verifying size; got 6, want 11");
	assert_error(blob_range_read(&range, NULL, 100, "blob", &out), ERR_CORRUPT, "blob ends after 6 of 11 bytes");
	(void)close(range.fd);
}

static void limits_are_exact(void **state)
{
	struct blob_range range = file_with("12345");
	struct oci_desc desc = desc_of("12345");
	cleanup_buf struct buf out = { 0 };
	cleanup_with(blob_reader_close) struct blob_reader *reader = NULL;

	(void)state;
	assert_ok(blob_range_read(&range, NULL, 5, "blob", &out));
	assert_error(blob_range_read(&range, NULL, 4, "blob", &out), ERR_LIMIT, "blob is larger than 4 bytes");
	assert_ok(blob_range_open(&range, &desc, &reader));
	assert_error(blob_reader_read_all(reader, 4, "blob", &out), ERR_LIMIT, "blob is larger than 4 bytes");
	(void)close(range.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_blob_is_read),
		cmocka_unit_test(empty_blob_is_checked_too),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(limits_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
