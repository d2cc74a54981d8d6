/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/test_squash_image.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/test.h"

#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define TOOL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OUTPUT_MAX (64u << 20)

void test_image_open(struct test_image *image, const struct squash_writer_options *options)
{
	test_image_open_at(image, options, 0);
}

void test_image_open_at(struct test_image *image, const struct squash_writer_options *options, uint64_t offset)
{
	*image = (struct test_image){ .fd = -EBADF, .offset = offset };
	assert_ok(fs_mkdtemp("/tmp", "test-squash-", &image->dir));
	image->path = xasprintf("%s/image.sqfs", image->dir);
	assert_ok(fs_open(AT_FDCWD, image->path, O_RDWR | O_CREAT | O_EXCL, 0600, &image->fd));
	image->tree = squash_tree_new(0);
	assert_ok(squash_writer_new(image->fd, image->offset, options, &image->writer));
}

void test_image_close(struct test_image *image)
{
	squash_writer_free(image->writer);
	squash_tree_free(image->tree);
	assert_ok(io_close(&image->fd));
	assert_ok(fs_remove_tree(AT_FDCWD, image->dir));
	free(image->path);
	free(image->dir);
	free(image->files);
}

struct squash_node *test_image_add(struct test_image *image, const char *path, uint32_t mode)
{
	struct squash_node *node = squash_tree_root(image->tree);
	cleanup_strv struct strv parts = { 0 };

	strv_split(&parts, path, '/');
	for (size_t i = 0; i < parts.n; i++) {
		const char *name = parts.items[i];
		struct squash_node *child = squash_tree_find(node, name, strlen(name));

		if (i + 1 == parts.n) {
			assert_null(child);
			assert_ok(squash_tree_add(image->tree, node, name, strlen(name), &child));
		}
		assert_non_null(child);
		node = child;
	}
	node->mode = mode;
	return node;
}

struct squash_node *test_image_dir(struct test_image *image, const char *path)
{
	return test_image_add(image, path, S_IFDIR | 0755);
}

void test_pattern(enum pattern pattern, uint64_t seed, void *data, size_t size)
{
	uint8_t *p = data;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		switch (pattern) {
		case PATTERN_TEXT:
			p[i] = (uint8_t)("the quick brown fox "[i % 20] + ((x & 0xff) == 0));
			break;
		case PATTERN_RANDOM:
			p[i] = (uint8_t)(x >> 24);
			break;
		case PATTERN_ZERO:
			p[i] = 0;
			break;
		case PATTERN_ISLANDS:
			p[i] = i / TEST_STRETCH % 4 == 1 ? (uint8_t)(x >> 24) : 0;
			break;
		}
	}
}

static void end_file(struct test_image *image, struct squash_node *node, enum pattern pattern, uint64_t seed,
		     size_t size)
{
	assert_ok(squash_writer_end_file(image->writer, &node->content));
	assert_int_equal(squash_content_size(node->content), size);
	GROW(image->files, image->n_files, image->files_cap);
	image->files[image->n_files++] =
		(struct expected_file){ .node = node, .pattern = pattern, .seed = seed, .size = size };
}

struct squash_node *test_image_sparse_file(struct test_image *image, const char *path, uint64_t seed, size_t size)
{
	struct squash_node *node = test_image_add(image, path, S_IFREG | 0644);
	cleanup_free uint8_t *data = xmalloc(size);

	test_pattern(PATTERN_ISLANDS, seed, data, size);
	assert_ok(squash_writer_begin_file(image->writer));
	for (size_t done = 0, n = TEST_STRETCH; done < size; done += n) {
		if (n > size - done)
			n = size - done;
		if (done / TEST_STRETCH % 4 == 1)
			assert_ok(squash_writer_write(image->writer, data + done, n));
		else
			assert_ok(squash_writer_write_hole(image->writer, n));
	}
	end_file(image, node, PATTERN_ISLANDS, seed, size);
	return node;
}

struct squash_node *test_image_file(struct test_image *image, const char *path, enum pattern pattern, uint64_t seed,
				    size_t size)
{
	struct squash_node *node = test_image_add(image, path, S_IFREG | 0644);
	cleanup_free uint8_t *data = xmalloc(size);

	test_pattern(pattern, seed, data, size);
	assert_ok(squash_writer_begin_file(image->writer));
	/* In uneven parts, as a stream delivers them. */
	for (size_t done = 0, n = 1; done < size; done += n, n = n * 3 + 7) {
		if (n > size - done)
			n = size - done;
		assert_ok(squash_writer_write(image->writer, data + done, n));
	}
	end_file(image, node, pattern, seed, size);
	return node;
}

void test_image_finish(struct test_image *image)
{
	struct stat st;

	assert_ok(squash_writer_finish(image->writer, image->tree, &image->size));
	assert_int_equal(fstat(image->fd, &st), 0);
	assert_int_equal(st.st_size, image->offset + image->size);
	assert_int_equal(image->size % 4096, 0);
}

void test_image_bytes(const struct test_image *image, struct buf *bytes)
{
	char *room = buf_reserve(bytes, image->size);
	size_t n = 0;

	assert_ok(io_pread(image->fd, room, image->size, image->offset, &n));
	assert_int_equal(n, image->size);
	bytes->len += n;
}

int test_run(struct buf *output, const char *const *argv)
{
	cleanup_free char *path = NULL;
	cleanup_strv struct strv copy = { 0 };
	int ends[2];
	pid_t pid;
	int status;

	assert_ok(proc_find(argv[0], TOOL_PATH, &path));
	if (!path)
		return -1;
	for (size_t i = 0; argv[i]; i++)
		strv_add(&copy, argv[i]);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	struct proc_spec spec = {
		.path = path, .argv = copy.items, .stdin_fd = -1, .stdout_fd = ends[1], .stderr_fd = ends[1]
	};

	assert_ok(proc_spawn(&spec, &pid));
	assert_ok(io_close(&ends[1]));
	assert_ok(io_read_to_end(ends[0], OUTPUT_MAX, "output", output));
	assert_ok(io_close(&ends[0]));
	assert_ok(proc_wait(pid, &status));
	return status;
}

static void check_xattrs(const struct squash_node *node, const char *path)
{
	for (uint32_t i = 0; i < node->n_xattrs; i++) {
		const struct squash_xattr *xattr = &node->xattrs[i];
		cleanup_free char *value = xmalloc(xattr->size + 1);

		if (geteuid() != 0 && !str_starts(xattr->name, "user."))
			continue;
		if (lgetxattr(path, xattr->name, value, xattr->size + 1) != (ssize_t)xattr->size)
			fail_msg("%s: attribute %s is missing or has another size", path, xattr->name);
		assert_memory_equal(value, xattr->value, xattr->size);
	}
}

static void check_special(const struct squash_node *node, const struct stat *st, const char *path)
{
	if (S_ISLNK(node->mode)) {
		cleanup_free char *target = NULL;

		assert_ok(fs_read_link(AT_FDCWD, path, &target));
		assert_string_equal(target, node->target);
	} else if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		assert_int_equal(major(st->st_rdev), node->rdev_major);
		assert_int_equal(minor(st->st_rdev), node->rdev_minor);
	}
}

static void check_node(const struct squash_node *shown, const char *path)
{
	const struct squash_node *node = shown->link_to ? shown->link_to : shown;
	struct stat st;

	if (lstat(path, &st) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	if (st.st_mode != node->mode || (st.st_mtime != node->mtime && shown->parent))
		fail_msg("%s: mode %o or time %lld differ", path, st.st_mode, (long long)st.st_mtime);
	if (geteuid() == 0 && (st.st_uid != node->uid || st.st_gid != node->gid))
		fail_msg("%s: owner %u:%u differs", path, st.st_uid, st.st_gid);
	if (S_ISREG(st.st_mode))
		assert_int_equal(st.st_size, squash_content_size(node->content));
	if (!S_ISDIR(st.st_mode))
		assert_int_equal(st.st_nlink, node->n_links);
	check_special(node, &st, path);
	check_xattrs(node, path);
}

static size_t check_children(const struct squash_node *dir, const char *root)
{
	size_t n = 0;

	for (const struct squash_node *node = squash_tree_children(dir); node; node = node->next_sibling) {
		cleanup_free char *below = squash_tree_path(node);
		cleanup_free char *path = xasprintf("%s%s", root, below);

		if (node->removed) {
			continue;
		}
		check_node(node, path);
		n += 1 + check_children(node, root);
	}
	return n;
}

static void check_file(const struct expected_file *file, const char *root)
{
	cleanup_free char *below = squash_tree_path(file->node);
	cleanup_free char *path = xasprintf("%s%s", root, below);
	cleanup_buf struct buf got = { 0 };
	cleanup_free uint8_t *wanted = xmalloc(file->size);

	if (file->node->removed)
		return;
	assert_ok(fs_read_file(AT_FDCWD, path, file->size + 1, &got));
	test_pattern(file->pattern, file->seed, wanted, file->size);
	if (got.len != file->size || (file->size && memcmp(got.data, wanted, file->size) != 0))
		fail_msg("%s: content of %zu bytes differs", path, file->size);
}

void test_image_check_dir(struct test_image *image, const char *root)
{
	cleanup_buf struct buf found = { 0 };
	size_t n_lines = 0;
	size_t n = check_children(squash_tree_root(image->tree), root);
	const char *find[] = { "find", root, "-mindepth", "1", "-printf", "x\n", NULL };

	check_node(squash_tree_root(image->tree), root);
	for (size_t i = 0; i < image->n_files; i++)
		check_file(&image->files[i], root);
	assert_int_equal(test_run(&found, find), 0);
	for (size_t i = 0; i < found.len; i++)
		n_lines += found.data[i] == '\n';
	assert_int_equal(n_lines, n);
}

static void skip_for(const char *reason)
{
	const char *must_run = secure_getenv("MUST_RUN");

	if (must_run && str_eq(must_run, "1"))
		fail_msg("would be skipped: %s", reason);
	print_message("skipped: %s\n", reason);
	skip();
}

void test_needs_root(void)
{
	if (geteuid() != 0)
		skip_for("needs root");
}

void test_image_skip(struct test_image *image, const char *reason)
{
	test_image_close(image);
	skip_for(reason);
}

void test_image_check_unpacked(struct test_image *image)
{
	cleanup_free char *root = xasprintf("%s/unpacked", image->dir);
	cleanup_buf struct buf output = { 0 };
	cleanup_free char *offset = xasprintf("%llu", (unsigned long long)image->offset);
	const char *unpack[] = { "unsquashfs", "-no-progress", "-quiet", "-processors", "2", "-offset",
				 offset,       "-d",	       root,	 image->path,	NULL };
	int status = test_run(&output, unpack);

	if (status == -1)
		test_image_skip(image, "unsquashfs is not installed");
	/* 2: it could not set some attribute, which the comparison judges */
	if (status != 0 && status != 2)
		fail_msg("unsquashfs: status %d: %s", status, buf_str(&output));
	test_image_check_dir(image, root);
}

static void check_mounted(struct test_image *image, pid_t pid, const char *point, int ready_fd)
{
	cleanup_free char *root = xasprintf("/proc/%d/root%s", (int)pid, point);
	char ready = 0;

	if (read(ready_fd, &ready, 1) != 1)
		test_image_skip(image, "the image cannot be mounted here");
	test_image_check_dir(image, root);
}

void test_image_check_mounted(struct test_image *image, const char *mount)
{
	cleanup_free char *unshare = NULL;
	cleanup_free char *point = xasprintf("%s/mounted", image->dir);
	cleanup_free char *script =
		xasprintf("(%s) >/dev/null 2>&1 && echo ready && read -r go; umount -l \"$2\"", mount);
	char *argv[] = { (char[]){ "unshare" },
			 (char[]){ "-m" },
			 (char[]){ "sh" },
			 (char[]){ "-c" },
			 script,
			 (char[]){ "sh" },
			 image->path,
			 point,
			 NULL };
	int to[2];
	int from[2];
	int status;
	pid_t pid;

	assert_ok(proc_find("unshare", TOOL_PATH, &unshare));
	if (!unshare)
		test_image_skip(image, "unshare is not installed");
	assert_ok(fs_mkdirs(AT_FDCWD, point, 0755));
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);

	struct proc_spec spec = {
		.path = unshare, .argv = argv, .stdin_fd = to[0], .stdout_fd = from[1], .stderr_fd = -1
	};

	assert_ok(proc_spawn(&spec, &pid));
	assert_ok(io_close(&to[0]));
	assert_ok(io_close(&from[1]));
	check_mounted(image, pid, point, from[0]);
	assert_ok(io_close(&to[1]));
	assert_ok(io_close(&from[0]));
	assert_ok(proc_wait(pid, &status));
}
