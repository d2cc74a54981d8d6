/* SPDX-License-Identifier: BSD-3-Clause */
/* The layer rules, hostile layers among them: those tests are named after their attack class and the CVE that made it known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/layer/test_layer_stack.h"

#include "base/sha256.h"
#include "base/test.h"

/* ---- one layer ---- */

static void test_attributes(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);
	cleanup_buf struct buf r = { 0 };

	(void)state;
	tar_make(l, &(struct tar_spec){ .name = "suid", .mode = 04755, .uid = 10, .gid = 20, .mtime = 77, .data = "x" });
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "t", .mode = 01777, .mtime = 5 });
	tar_make(l, &(struct tar_spec){ .type = '3', .name = "c", .dev_major = 5, .dev_minor = 1, .mode = 0620, .gid = 5 });
	tar_make(l, &(struct tar_spec){ .type = '4', .name = "b", .dev_major = 259, .dev_minor = 300000 });
	tar_make(l, &(struct tar_spec){ .type = '6', .name = "p" });
	tar_make_symlink(l, "s", "../../outside");
	tar_make_record(&r, "SCHILY.xattr.user.a", "1\0", 2);
	tar_make_record(&r, "SCHILY.xattr.security.capability", "cap", 3);
	tar_make_record(&r, "SCHILY.xattr.system.posix_acl_access", "acl", 3);
	tar_make_record(&r, "SCHILY.xattr.trusted.overlay.redirect", "/etc", 4);
	tar_make_record(&r, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tar_make_pax(l, 'x', &r);
	tar_make_file(l, "x", "");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n"
					 "/b 060644 0:0 1700000000 n1 259,300000\n"
					 "/c 020620 0:5 1700000000 n1 5,1\n"
					 "/p 010644 0:0 1700000000 n1\n"
					 "/s 120777 0:0 1700000000 n1 -> ../../outside\n"
					 "/suid 104755 10:20 77 n1 1 2d711642b726\n"
					 "/t 041777 0:0 5\n"
					 "/x 100644 0:0 1700000000 n1 0 e3b0c44298fc security.capability=636170 user.a=3100\n");
	assert_string_equal(buf_str(&s.warnings), "Extended attributes other than user.*, trusted.* and security.* are dropped "
						  "(system.posix_acl_access of x)\n");
}

static void test_implied_directories(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a/b/f", "1");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "a", .mode = 0700, .uid = 3 }); /* after what is in it */
	assert_line(listing(&s), "/a", "040700 3:0 1700000000");
	assert_line(buf_str(&s.listing), "/a/b", "040755 0:0 0");
	assert_file(buf_str(&s.listing), "/a/b/f", "1");
}

static void test_names_are_cleaned(void **state)
{
	static const struct {
		const char *name, *path;
	} cases[] = {
		{ "./f", "/f" },	  { "/f", "/f" },	  { "//a//b/", "/a/b" },     { "././a/./b", "/a/b" },
		{ "a/../f", "/f" },	  { "../f", "/f" },	  { "../../../etc/f", "/etc/f" }, { "a/../../f", "/f" },
		{ "a/b/../../../f", "/f" }, { "/../f", "/f" },	  { "a/..", NULL },	     { "...", "/..." },
		{ "..f", "/..f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_stack struct stack s = { 0 };
		bool is_root = cases[i].path == NULL;

		tar_make(add_layer(&s), &(struct tar_spec){ .name = cases[i].name, .type = is_root ? '5' : '0', .mode = 0711 });
		assert_line(listing(&s), is_root ? "/" : cases[i].path, "0711 ");
	}
}

static void test_root_entry(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "./", .mode = 0700, .uid = 9, .mtime = 8 });
	tar_make_file(l, "", "no name"); /* is nothing */
	assert_string_equal(listing(&s), "/ 040700 9:0 8\n");
	tar_make(add_layer(&s), &(struct tar_spec){ .type = '5', .name = "/", .mode = 0711 }); /* the newest counts */
	assert_line(listing(&s), "/", "040711 0:0");
}

static void test_root_is_a_directory(void **state)
{
	static const char types[] = "0123467";

	(void)state;
	for (size_t i = 0; i < sizeof(types) - 1; i++) {
		cleanup_stack struct stack s = { 0 };

		tar_make(add_layer(&s), &(struct tar_spec){ .type = types[i], .name = "./.", .link = "x" });
		assert_error(build(&s), ERR_CORRUPT, "refusing to change type of root directory");
	}
}

static void test_last_of_two_entries_wins(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make(l, &(struct tar_spec){ .name = "f", .data = "first", .mode = 0600 });
	tar_make(l, &(struct tar_spec){ .name = "./f", .data = "second", .mode = 0640 });
	tar_make_file(l, "was-file", "x");
	tar_make_dir(l, "was-file");
	tar_make_file(l, "was-file/in", "y");
	tar_make_dir(l, "was-dir");
	tar_make_file(l, "was-dir/a/b", "gone");
	tar_make_file(l, "was-dir", "now");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "d", .mode = 0700 });
	tar_make_file(l, "d/kept", "k");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "d", .mode = 0711 });
	tar_make_symlink(l, "s", "one");
	tar_make_symlink(l, "s", "two");
	listing(&s);
	assert_file(buf_str(&s.listing), "/f", "second");
	assert_line(buf_str(&s.listing), "/f", "100640");
	assert_line(buf_str(&s.listing), "/was-file", "040755");
	assert_file(buf_str(&s.listing), "/was-file/in", "y");
	assert_file(buf_str(&s.listing), "/was-dir", "now");
	assert_line(buf_str(&s.listing), "/d", "040711");
	assert_file(buf_str(&s.listing), "/d/kept", "k");
	assert_line(buf_str(&s.listing), "/s", "-> two");
}

/* A directory that was a file earlier in its layer does not merge with older layers. */
static void test_replaced_does_not_merge(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "d/old", "old");
	l = add_layer(&s);
	tar_make_file(l, "d", "file");
	tar_make_file(l, "d/new", "new"); /* makes room */
	assert_file(listing(&s), "/d/new", "new");
	assert_no_line(buf_str(&s.listing), "/d/old");
	s.overlay_form = true;
	assert_line(listing(&s), "/d", "trusted.overlay.opaque=79");
}

static void test_sparse(void **state)
{
	cleanup_stack struct stack s = { 0 };
	cleanup_buf struct buf r = { 0 };
	cleanup_buf struct buf plain = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_record(&r, "GNU.sparse.size", "100000", 6);
	tar_make_record(&r, "GNU.sparse.map", "50000,3", 7);
	tar_make_pax(l, 'x', &r);
	tar_make_file(l, "s", "abc");
	(void)buf_reserve(&plain, 100001);
	memset(plain.data, 0, 100001);
	memcpy(plain.data + 50000, "abc", 3);
	struct digest d = sha256_of(plain.data, 100000);
	cleanup_free char *wanted = xasprintf(" 100000 %.12s", digest_hex(&d));

	assert_line(listing(&s), "/s", wanted);
}

/* ---- whiteouts ---- */

static void test_whiteouts(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "gone", "x");
	tar_make_file(l, "gone-dir/a", "x");
	tar_make_file(l, "opaque/a", "x");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "opaque", .mode = 0700 });
	tar_make_file(l, "kept", "x");
	l = add_layer(&s);
	tar_make_file(l, ".wh.gone", "");
	tar_make_file(l, "./.wh.gone-dir", "");
	tar_make_file(l, "opaque/.wh..wh..opq", "");
	tar_make_file(l, "opaque/b", "y");
	tar_make_file(l, ".wh.never-was", "");
	tar_make_file(l, "nowhere/.wh.x", "");
	listing(&s);
	assert_no_line(buf_str(&s.listing), "/gone");
	assert_no_line(buf_str(&s.listing), "/gone-dir");
	assert_no_line(buf_str(&s.listing), "/gone-dir/a");
	assert_no_line(buf_str(&s.listing), "/opaque/a");
	assert_file(buf_str(&s.listing), "/opaque/b", "y");
	assert_line(buf_str(&s.listing), "/opaque", "040700"); /* the directory itself is the older one's */
	assert_file(buf_str(&s.listing), "/kept", "x");
	assert_no_line(buf_str(&s.listing), "/nowhere");
	assert_null(strstr(buf_str(&s.listing), ".wh."));
}

static void test_whiteout_never_hides_its_own_layer(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "f", "old");
	tar_make_file(l, "d/old", "old");
	tar_make_file(l, "o/old", "old");
	l = add_layer(&s);
	tar_make_file(l, ".wh.f", "");
	tar_make_file(l, "f", "new");
	tar_make_file(l, "d/new", "new");
	tar_make_file(l, ".wh.d", "");
	tar_make_file(l, "o/new", "new");
	tar_make_file(l, "o/.wh..wh..opq", "");
	tar_make_file(l, "o/new2", "new");
	listing(&s);
	assert_file(buf_str(&s.listing), "/f", "new");
	assert_file(buf_str(&s.listing), "/d/new", "new");
	assert_no_line(buf_str(&s.listing), "/d/old");
	assert_file(buf_str(&s.listing), "/o/new", "new");
	assert_file(buf_str(&s.listing), "/o/new2", "new");
	assert_no_line(buf_str(&s.listing), "/o/old");
}

static void test_whiteout_then_older_again(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_file(add_layer(&s), "d/one", "1");
	tar_make_file(add_layer(&s), ".wh.d", "");
	tar_make_file(add_layer(&s), "d/three", "3");
	assert_file(listing(&s), "/d/three", "3");
	assert_no_line(buf_str(&s.listing), "/d/one");
}

static void test_opaque_root(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "old", "x");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "./", .mode = 0700 });
	l = add_layer(&s);
	tar_make_file(l, ".wh..wh..opq", "");
	tar_make_file(l, "new", "y");
	assert_string_equal(listing(&s), "/ 040700 0:0 1700000000\n/new 100644 0:0 1700000000 n1 1 a1fce4363854\n");
}

static void test_aufs_bookkeeping(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, ".wh..wh.aufs", "");
	tar_make_dir(l, ".wh..wh.plnk");
	tar_make_file(l, ".wh..wh.plnk/1.2", "x");
	tar_make_dir(l, "d/.wh..wh.orph");
	tar_make_file(l, ".wh.x/below", "");
	tar_make_file(l, ".wh.x/.wh..wh..opq", "");
	tar_make_symlink(l, "s", ".wh.y");
	tar_make_file(l, "s/below", "");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n/s 120777 0:0 1700000000 n1 -> .wh.y\n");
}

/* What a whiteout can be: only its name counts. */
static void test_whiteout_of_any_type(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "x");
	tar_make_file(l, "b", "x");
	tar_make_file(l, "c", "x");
	l = add_layer(&s);
	tar_make_dir(l, ".wh.a");
	tar_make_symlink(l, ".wh.b", "x");
	tar_make_hardlink(l, ".wh.c", "x");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n");
}

static void test_whiteout_of_dots_class_a(void **state)
{
	static const char *const names[] = { ".wh..", ".wh...", "d/.wh...", ".wh.", "d/.wh." };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_stack struct stack s = { 0 };

		tar_make_file(add_layer(&s), names[i], "");
		assert_error(build(&s), ERR_CORRUPT, "whiteout of a directory itself");
	}
}

/* ---- types across layers ---- */

static void test_newer_type_wins(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "d2f/in", "x");
	tar_make_file(l, "f2d", "x");
	tar_make_file(l, "f2i", "x");
	tar_make_file(l, "sub/f2i/deep", "x");
	l = add_layer(&s);
	tar_make_file(l, "d2f", "file");
	tar_make_dir(l, "f2d");
	tar_make_file(l, "f2i/in", "y"); /* implied directory over a file */
	tar_make_symlink(l, "sub", "elsewhere");
	listing(&s);
	assert_file(buf_str(&s.listing), "/d2f", "file");
	assert_no_line(buf_str(&s.listing), "/d2f/in");
	assert_line(buf_str(&s.listing), "/f2d", "040755");
	assert_line(buf_str(&s.listing), "/f2i", "040755 0:0 0");
	assert_file(buf_str(&s.listing), "/f2i/in", "y");
	assert_line(buf_str(&s.listing), "/sub", "-> elsewhere");
	assert_no_line(buf_str(&s.listing), "/sub/f2i");
}

/* Below an implied directory over a file, what lay there before the file stays hidden. */
static void test_file_hides_what_was_before(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_file(add_layer(&s), "p/oldest", "1");
	tar_make_file(add_layer(&s), "p", "2");
	tar_make_file(add_layer(&s), "p/newest", "3");
	assert_file(listing(&s), "/p/newest", "3");
	assert_no_line(buf_str(&s.listing), "/p/oldest");
}

/* The same where the newest layer has an entry for the directory. */
static void test_file_under_directory_stops_merging(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_file(add_layer(&s), "p/oldest", "1");
	tar_make_file(add_layer(&s), "p/replaced/f", "2");
	tar_make_file(&s.layers[1], "p", "2");
	tar_make_file(add_layer(&s), "p/middle", "3");
	tar_make(add_layer(&s), &(struct tar_spec){ .type = '5', .name = "p", .mode = 0711 });
	assert_file(listing(&s), "/p/middle", "3");
	assert_line(buf_str(&s.listing), "/p", "040711");
	assert_no_line(buf_str(&s.listing), "/p/oldest");
	assert_no_line(buf_str(&s.listing), "/p/replaced");
}

/* An opaque directory is there, though only what it hides says so. */
static void test_opaque_directory_without_entry(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_file(add_layer(&s), "d/e/f", "1");
	tar_make_file(&s.layers[0], "w/f", "1");
	tar_make_file(add_layer(&s), "d/.wh..wh..opq", "");
	tar_make_file(&s.layers[1], "w/.wh.f", "");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n/d 040755 0:0 0\n/w 040755 0:0 0\n");
}

/* A whiteout below a file of an older layer leaves the file alone. */
static void test_whiteout_below_a_file(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_file(add_layer(&s), "f", "x");
	tar_make_file(add_layer(&s), "f/.wh.g", "");
	assert_file(listing(&s), "/f", "x");
}

/* ---- symbolic links ---- */

static void test_below_a_symlink_of_the_same_layer(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_dir(l, "usr/lib");
	tar_make_symlink(l, "lib", "usr/lib");
	tar_make_file(l, "lib/f", "x");
	tar_make_symlink(l, "usr/abs", "/usr/lib");
	tar_make_file(l, "usr/abs/g", "y");
	tar_make_symlink(l, "usr/up", "../usr/./lib");
	tar_make_file(l, "usr/up/h/i", "z");
	listing(&s);
	assert_line(buf_str(&s.listing), "/lib", "-> usr/lib");
	assert_file(buf_str(&s.listing), "/usr/lib/f", "x");
	assert_file(buf_str(&s.listing), "/usr/lib/g", "y");
	assert_file(buf_str(&s.listing), "/usr/lib/h/i", "z");
}

static void test_symlink_out_of_root_class_a(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_symlink(l, "out", "../../../../tmp");
	tar_make_file(l, "out/f", "x"); /* stays below the root */
	tar_make_symlink(l, "dot", "/.");
	tar_make_file(l, "dot/etc/g", "y"); /* CVE-2021-29136: a link named "/." */
	listing(&s);
	assert_file(buf_str(&s.listing), "/tmp/f", "x");
	assert_line(buf_str(&s.listing), "/out", "-> ../../../../tmp");
	assert_file(buf_str(&s.listing), "/etc/g", "y");
}

/* CVE-2021-29136: an entry "/." that is a symbolic link replaced the root directory. */
static void test_symlink_as_root_class_a_cve_2021_29136(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_symlink(add_layer(&s), "/.", "/tmp");
	assert_error(build(&s), ERR_CORRUPT, "refusing to change type of root directory");
}

/* CVE-2021-40153, CVE-2021-41072: a symbolic link and then a file of the same name, or below it, was written outside. */
static void test_symlink_then_file_class_a_cve_2021_41072(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_symlink(l, "x", "/etc");
	tar_make_file(l, "x", "over"); /* never written through */
	tar_make_symlink(l, "y", "/root");
	tar_make_dir(l, "y");
	tar_make_file(l, "y/f", "in y");
	listing(&s);
	assert_file(buf_str(&s.listing), "/x", "over");
	assert_file(buf_str(&s.listing), "/y/f", "in y");
	assert_no_line(buf_str(&s.listing), "/etc");
	assert_no_line(buf_str(&s.listing), "/root");
}

static void test_whiteout_through_symlink_class_a(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "etc/passwd", "x");
	l = add_layer(&s);
	tar_make_symlink(l, "s", "etc");
	tar_make_file(l, "s/.wh.passwd", "");
	tar_make_file(l, "s/.wh..wh..opq", "");
	assert_file(listing(&s), "/etc/passwd", "x");
	assert_line(buf_str(&s.listing), "/s", "-> etc");
}

static void test_symlink_loop_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_symlink(l, "a", "b");
	tar_make_symlink(l, "b", "a");
	tar_make_file(l, "a/f", "x");
	tar_make_symlink(l, "self", "self/self");
	tar_make_file(l, "self/f", "x");
	tar_make_file(l, "after", "x");
	assert_file(listing(&s), "/after", "x");
	assert_no_line(buf_str(&s.listing), "/a/f");
}

static void test_symlink_without_target(void **state)
{
	cleanup_stack struct stack s = { 0 };

	(void)state;
	tar_make_symlink(add_layer(&s), "s", "");
	assert_error(build(&s), ERR_CORRUPT, "symbolic link s has no target");
	tar_make_hardlink(add_layer(&s), "h", "s"); /* nor is it taken over into a newer layer */
	s.overlay_form = true;
	assert_error(build(&s), ERR_CORRUPT, "symbolic link s has no target");
}

/* ---- the overlay form ---- */

static void test_overlay_whiteouts(void **state)
{
	cleanup_stack struct stack s = { .overlay_form = true };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make(l, &(struct tar_spec){ .name = ".wh.gone", .mode = 0640, .uid = 1, .gid = 2, .mtime = 3 });
	tar_make_file(l, "d/.wh.x", "");
	tar_make_file(l, ".wh.both", "");
	tar_make_file(l, "both", "own");
	tar_make_file(l, "dir/f", "own");
	tar_make_file(l, ".wh.dir", "");
	tar_make_file(l, "o/.wh..wh..opq", "");
	tar_make(l, &(struct tar_spec){ .type = '5', .name = "p", .mode = 0700 });
	tar_make_file(l, "./p/.wh..wh..opq", "");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n"
					 "/both 100644 0:0 1700000000 n1 3 5b3975651c3c\n"
					 "/d 040755 0:0 0\n"
					 "/d/x 020644 0:0 1700000000 n1 0,0\n"
					 "/dir 040755 0:0 0 trusted.overlay.opaque=79\n"
					 "/dir/f 100644 0:0 1700000000 n1 3 5b3975651c3c\n"
					 "/gone 020640 1:2 3 n1 0,0\n"
					 "/o 040755 0:0 0 trusted.overlay.opaque=79\n"
					 "/p 040700 0:0 1700000000 trusted.overlay.opaque=79\n");
}

static void test_overlay_link_into_older_layer(void **state)
{
	cleanup_stack struct stack s = { .overlay_form = true };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_file(l, "a", "oldest");
	tar_make_file(l, "far", "far away");
	tar_make_hardlink(l, "alias", "far");
	l = add_layer(&s);
	tar_make_file(l, "a", "older");
	l = add_layer(&s);
	tar_make(l, &(struct tar_spec){ .type = '1', .name = "b", .link = "a", .mode = 0600, .uid = 5 });
	tar_make_hardlink(l, "c", "b");
	tar_make_hardlink(l, "d", "alias");
	assert_string_equal(listing(&s), "/ 040755 0:0 0\n"
					 "/b 100600 5:0 1700000000 n2 5 da925a30e31f =/b\n"
					 "/c 100600 5:0 1700000000 n2 5 da925a30e31f =/b\n"
					 "/d 100644 0:0 1700000000 n1 8 0a08c630fab0\n");
}

/* ---- limits ---- */

static void test_long_names_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);
	char name[258];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	tar_make_pax1(l, "path", name);
	tar_make_file(l, "x", "");
	assert_ok(build(&s));
	name[256] = 'n';
	name[257] = '\0';
	tar_make_pax1(l, "path", name);
	tar_make_file(l, "x", "");
	assert_error(build(&s), ERR_CORRUPT, "256");
}

static void test_deep_paths_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);
	char path[2 * 800 + 1];

	(void)state;
	for (size_t i = 0; i < 800; i++)
		memcpy(path + 2 * i, "d/", 3);
	tar_make_pax1(l, "path", path);
	tar_make_dir(l, "x");
	tar_make_file(l, "d", "flat"); /* and all of it goes away again */
	assert_file(listing(&s), "/d", "flat");
}

static void test_tree_memory_class_m(void **state)
{
	cleanup_stack struct stack s = { .tree_limit = 1 << 20 };
	struct buf *l = add_layer(&s);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		cleanup_free char *name = xasprintf("file-number-%d", i);

		tar_make_file(l, name, "");
	}
	assert_error(build(&s), ERR_LIMIT, "the image's tree needs more than 1048576 bytes");
}

/* A sparse file of eight exabytes would need a block list of its own size. */
static void test_huge_sparse_class_m(void **state)
{
	cleanup_stack struct stack s = { 0 };
	struct buf *l = add_layer(&s);

	(void)state;
	tar_make_pax1(l, "GNU.sparse.size", "9223372036854775807");
	tar_make_file(l, "s", "");
	assert_error(build(&s), ERR_LIMIT, "the image's files have more than 67108864 blocks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_implied_directories),
		cmocka_unit_test(test_names_are_cleaned),
		cmocka_unit_test(test_root_entry),
		cmocka_unit_test(test_root_is_a_directory),
		cmocka_unit_test(test_last_of_two_entries_wins),
		cmocka_unit_test(test_replaced_does_not_merge),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_whiteouts),
		cmocka_unit_test(test_whiteout_never_hides_its_own_layer),
		cmocka_unit_test(test_whiteout_then_older_again),
		cmocka_unit_test(test_opaque_root),
		cmocka_unit_test(test_aufs_bookkeeping),
		cmocka_unit_test(test_whiteout_of_any_type),
		cmocka_unit_test(test_whiteout_of_dots_class_a),
		cmocka_unit_test(test_newer_type_wins),
		cmocka_unit_test(test_file_hides_what_was_before),
		cmocka_unit_test(test_file_under_directory_stops_merging),
		cmocka_unit_test(test_opaque_directory_without_entry),
		cmocka_unit_test(test_whiteout_below_a_file),
		cmocka_unit_test(test_below_a_symlink_of_the_same_layer),
		cmocka_unit_test(test_symlink_out_of_root_class_a),
		cmocka_unit_test(test_symlink_as_root_class_a_cve_2021_29136),
		cmocka_unit_test(test_symlink_then_file_class_a_cve_2021_41072),
		cmocka_unit_test(test_whiteout_through_symlink_class_a),
		cmocka_unit_test(test_symlink_loop_class_m),
		cmocka_unit_test(test_symlink_without_target),
		cmocka_unit_test(test_overlay_whiteouts),
		cmocka_unit_test(test_overlay_link_into_older_layer),
		cmocka_unit_test(test_long_names_class_m),
		cmocka_unit_test(test_deep_paths_class_m),
		cmocka_unit_test(test_tree_memory_class_m),
		cmocka_unit_test(test_huge_sparse_class_m),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
