/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/cursor.h"
#include "base/fs.h"
#include "base/test.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct squash_writer_options zstd = { .codec = SQUASH_ZSTD, .n_workers = 2 };

static void test_empty_image(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	test_image_finish(&image);
	assert_int_equal(image.size, 4096);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void fill_specials(struct test_image *image)
{
	struct squash_node *node;

	if (geteuid() != 0)
		return; /* others cannot unpack devices */
	node = test_image_add(image, "null", S_IFCHR | 0666);
	node->rdev_major = 1;
	node->rdev_minor = 3;
	node = test_image_add(image, "disk", S_IFBLK | 0600);
	node->rdev_major = 0xfff;
	node->rdev_minor = 0xfffff;
	test_image_add(image, "whiteout", S_IFCHR | 0600);
	test_image_add(image, "socket", S_IFSOCK | 0755);
}

/* A bit of everything. */
static void fill(struct test_image *image)
{
	struct squash_node *node;
	struct squash_node *file;

	squash_tree_root(image->tree)->mode = S_IFDIR | 01777;
	squash_tree_root(image->tree)->uid = 7;
	test_image_dir(image, "bin");
	test_image_dir(image, "bin/empty");
	test_image_add(image, "bin/hard", S_IFREG);
	file = test_image_file(image, "bin/a", PATTERN_TEXT, 1, 10);
	file->mtime = 1700000000;
	file->uid = 1000;
	file->gid = 4000000000u;
	file->mode = S_IFREG | (geteuid() == 0 ? 06755 : 0751); /* others cannot unpack set-id bits */
	squash_tree_find(squash_tree_find(squash_tree_root(image->tree), "bin", 3), "hard", 4)->link_to = file;
	test_image_file(image, "bin/large", PATTERN_TEXT, 2, 3 * 131072 + 100);
	test_image_file(image, "bin/random", PATTERN_RANDOM, 3, 2 * 131072 + 70000);
	test_image_file(image, "none", PATTERN_TEXT, 4, 0);
	node = test_image_add(image, "link", S_IFLNK | 0777);
	assert_ok(squash_tree_set_target(image->tree, node, "bin/a"));
	test_image_add(image, "hard-link-to-link", S_IFLNK)->link_to = node;
	test_image_add(image, "pipe", S_IFIFO | 0644);
	fill_specials(image);
}

static void test_all_kinds(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	fill(&image);
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

/* Files that fill the queue, change codecs' minds, repeat each other. */
static void fill_many(struct test_image *image)
{
	char name[32];

	for (unsigned int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "small-%u", i);
		test_image_file(image, name, i % 3 ? PATTERN_TEXT : PATTERN_RANDOM, i % 100, i * 211 % 70000);
	}
	for (unsigned int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "large-%u", i);
		test_image_file(image, name, i % 4 ? PATTERN_TEXT : PATTERN_ISLANDS, i % 15, 100000 + i % 15 * 50021);
	}
}

static void image_of(unsigned int n_workers, struct buf *bytes)
{
	struct squash_writer_options options = zstd;
	struct test_image image;

	options.n_workers = n_workers;
	test_image_open(&image, &options);
	fill(&image);
	fill_many(&image);
	test_image_finish(&image);
	test_image_bytes(&image, bytes);
	test_image_close(&image);
}

static void test_same_bytes_for_any_workers(void **state)
{
	static const unsigned int counts[] = { 2, 5, 0, 5 };
	cleanup_buf struct buf one = { 0 };

	(void)state;
	image_of(1, &one);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		cleanup_buf struct buf other = { 0 };

		image_of(counts[i], &other);
		assert_int_equal(other.len, one.len);
		assert_memory_equal(other.data, one.data, one.len);
	}
}

static void test_many(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	fill_many(&image);
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void test_within_a_file(void **state)
{
	struct test_image image;
	cleanup_free char *before = xmalloc(12288);
	char after[12288];
	ssize_t n;

	(void)state;
	test_pattern(PATTERN_RANDOM, 9, before, 12288);
	test_image_open_at(&image, &zstd, 12288);
	assert_int_equal(pwrite(image.fd, before, 12288, 0), 12288);
	fill(&image);
	test_image_finish(&image);
	n = pread(image.fd, after, 12288, 0);
	assert_int_equal(n, 12288);
	assert_memory_equal(after, before, 12288);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void fill_boundaries(struct test_image *image, size_t block_size)
{
	const size_t sizes[] = { 1,
				 block_size / 4 - 1,
				 block_size / 4,
				 block_size / 4 + 1,
				 block_size - 1,
				 block_size,
				 block_size + 1,
				 block_size / 4 * 5,
				 block_size / 4 * 5 + 1,
				 2 * block_size - 1,
				 2 * block_size,
				 2 * block_size + 1 };
	char name[32];

	for (unsigned int pattern = PATTERN_TEXT; pattern <= PATTERN_ISLANDS; pattern++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			(void)snprintf(name, sizeof(name), "file-%u-%zu", pattern, sizes[i]);
			test_image_file(image, name, pattern, 100 * pattern + i, sizes[i]);
		}
	}
}

static void test_codecs_and_block_sizes(void **state)
{
	static const struct squash_writer_options codecs[] = {
		{ .codec = SQUASH_GZIP }, { .codec = SQUASH_GZIP, .level = 1 },
		{ .codec = SQUASH_LZ4 },  { .codec = SQUASH_LZ4, .level = 9 },
		{ .codec = SQUASH_ZSTD }, { .codec = SQUASH_ZSTD, .level = 12 },
	};
	static const uint32_t block_sizes[] = { 4096, 131072, 1048576 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs) * ARRAY_LEN(block_sizes); i++) {
		struct squash_writer_options options = codecs[i / ARRAY_LEN(block_sizes)];
		struct test_image image;

		options.block_size = block_sizes[i % ARRAY_LEN(block_sizes)];
		options.n_workers = 2;
		test_image_open(&image, &options);
		fill_boundaries(&image, options.block_size);
		test_image_finish(&image);
		test_image_check_unpacked(&image);
		test_image_close(&image);
	}
}

static uint64_t size_with_sparse_file(bool as_holes, size_t size)
{
	struct test_image image;
	uint64_t image_size;

	test_image_open(&image, &zstd);
	if (as_holes)
		test_image_sparse_file(&image, "sparse", 1, size);
	else
		test_image_file(&image, "sparse", PATTERN_ISLANDS, 1, size);
	test_image_file(&image, "zeros", PATTERN_ZERO, 0, 8 * 131072);
	test_image_file(&image, "zeros-and-more", PATTERN_ZERO, 0, 131072 + 1);
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	image_size = image.size;
	test_image_close(&image);
	return image_size;
}

static void test_sparse(void **state)
{
	static const size_t sizes[] = { 1, 99999, 100000, 131072, 150000, 400000, 524288, 1000000, 1048576, 1500001 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t size = size_with_sparse_file(false, sizes[i]);

		/* Holes and written zeros are the same; and only what is no zero takes space. */
		assert_int_equal(size_with_sparse_file(true, sizes[i]), size);
		assert_true(size < 4096 + 2 * (sizes[i] / 400000 + 1) * 131072);
	}
}

static void test_huge_hole(void **state)
{
	struct test_image image;
	struct squash_node *node;
	cleanup_buf struct buf listing = { 0 };

	(void)state;
	test_image_open(&image, &zstd);
	node = test_image_add(&image, "huge", S_IFREG | 0644);
	assert_ok(squash_writer_begin_file(image.writer));
	assert_ok(squash_writer_write(image.writer, "begin", 5));
	assert_ok(squash_writer_write_hole(image.writer, 1ull << 40));
	assert_ok(squash_writer_write(image.writer, "end", 3));
	assert_ok(squash_writer_end_file(image.writer, &node->content));
	test_image_finish(&image);
	assert_true(image.size < 100000);

	const char *list[] = { "unsquashfs", "-lls", image.path, NULL };

	if (test_run(&listing, list) != -1)
		assert_non_null(strstr(buf_str(&listing), "1099511627784"));
	test_image_close(&image);
}

static uint64_t size_with_copies(unsigned int n_copies, size_t size)
{
	struct test_image image;
	uint64_t image_size;
	char name[32];

	test_image_open(&image, &zstd);
	for (unsigned int i = 0; i < n_copies; i++) {
		(void)snprintf(name, sizeof(name), "copy-%u", i);
		test_image_file(&image, name, PATTERN_RANDOM, 1, size);
		(void)snprintf(name, sizeof(name), "between-%u", i);
		test_image_file(&image, name, PATTERN_TEXT, i, 10);
	}
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	image_size = image.size;
	test_image_close(&image);
	return image_size;
}

static void test_duplicates(void **state)
{
	static const size_t sizes[] = { 5000, 32768, 32769, 131072, 131073, 300000, 131072 * 8 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_in_range(size_with_copies(6, sizes[i]) - size_with_copies(1, sizes[i]), 0, 4096);
}

static struct squash_node *add_content(struct test_image *image, const char *path, const struct buf *content)
{
	struct squash_node *node = test_image_add(image, path, S_IFREG | 0644);

	assert_ok(squash_writer_begin_file(image->writer));
	assert_ok(squash_writer_write(image->writer, content->data, content->len));
	assert_ok(squash_writer_end_file(image->writer, &node->content));
	return node;
}

/* Files that differ in one byte, at places where only a part of what is compared differs. */
static void test_nearly_equal(void **state)
{
	static const size_t places[] = { 0, 131071, 131072, 262143, 262144, 270000, 299999 };
	struct test_image image;
	cleanup_buf struct buf content = { 0 };
	cleanup_free char *root = NULL;
	char name[32];

	(void)state;
	test_image_open(&image, &zstd);
	test_pattern(PATTERN_RANDOM, 1, buf_reserve(&content, 300000), 300000);
	content.len = 300000;
	add_content(&image, "original", &content);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		(void)snprintf(name, sizeof(name), "changed-%zu", places[i]);
		content.data[places[i]] ^= 1;
		add_content(&image, name, &content);
		content.data[places[i]] ^= 1;
	}
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	root = xasprintf("%s/unpacked", image.dir);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		cleanup_free char *path = xasprintf("%s/changed-%zu", root, places[i]);
		cleanup_buf struct buf got = { 0 };

		assert_ok(fs_read_file(AT_FDCWD, path, 300001, &got));
		assert_int_equal(got.len, 300000);
		got.data[places[i]] ^= 1;
		assert_memory_equal(got.data, content.data, 300000);
	}
	test_image_close(&image);
}

static void test_reserve_and_commit(void **state)
{
	struct test_image image;
	struct squash_node *node;
	size_t total = 0;

	(void)state;
	test_image_open(&image, &zstd);
	node = test_image_add(&image, "filled-in-place", S_IFREG | 0644);
	assert_ok(squash_writer_begin_file(image.writer));
	while (total < 400000) {
		void *room = NULL;
		size_t n = 0;

		assert_ok(squash_writer_reserve(image.writer, &room, &n));
		assert_in_range(n, 1, 131072);
		assert_ok(squash_writer_commit(image.writer, 0));
		n = n < 30000 ? n : 30000;
		memset(room, 'r', n);
		assert_ok(squash_writer_commit(image.writer, n));
		total += n;
	}
	assert_ok(squash_writer_end_file(image.writer, &node->content));
	assert_int_equal(squash_content_size(node->content), total);
	test_image_finish(&image);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void test_removed_and_links(void **state)
{
	struct test_image image;
	struct squash_node *root;
	struct squash_node *gone;

	(void)state;
	test_image_open(&image, &zstd);
	root = squash_tree_root(image.tree);
	test_image_dir(&image, "dir")->removed = true;
	gone = test_image_file(&image, "gone", PATTERN_TEXT, 2, 70000);
	gone->removed = true;
	/* Names that were taken, and links to a file whose own name is gone. */
	test_image_file(&image, "gone", PATTERN_TEXT, 3, 5);
	test_image_file(&image, "dir", PATTERN_TEXT, 4, 6);
	test_image_add(&image, "b", S_IFREG)->link_to = gone;
	test_image_add(&image, "a", S_IFREG)->link_to = gone;
	image.files[0].node = squash_tree_find(root, "a", 1);
	test_image_finish(&image);
	assert_int_equal(gone->n_links, 2);
	assert_int_equal(squash_tree_find(root, "gone", 4)->n_links, 1);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void test_times(void **state)
{
	static const int64_t times[][2] = {
		{ -1, 0 }, { INT64_MIN, 0 }, { 0, 0 }, { UINT32_MAX, UINT32_MAX }, { INT64_MAX, UINT32_MAX }
	};
	struct test_image image;
	struct squash_node *nodes[ARRAY_LEN(times)];
	char name[8];

	(void)state;
	test_image_open(&image, &zstd);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		(void)snprintf(name, sizeof(name), "t%zu", i);
		nodes[i] = test_image_file(&image, name, PATTERN_TEXT, i, 1);
		nodes[i]->mtime = times[i][0];
	}
	test_image_finish(&image);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		nodes[i]->mtime = times[i][1];
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

static void test_superblock(void **state)
{
	struct test_image image;
	cleanup_buf struct buf bytes = { 0 };
	struct cursor c;

	(void)state;
	test_image_open(&image, &zstd);
	fill(&image);
	test_image_finish(&image);
	test_image_bytes(&image, &bytes);
	c = cursor_over(bytes.data, bytes.len);
	assert_memory_equal(cursor_bytes(&c, 4), "hsqs", 4);
	cursor_skip(&c, 4);
	assert_int_equal(cursor_u32le(&c), 0); /* mkfs_time */
	assert_int_equal(cursor_u32le(&c), 131072);
	assert_int_equal(cursor_u32le(&c), 1); /* fragments */
	assert_int_equal(cursor_u16le(&c), SQUASH_ZSTD);
	assert_int_equal(cursor_u16le(&c), 17);
	cursor_skip(&c, 4);
	assert_int_equal(cursor_u16le(&c), 4);
	assert_int_equal(cursor_u16le(&c), 0);
	cursor_skip(&c, 8);
	assert_in_range(image.size - cursor_u64le(&c), 0, 4095);
	test_image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_image),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_same_bytes_for_any_workers),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_within_a_file),
		cmocka_unit_test(test_codecs_and_block_sizes),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_huge_hole),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_nearly_equal),
		cmocka_unit_test(test_reserve_and_commit),
		cmocka_unit_test(test_removed_and_links),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_superblock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
