/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/progress.h"

#define MIB (1024ULL * 1024)

static void assert_line(uint64_t done, uint64_t total, uint64_t elapsed_ms, unsigned int columns, const char *wanted)
{
	cleanup_buf struct buf out = { 0 };

	progress_line(done, total, elapsed_ms, columns, &out);
	assert_string_equal(buf_str(&out), wanted);
}

static void lines_show_amount_share_rate_and_rest(void **state)
{
	(void)state;
	assert_line(50 * MIB, 100 * MIB, 10000, 60, "50.0MiB / 100.0MiB [==========>---------] 50 % 5.0 MiB/s 10s");
	assert_line(0, 100 * MIB, 0, 60, "0.0B / 100.0MiB [>--------------------------] 0 % 0.0 B/s 0s");
	assert_line(100 * MIB, 100 * MIB, 1000, 60, "100.0MiB / 100.0MiB [=================] 100 % 100.0 MiB/s 0s");
	assert_line(1536, 3 * 1024, 1000, 50, "1.5KiB / 3.0KiB [=======>------] 50 % 1.5 KiB/s 1s");
	assert_line(1, 1 + 100ULL * 60, 1000, 60, "1.0B / 5.9KiB [>-------------------------] 0 % 1.0 B/s 1h40m");
	assert_line(10, 10 + 650, 1000, 60, "10.0B / 660.0B [>------------------------] 1 % 10.0 B/s 1m5s");
}

static void narrow_terminals_get_no_bar(void **state)
{
	(void)state;
	assert_line(50 * MIB, 100 * MIB, 10000, 45, "50.0MiB / 100.0MiB [==>--] 50 % 5.0 MiB/s 10s");
	assert_line(50 * MIB, 100 * MIB, 10000, 44, "50.0MiB / 100.0MiB 50 % 5.0 MiB/s 10s");
	assert_line(50 * MIB, 100 * MIB, 10000, 0, "50.0MiB / 100.0MiB 50 % 5.0 MiB/s 10s");
}

static void more_than_promised_is_the_whole(void **state)
{
	(void)state;
	assert_line(200, 100, 1000, 10, "100.0B / 100.0B 100 % 200.0 B/s 0s");
	assert_line(0, 0, 1000, 10, "0.0B / 0.0B 100 % 0.0 B/s 0s");
}

static void widest_line_fits(void **state)
{
	(void)state;
	for (unsigned int columns = 50; columns < 200; columns++) {
		cleanup_buf struct buf out = { 0 };

		progress_line(33 * MIB, 100 * MIB, 1000, columns, &out);
		assert_int_equal(out.len, columns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_show_amount_share_rate_and_rest),
		cmocka_unit_test(narrow_terminals_get_no_bar),
		cmocka_unit_test(more_than_promised_is_the_whole),
		cmocka_unit_test(widest_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
