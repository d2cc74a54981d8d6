/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/cache/cache_priv.h"

#include "base/fs.h"

#include <dirent.h>
#include <sys/file.h>

static int by_name(const void *a, const void *b)
{
	const struct cache_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Everything in a directory but what NFS keeps of removed files. Blobs count one by one, the files around them do not.
 */
static struct error *list_dir(int dirfd, struct cache_listing *listing)
{
	cleanup_fd int fd = -EBADF;
	size_t cap = 0;

	TRY(fs_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &fd));

	DIR *dir = fdopendir(fd);

	if (!dir)
		return error_sys(errno, "read directory");
	(void)take_fd(&fd);
	for (struct dirent *e; (e = readdir(dir));) {
		struct stat st;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") || str_starts(e->d_name, ".nfs") ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		GROW(listing->entries, listing->n_entries, cap);
		listing->entries[listing->n_entries++] = (struct cache_entry){
			.name = xstrdup(e->d_name),
			.size = (uint64_t)st.st_size,
			.mtime = st.st_mtime,
		};
		listing->size += (uint64_t)st.st_size;
	}
	(void)closedir(dir);
	if (listing->n_entries)
		qsort(listing->entries, listing->n_entries, sizeof(*listing->entries), by_name);
	return NULL;
}

static struct error *list_path(const struct cache *cache, const char *path, struct cache_listing **ret_listing)
{
	cleanup_with(cache_listing_free) struct cache_listing *listing = xcalloc(1, sizeof(*listing));
	cleanup_fd int dirfd = -EBADF;

	TRY(cache_subdir(cache, path, false, &dirfd));
	if (dirfd >= 0)
		TRY_CTX(list_dir(dirfd, listing), "%s/%s", cache->root, path);
	*ret_listing = take_ptr(&listing);
	return NULL;
}

struct error *cache_list(const struct cache *cache, enum cache_type type, struct cache_listing **ret_listing)
{
	return list_path(cache, type == CACHE_BLOB ? CACHE_BLOBS_DIR : cache_type_name(type), ret_listing);
}

void cache_listing_free(struct cache_listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->n_entries; i++)
		free(listing->entries[i].name);
	free(listing->entries);
	free(listing);
}

/* A running container, a pull that copies, or a draft with a name holds a lock on the file. Directories and links hold
 * none. */
static struct error *remove_unlocked(int dirfd, const char *name, bool *ret_in_use)
{
	cleanup_fd int fd = -EBADF;
	cleanup_with(error_free) struct error *no_file = fs_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd);

	*ret_in_use = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (*ret_in_use)
		return NULL;
	return fs_remove_tree(dirfd, name);
}

static bool is_due(const struct cache_entry *entry, const struct cache_clean_options *options)
{
	return !options->by_age || entry->mtime <= options->before;
}

static void clean_entry(int dirfd, enum cache_type type, const char *name, const struct cache_clean_options *options)
{
	bool in_use = false;
	cleanup_with(error_free) struct error *err = options->dry_run ? NULL : remove_unlocked(dirfd, name, &in_use);

	options->report(options->ctx, err ? CACHE_NOT_REMOVED : in_use ? CACHE_IN_USE : CACHE_REMOVED, type, name, err);
}

/* Remove what is due in one directory; *ret_left tells whether anything stays. */
static struct error *clean_dir(struct cache *cache, const char *path, enum cache_type type,
			       const struct cache_clean_options *options, size_t *ret_n, bool *ret_left)
{
	cleanup_with(cache_listing_free) struct cache_listing *listing = NULL;
	cleanup_fd int dirfd = -EBADF;

	TRY(list_path(cache, path, &listing));
	TRY(cache_subdir(cache, path, false, &dirfd));
	*ret_n = 0;
	*ret_left = false;
	for (size_t i = 0; i < listing->n_entries; i++) {
		if (is_due(&listing->entries[i], options)) {
			clean_entry(dirfd, type, listing->entries[i].name, options);
			++*ret_n;
		} else {
			*ret_left = true;
		}
	}
	return NULL;
}

/* The first blob that could not be removed speaks for all. */
static void keep_first(void *ctx, enum cache_clean_event event, enum cache_type type, const char *name,
		       const struct error *why)
{
	struct error **first = ctx;

	(void)type;
	if (event == CACHE_NOT_REMOVED && !*first)
		*first = error_new(error_kind(why), "%s: %s", name, error_text(why));
}

/* All blobs as one entry. Their directory stays: a pull may be about to give a blob its name there. */
static struct error *clean_all_blobs(struct cache *cache, const struct cache_clean_options *options, size_t *ret_n)
{
	cleanup_with(error_free) struct error *first = NULL;
	struct cache_clean_options quiet = { .dry_run = options->dry_run, .report = keep_first, .ctx = &first };
	bool left;

	TRY(clean_dir(cache, CACHE_BLOBS_DIR, CACHE_BLOB, &quiet, ret_n, &left));
	if (*ret_n)
		options->report(options->ctx, first ? CACHE_NOT_REMOVED : CACHE_REMOVED, CACHE_BLOB, "blobs", first);
	*ret_n = *ret_n ? 1 : 0;
	return NULL;
}

/* The files around the blobs. */
static struct error *clean_layout(struct cache *cache, const struct cache_clean_options *options, size_t *ret_n)
{
	cleanup_with(cache_listing_free) struct cache_listing *listing = NULL;
	cleanup_fd int dirfd = -EBADF;

	TRY(list_path(cache, "blob", &listing));
	TRY(cache_subdir(cache, "blob", false, &dirfd));
	for (size_t i = 0; i < listing->n_entries; i++) {
		if (!is_due(&listing->entries[i], options) || str_eq(listing->entries[i].name, "blobs"))
			continue;
		clean_entry(dirfd, CACHE_BLOB, listing->entries[i].name, options);
		++*ret_n;
	}
	return NULL;
}

/*
 * Without an age, the three names of the layout, as the reference shows them. With an age, blobs are judged one by one;
 * the index, which may list what is gone now, is emptied, and the files around the blobs go when the last blob has
 * gone.
 */
static struct error *clean_blobs(struct cache *cache, const struct cache_clean_options *options, size_t *ret_n)
{
	bool left = false;

	if (options->by_age)
		TRY(clean_dir(cache, CACHE_BLOBS_DIR, CACHE_BLOB, options, ret_n, &left));
	else
		TRY(clean_all_blobs(cache, options, ret_n));
	if (!left)
		return clean_layout(cache, options, ret_n);
	return *ret_n && !options->dry_run ? cache_clear_index(cache) : NULL;
}

struct error *cache_clean(struct cache *cache, enum cache_type type, const struct cache_clean_options *options,
			  size_t *ret_n)
{
	bool left;

	if (!cache->writable)
		return error_new(ERR_DENIED, "cache location %s is not writable.", cache->root);
	if (type == CACHE_BLOB)
		return clean_blobs(cache, options, ret_n);
	return clean_dir(cache, cache_type_name(type), type, options, ret_n, &left);
}
