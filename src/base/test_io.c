/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/draft.h"
#include "base/io.h"
#include "base/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int file_with(const char *data, size_t size, bool in_memory)
{
	int fd = in_memory ? memfd_create("test", MFD_CLOEXEC) : -EBADF;

	if (!in_memory)
		assert_ok(draft_unnamed("/tmp", &fd));
	assert_true(fd >= 0);
	assert_ok(io_pwrite_all(fd, data, size, 0));
	return fd;
}

static void assert_copied(int from, int to, const char *wanted, size_t size)
{
	cleanup_buf struct buf got = { 0 };
	struct stat st;
	size_t n;

	assert_ok(io_copy(from, to, size));
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_ok(io_pread(to, buf_reserve(&got, size), size, 0, &n));
	assert_int_equal(n, size);
	assert_memory_equal(got.data, wanted, size);
	(void)close(from);
	(void)close(to);
}

static void copies_within_and_across_file_systems(void **state)
{
	cleanup_buf struct buf data = { 0 };

	(void)state;
	while (data.len < 1000000)
		buf_appendf(&data, "%zu,", data.len);
	assert_copied(file_with(data.data, data.len, false), file_with("", 0, false), data.data, data.len);
	assert_copied(file_with(data.data, data.len, true), file_with("", 0, false), data.data, data.len);
	assert_copied(file_with(data.data, data.len, false), file_with("", 0, true), data.data, data.len);
	assert_copied(file_with(data.data, data.len, false), file_with("", 0, false), data.data, 300001);
	assert_copied(file_with("", 0, false), file_with("", 0, false), "", 0);
}

static void copy_notices_a_short_source(void **state)
{
	int from = file_with("12345", 5, false);
	int to = file_with("", 0, false);

	(void)state;
	assert_error(io_copy(from, to, 6), ERR_CORRUPT, "file ends after 5 of 6 bytes");
	(void)close(from);
	(void)close(to);
}

static void copy_reports_a_lost_write(void **state)
{
	int from = file_with("12345", 5, false);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	assert_error(io_copy(from, full, 5), ERR_SYSTEM, "write");
	(void)close(from);
	(void)close(full);
}

static void read_to_end_is_bounded(void **state)
{
	cleanup_buf struct buf b = { 0 };
	int fd = file_with("12345", 5, false);

	(void)state;
	assert_ok(io_read_to_end(fd, 5, "file", &b));
	assert_string_equal(buf_str(&b), "12345");
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_error(io_read_to_end(fd, 4, "file", &b), ERR_LIMIT, "file is larger than 4 bytes");
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_within_and_across_file_systems),
		cmocka_unit_test(copy_notices_a_short_source),
		cmocka_unit_test(copy_reports_a_lost_write),
		cmocka_unit_test(read_to_end_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
