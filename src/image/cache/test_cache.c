/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/cache/cache.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/test.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct digest digest_a = { "sha256:" HEX_A };
static const struct digest digest_b = { "sha256:" HEX_B };

struct place {
	char *path;
	struct cache *cache;
	struct buf log; /* what cache_clean() reported */
};

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	assert_ok(fs_mkdtemp("/tmp", "test-cache-", &p->path));
	assert_ok(cache_open(p->path, &p->cache));
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	cache_close(p->cache);
	assert_ok(fs_remove_tree(AT_FDCWD, p->path));
	free(p->path);
	buf_free(&p->log);
	free(p);
	return 0;
}

static char *in_cache(const struct place *p, const char *path)
{
	return xasprintf("%s/cache/%s", p->path, path);
}

static void add_blob(struct place *p, const struct digest *digest, const char *text)
{
	struct cache_claim *claim = NULL;
	int fd = -EBADF;

	assert_ok(cache_claim_blob(p->cache, digest, &claim, &fd));
	assert_non_null(claim);
	assert_ok(io_write_all(fd, text, strlen(text)));
	assert_ok(cache_commit(claim));
}

static void add_image(struct place *p, const struct digest *digest, const char *suffix, const char *text)
{
	struct cache_claim *claim = NULL;
	int fd = -EBADF;

	assert_ok(cache_claim_image(p->cache, digest, suffix, &claim, &fd));
	assert_non_null(claim);
	assert_ok(io_write_all(fd, text, strlen(text)));
	assert_ok(cache_commit(claim));
}

static void assert_mode(const struct place *p, const char *path, mode_t wanted)
{
	cleanup_free char *full = in_cache(p, path);
	struct stat st;

	assert_int_equal(stat(full, &st), 0);
	assert_int_equal(st.st_mode & 07777, wanted);
}

static bool exists(const struct place *p, const char *path)
{
	cleanup_free char *full = in_cache(p, path);
	struct stat st;

	return lstat(full, &st) == 0;
}

static void type_names_are_those_of_the_reference(void **state)
{
	enum cache_type type = CACHE_BLOB;

	(void)state;
	assert_string_equal(cache_type_name(CACHE_OCI_SIF), "oci-sif");
	assert_string_equal(cache_type_name(CACHE_OCI_TMP), "oci-tmp");
	for (int i = 0; i < CACHE_N_TYPES; i++) {
		assert_true(cache_type_parse(cache_type_name((enum cache_type)i), &type));
		assert_int_equal(type, i);
	}
	assert_false(cache_type_parse("bogus", &type));
	assert_false(cache_type_parse("", &type));
}

static void blob_is_found_after_commit(void **state)
{
	struct place *p = *state;
	char text[8] = "";
	size_t n;
	int fd = -EBADF;

	assert_ok(cache_find_blob(p->cache, &digest_a, &fd));
	assert_int_equal(fd, -EBADF);
	add_blob(p, &digest_a, "hello");
	assert_ok(cache_find_blob(p->cache, &digest_a, &fd));
	assert_true(fd >= 0);
	assert_ok(io_read(fd, text, sizeof(text), &n));
	assert_string_equal(text, "hello");
	(void)close(fd);
	assert_mode(p, "", 0700);
	assert_mode(p, "blob", 0700);
	assert_mode(p, "blob/blobs/sha256/" HEX_A, 0600);
	assert_mode(p, "blob/index.json", 0644);
	assert_mode(p, "blob/oci-layout", 0644);
}

static void image_is_found_by_suffix(void **state)
{
	struct place *p = *state;
	cleanup_free char *path = NULL;
	cleanup_free char *none = NULL;
	cleanup_free char *wanted = in_cache(p, "oci-sif/sha256:" HEX_A ".ml");
	int fd = -EBADF;

	add_image(p, &digest_a, ".ml", "x");
	assert_ok(cache_find_image(p->cache, &digest_a, ".ml", &path, &fd));
	assert_true(fd >= 0);
	assert_string_equal(path, wanted);
	(void)close(fd);
	assert_ok(cache_find_image(p->cache, &digest_a, "", &none, &fd));
	assert_int_equal(fd, -EBADF);
	assert_null(none);
	assert_mode(p, "oci-sif/sha256:" HEX_A ".ml", 0700);
}

static void abandoned_claim_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct cache_claim *claim = NULL;
	cleanup_with(cache_listing_free) struct cache_listing *listing = NULL;
	int fd = -EBADF;

	assert_ok(cache_claim_image(p->cache, &digest_a, "", &claim, &fd));
	assert_ok(io_write_all(fd, "half", 4));
	cache_abandon(claim);
	cache_abandon(NULL);
	assert_ok(cache_commit(NULL));
	assert_ok(cache_list(p->cache, CACHE_OCI_SIF, &listing));
	assert_int_equal(listing->n_entries, 0);
}

static void dropped_entries_are_made_again(void **state)
{
	struct place *p = *state;
	cleanup_free char *path = NULL;
	int fd = -EBADF;

	add_blob(p, &digest_a, "bad");
	cache_drop_blob(p->cache, &digest_a);
	cache_drop_blob(p->cache, &digest_b);
	add_blob(p, &digest_a, "good");
	add_image(p, &digest_a, "", "bad");
	cache_drop_image(p->cache, &digest_a, "");
	assert_ok(cache_find_image(p->cache, &digest_a, "", &path, &fd));
	assert_int_equal(fd, -EBADF);
	add_image(p, &digest_a, "", "good");
}

/* What has the name of an entry but is none: a link out of the cache, a directory of an old cache. */
static void impostors_are_replaced(void **state)
{
	struct place *p = *state;
	cleanup_free char *link_path = NULL;
	cleanup_free char *dir_path = in_cache(p, "oci-sif/sha256:" HEX_A);
	cleanup_free char *inner = in_cache(p, "oci-sif/sha256:" HEX_A "/file");
	cleanup_free char *found = NULL;
	int fd = -EBADF;

	add_blob(p, &digest_b, "x"); /* makes the directories */
	add_image(p, &digest_b, "", "x");
	link_path = in_cache(p, "blob/blobs/sha256/" HEX_A);
	assert_int_equal(symlink("/etc/passwd", link_path), 0);
	assert_int_equal(mkdir(dir_path, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_ok(cache_find_blob(p->cache, &digest_a, &fd));
	assert_int_equal(fd, -EBADF);
	assert_ok(cache_find_image(p->cache, &digest_a, "", &found, &fd));
	assert_int_equal(fd, -EBADF);
	add_blob(p, &digest_a, "good");
	add_image(p, &digest_a, "", "good");
	assert_mode(p, "blob/blobs/sha256/" HEX_A, 0600);
	assert_mode(p, "oci-sif/sha256:" HEX_A, 0700);
}

/* @n processes want one blob; each that gets the claim writes a line to @count_fd. */
static void race(struct place *p, int n, int count_fd)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;

		struct cache *cache = NULL;
		struct cache_claim *claim = NULL;
		int fd = -EBADF;
		struct error *err = cache_open(p->path, &cache);

		if (!err)
			err = cache_claim_blob(cache, &digest_a, &claim, &fd);
		if (!err && claim) {
			err = io_write_all(count_fd, "x", 1);
			(void)usleep(20000);
			if (!err)
				err = io_write_all(fd, "blob", 4);
			if (!err)
				err = cache_commit(claim);
		}
		if (!err)
			err = cache_find_blob(cache, &digest_a, &fd);
		_exit(err || fd < 0);
	}
}

static void sixteen_processes_make_one_blob(void **state)
{
	struct place *p = *state;
	char counted[32];
	size_t n_counted;
	int pipe_fds[2];
	int status;

	assert_int_equal(pipe(pipe_fds), 0);
	race(p, 16, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	for (int i = 0; i < 16; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_ok(io_read(pipe_fds[0], counted, sizeof(counted), &n_counted));
	(void)close(pipe_fds[0]);
	assert_int_equal(n_counted, 1);
}

/* The lock ends with its process: the next in the queue takes over, and nothing half-made is seen. */
static void killed_maker_is_succeeded(void **state)
{
	struct place *p = *state;
	struct cache_claim *claim = NULL;
	int pipe_fds[2];
	int fd = -EBADF;
	int status;
	char byte;
	size_t n;

	assert_int_equal(pipe(pipe_fds), 0);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error *err = cache_claim_blob(p->cache, &digest_a, &claim, &fd);

		if (!err)
			err = io_write_all(fd, "half", 4);
		if (!err)
			err = io_write_all(pipe_fds[1], "x", 1);
		(void)pause();
		_exit(err ? 1 : 0);
	}
	assert_ok(io_read(pipe_fds[0], &byte, 1, &n));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	add_blob(p, &digest_a, "whole");
}

static void *cancel_soon(void *arg)
{
	(void)usleep(50000);
	cache_cancel(arg);
	return NULL;
}

static void waiting_can_be_cancelled(void **state)
{
	struct place *p = *state;
	struct cache_claim *first = NULL;
	struct cache_claim *second = NULL;
	pthread_t thread;
	int fd = -EBADF;

	assert_ok(cache_claim_blob(p->cache, &digest_a, &first, &fd));
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, p->cache), 0);
	assert_error(cache_claim_blob(p->cache, &digest_a, &second, &fd), ERR_SYSTEM, "waiting for another process");
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_null(second);
	cache_abandon(first);
}

/* Two entries do not wait for each other, nor does the image of a digest for the blob of the same digest. */
static void claims_are_independent(void **state)
{
	struct place *p = *state;
	struct cache_claim *claims[4] = { NULL };
	int fd = -EBADF;

	assert_ok(cache_claim_image(p->cache, &digest_a, "", &claims[0], &fd));
	assert_ok(cache_claim_image(p->cache, &digest_a, ".ml", &claims[1], &fd));
	assert_ok(cache_claim_blob(p->cache, &digest_a, &claims[2], &fd));
	assert_ok(cache_claim_blob(p->cache, &digest_b, &claims[3], &fd));
	for (size_t i = 0; i < ARRAY_LEN(claims); i++)
		cache_abandon(claims[i]);
}

static void report(void *ctx, enum cache_clean_event event, enum cache_type type, const char *name,
		   const struct error *why)
{
	static const char *const words[] = {
		[CACHE_REMOVED] = "removed", [CACHE_IN_USE] = "in use", [CACHE_NOT_REMOVED] = "failed"
	};
	struct place *p = ctx;

	assert_true((event == CACHE_NOT_REMOVED) == (why != NULL));
	buf_appendf(&p->log, "%s %s %.16s;", words[event], cache_type_name(type), name);
}

static size_t clean(struct place *p, enum cache_type type, bool dry_run)
{
	struct cache_clean_options options = { .dry_run = dry_run, .report = report, .ctx = p };
	size_t n = 99;

	buf_clear(&p->log);
	assert_ok(cache_clean(p->cache, type, &options, &n));
	return n;
}

static void clean_removes_and_lists(void **state)
{
	struct place *p = *state;
	cleanup_with(cache_listing_free) struct cache_listing *images = NULL;
	cleanup_with(cache_listing_free) struct cache_listing *blobs = NULL;

	assert_int_equal(clean(p, CACHE_OCI_SIF, false), 0);
	assert_int_equal(clean(p, CACHE_BLOB, false), 0);
	add_image(p, &digest_b, "", "12345");
	add_image(p, &digest_a, "", "123");
	add_blob(p, &digest_a, "1234567");
	assert_ok(cache_list(p->cache, CACHE_OCI_SIF, &images));
	assert_int_equal(images->n_entries, 2);
	assert_int_equal(images->size, 8);
	assert_string_equal(images->entries[0].name, "sha256:" HEX_A);
	assert_int_equal(images->entries[0].size, 3);
	assert_ok(cache_list(p->cache, CACHE_BLOB, &blobs));
	assert_int_equal(blobs->n_entries, 1);
	assert_string_equal(blobs->entries[0].name, HEX_A);

	assert_int_equal(clean(p, CACHE_OCI_SIF, true), 2);
	assert_true(exists(p, "oci-sif/sha256:" HEX_A));
	assert_int_equal(clean(p, CACHE_OCI_SIF, false), 2);
	assert_string_equal(p->log.data, "removed oci-sif sha256:aaaaaaaaa;removed oci-sif sha256:bbbbbbbbb;");
	assert_false(exists(p, "oci-sif/sha256:" HEX_A));
	assert_int_equal(clean(p, CACHE_BLOB, false), 3);
	assert_string_equal(p->log.data, "removed blob blobs;removed blob index.json;removed blob oci-layout;");
	assert_int_equal(clean(p, CACHE_BLOB, false), 0);
}

static void clean_leaves_what_is_in_use(void **state)
{
	struct place *p = *state;
	cleanup_free char *path = NULL;
	int fd = -EBADF;

	add_image(p, &digest_a, "", "123");
	assert_ok(cache_find_image(p->cache, &digest_a, "", &path, &fd));
	assert_int_equal(clean(p, CACHE_OCI_SIF, false), 1);
	assert_string_equal(p->log.data, "in use oci-sif sha256:aaaaaaaaa;");
	assert_true(exists(p, "oci-sif/sha256:" HEX_A));
	(void)close(fd);
	assert_int_equal(clean(p, CACHE_OCI_SIF, false), 1);
	assert_false(exists(p, "oci-sif/sha256:" HEX_A));
}

/* A pull has claimed its blob when everything is cleaned away: it must still be able to finish. */
static void clean_does_not_break_a_claim(void **state)
{
	struct place *p = *state;
	struct cache_claim *claim = NULL;
	int fd = -EBADF;

	add_blob(p, &digest_b, "x");
	assert_ok(cache_claim_blob(p->cache, &digest_a, &claim, &fd));
	(void)clean(p, CACHE_BLOB, false);
	assert_ok(cache_commit(claim));
	assert_true(exists(p, "blob/blobs/sha256/" HEX_A));
	assert_false(exists(p, "blob/blobs/sha256/" HEX_B));
}

static void make_old(struct place *p, const char *path, time_t mtime)
{
	cleanup_free char *full = in_cache(p, path);
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
}

static void clean_by_age(void **state)
{
	struct place *p = *state;
	struct cache_clean_options options = { .by_age = true, .before = 1000, .report = report, .ctx = p };
	size_t n = 99;

	add_image(p, &digest_a, "", "123");
	add_image(p, &digest_b, "", "123");
	make_old(p, "oci-sif/sha256:" HEX_A, 1000);
	make_old(p, "oci-sif/sha256:" HEX_B, 1001);
	assert_ok(cache_clean(p->cache, CACHE_OCI_SIF, &options, &n));
	assert_int_equal(n, 1);
	assert_false(exists(p, "oci-sif/sha256:" HEX_A));
	assert_true(exists(p, "oci-sif/sha256:" HEX_B));

	add_blob(p, &digest_a, "old");
	add_blob(p, &digest_b, "young");
	make_old(p, "blob/blobs/sha256/" HEX_A, 1000);
	make_old(p, "blob/oci-layout", 1000);
	assert_ok(cache_clean(p->cache, CACHE_BLOB, &options, &n));
	assert_int_equal(n, 1);
	assert_false(exists(p, "blob/blobs/sha256/" HEX_A));
	assert_true(exists(p, "blob/blobs/sha256/" HEX_B));
	assert_true(exists(p, "blob/oci-layout"));
}

static void unusable_places_are_explained(void **state)
{
	struct place *p = *state;
	cleanup_free char *file = xasprintf("%s/file", p->path);
	struct cache *cache = NULL;

	assert_ok(fs_write_file(AT_FDCWD, file, "", 0, 0600, false));
	assert_error(cache_open(file, &cache), ERR_DENIED, "not a directory");
	assert_error(cache_open("/proc/self", &cache), ERR_DENIED, "cache location /proc/self is not writable.");
	assert_null(cache);
}

/* Needs root, to make somebody else's directory. */
static void other_users_cache_is_refused(void **state)
{
	if (geteuid() != 0)
		skip();

	struct place *p = *state;
	cleanup_free char *root = in_cache(p, "");
	struct cache *cache = NULL;

	assert_int_equal(chown(root, 12345, 12345), 0);
	assert_error(cache_open(p->path, &cache), ERR_DENIED, "belongs to user 12345");
	assert_int_equal(chown(root, 0, 0), 0);
}

/* Run as somebody else: a cache of root serves for finding, unless others can write to it. */
static void cache_of_root_is_read_only(void **state)
{
	if (geteuid() != 0)
		skip();

	struct place *p = *state;
	cleanup_free char *root = in_cache(p, "");
	struct cache_claim *claim = NULL;
	struct cache *cache = NULL;
	int fd = -EBADF;

	add_blob(p, &digest_a, "x");
	assert_int_equal(chmod(p->path, 0755), 0);
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(seteuid(12345), 0);
	assert_ok(cache_open(p->path, &cache));
	assert_false(cache_is_writable(cache));
	assert_error(cache_claim_blob(cache, &digest_b, &claim, &fd), ERR_DENIED, "is not writable.");
	cache_close(cache);
	cache = NULL;
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(root, 0777), 0);
	assert_int_equal(seteuid(12345), 0);
	assert_error(cache_open(p->path, &cache), ERR_DENIED, "can be written by others");
	assert_int_equal(seteuid(0), 0);
}

static void loose_mode_is_tightened(void **state)
{
	struct place *p = *state;
	cleanup_free char *root = in_cache(p, "");
	struct cache *cache = NULL;

	assert_int_equal(chmod(root, 0777), 0);
	assert_ok(cache_open(p->path, &cache));
	assert_true(cache_is_writable(cache));
	cache_close(cache);
	assert_mode(p, "", 0700);
}

static void place_comes_from_the_environment(void **state)
{
	struct place *p = *state;
	cleanup_free char *user_dir = NULL;
	cleanup_free char *wanted = in_cache(p, "");
	struct cache *cache = NULL;

	wanted[strlen(wanted) - 1] = '\0';
	assert_int_equal(setenv("SINGULARITY_CONFIGDIR", p->path, 1), 0);
	assert_int_equal(unsetenv("SINGULARITY_CACHEDIR"), 0);
	assert_ok(cache_user_dir(&user_dir));
	assert_string_equal(user_dir, p->path);
	assert_ok(cache_open(NULL, &cache));
	assert_string_equal(cache_root(cache), wanted);
	cache_close(cache);
	assert_int_equal(setenv("SINGULARITY_CONFIGDIR", "/nowhere", 1), 0);
	assert_int_equal(setenv("SINGULARITY_CACHEDIR", p->path, 1), 0);
	assert_ok(cache_open(NULL, &cache));
	assert_string_equal(cache_root(cache), wanted);
	cache_close(cache);
	assert_int_equal(unsetenv("SINGULARITY_CONFIGDIR"), 0);
	assert_int_equal(unsetenv("SINGULARITY_CACHEDIR"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type_names_are_those_of_the_reference),
		CASE(blob_is_found_after_commit),
		CASE(image_is_found_by_suffix),
		CASE(abandoned_claim_leaves_nothing),
		CASE(dropped_entries_are_made_again),
		CASE(impostors_are_replaced),
		CASE(sixteen_processes_make_one_blob),
		CASE(killed_maker_is_succeeded),
		CASE(waiting_can_be_cancelled),
		CASE(claims_are_independent),
		CASE(clean_removes_and_lists),
		CASE(clean_leaves_what_is_in_use),
		CASE(clean_does_not_break_a_claim),
		CASE(clean_by_age),
		CASE(unusable_places_are_explained),
		CASE(other_users_cache_is_refused),
		CASE(cache_of_root_is_read_only),
		CASE(loose_mode_is_tightened),
		CASE(place_comes_from_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
