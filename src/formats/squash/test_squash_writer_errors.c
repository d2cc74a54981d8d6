/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/fs.h"
#include "base/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct squash_writer_options zstd = { .codec = SQUASH_ZSTD, .n_workers = 2 };

static void test_options(void **state)
{
	static const struct {
		struct squash_writer_options options;
		const char *text;
	} refused[] = {
		{ { .codec = SQUASH_XZ }, "codec 4" },
		{ { .codec = SQUASH_LZMA }, "codec 2" },
		{ { .codec = SQUASH_LZO }, "codec 3" },
		{ { .codec = (enum squash_codec)77 }, "codec 77" },
		{ { .codec = SQUASH_ZSTD, .level = 23 }, "zstd has no compression level 23" },
		{ { .codec = SQUASH_GZIP, .level = 13 }, "gzip has no compression level 13" },
		{ { .codec = SQUASH_LZ4, .level = 13 }, "lz4 has no compression level 13" },
		{ { .codec = SQUASH_ZSTD, .level = -1 }, "no compression level -1" },
		{ { .codec = SQUASH_ZSTD, .block_size = 2048 }, "2048 bytes" },
		{ { .codec = SQUASH_ZSTD, .block_size = 12288 }, "12288 bytes" },
		{ { .codec = SQUASH_ZSTD, .block_size = 1u << 21 }, "2097152 bytes" },
	};
	struct squash_writer *writer = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct squash_writer_options options = refused[i].options;

		options.n_workers = 1;
		assert_error(squash_writer_new(0, 0, &options, &writer), ERR_UNSUPPORTED, refused[i].text);
	}
	assert_null(writer);
}

static struct error *write_much(struct squash_writer *writer, size_t size)
{
	cleanup_free uint8_t *data = xmalloc(1u << 20);
	const struct squash_content *content = NULL;

	TRY(squash_writer_begin_file(writer));
	for (size_t done = 0; done < size; done += 1u << 20) {
		test_pattern(PATTERN_RANDOM, done, data, 1u << 20);
		TRY(squash_writer_write(writer, data, 1u << 20));
	}
	TRY(squash_writer_end_file(writer, &content));
	return squash_writer_drain(writer);
}

static void test_full_device(void **state)
{
	struct squash_writer *writer = NULL;
	cleanup_fd int fd = -EBADF;

	(void)state;
	assert_ok(fs_open(AT_FDCWD, "/dev/full", O_RDWR, 0, &fd));
	assert_error(squash_writer_new(fd, 0, &zstd, &writer), ERR_SYSTEM, "no space left on device");
	assert_null(writer);
}

/* The file may not grow past a size that is reached amid the blocks; every later call fails too, and nothing hangs. */
static void test_file_size_limit(void **state)
{
	struct rlimit old;
	struct rlimit limit;
	struct test_image image;
	uint64_t size;

	(void)state;
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	test_image_open(&image, &zstd);
	limit = old;
	limit.rlim_cur = 3u << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);

	struct error *err = write_much(image.writer, 32u << 20);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_error(err, ERR_SYSTEM, "write the squashfs image: write at 3145728: file too large");
	assert_error(squash_writer_drain(image.writer), ERR_INTERNAL, "cannot be continued");
	assert_error(squash_writer_finish(image.writer, image.tree, &size), ERR_INTERNAL, "cannot be continued");
	test_image_close(&image);
}

/* Only the tables find no room. */
static void test_no_room_for_tables(void **state)
{
	struct rlimit old;
	struct rlimit limit;
	struct test_image image;
	uint64_t size;

	(void)state;
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	test_image_open(&image, &zstd);
	test_image_file(&image, "file", PATTERN_RANDOM, 1, 200000);
	assert_ok(squash_writer_drain(image.writer));
	limit = old;
	limit.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);

	struct error *err = squash_writer_finish(image.writer, image.tree, &size);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_error(err, ERR_SYSTEM, "file too large");
	test_image_close(&image);
}

static void test_not_writable(void **state)
{
	struct squash_writer *writer = NULL;
	cleanup_fd int fd = -EBADF;

	(void)state;
	assert_ok(fs_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, &fd));
	assert_error(squash_writer_new(fd, 0, &zstd, &writer), ERR_SYSTEM, "bad file descriptor");
}

/* Comparing a possible duplicate needs to read. */
static void test_not_readable(void **state)
{
	struct squash_writer *writer = NULL;
	struct test_image image;
	cleanup_fd int fd = -EBADF;

	(void)state;
	test_image_open(&image, &zstd);
	assert_ok(fs_open(AT_FDCWD, image.path, O_WRONLY, 0, &fd));
	assert_ok(squash_writer_new(fd, 0, &zstd, &writer));
	assert_ok(write_much(writer, 1u << 20));
	assert_error(write_much(writer, 1u << 20), ERR_SYSTEM, "read the squashfs image back");
	squash_writer_free(writer);
	test_image_close(&image);
}

/* Wherever the caller gives up, nothing hangs or leaks. */
static void test_freed_early(void **state)
{
	cleanup_free uint8_t *data = xmalloc(1u << 20);

	(void)state;
	squash_writer_free(NULL);
	test_pattern(PATTERN_RANDOM, 1, data, 1u << 20);
	for (size_t size = 0; size < 4u << 20; size = size * 2 + 50000) {
		for (unsigned int kind = 0; kind < 3; kind++) {
			const struct squash_content *content = NULL;
			struct test_image image;

			test_image_open(&image, &zstd);
			test_image_file(&image, "a", PATTERN_TEXT, 1, 100);
			assert_ok(squash_writer_begin_file(image.writer));
			for (size_t done = 0; done < size; done += 50000)
				assert_ok(squash_writer_write(image.writer, data + done % 900000, 50000));
			if (kind > 0)
				assert_ok(squash_writer_end_file(image.writer, &content));
			if (kind > 1)
				assert_ok(squash_writer_drain(image.writer));
			test_image_close(&image);
		}
	}
}

static void test_memory_limit(void **state)
{
	struct squash_writer_options options = zstd;
	struct test_image image;
	const struct squash_content *content = NULL;

	(void)state;
	options.memory_limit = 4096;
	test_image_open(&image, &options);
	assert_ok(squash_writer_begin_file(image.writer));
	assert_ok(squash_writer_write_hole(image.writer, 900ull * 131072));
	assert_ok(squash_writer_end_file(image.writer, &content));
	assert_ok(squash_writer_begin_file(image.writer));
	assert_error(squash_writer_write_hole(image.writer, 900ull * 131072), ERR_LIMIT,
		     "more than 4096 bytes of memory");
	test_image_close(&image);
}

static void test_file_too_large(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	assert_ok(squash_writer_begin_file(image.writer));
	assert_error(squash_writer_write_hole(image.writer, UINT64_MAX), ERR_LIMIT, "larger than");
	test_image_close(&image);

	test_image_open(&image, &zstd);
	assert_ok(squash_writer_begin_file(image.writer));
	assert_ok(squash_writer_write_hole(image.writer, 131072ull << 26));
	assert_error(squash_writer_write_hole(image.writer, 131072), ERR_LIMIT, "more than 67108864 blocks");
	test_image_close(&image);
}

static void test_wrong_order(void **state)
{
	struct test_image image;
	uint64_t size;

	(void)state;
	test_image_open(&image, &zstd);
	assert_ok(squash_writer_begin_file(image.writer));
	assert_error(squash_writer_begin_file(image.writer), ERR_INTERNAL, "cannot be continued amid a file");
	assert_error(squash_writer_finish(image.writer, image.tree, &size), ERR_INTERNAL,
		     "cannot be continued amid a file");
	test_image_close(&image);
	test_image_open(&image, &zstd);
	test_image_finish(&image);
	assert_error(squash_writer_begin_file(image.writer), ERR_INTERNAL, "cannot be continued behind its end");
	test_image_close(&image);
}

/* Makes the tables of a tree that cannot be written. */
static void assert_finish_error(struct test_image *image, enum error_kind kind, const char *text)
{
	uint64_t size;

	assert_error(squash_writer_finish(image->writer, image->tree, &size), kind, text);
	test_image_close(image);
}

static void test_bad_nodes(void **state)
{
	struct test_image image;
	struct squash_node *node;

	(void)state;
	test_image_open(&image, &zstd);
	test_image_dir(&image, "dir");
	test_image_add(&image, "dir/typeless", 0644);
	assert_finish_error(&image, ERR_INTERNAL, "/dir/typeless: a file of the tree has no type (mode 644)");

	test_image_open(&image, &zstd);
	test_image_add(&image, "link", S_IFLNK | 0777);
	assert_finish_error(&image, ERR_INTERNAL, "/link: a symbolic link has no target");

	test_image_open(&image, &zstd);
	assert_ok(squash_tree_add(image.tree, squash_tree_root(image.tree), "twice", 5, &node));
	assert_ok(squash_tree_add(image.tree, squash_tree_root(image.tree), "twice", 5, &node));
	assert_finish_error(&image, ERR_INTERNAL, "the name /twice is there twice");
}

static void test_bad_links(void **state)
{
	struct test_image image;
	struct squash_node *node;

	(void)state;
	test_image_open(&image, &zstd);
	test_image_add(&image, "link", S_IFREG)->link_to = test_image_dir(&image, "dir");
	assert_finish_error(&image, ERR_CORRUPT, "/link is a hard link to a directory");

	test_image_open(&image, &zstd);
	node = test_image_add(&image, "link", S_IFREG);
	node->link_to = test_image_file(&image, "file", PATTERN_TEXT, 1, 1);
	test_image_add(&image, "more", S_IFREG)->link_to = node;
	assert_finish_error(&image, ERR_CORRUPT, "/more is a hard link to a hard link");
}

static void test_device_numbers(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	test_image_add(&image, "dev", S_IFCHR)->rdev_major = 4096;
	assert_finish_error(&image, ERR_LIMIT, "/dev: squashfs cannot hold the device number 4096:0");
	test_image_open(&image, &zstd);
	test_image_add(&image, "dev", S_IFBLK)->rdev_minor = 1u << 20;
	assert_finish_error(&image, ERR_LIMIT, "/dev: squashfs cannot hold the device number 0:1048576");
}

static void add_owners(struct test_image *image, uint32_t n)
{
	char name[16];

	/* The root has 0 for both of its own. */
	for (uint32_t i = 1; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		test_image_add(image, name, S_IFREG)->uid = i * 65537;
	}
}

static void test_ids(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	add_owners(&image, 65535);
	test_image_finish(&image);
	test_image_close(&image);
	test_image_open(&image, &zstd);
	add_owners(&image, 65536);
	assert_finish_error(&image, ERR_LIMIT, "more than 65535 different user and group ids");
}

static void test_xattr_bytes(void **state)
{
	cleanup_free char *value = xcalloc(1, 65536);
	struct test_image image;

	(void)state;
	for (unsigned int n = 15; n <= 16; n++) {
		test_image_open(&image, &zstd);
		for (unsigned int i = 0; i < n; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "user.%u", i);
			assert_ok(squash_tree_set_xattr(image.tree, squash_tree_root(image.tree), name, value, 65536,
							NULL));
		}
		if (n == 16) {
			assert_finish_error(&image, ERR_LIMIT,
					    "/: the extended attributes have 1048678 bytes (limit 1048576)");
		} else {
			test_image_finish(&image);
			test_image_close(&image);
		}
	}
}

static void test_listing_too_long(void **state)
{
	struct test_image image;
	char name[256];

	(void)state;
	memset(name, 'n', sizeof(name));
	test_image_open(&image, &zstd);
	test_image_dir(&image, "dir");
	for (unsigned int i = 0; i < 256000; i++) {
		struct squash_node *node = NULL;

		(void)snprintf(name, sizeof(name), "%0255u", i);
		assert_ok(squash_tree_add(image.tree, squash_tree_find(squash_tree_root(image.tree), "dir", 3), name,
					  255, &node));
		node->mode = S_IFREG;
	}
	assert_finish_error(&image, ERR_LIMIT, "the listing of /dir is longer than 67108864 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_file_size_limit), cmocka_unit_test(test_no_room_for_tables),
		cmocka_unit_test(test_not_writable),	cmocka_unit_test(test_not_readable),
		cmocka_unit_test(test_freed_early),	cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_file_too_large),	cmocka_unit_test(test_wrong_order),
		cmocka_unit_test(test_bad_nodes),	cmocka_unit_test(test_bad_links),
		cmocka_unit_test(test_device_numbers),	cmocka_unit_test(test_ids),
		cmocka_unit_test(test_xattr_bytes),	cmocka_unit_test(test_listing_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
