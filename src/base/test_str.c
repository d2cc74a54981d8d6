/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/num.h"
#include "base/test.h"

static void clean_is_lexical(void **state)
{
	static const char *const cases[][2] = {
		{ "", "." },
		{ ".", "." },
		{ "/", "/" },
		{ "//a//b/", "/a/b" },
		{ "a/../b", "b" },
		{ "../a", "../a" },
		{ "a/../../b", "../b" },
		{ "/../a", "/a" },
		{ "/a/./b/..", "/a" },
		{ "./a", "a" },
		{ "../../x", "../../x" },
		{ "a/b/../..", "." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *got = fs_clean(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void numbers_are_strict(void **state)
{
	uint64_t u = 7;
	int64_t s = 7;

	(void)state;
	assert_true(num_parse_u64("18446744073709551615", UINT64_MAX, &u));
	assert_int_equal(u, UINT64_MAX);
	assert_false(num_parse_u64("18446744073709551616", UINT64_MAX, &u));
	assert_false(num_parse_u64("", 10, &u));
	assert_false(num_parse_u64("+1", 10, &u));
	assert_true(num_parse_u64("10", 10, &u));
	assert_false(num_parse_u64("11", 10, &u));
	assert_true(num_parse_s64("-9223372036854775808", &s));
	assert_true(s == INT64_MIN);
	assert_false(num_parse_s64("--1", &s));
}

static void json_keeps_order_and_escapes(void **state)
{
	static const char text[] = "{\"b\":1,\"a\":[\"<&>\",null,true,-5],\"c\":\"\\u2028\\n\xc3\xa9\xff\"}";
	cleanup_with(jv_free) struct jv *v = NULL;
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_ok(jv_parse(text, sizeof(text) - 1, "text", &v));
	jv_dump(v, &out);
	assert_string_equal(buf_str(&out), "{\"b\":1,\"a\":[\"\\u003c\\u0026\\u003e\",null,true,-5],"
					   "\"c\":\"\\u2028\\n\xc3\xa9\xef\xbf\xbd\"}");
}

static void utf8_is_strict(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{ "a", 1 },
		{ "\xc3\xa9", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\x80", 0 },
		{ "\xc0\xaf", 0 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\x80\x80", 0 },
		{ "\xed\xa0\x80", 0 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xff", 0 },
		{ "\xc3"
		  "a",
		  0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(str_utf8_len(cases[i].text, strlen(cases[i].text)), cases[i].len);
	assert_int_equal(str_utf8_len("\xe2\x82\xac", 2), 0); /* cut off */
}

static void json_numbers_stay_the_same(void **state)
{
	static const char *const cases[][2] = {
		{ "[0.1]", "[0.1]" },
		{ "[1.0]", "[1.0]" },
		{ "[-0.0]", "[-0.0]" },
		{ "[1e30]", "[1e+30]" },
		{ "[0.30000000000000004]", "[0.30000000000000004]" },
		{ "[2.5E-7]", "[2.5e-07]" },
		{ "[9223372036854775807]", "[9223372036854775807]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(jv_free) struct jv *v = NULL;
		cleanup_buf struct buf out = { 0 };

		assert_ok(jv_parse(cases[i][0], strlen(cases[i][0]), "text", &v));
		jv_dump(v, &out);
		assert_string_equal(buf_str(&out), cases[i][1]);
	}
}

static void json_members_in_order(void **state)
{
	static const char text[] = "{\"b\":1,\"a\":2,\"c\":3}";
	cleanup_with(jv_free) struct jv *v = NULL;
	cleanup_buf struct buf keys = { 0 };
	void *iter = NULL;
	const char *key;

	(void)state;
	assert_ok(jv_parse(text, sizeof(text) - 1, "text", &v));
	while (jv_next(v, &iter, &key))
		buf_append_str(&keys, key);
	assert_string_equal(buf_str(&keys), "bac");
	assert_null(jv_next(jv_get(v, "a"), &iter, &key)); /* not an object */
}

static void json_refuses_bad_input(void **state)
{
	char deep[2 * (JV_DEPTH_MAX + 1)];
	struct jv *v = NULL;

	(void)state;
	memset(deep, '[', JV_DEPTH_MAX + 1);
	memset(deep + JV_DEPTH_MAX + 1, ']', JV_DEPTH_MAX + 1);
	assert_error(jv_parse(deep, sizeof(deep), "text", &v), ERR_LIMIT, "nests deeper");
	assert_ok(jv_parse(deep + 1, sizeof(deep) - 2, "text", &v));
	jv_free(v);
	assert_error(jv_parse("{\"a\":1,\"a\":2}", 13, "text", &v), ERR_CORRUPT, "duplicate");
	assert_error(jv_parse("{} x", 4, "text", &v), ERR_CORRUPT, "text is not valid JSON");
}

static void cursor_overrun_sticks(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));

	(void)state;
	uint8_t copy[4];

	cursor_copy(&c, copy, sizeof(copy));
	assert_memory_equal(copy, bytes, sizeof(copy));
	c = cursor_over(bytes, sizeof(bytes));
	assert_int_equal(cursor_u32le(&c), 0x04030201);
	assert_ok(cursor_finish(&c, "thing"));
	cursor_copy(&c, copy, 2);
	assert_memory_equal(copy, "\0\0", 2);
	assert_int_equal(cursor_u16le(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_error(cursor_finish(&c, "thing"), ERR_CORRUPT, "thing is truncated at byte 4");
}

static void digests_are_strict(void **state)
{
	struct digest d = { 0 };
	static const char good[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(digest_parse(good, &d));
	assert_string_equal(d.text, good);
	assert_false(digest_parse("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", &d));
	assert_false(digest_parse("sha256:../../etc/passwd", &d));
	assert_false(digest_parse("sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", &d));
}

static void errors_chain(void **state)
{
	struct error *err =
		error_hint(error_wrap(error_sys(ENOENT, "open %s", "/x"), "while reading"), "make %s", "it");

	(void)state;
	assert_string_equal(error_text(err), "while reading: open /x: no such file or directory");
	assert_string_equal(error_hint_text(err), "make it");

	int ends[2];
	struct error *received = NULL;

	assert_int_equal(pipe(ends), 0);
	error_send(ends[1], err);
	close(ends[1]);
	assert_ok(error_recv(ends[0], &received));
	close(ends[0]);
	assert_int_equal(error_errno(received), ENOENT);
	assert_string_equal(error_hint_text(received), "make it");
	assert_error(received, ERR_SYSTEM, "while reading: open /x: no such file or directory");
}

static void quotes_are_those_of_go(void **state)
{
	cleanup_free char *quoted = str_quote("a\"b\\\n\t\r\x01\xc3\xa9");

	(void)state;
	assert_string_equal(quoted, "\"a\\\"b\\\\\\n\\t\\r\\x01\xc3\xa9\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_is_lexical),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(json_keeps_order_and_escapes),
		cmocka_unit_test(json_refuses_bad_input),
		cmocka_unit_test(cursor_overrun_sticks),
		cmocka_unit_test(digests_are_strict),
		cmocka_unit_test(errors_chain),
		cmocka_unit_test(json_members_in_order),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(json_numbers_stay_the_same),
		cmocka_unit_test(quotes_are_those_of_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
