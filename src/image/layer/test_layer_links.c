/* SPDX-License-Identifier: BSD-3-Clause */
/* Hard links, within a layer and across layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/layer/test_layer_stack.h"


static void test_links_in_one_layer(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_hardlink(l, "before", "a"); /* before its target */
	tar_make(l, &(struct tar_spec){ .name = "a", .data = "text", .mode = 0640, .uid = 4 });
	tar_make_hardlink(l, "b", "./a");
	tar_make_hardlink(l, "c", "/b"); /* to a link */
	tar_make_hardlink(l, "d/e", "x/../a");
	tar_make_symlink(l, "s", "a");
	tar_make_hardlink(l, "s2", "s"); /* to a symbolic link */
	tar_make_hardlink(l, "a", "a");	 /* to itself */
	listing(&s);
	assert_line(buf_str(&s.listing), "/a", "100640 4:0 1700000000 n5 4 982d9e3eb996 =/a");
	assert_line(buf_str(&s.listing), "/b", "=/a");
	assert_line(buf_str(&s.listing), "/before", "=/a");
	assert_line(buf_str(&s.listing), "/c", "=/a");
	assert_line(buf_str(&s.listing), "/d/e", "=/a");
	assert_line(buf_str(&s.listing), "/s2", "-> a =/s");
	assert_string_equal(buf_str(&s.warnings), "");
	assert_int_equal(s.n_fills, 0);
}

/* The target is replaced, or removed, by a newer layer: the links keep the old content, and are one file. */
static void test_links_keep_old_content(void **state)
{
	for (int removed = 0; removed < 2; removed++) {
		cleanup_stack struct stack s = { 0 };
		struct buf *l = add_layer(&s);

		(void)state;
		tar_make(l, &(struct tar_spec){ .name = "a", .data = "old", .mode = 0600 });
		tar_make_pax1(l, "SCHILY.xattr.user.x", "y");
		tar_make(l, &(struct tar_spec){ .name = "a", .data = "old content", .mode = 0640, .uid = 7 });
		tar_make(l, &(struct tar_spec){ .type = '1', .name = "b", .link = "a", .mode = 0604, .uid = 9 });
		tar_make_hardlink(l, "c", "a");
		tar_make_hardlink(l, "d", "b");
		l = add_layer(&s);
		tar_make_file(l, removed ? ".wh.a" : "a", removed ? "" : "new content");
		listing(&s);
		if (removed)
			assert_no_line(buf_str(&s.listing), "/a");
		else
			assert_file(buf_str(&s.listing), "/a", "new content");
		assert_file(buf_str(&s.listing), "/b", "old content");
		assert_line(buf_str(&s.listing), "/b", "100604 9:0");
		assert_line(buf_str(&s.listing), "/b", "user.x=79 =/b");
		assert_line(buf_str(&s.listing), "/c", "=/b");
		assert_line(buf_str(&s.listing), "/d", "=/b");
		assert_int_equal(s.n_fills, 1);
		assert_string_equal(buf_str(&s.warnings), "");
	}
}

/* Target and first link are both replaced above: the second link keeps the content, found through the first. */
static void test_links_through_hidden_link(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "old");
	tar_make_hardlink(l, "b", "a");
	tar_make_hardlink(l, "c", "b");
	l = add_layer(&s);
	tar_make_file(l, "a", "new a");
	tar_make_file(l, "b", "new b");
	assert_file(listing(&s), "/c", "old");
	assert_file(buf_str(&s.listing), "/a", "new a");
	assert_file(buf_str(&s.listing), "/b", "new b");
}

/* Of two entries of the target the link means the one before it, in the tree and when hidden. */
static void test_link_means_entry_before_it(void **state)
{
	for (int hidden = 0; hidden < 2; hidden++) {
		cleanup_stack struct stack s = { 0 };
		struct buf *l = add_layer(&s);

		(void)state;
		tar_make_file(l, "a", "first");
		tar_make_hardlink(l, "b", "a");
		tar_make_hardlink(l, "b2", "a");
		tar_make_file(l, "a", "second");
		tar_make_hardlink(l, "c", "a");
		if (hidden)
			tar_make_file(add_layer(&s), "a", "third");
		listing(&s);
		assert_file(buf_str(&s.listing), "/b", "first");
		assert_file(buf_str(&s.listing), "/b2", "first");
		assert_line(buf_str(&s.listing), "/b2", "=/b");
		if (!hidden) {
			assert_file(buf_str(&s.listing), "/a", "second");
			assert_line(buf_str(&s.listing), "/c", "=/a");
		}
	}
}

static void test_links_across_layers(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "content");
	tar_make_file(l, "gone", "still linked");
	tar_make_symlink(l, "sym", "a");
	tar_make_hardlink(l, "alias", "a");
	(void)add_layer(&s); /* nothing in between */
	l = add_layer(&s);
	tar_make_hardlink(l, "b", "a");
	tar_make_hardlink(l, "g", "gone");
	tar_make_hardlink(l, "g2", "gone");
	tar_make_hardlink(l, "s", "sym");
	tar_make_hardlink(l, "c", "alias");
	l = add_layer(&s);
	tar_make_file(l, ".wh.gone", "");
	tar_make_file(l, ".wh.sym", "");
	tar_make_file(l, "alias", "new");
	listing(&s);
	assert_line(buf_str(&s.listing), "/a", "n3 7 ed7002b439e9 =/a");
	assert_line(buf_str(&s.listing), "/b", "=/a");
	assert_line(buf_str(&s.listing), "/c", "=/a"); /* alias is hidden, but links to a, which is not */
	assert_file(buf_str(&s.listing), "/g", "still linked");
	assert_line(buf_str(&s.listing), "/g2", "=/g");
	assert_line(buf_str(&s.listing), "/s", "-> a");
	assert_file(buf_str(&s.listing), "/alias", "new");
	assert_int_equal(s.n_fills, 0); /* contents were taken as they streamed past */
}

/* A link of a newer layer to a hidden link to a hidden file of an older one. */
static void test_links_across_layers_through_links(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "content");
	tar_make_hardlink(l, "b", "a");
	tar_make_hardlink(add_layer(&s), "c", "b");
	l = add_layer(&s);
	tar_make_file(l, ".wh.a", "");
	tar_make_file(l, ".wh.b", "");
	assert_file(listing(&s), "/c", "content");
	assert_no_line(buf_str(&s.listing), "/b");
}

static void test_link_replaced_or_hidden(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "a");
	tar_make_hardlink(l, "b", "a");
	tar_make_file(l, "b", "own");
	tar_make_hardlink(l, "c", "missing");
	tar_make_file(l, "c", "own too");
	tar_make_hardlink(l, "h", "a");
	l = add_layer(&s);
	tar_make_file(l, "h", "newer");
	listing(&s);
	assert_line(buf_str(&s.listing), "/a", "n1 ");
	assert_file(buf_str(&s.listing), "/b", "own");
	assert_file(buf_str(&s.listing), "/c", "own too");
	assert_file(buf_str(&s.listing), "/h", "newer");
	assert_string_equal(buf_str(&s.warnings), "");
}

/* Dropped, though it hides the older entry of its own name. */
static void test_link_without_target(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "b", "hidden");
	tar_make_dir(l, "dir");
	l = add_layer(&s);
	tar_make_hardlink(l, "b", "nowhere");
	tar_make_hardlink(l, "to-dir", "dir");
	tar_make_hardlink(l, "x/chain", "b");
	tar_make_hardlink(l, "root", "/");
	tar_make_hardlink(l, "out", "../../etc/passwd"); /* class A: never a file of the host */
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n/dir 040755 0:0 1700000000\n/x 040755 0:0 0\n");
	assert_non_null(strstr(buf_str(&s.warnings), "Hard link /b is dropped, the image does not have its target /nowhere\n"));
	assert_non_null(strstr(buf_str(&s.warnings), "Hard link /to-dir is dropped"));
	assert_non_null(strstr(buf_str(&s.warnings), "Hard link /out is dropped, the image does not have its target /etc/passwd\n"));
}

static void test_many_links_without_target(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	for (int i = 0; i < 25; i++) {
		cleanup_free char *name = xasprintf("l%d", i);

		tar_make_hardlink(l, name, "nowhere");
	}
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n");
	assert_non_null(strstr(buf_str(&s.warnings), "15 more hard links without target are dropped\n"));
}

static void test_link_cycles_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_hardlink(l, "a", "b");
	tar_make_hardlink(l, "b", "a");
	tar_make_hardlink(l, "self", "self");
	l = add_layer(&s);
	tar_make_hardlink(l, "c", "a");
	tar_make_hardlink(l, "b", "c");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n");
}

/* A long chain of hidden links ends at its limit, without harm. */
static void test_link_chain_limit_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);
	struct buf *top = NULL;

	(void)state;
	tar_make_file(l, "0", "content");
	top = add_layer(&s);
	for (int i = 1; i < 100; i++) {
		cleanup_free char *name = xasprintf("%d", i);
		cleanup_free char *target = xasprintf("%d", i - 1);

		tar_make_hardlink(l, name, target);
		if (i < 99)
			tar_make_file(top, name, "");
	}
	tar_make_file(top, "0", "new");
	listing(&s);
	assert_file(buf_str(&s.listing), "/0", "new");
	assert_no_line(buf_str(&s.listing), "/99");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_in_one_layer),
		cmocka_unit_test(test_links_keep_old_content),
		cmocka_unit_test(test_links_through_hidden_link),
		cmocka_unit_test(test_link_means_entry_before_it),
		cmocka_unit_test(test_links_across_layers),
		cmocka_unit_test(test_links_across_layers_through_links),
		cmocka_unit_test(test_link_replaced_or_hidden),
		cmocka_unit_test(test_link_without_target),
		cmocka_unit_test(test_many_links_without_target),
		cmocka_unit_test(test_link_cycles_class_m),
		cmocka_unit_test(test_link_chain_limit_class_m),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
