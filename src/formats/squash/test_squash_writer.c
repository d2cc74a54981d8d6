/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/test.h"

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

/* A bit of everything. */
static void fill(struct test_image *image)
{
	struct squash_node *node;
	struct squash_node *file;

	squash_tree_root(image->tree)->mode = S_IFDIR | 01777;
	squash_tree_root(image->tree)->uid = 7;
	test_image_dir(image, "bin");
	test_image_dir(image, "bin/empty");
	file = test_image_file(image, "bin/a", PATTERN_TEXT, 1, 10);
	file->mtime = 1700000000;
	file->uid = 1000;
	file->gid = 4000000000u;
	file->mode = S_IFREG | 06755;
	test_image_file(image, "bin/large", PATTERN_TEXT, 2, 3 * 131072 + 100);
	test_image_file(image, "bin/random", PATTERN_RANDOM, 3, 2 * 131072 + 70000);
	test_image_file(image, "none", PATTERN_TEXT, 4, 0);
	test_image_add(image, "bin/hard", S_IFREG)->link_to = file;
	node = test_image_add(image, "link", S_IFLNK | 0777);
	assert_ok(squash_tree_set_target(image->tree, node, "bin/a"));
	node = test_image_add(image, "null", S_IFCHR | 0666);
	node->rdev_major = 1;
	node->rdev_minor = 3;
	node = test_image_add(image, "disk", S_IFBLK | 0600);
	node->rdev_major = 0xfff;
	node->rdev_minor = 0xfffff;
	test_image_add(image, "pipe", S_IFIFO | 0644);
	test_image_add(image, "socket", S_IFSOCK | 0755);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_image),
		cmocka_unit_test(test_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
