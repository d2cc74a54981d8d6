/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"

static void test_u64(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_true(num_parse_u64("0", 0, &value));
	assert_int_equal(value, 0);
	assert_true(num_parse_u64("18446744073709551615", UINT64_MAX, &value));
	assert_int_equal(value, UINT64_MAX);
	assert_true(num_parse_u64("100", 100, &value));
	value = 7;
	assert_false(num_parse_u64("101", 100, &value));
	assert_false(num_parse_u64("18446744073709551616", UINT64_MAX, &value));
	assert_false(num_parse_u64("", UINT64_MAX, &value));
	assert_false(num_parse_u64("+1", UINT64_MAX, &value));
	assert_false(num_parse_u64(" 1", UINT64_MAX, &value));
	assert_false(num_parse_u64("1x", UINT64_MAX, &value));
	assert_int_equal(value, 7);
}

static void test_u32(void **state)
{
	uint32_t value = 7;

	(void)state;
	assert_true(num_parse_u32("4294967295", UINT32_MAX, &value));
	assert_int_equal(value, UINT32_MAX);
	value = 7;
	assert_false(num_parse_u32("4294967296", UINT32_MAX, &value));
	assert_false(num_parse_u32("-1", UINT32_MAX, &value));
	assert_int_equal(value, 7);
}

static void test_s64(void **state)
{
	int64_t value = 7;

	(void)state;
	assert_true(num_parse_s64("-9223372036854775808", &value));
	assert_true(value == INT64_MIN);
	assert_true(num_parse_s64("9223372036854775807", &value));
	assert_true(value == INT64_MAX);
	value = 7;
	assert_false(num_parse_s64("9223372036854775808", &value));
	assert_false(num_parse_s64("-9223372036854775809", &value));
	assert_false(num_parse_s64("-", &value));
	assert_false(num_parse_s64("--1", &value));
	assert_int_equal(value, 7);
}

static void test_hex(void **state)
{
	(void)state;
	assert_int_equal(num_skim_hex("\t0000000000010a0F\nnext"), 0x10a0f);
	assert_int_equal(num_skim_hex("ffffffffffffffff"), UINT64_MAX);
	assert_int_equal(num_skim_hex("xyz"), 0);
	assert_int_equal(num_skim_hex(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u32),
		cmocka_unit_test(test_s64),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
