/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/csv.h"
#include "base/test.h"

static void assert_fields(const char *text, const char *joined)
{
	cleanup_strv struct strv fields = { 0 };

	assert_ok(csv_read_record(text, &fields));
	cleanup_free char *got = strv_join(&fields, "|");
	assert_string_equal(got, joined);
}

static void test_plain(void **state)
{
	(void)state;
	assert_fields("", "");
	assert_fields("a", "a");
	assert_fields("a,b", "a|b");
	assert_fields("a, b ,", "a| b |");
	assert_fields(",", "|");
}

static void test_quoted(void **state)
{
	(void)state;
	assert_fields("\"a,b\",c", "a,b|c");
	assert_fields("\"say \"\"hi\"\"\"", "say \"hi\"");
	assert_fields("\"two\r\nlines\",x", "two\nlines|x");
	assert_fields("\"\"", "");
}

static void test_only_first_record(void **state)
{
	(void)state;
	assert_fields("a,b\nc,d", "a|b");
	assert_fields("\n\r\na\r\nb", "a");
}

static void test_one_after_the_other(void **state)
{
	const char *text = "\na,\"b\nc\"\n\r\nd";
	cleanup_strv struct strv fields = { 0 };

	(void)state;
	assert_ok(csv_read_next(&text, &fields));
	assert_int_equal(fields.n, 2);
	assert_ok(csv_read_next(&text, &fields));
	assert_int_equal(fields.n, 3);
	assert_string_equal(fields.items[2], "d");
	assert_ok(csv_read_next(&text, &fields));
	assert_int_equal(fields.n, 3);
}

static void test_errors(void **state)
{
	cleanup_strv struct strv fields = { 0 };

	(void)state;
	assert_error(csv_read_record("src=\"/opt,dst=/x", &fields), ERR_USAGE,
		     "parse error on line 1, column 5: bare \" in non-quoted-field");
	assert_error(csv_read_record("\"a\"b", &fields), ERR_USAGE,
		     "parse error on line 1, column 3: extraneous or missing \" in quoted-field");
	assert_error(csv_read_record("\"a", &fields), ERR_USAGE,
		     "parse error on line 1, column 3: extraneous or missing \" in quoted-field");
	assert_error(csv_read_record("\"a\nb", &fields), ERR_USAGE,
		     "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted-field");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_only_first_record),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
