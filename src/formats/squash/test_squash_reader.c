/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares a test image with what our own reader finds in it. Apart, since the reader's and the writer's faces share no
 * names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/test.h"
#include "formats/squash/squash.h"

#include <stdlib.h>
#include <sys/stat.h>

static void check_attributes(const struct squash_node *node, const struct squash_inode *inode)
{
	assert_int_equal(inode->mode, node->mode);
	assert_int_equal(inode->uid, node->uid);
	assert_int_equal(inode->gid, node->gid);
	assert_int_equal(inode->mtime, node->mtime);
	assert_int_equal(inode->number, node->number);
	if (!S_ISDIR(node->mode))
		assert_int_equal(inode->nlink, node->n_links);
	if (S_ISREG(node->mode))
		assert_int_equal(inode->size, squash_content_size(node->content));
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		assert_int_equal(inode->rdev_major, node->rdev_major);
		assert_int_equal(inode->rdev_minor, node->rdev_minor);
	}
}

static void check_xattrs(struct squash *img, const struct squash_node *node, const struct squash_inode *inode)
{
	cleanup_squash_xattrs struct squash_xattrs xattrs = { 0 };

	assert_ok(squash_xattrs_read(img, inode, &xattrs));
	assert_int_equal(xattrs.n, node->n_xattrs);
	for (uint32_t i = 0; i < node->n_xattrs; i++) {
		assert_string_equal(xattrs.items[i].name, node->xattrs[i].name);
		assert_int_equal(xattrs.items[i].size, node->xattrs[i].size);
		assert_memory_equal(xattrs.items[i].value, node->xattrs[i].value, node->xattrs[i].size);
	}
}

static void check_content(struct squash *img, const struct squash_inode *inode, const struct expected_file *expected)
{
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	cleanup_free uint8_t *wanted = xmalloc(expected->size);
	cleanup_free uint8_t *got = xmalloc(expected->size + 1);
	size_t n = 0;

	assert_int_equal(inode->size, expected->size);
	test_pattern(expected->pattern, expected->seed, wanted, expected->size);
	assert_ok(squash_file_open(img, inode, &file));
	assert_ok(squash_file_read(file, 0, got, expected->size + 1, &n));
	assert_int_equal(n, expected->size);
	assert_memory_equal(got, wanted, n);
}

static const struct expected_file *find_expected(const struct test_image *image, const struct squash_node *node)
{
	for (size_t i = 0; i < image->n_files; i++)
		if (image->files[i].node == node)
			return &image->files[i];
	return NULL;
}

static void check_tree(struct test_image *image, struct squash *img, struct squash_node *dir, uint64_t ref);

static void check_node(struct test_image *image, struct squash *img, struct squash_node *shown,
		       const struct squash_dirent *entry)
{
	struct squash_node *node = shown->link_to ? shown->link_to : shown;
	const struct expected_file *expected = find_expected(image, node);
	struct squash_inode inode;

	assert_non_null(entry);
	assert_int_equal(entry->type, node->mode & S_IFMT);
	assert_int_equal(entry->number, node->number);
	if (S_ISDIR(node->mode)) {
		check_tree(image, img, node, entry->ref);
		return;
	}
	assert_ok(squash_inode_read(img, entry->ref, &inode));
	check_attributes(node, &inode);
	check_xattrs(img, node, &inode);
	if (expected)
		check_content(img, &inode, expected);
	if (S_ISLNK(node->mode)) {
		cleanup_free char *target = NULL;

		assert_ok(squash_link_read(img, &inode, &target));
		assert_string_equal(target, node->target);
	}
}

static void check_tree(struct test_image *image, struct squash *img, struct squash_node *dir, uint64_t ref)
{
	cleanup_with(squash_dir_free) struct squash_dir *listing = NULL;
	struct squash_inode inode;
	size_t n = 0;

	assert_ok(squash_inode_read(img, ref, &inode));
	check_attributes(dir, &inode);
	check_xattrs(img, dir, &inode);
	if (dir->parent)
		assert_int_equal(inode.parent, dir->parent->number);
	assert_ok(squash_dir_read(img, &inode, &listing));
	for (struct squash_node *node = squash_tree_children(dir); node; node = node->next_sibling) {
		if (node->removed)
			continue;
		n++;
		check_node(image, img, node, squash_dir_find(listing, node->name, node->name_len));
	}
	assert_int_equal(squash_dir_count(listing), n);
}

void test_image_check_reader(struct test_image *image)
{
	cleanup_with(squash_free) struct squash *img = NULL;

	assert_ok(squash_open(image->fd, image->offset, image->size, NULL, &img));
	check_tree(image, img, squash_tree_root(image->tree), squash_super(img)->root_ref);
}
