/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Images of all shapes, read back by everything that reads squashfs: our reader, unsquashfs, the kernel, squashfuse,
 * sqfs2tar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/fs.h"
#include "base/test.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct squash_writer_options zstd = { .codec = SQUASH_ZSTD, .n_workers = 2 };
static const struct squash_writer_options gzip = { .codec = SQUASH_GZIP, .n_workers = 2, .block_size = 65536 };
static const struct squash_writer_options lz4 = { .codec = SQUASH_LZ4, .n_workers = 2, .block_size = 4096 };

static void fill_kinds(struct test_image *image)
{
	struct squash_node *file;
	struct squash_node *node;

	test_image_dir(image, "dir");
	test_image_dir(image, "dir/empty");
	file = test_image_file(image, "dir/small", PATTERN_TEXT, 1, 1000);
	file->mtime = 1700000000;
	file->uid = 1000;
	file->gid = 65534;
	test_image_add(image, "a-hard-link", S_IFREG)->link_to = file;
	test_image_add(image, "z-hard-link", S_IFREG)->link_to = file;
	test_image_file(image, "dir/large", PATTERN_TEXT, 2, 700001);
	test_image_file(image, "dir/random", PATTERN_RANDOM, 3, 400000);
	test_image_file(image, "dir/again", PATTERN_RANDOM, 3, 400000);
	test_image_sparse_file(image, "dir/sparse", 4, 1500000);
	test_image_file(image, "empty", PATTERN_TEXT, 5, 0);
	node = test_image_add(image, "dir/link", S_IFLNK | 0777);
	assert_ok(squash_tree_set_target(image->tree, node, "../a-hard-link"));
	test_image_add(image, "pipe", S_IFIFO | 0644);
	if (geteuid() == 0) {
		node = test_image_add(image, "device", S_IFCHR | 0600);
		node->rdev_major = 300;
		node->rdev_minor = 70000;
		test_image_add(image, "whiteout", S_IFCHR | 0600);
		test_image_add(image, "socket", S_IFSOCK | 0755);
	}
}

static void fill_xattrs(struct test_image *image)
{
	cleanup_free uint8_t *value = xmalloc(3000);
	char name[32];

	test_pattern(PATTERN_RANDOM, 1, value, 3000);
	assert_ok(squash_tree_set_xattr(image->tree, squash_tree_root(image->tree), "trusted.overlay.opaque", "y", 1,
					NULL));
	for (unsigned int i = 0; i < 300; i++) {
		struct squash_node *node;

		(void)snprintf(name, sizeof(name), "attributes-%u", i);
		node = test_image_file(image, name, PATTERN_TEXT, i, i * 10);
		(void)snprintf(name, sizeof(name), "user.number-%u", i % 150);
		assert_ok(squash_tree_set_xattr(image->tree, node, name, value, i % 150 * 20 + 1, NULL));
		assert_ok(squash_tree_set_xattr(image->tree, node, "trusted.constant", "value", 5, NULL));
	}
	test_image_dir(image, "attributes");
	assert_ok(squash_tree_set_xattr(image->tree, test_image_dir(image, "attributes/dir"), "user.d", "d", 1, NULL));
	assert_ok(squash_tree_set_xattr(image->tree, test_image_add(image, "attributes/pipe", S_IFIFO | 0600),
					"trusted.p", "p", 1, NULL));

	struct squash_node *link = test_image_add(image, "attributes/link", S_IFLNK | 0777);

	assert_ok(squash_tree_set_target(image->tree, link, "target"));
	assert_ok(squash_tree_set_xattr(image->tree, link, "trusted.l", "l", 1, NULL));
}

/* Long names, an index with many places, entries of every type among each other, links far from their inodes. */
static void fill_names(struct test_image *image)
{
	char path[512];

	test_image_dir(image, "names");
	for (size_t len = 1; len <= 255; len++) {
		memcpy(path, "names/", 6);
		memset(path + 6, 'n', len);
		path[6 + len] = '\0';
		test_image_file(image, path, PATTERN_TEXT, len, len % 7);
	}
	test_image_dir(image, "mixed");
	for (unsigned int i = 0; i < 2000; i++) {
		struct squash_node *node;

		(void)snprintf(path, sizeof(path), "mixed/%u-with-a-name-of-some-length", i);
		if (i % 3 == 0)
			(void)test_image_dir(image, path);
		else if (i % 3 == 1)
			test_image_file(image, path, PATTERN_TEXT, i, i);
		else {
			node = test_image_add(image, path, S_IFREG);
			node->link_to = squash_tree_find(squash_tree_find(squash_tree_root(image->tree), "names", 5),
							 "nnnnnnnnnn", 1 + i % 10);
		}
	}
}

static void fill_most(struct test_image *image, const struct squash_writer_options *options)
{
	test_image_open(image, options);
	fill_kinds(image);
	fill_xattrs(image);
	fill_names(image);
}

static void fill_all(struct test_image *image, const struct squash_writer_options *options)
{
	fill_most(image, options);
	assert_ok(squash_tree_set_xattr(image->tree, test_image_dir(image, "attributes/empty"), "user.empty", "", 0,
					NULL));
	test_image_finish(image);
}

static const struct squash_writer_options *const all_options[] = { &zstd, &gzip, &lz4 };

static void test_reader(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all_options); i++) {
		struct test_image image;

		fill_all(&image, all_options[i]);
		test_image_check_reader(&image);
		test_image_close(&image);
	}
}

static void test_unsquashfs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all_options); i++) {
		struct test_image image;

		fill_all(&image, all_options[i]);
		test_image_check_unpacked(&image);
		test_image_close(&image);
	}
}

/* The kernel here may lack a codec: then its mount is skipped, which ends the test; so zstd comes last. */
static void test_kernel(void **state)
{
	struct test_image image;

	(void)state;
	test_needs_root();
	fill_all(&image, &gzip);
	test_image_check_mounted(&image, "mount -t squashfs -o loop,ro \"$1\" \"$2\"");
	test_image_close(&image);
	fill_all(&image, &zstd);
	test_image_check_mounted(&image, "mount -t squashfs -o loop,ro \"$1\" \"$2\"");
	test_image_close(&image);
}

/* squashfuse cannot tell an empty attribute from none. */
static void test_squashfuse(void **state)
{
	(void)state;
	test_needs_root();
	for (size_t i = 0; i < ARRAY_LEN(all_options); i++) {
		struct test_image image;

		fill_most(&image, all_options[i]);
		test_image_finish(&image);
		test_image_check_mounted(&image, "squashfuse_ll \"$1\" \"$2\"");
		test_image_close(&image);
	}
}

static void test_sqfs2tar(void **state)
{
	struct test_image image;
	cleanup_buf struct buf output = { 0 };

	(void)state;
	test_needs_root();
	fill_all(&image, &zstd);

	cleanup_free char *root = xasprintf("%s/untarred", image.dir);
	const char *convert[] = { "sh",
				  "-c",
				  "command -v sqfs2tar >/dev/null || exit 77; mkdir \"$2\" && "
				  "sqfs2tar \"$1\" | tar --xattrs --xattrs-include='*' -xpf - -C \"$2\"",
				  "sh",
				  image.path,
				  root,
				  NULL };
	int status = test_run(&output, convert);

	if (status == 77)
		test_image_skip(&image, "sqfs2tar is not installed");
	if (status != 0)
		fail_msg("sqfs2tar: status %d: %s", status, buf_str(&output));
	/* Neither the socket nor the root's attributes are in the archive. */
	squash_tree_find(squash_tree_root(image.tree), "socket", 6)->removed = true;
	squash_tree_root(image.tree)->n_xattrs = 0;
	test_image_check_dir(&image, root);
	test_image_close(&image);
}

#define N_LARGE 70000u

static void fill_large_dir(struct test_image *image)
{
	char path[64];

	test_image_open(image, &zstd);
	test_image_dir(image, "large");
	for (unsigned int i = 0; i < N_LARGE; i++) {
		(void)snprintf(path, sizeof(path), "large/entry-%u-%u", i * 7919 % N_LARGE, i);
		test_image_add(image, path, S_IFREG | 0644)->uid = i % 100;
	}
	test_image_finish(image);
}

static void test_large_dir(void **state)
{
	struct test_image image;

	(void)state;
	fill_large_dir(&image);
	test_image_check_reader(&image);
	test_image_close(&image);
}

/* Each name is looked up, which goes by the index of the directory. */
static void test_large_dir_kernel(void **state)
{
	struct test_image image;

	(void)state;
	test_needs_root();
	fill_large_dir(&image);
	test_image_check_mounted(&image, "mount -t squashfs -o loop,ro \"$1\" \"$2\"");
	test_image_close(&image);
}

static void add_chain(struct test_image *image, unsigned int depth)
{
	struct squash_node *node = squash_tree_root(image->tree);

	for (unsigned int i = 0; i < depth; i++) {
		assert_ok(squash_tree_add(image->tree, node, "d", 1, &node));
		node->mode = S_IFDIR | 0755;
	}
}

static void test_deep(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	add_chain(&image, 400);
	test_image_finish(&image);
	test_image_check_reader(&image);
	test_image_check_unpacked(&image);
	test_image_close(&image);
}

/* Far deeper than any path can be: the writer does not use the stack for it. */
static void test_very_deep(void **state)
{
	struct test_image image;

	(void)state;
	test_image_open(&image, &zstd);
	add_chain(&image, 300000);
	test_image_finish(&image);
	test_image_close(&image);
}

/* 256 bytes, which no Linux tool can unpack. */
static void test_longest_name(void **state)
{
	struct test_image image;
	char name[257];

	(void)state;
	memset(name, 'x', 256);
	name[256] = '\0';
	test_image_open(&image, &zstd);
	test_image_file(&image, name, PATTERN_TEXT, 1, 5);
	test_image_finish(&image);
	test_image_check_reader(&image);
	test_image_close(&image);
}

static void test_large_xattr(void **state)
{
	(void)state;
	test_needs_root();

	cleanup_free uint8_t *value = xmalloc(65536);
	struct test_image image;

	test_image_open(&image, &zstd);
	for (unsigned int i = 0; i < 3; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "file-%u", i);
		test_pattern(PATTERN_RANDOM, i / 2, value, 65536);
		assert_ok(squash_tree_set_xattr(image.tree, test_image_file(&image, name, PATTERN_TEXT, i, 1),
						"user.large", value, 65536 - i, NULL));
	}
	test_image_finish(&image);
	test_image_check_reader(&image);
	test_image_check_mounted(&image, "mount -t squashfs -o loop,ro \"$1\" \"$2\"");
	test_image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader),		 cmocka_unit_test(test_unsquashfs),
		cmocka_unit_test(test_kernel),		 cmocka_unit_test(test_squashfuse),
		cmocka_unit_test(test_sqfs2tar),	 cmocka_unit_test(test_large_dir),
		cmocka_unit_test(test_large_dir_kernel), cmocka_unit_test(test_deep),
		cmocka_unit_test(test_very_deep),	 cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_large_xattr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
