/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Images by mksquashfs, tar2sqfs and sqfstar (tests/testlib/make-squash-seeds), each with the same tree, read whole and compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/squash.h"

#include "tests/testlib/fixture.h"

#include <stdio.h>
#include <sys/stat.h>

struct sample {
	const char *name;
	enum squash_codec codec;
	uint32_t block_size;
	bool has_xattrs, has_socket;
};

static const struct sample samples[] = {
	{ "plain", SQUASH_GZIP, 4096, true, true },	     { "plain-nofrag", SQUASH_GZIP, 4096, true, true },
	{ "gzip", SQUASH_GZIP, 4096, true, true },	     { "lzma", SQUASH_LZMA, 4096, true, true },
	{ "lzo", SQUASH_LZO, 4096, true, true },	     { "xz", SQUASH_XZ, 4096, true, true },
	{ "lz4", SQUASH_LZ4, 4096, true, true },	     { "zstd", SQUASH_ZSTD, 4096, true, true },
	{ "zstd-1m", SQUASH_ZSTD, 1 << 20, false, true },    { "always-use-fragments", SQUASH_GZIP, 4096, true, true },
	{ "tar2sqfs", SQUASH_GZIP, 4096, true, false },	     { "sqfstar", SQUASH_ZSTD, 4096, true, false },
};

struct opened {
	int fd;
	struct squash *img;
};

static struct opened sample_open(const char *name)
{
	cleanup_free char *path = xasprintf("%s/squash/%s.sqfs", FIXTURES, name);
	struct opened o = { .fd = fixture_open(path) };
	struct stat st;

	assert_int_equal(fstat(o.fd, &st), 0);
	assert_ok(squash_open(o.fd, 0, (uint64_t)st.st_size, NULL, &o.img));
	return o;
}

static void sample_close(struct opened *o)
{
	squash_free(o->img);
	assert_ok(io_close(&o->fd));
}

/* The inode at a path of plain names; false if there is none. */
static bool find(struct squash *img, const char *path, struct squash_inode *ret_inode)
{
	cleanup_strv struct strv parts = { 0 };

	strv_split(&parts, path, '/');
	assert_ok(squash_inode_read(img, squash_super(img)->root_ref, ret_inode));
	for (size_t i = 0; i < parts.n && parts.items[i][0]; i++) {
		cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
		const struct squash_dirent *e;

		assert_ok(squash_dir_read(img, ret_inode, &dir));
		e = squash_dir_find(dir, parts.items[i], strlen(parts.items[i]));
		if (!e)
			return false;
		assert_ok(squash_inode_read(img, e->ref, ret_inode));
		assert_int_equal(ret_inode->mode & S_IFMT, e->type);
		assert_int_equal(ret_inode->number, e->number);
	}
	return true;
}

static struct squash_inode get(struct squash *img, const char *path)
{
	struct squash_inode inode;

	if (!find(img, path, &inode))
		fail_msg("%s is missing", path);
	return inode;
}

static void assert_content(struct squash *img, const char *path, const void *data, size_t size)
{
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	struct squash_inode inode = get(img, path);
	cleanup_free char *got = xmalloc(size + 1);
	size_t n;

	assert_int_equal(inode.size, size);
	assert_ok(squash_file_open(img, &inode, &file));
	assert_ok(squash_file_read(file, 0, got, size + 1, &n));
	assert_int_equal(n, size);
	assert_memory_equal(got, data, size);
	/* pieces that start and end anywhere */
	for (size_t at = size; at > 0; at -= at < 777 ? at : 777) {
		assert_ok(squash_file_read(file, at - 1, got, 1000, &n));
		assert_int_equal(n, size - at + 1 < 1000 ? size - at + 1 : 1000);
		assert_memory_equal(got, (const char *)data + at - 1, n);
	}
	assert_ok(squash_file_read(file, size, got, 1, &n));
	assert_int_equal(n, 0);
	assert_ok(squash_file_read(file, UINT64_MAX, got, 1, &n));
	assert_int_equal(n, 0);
}

static void check_contents(struct squash *img)
{
	cleanup_buf struct buf blocks = { 0 };
	char sparse[12288 + 4] = { 0 };

	for (int i = 0; blocks.len < 8292; i++)
		buf_appendf(&blocks, "%07d\n", i * 7919);
	assert_content(img, "blocks", blocks.data, 8292);
	memcpy(sparse + 12288, "end\n", 4);
	assert_content(img, "sparse", sparse, sizeof(sparse));
	assert_content(img, "hello", "hello\n", 6);
	assert_content(img, "dir/hard", "hello\n", 6);
	assert_content(img, "dir/deep/er/file", "deep\n", 5);
	assert_content(img, "empty", "", 0);
}

static void assert_link(struct squash *img, const char *path, const char *target)
{
	struct squash_inode inode = get(img, path);
	cleanup_free char *got = NULL;

	assert_int_equal(inode.mode & S_IFMT, S_IFLNK);
	assert_int_equal(inode.size, strlen(target));
	assert_ok(squash_link_read(img, &inode, &got));
	assert_string_equal(got, target);
}

static void check_attributes(struct squash *img, bool has_socket)
{
	struct squash_inode inode = get(img, "hello");

	assert_int_equal(inode.mode, S_IFREG | 04755);
	assert_int_equal(inode.nlink, 2);
	assert_int_equal(inode.mtime, 1000000000);
	assert_int_equal(get(img, "dir/hard").ref, inode.ref);
	inode = get(img, "blocks");
	assert_int_equal(inode.uid, 1234);
	assert_int_equal(inode.gid, 4321);
	assert_int_equal(inode.mode, S_IFREG | 0644);
	inode = get(img, "char");
	assert_int_equal(inode.mode & S_IFMT, S_IFCHR);
	assert_int_equal(inode.rdev_major, 1);
	assert_int_equal(inode.rdev_minor, 3);
	inode = get(img, "block");
	assert_int_equal(inode.mode & S_IFMT, S_IFBLK);
	assert_int_equal(inode.rdev_major, 259);
	assert_int_equal(inode.rdev_minor, 70000);
	inode = get(img, "whiteout");
	assert_int_equal(inode.rdev_major | inode.rdev_minor, 0);
	assert_int_equal(get(img, "fifo").mode & S_IFMT, S_IFIFO);
	if (has_socket)
		assert_int_equal(get(img, "socket").mode & S_IFMT, S_IFSOCK);
	assert_int_equal(get(img, "dir").parent, get(img, "").number);
	assert_link(img, "dir/link", "../hello");
	assert_link(img, "absolute", "/dir/deep");
	assert_link(img, "loop", "loop");
}

static void check_directories(struct squash *img)
{
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	cleanup_with(squash_dir_free) struct squash_dir *none = NULL;
	struct squash_inode inode = get(img, "many");
	char other[SQUASH_NAME_MAX];
	size_t longest = 0;

	assert_ok(squash_dir_read(img, &inode, &dir));
	assert_int_equal(squash_dir_count(dir), 300);
	assert_true(squash_dir_memory(dir) > 300 * sizeof(struct squash_dirent));
	for (size_t i = 0; i < 300; i++) {
		const struct squash_dirent *e = squash_dir_at(dir, i);

		assert_ptr_equal(squash_dir_find(dir, e->name, e->name_len), e);
		memcpy(other, e->name, e->name_len);
		other[e->name_len - 1] = '~';
		assert_null(squash_dir_find(dir, other, e->name_len));
		longest = e->name_len > longest ? e->name_len : longest;
	}
	assert_int_equal(longest, strlen("a-name-that-takes-some-room-300"));
	assert_null(squash_dir_find(dir, "", 0));
	inode = get(img, "empty-dir");
	assert_ok(squash_dir_read(img, &inode, &none));
	assert_int_equal(squash_dir_count(none), 0);
}

static const struct squash_xattr *xattr_of(const struct squash_xattrs *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->items[i].name, name))
			return &set->items[i];
	return NULL;
}

static void assert_xattr(struct squash *img, const char *path, const char *name, size_t size, char byte)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	struct squash_inode inode = get(img, path);
	const struct squash_xattr *x;

	assert_ok(squash_xattrs_read(img, &inode, &set));
	x = xattr_of(&set, name);
	if (!x) {
		fail_msg("%s has no %s", path, name);
		return; /* for compilers that do not know fail_msg() */
	}
	assert_int_equal(x->size, size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(((const char *)x->value)[i], byte);
}

static void check_xattrs(struct squash *img, bool has_xattrs)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	struct squash_inode inode = get(img, "empty");

	assert_ok(squash_xattrs_read(img, &inode, &set));
	assert_int_equal(set.n, 0);
	assert_int_equal(squash_super(img)->n_xattr_ids > 0, has_xattrs);
	if (!has_xattrs)
		return;
	assert_xattr(img, "hello", "user.big", 600, 'x');
	assert_xattr(img, "blocks", "user.big", 600, 'x');
	assert_xattr(img, "dir", "trusted.overlay.opaque", 1, 'y');
	assert_xattr(img, "dir/link", "security.test", 1, 's');
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct opened o = sample_open(samples[i].name);
		const struct squash_super *s = squash_super(o.img);
		struct squash_inode inode;

		print_message("%s\n", samples[i].name);
		assert_int_equal(s->codec, samples[i].codec);
		assert_int_equal(s->block_size, samples[i].block_size);
		assert_int_equal(squash_fd(o.img), o.fd);
		check_contents(o.img);
		check_attributes(o.img, samples[i].has_socket);
		check_directories(o.img);
		squash_trim(o.img); /* the decoder comes back when it is needed */
		check_xattrs(o.img, samples[i].has_xattrs);
		assert_false(find(o.img, "dir/missing", &inode));
		sample_close(&o);
	}
}

/* Images that share a cache far smaller than their metadata, and lie in the middle of a file. */
static void test_shared_cache_and_offset(void **state)
{
	cleanup_with(squash_cache_free) struct squash_cache *cache = squash_cache_new(1);
	cleanup_buf struct buf bytes = { 0 };
	struct squash *a, *b;
	size_t a_size;
	int fd;

	(void)state;
	buf_append(&bytes, "0123456789", 10);
	fixture_read(FIXTURES "/squash/lz4.sqfs", &bytes);
	a_size = bytes.len - 10;
	fixture_read(FIXTURES "/squash/plain.sqfs", &bytes);
	fd = fixture_memory(bytes.data, bytes.len);
	assert_ok(squash_open(fd, 10, a_size, cache, &a));
	assert_ok(squash_open(fd, 10 + a_size, bytes.len - 10 - a_size, cache, &b));
	for (int i = 0; i < 3; i++) {
		check_directories(a);
		check_directories(b);
		check_contents(a);
		check_xattrs(b, true);
		squash_cache_trim(cache);
	}
	squash_free(a);
	check_contents(b);
	squash_free(b);
	assert_ok(io_close(&fd));
}

static void test_map(void **state)
{
	struct opened o = sample_open("plain");
	struct squash_inode inode = get(o.img, "blocks");
	struct squash_map *map;
	struct squash_block b, next;

	(void)state;
	assert_ok(squash_map_new(o.img, &inode, &map));
	assert_int_equal(squash_map_count(map), 3);
	assert_ok(squash_map_block(map, 0, &b));
	assert_int_equal(b.start, inode.start);
	assert_int_equal(b.stored_size, 4096);
	assert_false(b.compressed);
	assert_ok(squash_map_block(map, 1, &next));
	assert_int_equal(next.start, b.start + 4096);
	assert_ok(squash_map_block(map, 2, &b));
	assert_false(b.is_fragment);
	assert_int_equal(b.length, 100);
	squash_map_free(map);

	inode = get(o.img, "hello");
	assert_ok(squash_map_new(o.img, &inode, &map));
	assert_int_equal(squash_map_count(map), 1);
	assert_ok(squash_map_block(map, 0, &b));
	assert_true(b.is_fragment);
	assert_int_equal(b.length, 6);
	squash_map_free(map);

	inode = get(o.img, "sparse");
	assert_ok(squash_map_new(o.img, &inode, &map));
	assert_ok(squash_map_block(map, 1, &b));
	assert_int_equal(b.stored_size, 0);
	assert_int_equal(b.length, 4096);
	squash_map_free(map);

	inode = get(o.img, "empty");
	assert_ok(squash_map_new(o.img, &inode, &map));
	assert_int_equal(squash_map_count(map), 0);
	squash_map_free(map);
	sample_close(&o);
}

/* Everything below a directory; marks the inode numbers met. */
static void walk(struct squash *img, uint64_t ref, bool *seen)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	cleanup_free char *target = NULL;
	struct squash_inode inode;
	char data[4096];
	size_t n;

	assert_ok(squash_inode_read(img, ref, &inode));
	assert_in_range(inode.number, 1, squash_super(img)->n_inodes);
	if (seen[inode.number])
		return;
	seen[inode.number] = true;
	assert_ok(squash_xattrs_read(img, &inode, &set));
	if (S_ISLNK(inode.mode))
		assert_ok(squash_link_read(img, &inode, &target));
	if (S_ISREG(inode.mode)) {
		assert_ok(squash_file_open(img, &inode, &file));
		for (uint64_t at = 0; at < inode.size; at += n) {
			assert_ok(squash_file_read(file, at, data, sizeof(data), &n));
			assert_true(n > 0);
		}
	}
	if (!S_ISDIR(inode.mode))
		return;
	assert_ok(squash_dir_read(img, &inode, &dir));
	for (size_t i = 0; i < squash_dir_count(dir); i++)
		walk(img, squash_dir_at(dir, i)->ref, seen);
}

/* Layers of the reference's OCI-SIFs, found by their magic number: all of their inodes are reached and read. */
static void test_reference_images(void **state)
{
	static const char *const names[] = { "layers-keep", "tiny", "tiny-full", "docker2", "r-data" };
	size_t n_layers = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_free char *path = xasprintf("%s/images/%s.sif", FIXTURES, names[i]);
		cleanup_buf struct buf bytes = { 0 };
		int fd = fixture_open(path);

		fixture_read(path, &bytes);
		for (size_t at = 0; at + 4 <= bytes.len; at++) {
			cleanup_with(squash_free) struct squash *img = NULL;
			cleanup_free bool *seen = NULL;

			if (memcmp(bytes.data + at, "hsqs", 4) != 0)
				continue;
			assert_ok(squash_open(fd, at, bytes.len - at, NULL, &img));
			seen = xcalloc(squash_super(img)->n_inodes + 1u, sizeof(*seen));
			walk(img, squash_super(img)->root_ref, seen);
			for (uint32_t k = 1; k <= squash_super(img)->n_inodes; k++)
				assert_true(seen[k]);
			n_layers++;
		}
		assert_ok(io_close(&fd));
	}
	assert_true(n_layers >= 5);
}

/* What is asked of the wrong kind of inode is our own mistake. */
static void test_wrong_kind(void **state)
{
	struct opened o = sample_open("plain");
	struct squash_inode file = get(o.img, "hello");
	struct squash_inode dir = get(o.img, "dir");
	struct squash_dir *d = NULL;
	struct squash_map *m = NULL;
	struct squash_file *f = NULL;
	char *target = NULL;

	(void)state;
	assert_error(squash_dir_read(o.img, &file, &d), ERR_INTERNAL, "no directory");
	assert_error(squash_map_new(o.img, &dir, &m), ERR_INTERNAL, "no regular file");
	assert_error(squash_file_open(o.img, &dir, &f), ERR_INTERNAL, "no regular file");
	assert_error(squash_link_read(o.img, &file, &target), ERR_INTERNAL, "no symbolic link");
	sample_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_shared_cache_and_offset),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_reference_images),
		cmocka_unit_test(test_wrong_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
