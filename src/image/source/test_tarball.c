/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/source/tarball.h"

#include "image/source/spool.h"
#include "image/source/test_tarball.h"
#include "tests/testlib/fixture.h"

#include "base/proc.h"

static struct tarball *open_fd(int fd)
{
	struct tarball *t = NULL;

	assert_ok(tarball_open(fd, "x.tar", "/tmp", &t));
	return t;
}

static void assert_member(const struct tarball *t, const char *name, const char *wanted)
{
	cleanup_buf struct buf out = { 0 };
	struct blob_range range;

	assert_true(tarball_has(t, name));
	assert_ok(tarball_find(t, name, &range));
	assert_ok(blob_range_read(&range, NULL, 1 << 20, name, &out));
	assert_string_equal(buf_str(&out), wanted);
}

static void members_are_found_by_clean_names(void **state)
{
	struct buf tar = { 0 };
	struct blob_range range;

	(void)state;
	add_file(&tar, "./a", "1");
	add_file(&tar, "/b/c", "22");
	add_file(&tar, "d/../e", "");
	add_member(&tar, "dir/", '5', "", "", 0);

	cleanup_with(tarball_close) struct tarball *t = open_fd(end_archive(&tar));

	assert_member(t, "a", "1");
	assert_member(t, "./a", "1");
	assert_member(t, "/a", "1");
	assert_member(t, "b/c", "22");
	assert_member(t, "e", "");
	assert_false(tarball_has(t, "dir"));
	assert_error(tarball_find(t, "nope", &range), ERR_NOT_FOUND, "file nope not found in tar");
	assert_error(tarball_find(t, "../a", &range), ERR_NOT_FOUND, "file ../a not found in tar");
}

static void last_of_one_name_counts(void **state)
{
	struct buf tar = { 0 };

	(void)state;
	add_file(&tar, "a", "old");
	add_file(&tar, "b", "b");
	add_file(&tar, "./a", "newer");
	add_file(&tar, "a", "newest");

	cleanup_with(tarball_close) struct tarball *t = open_fd(end_archive(&tar));

	assert_member(t, "a", "newest");
	assert_member(t, "b", "b");
}

static void links_are_followed(void **state)
{
	struct buf tar = { 0 };
	struct blob_range range;

	(void)state;
	add_file(&tar, "x/real", "text");
	add_member(&tar, "x/soft", '2', "real", "", 0);
	add_member(&tar, "y/up", '2', "../x/soft", "", 0);
	add_member(&tar, "y/abs", '2', "/x/real", "", 0);
	add_member(&tar, "y/hard", '1', "x/real", "", 0);
	add_member(&tar, "y/hard2", '1', "./y/hard", "", 0);
	add_member(&tar, "loop1", '2', "loop2", "", 0);
	add_member(&tar, "loop2", '2', "loop1", "", 0);
	add_member(&tar, "dangling", '2', "nowhere", "", 0);
	add_member(&tar, "out", '2', "../../etc/passwd", "", 0);

	cleanup_with(tarball_close) struct tarball *t = open_fd(end_archive(&tar));

	assert_member(t, "x/soft", "text");
	assert_member(t, "y/up", "text");
	assert_member(t, "y/abs", "text");
	assert_member(t, "y/hard", "text");
	assert_member(t, "y/hard2", "text");
	assert_error(tarball_find(t, "loop1", &range), ERR_CORRUPT, "link cycle detected for loop1");
	assert_error(tarball_find(t, "dangling", &range), ERR_NOT_FOUND, "file dangling not found in tar");
	assert_error(tarball_find(t, "out", &range), ERR_NOT_FOUND, "file out not found in tar");
}

/* As long as Linux follows links in a path, so do we. */
static void chain_of_links_is_bounded(void **state)
{
	struct buf tar = { 0 };
	struct blob_range range;

	(void)state;
	add_file(&tar, "l0", "end");
	for (int i = 1; i <= 41; i++) {
		cleanup_free char *name = xasprintf("l%d", i);
		cleanup_free char *target = xasprintf("l%d", i - 1);

		add_member(&tar, name, '2', target, "", 0);
	}

	cleanup_with(tarball_close) struct tarball *t = open_fd(end_archive(&tar));

	assert_member(t, "l40", "end");
	assert_error(tarball_find(t, "l41", &range), ERR_CORRUPT, "link cycle detected for l41");
}

static void escaping_names_are_refused(void **state)
{
	struct buf tar = { 0 };
	struct tarball *t = NULL;

	(void)state;
	add_file(&tar, "a/../../b", "1");
	assert_error(tarball_open(end_archive(&tar), "x.tar", "/tmp", &t), ERR_CORRUPT,
		     "a/../../b: illegal extraction path");
	assert_null(t);
}

static void contents_are_found_across_chunks(void **state)
{
	struct buf tar = { 0 };
	cleanup_buf struct buf big = { 0 };

	(void)state;
	while (big.len < 200000)
		buf_appendf(&big, "%zu,", big.len);
	add_file(&tar, "before", "x");
	add_file(&tar, "big", buf_str(&big));
	for (int i = 0; i < 300; i++) {
		cleanup_free char *name = xasprintf("small/%d", i);

		add_file(&tar, name, name);
	}

	cleanup_with(tarball_close) struct tarball *t = open_fd(end_archive(&tar));

	assert_member(t, "big", buf_str(&big));
	assert_member(t, "small/0", "small/0");
	assert_member(t, "small/127", "small/127");
	assert_member(t, "small/299", "small/299");
}

static void what_is_no_archive_is_refused(void **state)
{
	struct buf tar = { 0 };
	struct tarball *t = NULL;

	(void)state;
	assert_error(tarball_open(fixture_memory("hello, this is no archive", 25), "x.tar", "/tmp", &t), ERR_CORRUPT,
		     "archive/tar: ");

	/* An archive that ends inside a member. */
	add_file(&tar, "a", "12345678");
	add_member(&tar, "b", '0', "", "", 0);
	tar.data[512 + 512 + 124 + 10] = '7'; /* b claims 7 bytes */
	tar.data[512 + 512 + 148 + 5] = (char)(tar.data[512 + 512 + 148 + 5] + 7);
	assert_error(tarball_open(fixture_memory(tar.data, 512 + 512 + 512 + 3), "x.tar", "/tmp", &t), ERR_CORRUPT,
		     "archive/tar: ");
	assert_error(tarball_open(fixture_memory(tar.data, 512 + 4), "x.tar", "/tmp", &t), ERR_CORRUPT,
		     "archive/tar: ");
	buf_free(&tar);
	assert_null(t);
}

/* @filter: a program that compresses stdin to stdout. */
static int compressed(const char *filter, const char *fixture)
{
	cleanup_fd int in = fixture_open(fixture);
	cleanup_free char *program = NULL;
	char name[16];
	char *argv[] = { name, NULL };
	int out = -EBADF;
	int status;
	pid_t pid;

	(void)snprintf(name, sizeof(name), "%s", filter);
	assert_ok(proc_find(filter, "/usr/bin:/bin", &program));
	if (!program)
		return -EBADF;
	assert_ok(draft_unnamed("/tmp", &out));

	struct proc_spec spec = { .path = program, .argv = argv, .stdin_fd = in, .stdout_fd = out, .stderr_fd = -1 };

	assert_ok(proc_spawn(&spec, &pid));
	assert_ok(proc_wait(pid, &status));
	assert_int_equal(status, 0);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	return out;
}

static void compressed_archives_are_unpacked_once(void **state)
{
	static const char *const filters[] = { "gzip", "bzip2", "xz", "zstd", "lz4" };
	size_t n_tried = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		int fd = compressed(filters[i], FIXTURES "/inputs/tiny.docker.tar");

		if (fd < 0)
			continue;
		n_tried++;

		cleanup_with(tarball_close) struct tarball *t = open_fd(fd);

		assert_true(tarball_has(t, "manifest.json"));
	}
	assert_true(n_tried > 0);
}

static void damaged_stream_is_refused(void **state)
{
	struct tarball *t = NULL;
	struct stat st;
	int fd = compressed("gzip", FIXTURES "/inputs/tiny.docker.tar");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
	assert_error(tarball_open(fd, "x.tar.gz", "/tmp", &t), ERR_CORRUPT, "x.tar.gz: ");

	fd = compressed("gzip", FIXTURES "/inputs/tiny.docker.tar");
	assert_error(tarball_open(fd, "x.tar.gz", "/nowhere/at/all", &t), ERR_SYSTEM, "/nowhere/at/all");
}

static void archive_may_come_through_a_pipe(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	int fds[2];

	(void)state;
	fixture_read(FIXTURES "/inputs/tiny.docker.tar", &tar);
	assert_int_equal(pipe(fds), 0);
	assert_true(tar.len <= 65536); /* fits a pipe */
	assert_ok(io_write_all(fds[1], tar.data, tar.len));
	(void)close(fds[1]);

	cleanup_with(tarball_close) struct tarball *t = open_fd(fds[0]);

	assert_true(tarball_has(t, "manifest.json"));
}

static void directory_is_no_archive(void **state)
{
	struct tarball *t = NULL;
	int fd = -EBADF;

	(void)state;
	assert_ok(fs_open(AT_FDCWD, "/tmp", O_RDONLY, 0, &fd));
	assert_error(tarball_open(fd, "/tmp", "/tmp", &t), ERR_SYSTEM, "read /tmp: is a directory");
}

static void plain_files_are_not_spooled(void **state)
{
	int fd = fixture_open(FIXTURES "/inputs/tiny.docker.tar");
	int same = fd;

	(void)state;
	assert_ok(spool_if_needed(&same, "x", "/nowhere"));
	assert_int_equal(same, fd);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_clean_names),
		cmocka_unit_test(last_of_one_name_counts),
		cmocka_unit_test(links_are_followed),
		cmocka_unit_test(chain_of_links_is_bounded),
		cmocka_unit_test(escaping_names_are_refused),
		cmocka_unit_test(contents_are_found_across_chunks),
		cmocka_unit_test(what_is_no_archive_is_refused),
		cmocka_unit_test(compressed_archives_are_unpacked_once),
		cmocka_unit_test(damaged_stream_is_refused),
		cmocka_unit_test(archive_may_come_through_a_pipe),
		cmocka_unit_test(directory_is_no_archive),
		cmocka_unit_test(plain_files_are_not_spooled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
