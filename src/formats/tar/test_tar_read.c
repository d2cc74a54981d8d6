/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/tar/tar.h"

#include "base/test.h"
#include "tests/testlib/tar_make.h"

#include <inttypes.h>
#include <stdio.h>

/* An archive as text: one line an entry, holes as "<hole N>". */
static struct error *list_in_chunks(const struct buf *bytes, size_t chunk, struct buf *out)
{
	cleanup_tar_chunks struct tar_chunks chunks = { .bytes = bytes, .chunk = chunk };
	struct tar_input input = tar_chunks_input(&chunks);
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);

	for (;;) {
		const struct tar_entry *e = NULL;
		struct tar_slice slice = { 0 };

		TRY(tar_next(tar, &e));
		if (!e)
			return tar_drain(tar);
		buf_appendf(out, "%d %s -> %s %o %u:%u %" PRId64 " %u,%u %" PRIu64, (int)e->type, e->name, e->link, e->mode, e->uid,
			    e->gid, e->mtime, e->dev_major, e->dev_minor, e->size);
		for (size_t i = 0; i < e->n_xattrs; i++) {
			buf_appendf(out, " [%s=", e->xattrs[i].name);
			buf_append(out, e->xattrs[i].value, e->xattrs[i].size);
			buf_append_str(out, "]");
		}
		buf_append_str(out, " ");
		do {
			TRY(tar_read(tar, &slice));
			if (slice.data)
				buf_append(out, slice.data, (size_t)slice.size);
			else if (slice.size > 0)
				buf_appendf(out, "<hole %" PRIu64 ">", slice.size);
		} while (slice.size > 0);
		buf_append_str(out, "\n");
	}
}

/* The listing must not depend on where the chunks end. */
static void assert_listing(const struct buf *bytes, const char *wanted)
{
	static const size_t chunks[] = { 0, 1, 7, 511, 512, 513, 1024, 5000 };

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		cleanup_buf struct buf got = { 0 };

		assert_ok(list_in_chunks(bytes, chunks[i], &got));
		assert_string_equal(buf_str(&got), wanted);
	}
}

static void assert_refused(const struct buf *bytes, enum error_kind kind, const char *text)
{
	cleanup_buf struct buf got = { 0 };

	assert_error(list_in_chunks(bytes, 0, &got), kind, text);
	buf_clear(&got);
	assert_error(list_in_chunks(bytes, 100, &got), kind, text);
}

static void test_types(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make_dir(&b, "d/");
	tar_make(&b, &(struct tar_spec){ .name = "d/f", .mode = 04711, .uid = 5, .gid = 6, .mtime = 99, .data = "hello" });
	tar_make_symlink(&b, "s", "../d");
	tar_make_hardlink(&b, "h", "d/f");
	tar_make(&b, &(struct tar_spec){ .type = '3', .name = "c", .dev_major = 1, .dev_minor = 3 });
	tar_make(&b, &(struct tar_spec){ .type = '4', .name = "b", .dev_major = 4095, .dev_minor = 07777777 & 0xfffff });
	tar_make(&b, &(struct tar_spec){ .type = '6', .name = "p" });
	tar_make(&b, &(struct tar_spec){ .type = '7', .name = "contiguous", .data = "x" });
	tar_make(&b, &(struct tar_spec){ .v7 = true, .name = "olddir/", .mode = 0700 });
	tar_make(&b, &(struct tar_spec){ .name = "name", .prefix = "pre/fix", .data = "y" });
	tar_make(&b, &(struct tar_spec){ .name = "gnu", .prefix = "not", .old_gnu = true });
	tar_make_end(&b);
	assert_listing(&b, "5 d/ ->  755 0:0 1700000000 0,0 0 \n"
			   "0 d/f ->  4711 5:6 99 0,0 5 hello\n"
			   "2 s -> ../d 777 0:0 1700000000 0,0 0 \n"
			   "1 h -> d/f 644 0:0 1700000000 0,0 0 \n"
			   "3 c ->  644 0:0 1700000000 1,3 0 \n"
			   "4 b ->  644 0:0 1700000000 4095,1048575 0 \n"
			   "6 p ->  644 0:0 1700000000 0,0 0 \n"
			   "0 contiguous ->  644 0:0 1700000000 0,0 1 x\n"
			   "5 olddir/ ->  700 0:0 1700000000 0,0 0 \n"
			   "0 pre/fix/name ->  644 0:0 1700000000 0,0 1 y\n"
			   "0 gnu ->  644 0:0 1700000000 0,0 0 \n");
}

static void test_star_prefix(void **state)
{
	cleanup_buf struct buf b = { 0 };
	char prefix[156] = "star";

	(void)state;
	memcpy(prefix + 131, "123456", 6); /* star keeps times there */
	tar_make_with(&b, &(struct tar_spec){ .name = "n" }, 345, prefix, 155);
	memcpy(b.data + 508, "tar\0", 4);
	b.len = 0;
	uint8_t field[167] = { 0 };

	memcpy(field, prefix, 155);
	memcpy(field + 163, "tar\0", 4);
	tar_make_with(&b, &(struct tar_spec){ .name = "n" }, 345, field, sizeof(field));
	assert_listing(&b, "0 star/n ->  644 0:0 1700000000 0,0 0 \n");
}

/* Content sizes around the block, none of it read, all of it skipped. */
static void test_skipping(void **state)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 1024, 70000 };
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *data = xcalloc(70000, 1);
	struct tar_chunks chunks = { .bytes = &b, .chunk = 600 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		tar_make(&b, &(struct tar_spec){ .name = "f", .data = data, .size = sizes[i] });
	struct tar_input input = tar_chunks_input(&chunks);
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct tar_entry *e = NULL;

		assert_ok(tar_next(tar, &e));
		assert_non_null(e);
		assert_int_equal(e->size, sizes[i]);
	}
	const struct tar_entry *end = NULL;

	assert_ok(tar_next(tar, &end));
	assert_null(end);
	assert_ok(tar_next(tar, &end)); /* stays at the end */
	assert_null(end);
	tar_chunks_clear(&chunks);
}

static void test_ends(void **state)
{
	static const char *wanted = "0 f ->  644 0:0 1700000000 0,0 1 x\n";
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf empty = { 0 };
	static const char zeroes[4 * TAR_BLOCK];

	(void)state;
	assert_listing(&empty, "");
	tar_make_file(&b, "f", "x");
	assert_listing(&b, wanted); /* no end blocks */
	b.len -= TAR_BLOCK - 1;
	assert_listing(&b, wanted); /* nor padding */
	b.len += TAR_BLOCK - 1;
	buf_append(&b, zeroes, TAR_BLOCK);
	assert_listing(&b, wanted); /* one end block */
	buf_append(&b, zeroes, TAR_BLOCK);
	assert_listing(&b, wanted);
	buf_append_str(&b, "what follows does not count");
	assert_listing(&b, wanted);
}

static void test_truncated(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make_file(&b, "f", "content");
	b.len = 100;
	assert_refused(&b, ERR_CORRUPT, "unexpected end of the archive");
	b.len = TAR_BLOCK + 3;
	assert_refused(&b, ERR_CORRUPT, "unexpected end of the archive");
	b.len = 0;
	tar_make_file(&b, "f", "x");
	buf_append(&b, (char[TAR_BLOCK]){ 0 }, TAR_BLOCK);
	tar_make_file(&b, "g", "x");
	assert_refused(&b, ERR_CORRUPT, "data after a zero block");
}

static void test_numbers(void **state)
{
	static const uint8_t big_uid[8] = { 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe };
	static const uint8_t minus_two[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe };
	static const uint8_t too_big[8] = { 0x80, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t old_time[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6 };
	static const uint8_t huge[12] = { 0x80, 0, 0, 0x01 };
	static const uint8_t sign_lost[12] = { 0x80, 0, 0, 0, 0x80 };
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make_with(&b, &(struct tar_spec){ .name = "a" }, 108, big_uid, 8);
	tar_make_with(&b, &(struct tar_spec){ .name = "b" }, 116, minus_two, 8);
	tar_make_with(&b, &(struct tar_spec){ .name = "c" }, 136, old_time, 12);
	tar_make_with(&b, &(struct tar_spec){ .name = "d" }, 108, "   17 \0", 8);
	tar_make_with(&b, &(struct tar_spec){ .name = "e" }, 108, "\0\0\0\0\0\0\0", 8);
	tar_make_with(&b, &(struct tar_spec){ .name = "f" }, 100, "12345670", 8); /* no NUL at its end */
	assert_listing(&b, "0 a ->  644 4294967294:0 1700000000 0,0 0 \n"
			   "0 b ->  644 0:4294967294 1700000000 0,0 0 \n"
			   "0 c ->  644 0:0 -10 0,0 0 \n"
			   "0 d ->  644 15:0 1700000000 0,0 0 \n"
			   "0 e ->  644 0:0 1700000000 0,0 0 \n"
			   "0 f ->  5670 0:0 1700000000 0,0 0 \n");
	static const struct {
		size_t at;
		const void *field;
		size_t len;
		const char *text;
	} bad[] = {
		{ 108, too_big, 8, "owner out of range" },
		{ 124, huge, 12, "number out of range" },
		{ 136, sign_lost, 12, "number out of range" },
		{ 124, minus_two, 8, "negative size" },
		{ 124, "12x45678901", 12, "malformed number" },
		{ 108, "8", 1, "malformed number" },
		{ 148, "0000001", 8, "checksum" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		b.len = 0;
		uint8_t field[12] = { 0 };

		memcpy(field, bad[i].field, bad[i].len);
		if (bad[i].at == 124 && bad[i].len == 8) /* the size is 12 wide */
			memset(field, 0xff, 12);
		tar_make_with(&b, &(struct tar_spec){ .name = "x" }, bad[i].at, field, bad[i].at == 124 ? 12 : bad[i].len);
		assert_refused(&b, ERR_CORRUPT, bad[i].text);
	}
}

static void test_signed_checksum(void **state)
{
	cleanup_buf struct buf b = { 0 };
	uint8_t *header = NULL;
	int sum = 0;

	(void)state;
	tar_make_dir(&b, "\xc3\xbc");
	header = (uint8_t *)b.data;
	memset(header + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (int8_t)header[i];
	header[148] = '0';
	for (int i = 6; i > 0; i--, sum /= 8)
		header[148 + i] = (uint8_t)('0' + sum % 8);
	header[155] = '\0';
	assert_listing(&b, "5 \xc3\xbc ->  755 0:0 1700000000 0,0 0 \n");
}

static void test_devices(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make(&b, &(struct tar_spec){ .type = '3', .name = "c", .dev_major = 4096 });
	assert_refused(&b, ERR_CORRUPT, "device number out of range");
	b.len = 0;
	tar_make(&b, &(struct tar_spec){ .type = '4', .name = "c", .dev_minor = 1 << 20 });
	assert_refused(&b, ERR_CORRUPT, "device number out of range");
	b.len = 0; /* of other types the fields do not count */
	tar_make_with(&b, &(struct tar_spec){ .name = "f" }, 329, "garbage", 7);
	assert_listing(&b, "0 f ->  644 0:0 1700000000 0,0 0 \n");
}

static void test_unknown_type(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make(&b, &(struct tar_spec){ .type = 'V', .name = "label" });
	assert_refused(&b, ERR_UNSUPPORTED, "unpack entry: label: unknown typeflag '\\x56'");
}

/* What other types say about their size is not there. */
static void test_sizes_of_others(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make(&b, &(struct tar_spec){ .type = '5', .name = "d", .size = 4096 });
	tar_make(&b, &(struct tar_spec){ .type = '1', .name = "h", .link = "t", .size = 7 });
	tar_make_file(&b, "f", "x");
	assert_listing(&b, "5 d ->  755 0:0 1700000000 0,0 0 \n"
			   "1 h -> t 644 0:0 1700000000 0,0 0 \n"
			   "0 f ->  644 0:0 1700000000 0,0 1 x\n");
}

static void test_gnu_names(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf wanted = { 0 };
	char name[301];
	char too_long[TAR_PATH_MAX + 2];

	(void)state;
	memset(name, 'n', 300);
	name[300] = '\0';
	tar_make(&b, &(struct tar_spec){ .type = 'L', .name = "././@LongLink", .data = name, .size = 301 });
	tar_make(&b, &(struct tar_spec){ .type = 'K', .name = "././@LongLink", .data = name, .size = 300 });
	tar_make_symlink(&b, "cut", "cut");
	tar_make_symlink(&b, "next", "own");
	buf_appendf(&wanted, "2 %s -> %s 777 0:0 1700000000 0,0 0 \n2 next -> own 777 0:0 1700000000 0,0 0 \n", name, name);
	assert_listing(&b, buf_str(&wanted));

	b.len = 0;
	memset(too_long, 'n', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	tar_make(&b, &(struct tar_spec){ .type = 'L', .name = "L", .data = too_long + 1 });
	tar_make_file(&b, "f", "");
	cleanup_buf struct buf got = { 0 };

	assert_ok(list_in_chunks(&b, 0, &got)); /* the limit passes */
	b.len = 0;
	tar_make(&b, &(struct tar_spec){ .type = 'L', .name = "L", .data = too_long });
	tar_make_file(&b, "f", "");
	assert_refused(&b, ERR_LIMIT, "a name is longer than 4095 bytes");
}

static void test_pax(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	(void)state;
	tar_make_record(&r, "path", "long/name", 9);
	tar_make_record(&r, "linkpath", "unused", 6);
	tar_make_record(&r, "uid", "4294967295", 10);
	tar_make_record(&r, "gid", "-2", 2);
	tar_make_record(&r, "mtime", "-1.5", 4);
	tar_make_record(&r, "size", "3", 1);
	tar_make_record(&r, "atime", "nonsense", 8);
	tar_make_record(&r, "comment", "a=b", 3);
	tar_make_record(&r, "SCHILY.xattr.user.a", "1\0002", 3);
	tar_make_record(&r, "SCHILY.xattr.user.gone", "x", 1);
	tar_make_record(&r, "SCHILY.xattr.user.gone", "", 0);
	tar_make_pax(&b, 'x', &r);
	tar_make_with(&b, &(struct tar_spec){ .name = "short", .link = "l" }, 124, "00000000000", 12);
	tar_make_data(&b, "abc", 3);
	tar_make_file(&b, "plain", "x");
	cleanup_buf struct buf got = { 0 };

	assert_ok(list_in_chunks(&b, 0, &got));
	static const char wanted[] = "0 long/name ->  644 4294967295:4294967294 -2 0,0 3 [user.a=1\0002] abc\n"
				     "0 plain ->  644 0:0 1700000000 0,0 1 x\n";

	assert_int_equal(got.len, sizeof(wanted) - 1);
	assert_memory_equal(got.data, wanted, got.len);
}

static void test_pax_takes_back(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	(void)state;
	tar_make_record(&r, "path", "other", 5);
	tar_make_record(&r, "path", "", 0);
	tar_make_record(&r, "uid", "7", 1);
	tar_make_record(&r, "uid", "", 0);
	tar_make_pax(&b, 'x', &r);
	tar_make_file(&b, "name", "");
	assert_listing(&b, "0 name ->  644 0:0 1700000000 0,0 0 \n");
}

/* A global header gives owners and times to all that follow; a path or size of it would be nonsense. */
static void test_pax_global(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	(void)state;
	tar_make_record(&r, "comment", "0123456789", 10);
	tar_make_record(&r, "uid", "77", 2);
	tar_make_record(&r, "mtime", "55.9", 4);
	tar_make_record(&r, "path", "nonsense", 8);
	tar_make_record(&r, "size", "1000", 4);
	tar_make_pax(&b, 'g', &r);
	tar_make_file(&b, "a", "1");
	tar_make_pax1(&b, "uid", "5");
	tar_make_file(&b, "b", "2");
	assert_listing(&b, "0 a ->  644 77:0 55 0,0 1 1\n0 b ->  644 5:0 55 0,0 1 2\n");
}

static void test_pax_times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{ "0", 0 },    { "1.999999999", 1 }, { "-1", -1 },	{ "-1.0", -1 }, { "-0.5", -1 },
		{ ".5", 0 },   { "-.5", -1 },	     { "12.", 12 },	{ "9223372036854775807", INT64_MAX },
	};
	static const char *const bad[] = { "1.5x", "x", "-", ".", "1e3", "--1", "9223372036854775808", "-9223372036854775808.5" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_buf struct buf wanted = { 0 };

		tar_make_pax1(&b, "mtime", good[i].text);
		tar_make_file(&b, "f", "");
		buf_appendf(&wanted, "0 f ->  644 0:0 %" PRId64 " 0,0 0 \n", good[i].seconds);
		assert_listing(&b, buf_str(&wanted));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_buf struct buf b = { 0 };

		tar_make_pax1(&b, "mtime", bad[i]);
		tar_make_file(&b, "f", "");
		assert_refused(&b, ERR_CORRUPT, "pax time");
	}
}

static void refuse_records(const char *text, size_t len, const char *wanted)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	buf_append(&r, text, len);
	tar_make_pax(&b, 'x', &r);
	tar_make_file(&b, "f", "");
	assert_refused(&b, ERR_CORRUPT, wanted);
}

static void test_pax_broken(void **state)
{
#define REFUSE(text, wanted) refuse_records(text, sizeof(text) - 1, wanted)
	(void)state;
	REFUSE("12 path=abc", "pax record");	   /* past the end */
	REFUSE("11 path=abc", "pax record");	   /* no newline */
	REFUSE("x path=abc\n", "pax record");	   /* no length */
	REFUSE("-1 path=abc\n", "pax record");
	REFUSE("0 path=abc\n", "pax record");
	REFUSE("3 \n", "pax record");
	REFUSE("7 abcd\n", "pax record");	   /* no "=" */
	REFUSE("7 =abc\n", "pax record");	   /* no key */
	REFUSE("12 pa\0th=ab\n", "pax record");	   /* NUL in the key */
	REFUSE("12 path=a\0b\n", "holds NUL");
	REFUSE("99999999999999999999 path=abc\n", "pax record");
	REFUSE("10 size=-\n", "pax number");
	REFUSE("11 size=-1\n", "pax number");
	REFUSE("27 size=9223372036854775808\n", "pax record");
	REFUSE("28 size=9223372036854775808\n", "pax number");
	REFUSE("18 uid=4294967296\n", "owner out of range");
	REFUSE("17 SCHILY.xattr.=x\n", "pax record");
	REFUSE("19 SCHILY.xattr.=x\n", "xattr without a name");
#undef REFUSE
}

static void test_record_limit(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };
	cleanup_free char *value = xmalloc(TAR_RECORD_MAX);

	(void)state;
	memset(value, 'v', TAR_RECORD_MAX);
	tar_make_record(&r, "comment", value, TAR_RECORD_MAX - 17); /* "1048576 comment=" and a newline */
	assert_int_equal(r.len, TAR_RECORD_MAX);
	tar_make_pax(&b, 'x', &r);
	tar_make_file(&b, "f", "");
	assert_listing(&b, "0 f ->  644 0:0 1700000000 0,0 0 \n");
	b.len = 0;
	tar_make(&b, &(struct tar_spec){ .type = 'x', .name = "x", .size = TAR_RECORD_MAX + 1 });
	assert_refused(&b, ERR_LIMIT, "special record of 1048577 bytes");
}

static void test_special_limit(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < TAR_SPECIALS_MAX; i++)
		tar_make_pax1(&b, "uid", "1");
	size_t at = b.len;

	tar_make_file(&b, "f", "");
	assert_listing(&b, "0 f ->  644 1:0 1700000000 0,0 0 \n");
	b.len = at;
	tar_make_pax1(&b, "uid", "1");
	tar_make_file(&b, "f", "");
	assert_refused(&b, ERR_LIMIT, "more than 64 special records");
}

static void test_xattr_limits(void **state)
{
	cleanup_free char *value = xcalloc(TAR_XATTR_SIZE_MAX + 1, 1);

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_buf struct buf r = { 0 };
		cleanup_buf struct buf got = { 0 };

		tar_make_record(&r, "SCHILY.xattr.user.x", value, TAR_XATTR_SIZE_MAX + (size_t)extra);
		tar_make_pax(&b, 'x', &r);
		tar_make_file(&b, "f", "");
		if (extra)
			assert_refused(&b, ERR_LIMIT, "larger than 65536 bytes");
		else
			assert_ok(list_in_chunks(&b, 0, &got));
	}
	for (int extra = 0; extra < 2; extra++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_buf struct buf r = { 0 };
		cleanup_buf struct buf got = { 0 };

		for (int i = 0; i < TAR_XATTRS_MAX + extra; i++)
			tar_make_record(&r, "SCHILY.xattr.user.x", "v", 1);
		tar_make_pax(&b, 'x', &r);
		tar_make_file(&b, "f", "");
		if (extra)
			assert_refused(&b, ERR_LIMIT, "more than 4096 extended attributes");
		else
			assert_ok(list_in_chunks(&b, 0, &got));
	}
}

/* ---- sparse files ---- */

static const char sparse_wanted[] = "0 s ->  644 0:0 1700000000 0,0 1000000 <hole 1000>one<hole 998997>"
				    "\n0 after ->  644 0:0 1700000000 0,0 1 x\n";

static void put_pair(uint8_t *at, unsigned long long offset, unsigned long long size)
{
	(void)snprintf((char *)at, 12, "%011llo", offset);
	(void)snprintf((char *)at + 12, 12, "%011llo", size);
}

static void test_sparse_gnu(void **state)
{
	cleanup_buf struct buf b = { 0 };
	uint8_t field[110] = { 0 }; /* from 386: four pairs, a flag, the real size */

	(void)state;
	put_pair(field, 1000, 3);
	(void)snprintf((char *)field + 97, 12, "%011o", 1000000);
	tar_make_with(&b, &(struct tar_spec){ .type = 'S', .name = "s", .old_gnu = true, .data = "one" }, 386, field, 109);
	tar_make_file(&b, "after", "x");
	assert_listing(&b, sparse_wanted);
}

static void test_sparse_gnu_extended(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf wanted = { 0 };
	uint8_t field[110] = { 0 };
	uint8_t more[TAR_BLOCK] = { 0 };
	char data[31];

	(void)state;
	/* 30 pieces of one byte, each behind a hole of nine: 4 in the header, 21 and 5 in blocks */
	for (unsigned int i = 0; i < 4; i++)
		put_pair(field + i * 24, i * 10 + 9, 1);
	field[96] = 1;
	(void)snprintf((char *)field + 97, 12, "%011o", 301);
	for (int i = 0; i < 30; i++)
		data[i] = (char)('A' + i);
	data[30] = '\0';
	tar_make_with(&b, &(struct tar_spec){ .type = 'S', .name = "s", .old_gnu = true, .size = 30 }, 386, field, 109);
	for (unsigned int i = 4; i < 25; i++)
		put_pair(more + (i - 4) * 24, i * 10 + 9, 1);
	more[504] = 1;
	buf_append(&b, more, sizeof(more));
	memset(more, 0, sizeof(more));
	for (unsigned int i = 25; i < 30; i++)
		put_pair(more + (i - 25) * 24, i * 10 + 9, 1);
	buf_append(&b, more, sizeof(more));
	tar_make_data(&b, data, 30);
	buf_append_str(&wanted, "0 s ->  644 0:0 1700000000 0,0 301 ");
	for (int i = 0; i < 30; i++)
		buf_appendf(&wanted, "<hole 9>%c", data[i]);
	buf_append_str(&wanted, "<hole 1>\n");
	assert_listing(&b, buf_str(&wanted));
	b.len = TAR_BLOCK; /* the map is cut off */
	assert_refused(&b, ERR_CORRUPT, "sparse map is cut off");
}

static void test_sparse_pax(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	(void)state;
	tar_make_record(&r, "GNU.sparse.size", "1000000", 7); /* 0.0 */
	tar_make_record(&r, "GNU.sparse.numblocks", "1", 1);
	tar_make_record(&r, "GNU.sparse.offset", "1000", 4);
	tar_make_record(&r, "GNU.sparse.numbytes", "3", 1);
	tar_make_pax(&b, 'x', &r);
	tar_make_file(&b, "s", "one");
	tar_make_file(&b, "after", "x");
	assert_listing(&b, sparse_wanted);

	b.len = r.len = 0; /* 0.1 */
	tar_make_record(&r, "GNU.sparse.name", "s", 1);
	tar_make_record(&r, "GNU.sparse.size", "1000000", 7);
	tar_make_record(&r, "GNU.sparse.map", "1000,3", 6);
	tar_make_pax(&b, 'x', &r);
	tar_make_file(&b, "GNUSparseFile.1/s", "one");
	tar_make_file(&b, "after", "x");
	assert_listing(&b, sparse_wanted);

	b.len = r.len = 0; /* 1.0 */
	char data[TAR_BLOCK + 3] = "1\n1000\n3\n";

	memcpy(data + TAR_BLOCK, "one", 3);
	tar_make_record(&r, "GNU.sparse.major", "1", 1);
	tar_make_record(&r, "GNU.sparse.minor", "0", 1);
	tar_make_record(&r, "GNU.sparse.name", "s", 1);
	tar_make_record(&r, "GNU.sparse.realsize", "1000000", 7);
	tar_make_pax(&b, 'x', &r);
	tar_make(&b, &(struct tar_spec){ .name = "GNUSparseFile.1/s", .data = data, .size = sizeof(data) });
	tar_make_file(&b, "after", "x");
	assert_listing(&b, sparse_wanted);
}

static void test_sparse_all_hole(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	tar_make_pax1(&b, "GNU.sparse.size", "9223372036854775807");
	tar_make_file(&b, "s", "");
	assert_listing(&b, "0 s ->  644 0:0 1700000000 0,0 9223372036854775807 <hole 9223372036854775807>\n");
}

static void test_sparse_broken(void **state)
{
	static const struct {
		const char *size, *map, *data, *text;
		enum error_kind kind;
	} cases[] = {
		{ "100", "10,3", "on", "does not match the data", ERR_CORRUPT },
		{ "100", "10,1", "on", "does not match the data", ERR_CORRUPT },
		{ "100", "98,3", "one", "exceeds the file", ERR_CORRUPT },
		{ "100", "9223372036854775807,3", "one", "exceeds the file", ERR_CORRUPT },
		{ "100", "9223372036854775808,3", "one", "sparse map", ERR_CORRUPT },
		{ "100", "10,2,11,1", "one", "out of order", ERR_CORRUPT },
		{ "100", "10,2,5,1", "one", "out of order", ERR_CORRUPT },
		{ "100", "10", "one", "sparse map", ERR_CORRUPT },
		{ "100", "10,x", "one", "sparse map", ERR_CORRUPT },
		{ "100", "1111111111111111111111111,3", "one", "sparse map", ERR_CORRUPT },
		{ NULL, "10,3", "one", "without a size", ERR_CORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_buf struct buf r = { 0 };

		if (cases[i].size)
			tar_make_record(&r, "GNU.sparse.size", cases[i].size, strlen(cases[i].size));
		tar_make_record(&r, "GNU.sparse.map", cases[i].map, strlen(cases[i].map));
		tar_make_pax(&b, 'x', &r);
		tar_make_file(&b, "s", cases[i].data);
		assert_refused(&b, cases[i].kind, cases[i].text);
	}
}

static void refuse_map(const char *major, const char *data, size_t size, enum error_kind kind, const char *text)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };

	tar_make_record(&r, "GNU.sparse.major", major, strlen(major));
	tar_make_record(&r, "GNU.sparse.realsize", "100", 3);
	tar_make_pax(&b, 'x', &r);
	tar_make(&b, &(struct tar_spec){ .name = "s", .data = data, .size = size });
	assert_refused(&b, kind, text);
}

static void test_sparse_map_broken(void **state)
{
	char endless[600];

	(void)state;
	memset(endless, '1', sizeof(endless));
	refuse_map("1", endless, sizeof(endless), ERR_CORRUPT, "sparse map");
	refuse_map("1", "1\n1", 3, ERR_CORRUPT, "sparse map");	/* ends within a line */
	refuse_map("1", "0\n", 2, ERR_CORRUPT, "sparse map");	/* is no whole block */
	refuse_map("1", "-1\n", 3, ERR_CORRUPT, "sparse map");
	refuse_map("2", "0\n", 2, ERR_UNSUPPORTED, "sparse format 2.0");
}

static void test_sparse_limit(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf r = { 0 };
	cleanup_buf struct buf data = { 0 };

	(void)state;
	buf_appendf(&data, "%d\n", TAR_SPARSE_MAX + 1);
	for (int i = 0; i <= TAR_SPARSE_MAX; i++)
		buf_append_str(&data, "0\n0\n");
	tar_make_record(&r, "GNU.sparse.major", "1", 1);
	tar_make_record(&r, "GNU.sparse.realsize", "100", 3);
	tar_make_pax(&b, 'x', &r);
	tar_make(&b, &(struct tar_spec){ .name = "s", .data = data.data, .size = data.len });
	assert_refused(&b, ERR_LIMIT, "more than 1048576 pieces");
}

static struct error *fail_next(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	(void)ctx;
	(void)ret_data;
	(void)ret_size;
	return error_new(ERR_NETWORK, "the peer went away");
}

static void test_input_error(void **state)
{
	struct tar_input input = { .next = fail_next };
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);
	const struct tar_entry *e = NULL;

	(void)state;
	assert_error(tar_next(tar, &e), ERR_NETWORK, "the peer went away");
	assert_error(tar_drain(tar), ERR_NETWORK, "the peer went away");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_star_prefix),
		cmocka_unit_test(test_skipping),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_signed_checksum),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_sizes_of_others),
		cmocka_unit_test(test_gnu_names),
		cmocka_unit_test(test_pax),
		cmocka_unit_test(test_pax_takes_back),
		cmocka_unit_test(test_pax_global),
		cmocka_unit_test(test_pax_times),
		cmocka_unit_test(test_pax_broken),
		cmocka_unit_test(test_record_limit),
		cmocka_unit_test(test_special_limit),
		cmocka_unit_test(test_xattr_limits),
		cmocka_unit_test(test_sparse_gnu),
		cmocka_unit_test(test_sparse_gnu_extended),
		cmocka_unit_test(test_sparse_pax),
		cmocka_unit_test(test_sparse_all_hole),
		cmocka_unit_test(test_sparse_broken),
		cmocka_unit_test(test_sparse_map_broken),
		cmocka_unit_test(test_sparse_limit),
		cmocka_unit_test(test_input_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
