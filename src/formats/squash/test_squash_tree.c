/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/squash_tree.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/test.h"

#include <stdio.h>
#include <sys/stat.h>

static struct squash_node *add(struct squash_tree *tree, struct squash_node *dir, const char *name)
{
	struct squash_node *node = NULL;

	assert_ok(squash_tree_add(tree, dir, name, strlen(name), &node));
	return node;
}

static struct squash_node *find(struct squash_node *dir, const char *name)
{
	return squash_tree_find(dir, name, strlen(name));
}

static void test_root(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	const struct squash_node *root = squash_tree_root(tree);
	cleanup_free char *path = squash_tree_path(root);

	(void)state;
	assert_null(root->parent);
	assert_string_equal(root->name, "");
	assert_int_equal(root->mode, S_IFDIR | 0755);
	assert_int_equal(root->uid | root->gid, 0);
	assert_int_equal(root->mtime, 0);
	assert_null(squash_tree_children(root));
	assert_string_equal(path, "/");
	squash_tree_free(NULL);
}

static void test_add_and_find(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *root = squash_tree_root(tree);

	(void)state;
	assert_null(find(root, "a"));

	struct squash_node *a = add(tree, root, "a");
	struct squash_node *b = add(tree, a, "b");
	cleanup_free char *path = squash_tree_path(b);

	assert_int_equal(a->mode, 0);
	assert_ptr_equal(a->parent, root);
	assert_int_equal(b->name_len, 1);
	assert_ptr_equal(find(root, "a"), a);
	assert_ptr_equal(find(a, "b"), b);
	assert_null(find(root, "b"));
	assert_null(find(b, "c"));
	assert_ptr_equal(squash_tree_find(root, "abc", 1), a); /* the name ends where the caller says */
	assert_string_equal(path, "/a/b");
}

static void test_many_children(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *root = squash_tree_root(tree);
	char name[32];
	size_t n = 0;

	(void)state;
	/* Past the list of few children and several sizes of the table. */
	for (unsigned int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "file-%u", i);
		assert_null(find(root, name));
		add(tree, root, name)->user_flags = i;
	}
	for (unsigned int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "file-%u", i);
		assert_non_null(find(root, name));
		assert_int_equal(find(root, name)->user_flags, i);
	}
	for (const struct squash_node *node = squash_tree_children(root); node; node = node->next_sibling)
		n++;
	assert_int_equal(n, 5000);
	assert_null(find(root, "file-5000"));
}

static void test_removed(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *root = squash_tree_root(tree);

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct squash_node *node = add(tree, root, "same");

		assert_ptr_equal(find(root, "same"), node);
		node->removed = true;
		assert_null(find(root, "same"));
	}
}

static void test_names(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *root = squash_tree_root(tree);
	struct squash_node *node = NULL;
	char longest[258];

	(void)state;
	assert_error(squash_tree_add(tree, root, "", 0, &node), ERR_CORRUPT, "cannot be the name");
	assert_error(squash_tree_add(tree, root, ".", 1, &node), ERR_CORRUPT, "cannot be the name");
	assert_error(squash_tree_add(tree, root, "..", 2, &node), ERR_CORRUPT, "cannot be the name");
	assert_error(squash_tree_add(tree, root, "a/b", 3, &node), ERR_CORRUPT, "slash");
	assert_error(squash_tree_add(tree, root, "a\0b", 3, &node), ERR_CORRUPT, "zero byte");
	assert_null(node);
	assert_null(squash_tree_children(root));
	memset(longest, 'n', sizeof(longest));
	assert_error(squash_tree_add(tree, root, longest, 257, &node), ERR_CORRUPT, "257 bytes is too long");
	assert_ok(squash_tree_add(tree, root, longest, 256, &node));
	assert_int_equal(node->name_len, 256);
	assert_ptr_equal(squash_tree_find(root, longest, 256), node);
	assert_ok(squash_tree_add(tree, root, "...", 3, &node));
	assert_ok(squash_tree_add(tree, root, ".a", 2, &node));
}

static void test_target(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *node = add(tree, squash_tree_root(tree), "link");
	char target[4097];

	(void)state;
	memset(target, 't', sizeof(target));
	target[4096] = '\0';
	assert_error(squash_tree_set_target(tree, node, target), ERR_LIMIT, "4096 bytes (limit 4095)");
	assert_null(node->target);
	target[4095] = '\0';
	assert_ok(squash_tree_set_target(tree, node, target));
	assert_string_equal(node->target, target);
	assert_ok(squash_tree_set_target(tree, node, "b"));
	assert_string_equal(node->target, "b");
}

static void test_xattrs(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *node = squash_tree_root(tree);
	bool kept = false;

	(void)state;
	assert_ok(squash_tree_set_xattr(tree, node, "user.m", "1", 1, &kept));
	assert_true(kept);
	assert_ok(squash_tree_set_xattr(tree, node, "security.capability", "cap", 3, NULL));
	assert_ok(squash_tree_set_xattr(tree, node, "user.a", "", 0, NULL));
	assert_ok(squash_tree_set_xattr(tree, node, "trusted.overlay.opaque", "y", 1, &kept));
	assert_true(kept);
	assert_ok(squash_tree_set_xattr(tree, node, "system.posix_acl_access", "x", 1, &kept));
	assert_false(kept);
	assert_ok(squash_tree_set_xattr(tree, node, "username", "x", 1, &kept));
	assert_false(kept);
	assert_ok(squash_tree_set_xattr(tree, node, "user.m", "new", 3, NULL));

	assert_int_equal(node->n_xattrs, 4);
	assert_string_equal(node->xattrs[0].name, "security.capability");
	assert_string_equal(node->xattrs[1].name, "trusted.overlay.opaque");
	assert_string_equal(node->xattrs[2].name, "user.a");
	assert_int_equal(node->xattrs[2].size, 0);
	assert_string_equal(node->xattrs[3].name, "user.m");
	assert_int_equal(node->xattrs[3].size, 3);
	assert_memory_equal(node->xattrs[3].value, "new", 3);
}

static void test_xattr_limits(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	struct squash_node *node = squash_tree_root(tree);
	cleanup_free char *value = xcalloc(1, 65537);
	char name[257];

	(void)state;
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_error(squash_tree_set_xattr(tree, node, name, "", 0, NULL), ERR_LIMIT, "256 bytes (limit 255)");
	name[255] = '\0';
	assert_ok(squash_tree_set_xattr(tree, node, name, "", 0, NULL));
	assert_error(squash_tree_set_xattr(tree, node, "user.v", value, 65537, NULL), ERR_LIMIT,
		     "65537 bytes (limit 65536)");
	assert_ok(squash_tree_set_xattr(tree, node, "user.v", value, 65536, NULL));
	for (unsigned int i = node->n_xattrs; i < 8192; i++) {
		(void)snprintf(name, sizeof(name), "user.%u", (i * 7919) % 8192);
		assert_ok(squash_tree_set_xattr(tree, node, name, "", 0, NULL));
	}
	assert_error(squash_tree_set_xattr(tree, node, "user.more", "", 0, NULL), ERR_LIMIT, "more than 8192");
	assert_ok(squash_tree_set_xattr(tree, node, "user.v", "replaced", 8, NULL));
	assert_int_equal(node->n_xattrs, 8192);
	for (uint32_t i = 1; i < node->n_xattrs; i++)
		assert_true(strcmp(node->xattrs[i - 1].name, node->xattrs[i].name) < 0);
}

static struct error *add_until(struct squash_tree *tree, unsigned int n)
{
	struct squash_node *node = NULL;
	char name[16];

	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		TRY(squash_tree_add(tree, squash_tree_root(tree), name, strlen(name), &node));
	}
	return NULL;
}

static void test_memory_limit(void **state)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(1u << 20);
	cleanup_with(squash_tree_free) struct squash_tree *small = squash_tree_new(100);
	struct squash_node *node = NULL;

	(void)state;
	assert_error(squash_tree_add(small, squash_tree_root(small), "a", 1, &node), ERR_LIMIT, "more than 100 bytes");
	assert_ok(add_until(tree, 4000));
	assert_error(add_until(tree, 10000), ERR_LIMIT, "more than 1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),	      cmocka_unit_test(test_add_and_find),
		cmocka_unit_test(test_many_children), cmocka_unit_test(test_removed),
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_target),
		cmocka_unit_test(test_xattrs),	      cmocka_unit_test(test_xattr_limits),
		cmocka_unit_test(test_memory_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
