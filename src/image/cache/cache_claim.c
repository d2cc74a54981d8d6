/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding, claiming and making entries. The order of things, with N processes that want the same entry: each looks;
 * those who do not find it queue for its byte of the lock file; each looks again when its turn comes; so the first one
 * makes it, the others find it.
 */
#include "image/cache/cache_priv.h"

#include "base/draft.h"
#include "base/fs.h"

#include <sys/file.h>

enum {
	FIND_TRIES = 3,		 /* stale NFS handles, entries that are cleaned while we open them */
	WAIT_FIRST_NS = 1000000, /* between looks at a lock that another process holds: 1 ms, doubled up to 64 ms */
	WAIT_LAST_NS = 64000000,
};

struct cache_claim {
	struct cache *cache;
	int lock_fd;
	int dirfd;
	char *name;
	mode_t mode;
	struct draft *draft;
};

/* One kind of entry: where it lies, what it is called, which byte of the lock file stands for it. */
struct slot {
	const char *dir;
	char *name;
	mode_t mode;
	off_t lock_offset;
};

static void slot_clear(struct slot *s)
{
	free(s->name);
}
#define cleanup_slot __attribute__((__cleanup__(slot_clear)))

/* The first 60 bits of the digest, mixed with the suffix; the lowest bit tells images from blobs, which may wait for
 * each other. */
static off_t lock_offset(const struct digest *digest, const char *suffix, bool is_image)
{
	const char *hex = digest_hex(digest);
	uint64_t bits = 0;

	for (int i = 0; i < 15; i++)
		bits = bits << 4 | (uint64_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
	for (; *suffix; suffix++)
		bits = bits * 31 + (uint64_t)*suffix;
	return (off_t)((bits << 1 | is_image) & INT64_MAX);
}

static struct slot blob_slot(const struct digest *digest)
{
	return (struct slot){ CACHE_BLOBS_DIR, xstrdup(digest_hex(digest)), 0600, lock_offset(digest, "", false) };
}

static struct slot image_slot(const struct digest *digest, const char *suffix)
{
	return (struct slot){ "oci-sif", xasprintf("%s%s", digest->text, suffix), 0700,
			      lock_offset(digest, suffix, true) };
}

static bool is_trusted_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == geteuid() || st.st_uid == 0) &&
	       st.st_nlink > 0;
}

/* Open an entry; what is no plain file of ours counts as not there. */
static struct error *find(const struct cache *cache, const struct slot *slot, bool lock, int *ret_fd)
{
	cleanup_fd int dirfd = -EBADF;

	*ret_fd = -EBADF;
	TRY(cache_subdir(cache, slot->dir, false, &dirfd));
	if (dirfd < 0)
		return NULL;
	for (int tries = 0; tries < FIND_TRIES; tries++) {
		cleanup_fd int fd = -EBADF;
		cleanup_with(error_free) struct error *err =
			fs_open_beneath(dirfd, slot->name, O_RDONLY | O_NONBLOCK, 0, &fd);

		if (err && (error_errno(err) == ESTALE || error_errno(err) == EBUSY))
			continue;
		if (err)
			return NULL;
		/* A cleaner locks before it removes: once we hold the lock, either the file is gone or it stays. */
		if (lock && flock(fd, LOCK_SH) < 0 && errno == EINTR)
			continue;
		if (is_trusted_file(fd)) {
			*ret_fd = take_fd(&fd);
			return NULL;
		}
	}
	return NULL;
}

struct error *cache_find_blob(struct cache *cache, const struct digest *digest, int *ret_fd)
{
	cleanup_slot struct slot slot = blob_slot(digest);

	return find(cache, &slot, false, ret_fd);
}

struct error *cache_find_image(struct cache *cache, const struct digest *digest, const char *suffix, char **ret_path,
			       int *ret_fd)
{
	cleanup_slot struct slot slot = image_slot(digest, suffix);

	TRY(find(cache, &slot, true, ret_fd));
	*ret_path = *ret_fd < 0 ? NULL : xasprintf("%s/%s/%s", cache->root, slot.dir, slot.name);
	return NULL;
}

static void drop(const struct cache *cache, const struct slot *slot)
{
	cleanup_fd int dirfd = -EBADF;
	cleanup_with(error_free) struct error *err = cache_subdir(cache, slot->dir, false, &dirfd);

	if (!err && dirfd >= 0) {
		log_debug("dropping damaged cache entry %s", slot->name);
		(void)unlinkat(dirfd, slot->name, 0);
	}
}

void cache_drop_blob(struct cache *cache, const struct digest *digest)
{
	cleanup_slot struct slot slot = blob_slot(digest);

	drop(cache, &slot);
}

void cache_drop_image(struct cache *cache, const struct digest *digest, const char *suffix)
{
	cleanup_slot struct slot slot = image_slot(digest, suffix);

	drop(cache, &slot);
}

/*
 * Wait for our byte. Polled, not F_OFD_SETLKW: a thread that sleeps in the kernel could not be told to give up when its
 * pull has failed elsewhere.
 */
static struct error *lock_byte(struct cache *cache, off_t offset, int *ret_fd)
{
	cleanup_fd int fd = -EBADF;
	struct timespec pause = { .tv_nsec = WAIT_FIRST_NS };

	TRY_CTX(fs_open_beneath(cache->fd, "locks", O_RDWR | O_CREAT, 0600, &fd), "in %s", cache->root);
	for (bool told = false;; told = true) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1 };

		if (atomic_load(&cache->cancelled))
			return error_sys(ECANCELED, "waiting for another process");
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			break;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
			log_debug("the cache works without locks: %s", error_strerror(errno));
			break;
		}
		if (!told)
			log_debug("another process makes this cache entry, waiting");
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < WAIT_LAST_NS)
			pause.tv_nsec *= 2;
	}
	*ret_fd = take_fd(&fd);
	return NULL;
}

static struct error *claim(struct cache *cache, struct slot *slot, struct cache_claim **ret_claim, int *ret_fd)
{
	cleanup_with(cache_abandon) struct cache_claim *c = xcalloc(1, sizeof(*c));
	cleanup_fd int found = -EBADF;

	c->cache = cache;
	c->lock_fd = c->dirfd = -EBADF;
	*ret_claim = NULL;
	*ret_fd = -EBADF;
	if (!cache->writable)
		return error_new(ERR_DENIED, "cache location %s is not writable.", cache->root);
	TRY(lock_byte(cache, slot->lock_offset, &c->lock_fd));
	TRY(find(cache, slot, false, &found));
	if (found >= 0)
		return NULL;
	TRY(cache_prepare_blobs(cache));
	TRY(cache_subdir(cache, slot->dir, true, &c->dirfd));
	TRY_CTX(draft_open(c->dirfd, slot->name, slot->mode, &c->draft), "in %s/%s", cache->root, slot->dir);
	c->name = take_ptr(&slot->name);
	c->mode = slot->mode;
	*ret_fd = draft_fd(c->draft);
	*ret_claim = take_ptr(&c);
	return NULL;
}

struct error *cache_claim_blob(struct cache *cache, const struct digest *digest, struct cache_claim **ret_claim, int *ret_fd)
{
	cleanup_slot struct slot slot = blob_slot(digest);

	return claim(cache, &slot, ret_claim, ret_fd);
}

struct error *cache_claim_image(struct cache *cache, const struct digest *digest, const char *suffix,
				struct cache_claim **ret_claim, int *ret_fd)
{
	cleanup_slot struct slot slot = image_slot(digest, suffix);

	return claim(cache, &slot, ret_claim, ret_fd);
}

/* What stands in the way was not found good: a damaged entry, a link, a directory of a cache from before version 3.6.
 */
static struct error *publish(struct cache_claim *c)
{
	bool existed = false;

	if (fchmod(draft_fd(c->draft), c->mode) < 0)
		return error_sys(errno, "chmod %s", c->name);
	TRY(draft_publish(c->draft, false, &existed));
	if (!existed)
		return NULL;

	cleanup_with(error_free) struct error *err = draft_publish(c->draft, true, &existed);

	if (!err || error_errno(err) != EISDIR)
		return take_ptr(&err);
	TRY(fs_remove_tree(c->dirfd, c->name));
	return draft_publish(c->draft, true, &existed);
}

struct error *cache_commit(struct cache_claim *c)
{
	struct error *err = c ? publish(c) : NULL;

	if (err)
		err = error_wrap(err, "in %s", c->cache->root);
	cache_abandon(c);
	return err;
}

void cache_abandon(struct cache_claim *c)
{
	if (!c)
		return;
	draft_free(c->draft);
	if (c->dirfd >= 0)
		(void)close(c->dirfd);
	/* Last, so that the next in the queue finds the entry. */
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
	free(c->name);
	free(c);
}
