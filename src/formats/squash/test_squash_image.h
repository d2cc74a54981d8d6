/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the tests of the writer: an image in a temporary directory, files with known contents, and programs that read it
 * back. Include after cmocka.h.
 */
#ifndef FORMATS_TEST_SQUASH_IMAGE_H
#define FORMATS_TEST_SQUASH_IMAGE_H

#include "base/str.h"
#include "formats/squash/squash_writer.h"

#define TEST_STRETCH 100000u

/* How the content of a test file looks. */
enum pattern {
	PATTERN_TEXT,	/* compresses well */
	PATTERN_RANDOM, /* does not compress */
	PATTERN_ZERO,
	PATTERN_ISLANDS, /* random in every fourth stretch of TEST_STRETCH bytes, else zeros */
};

struct expected_file {
	const struct squash_node *node;
	enum pattern pattern;
	uint64_t seed;
	size_t size;
};

struct test_image {
	char *dir;  /* temporary directory, removed at the end */
	char *path; /* of the image in it */
	int fd;
	uint64_t offset, size;
	struct squash_writer *writer;
	struct squash_tree *tree;
	struct expected_file *files;
	size_t n_files, files_cap;
};

void test_image_open(struct test_image *image, const struct squash_writer_options *options);
/* test_image_open_at() - the same at a place within the file */
void test_image_open_at(struct test_image *image, const struct squash_writer_options *options, uint64_t offset);
void test_image_close(struct test_image *image);
/* test_image_add() - a node; its parent must be there; "" gives the root */
struct squash_node *test_image_add(struct test_image *image, const char *path, uint32_t mode);
struct squash_node *test_image_dir(struct test_image *image, const char *path);
/* test_image_file() - a regular file of @size bytes, checked by test_image_check_unpacked() */
struct squash_node *test_image_file(struct test_image *image, const char *path, enum pattern pattern, uint64_t seed,
				    size_t size);
/* test_image_sparse_file() - the same with PATTERN_ISLANDS, its zeros given as holes */
struct squash_node *test_image_sparse_file(struct test_image *image, const char *path, uint64_t seed, size_t size);
void test_image_finish(struct test_image *image);
void test_pattern(enum pattern pattern, uint64_t seed, void *data, size_t size);
/* test_image_bytes() - append the finished image */
void test_image_bytes(const struct test_image *image, struct buf *bytes);
/* test_run() - run a program, its name found on the usual path; output of both kinds is appended; -1 if it is not
 * installed */
int test_run(struct buf *output, const char *const *argv);
/* test_image_check_unpacked() - unpack with unsquashfs and compare everything with the tree; skips without unsquashfs
 */
void test_image_check_unpacked(struct test_image *image);
/* test_image_check_reader() - compare everything with what our own reader finds */
void test_image_check_reader(struct test_image *image);
/**
 * test_image_check_mounted() - as root, mount the image in a mount namespace of its own, compare everything; skips if
 * that cannot be done
 * @mount: shell command that mounts $1 on $2
 */
void test_image_check_mounted(struct test_image *image, const char *mount);
/* test_needs_root() - skip the test of an ordinary user; called before anything is made, which a skip would leak */
void test_needs_root(void);
/* test_image_skip() - close the image and skip the test for a reason; under MUST_RUN=1 fail it */
void test_image_skip(struct test_image *image, const char *reason);
/* test_image_check_dir() - compare the tree with an unpacked or mounted copy at @root */
void test_image_check_dir(struct test_image *image, const char *root);

#endif
