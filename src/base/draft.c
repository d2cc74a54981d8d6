/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/draft.h"

#include "base/fs.h"

#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>

/* Every round means that another process took or left the name in between; so many in a row means that something is
 * wrong. */
enum { NAME_TRIES = 1000 };

/* So that ".NAME.part" fits NAME_MAX; two long names that share it only wait for each other. */
enum { PART_STEM_MAX = 240 };

struct draft {
	int dirfd;
	int fd;
	char *name;
	char *part;    /* ".NAME.part" */
	bool has_part; /* the file is linked as @part now */
};

/* O_TMPFILE is refused in as many ways as there are file systems; EISDIR and ENOENT come from kernels that do not know
 * it. */
static bool no_tmpfile(int errnum)
{
	return errnum == EOPNOTSUPP || errnum == EISDIR || errnum == ENOENT || errnum == EINVAL || errnum == ENOSYS;
}

static bool no_locks(int errnum)
{
	return errnum == ENOLCK || errnum == ENOSYS || errnum == EOPNOTSUPP || errnum == EINVAL || errnum == EBADF;
}

/* Wait for the lock; a file system without locks counts as locked. */
static struct error *lock_file(int fd, const char *name)
{
	int rc;

	do
		rc = flock(fd, LOCK_EX);
	while (rc < 0 && errno == EINTR);
	if (rc < 0 && !no_locks(errno))
		return error_sys(errno, "lock %s", name);
	return NULL;
}

static bool is_still_named(int dirfd, const char *name, int fd)
{
	struct stat named, open_one;

	return fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open_one) == 0 &&
	       named.st_dev == open_one.st_dev && named.st_ino == open_one.st_ino;
}

/* The name is taken: wait for its writer, and if the file is still there then, the writer died: take it away. */
static struct error *remove_stale(int dirfd, const char *part)
{
	cleanup_fd int fd = -EBADF;
	cleanup_with(error_free) struct error *err = fs_open(dirfd, part, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0, &fd);

	if (err && error_errno(err) == ENOENT)
		return NULL;
	if (err)
		return take_ptr(&err);
	TRY(lock_file(fd, part));
	if (is_still_named(dirfd, part, fd) && unlinkat(dirfd, part, 0) < 0 && errno != ENOENT)
		return error_sys(errno, "remove %s", part);
	return NULL;
}

/* Create @part and lock it. Somebody may lock the new file first and take it for a dead one; then its name is gone:
 * again. */
static struct error *create_part(struct draft *d, mode_t mode)
{
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		cleanup_fd int fd = -EBADF;
		cleanup_with(error_free) struct error *err =
			fs_open(d->dirfd, d->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode, &fd);

		if (err && error_errno(err) != EEXIST)
			return take_ptr(&err);
		if (err) {
			TRY(remove_stale(d->dirfd, d->part));
			continue;
		}
		TRY(lock_file(fd, d->part));
		if (!is_still_named(d->dirfd, d->part, fd))
			continue;
		d->fd = take_fd(&fd);
		d->has_part = true;
		return NULL;
	}
	return error_sys(EEXIST, "create %s", d->part);
}

static struct error *begin(struct draft *d, mode_t mode)
{
	cleanup_with(error_free) struct error *err = fs_open(d->dirfd, ".", O_RDWR | O_TMPFILE, mode, &d->fd);

	if (!err)
		return NULL;
	if (!no_tmpfile(error_errno(err)))
		return error_sys(error_errno(err), "create %s", d->name);
	TRY_CTX(create_part(d, mode), "create %s", d->name);
	return NULL;
}

struct error *draft_open(int dirfd, const char *name, mode_t mode, struct draft **ret_draft)
{
	cleanup_with(draft_free) struct draft *d = xcalloc(1, sizeof(*d));

	d->fd = -EBADF;
	d->dirfd = -EBADF;
	d->name = xstrdup(name);
	d->part = xasprintf(".%.*s.part", PART_STEM_MAX, name);
	TRY(fs_open(dirfd, ".", O_PATH | O_DIRECTORY, 0, &d->dirfd));
	TRY(begin(d, mode));
	*ret_draft = take_ptr(&d);
	return NULL;
}

int draft_fd(const struct draft *d)
{
	return d->fd;
}

/* linkat() of an open file: the direct way needs a capability (or Linux 6.10), the way through /proc needs /proc. */
static int link_fd(int fd, int dirfd, const char *name)
{
	char path[32];
	int rc = linkat(fd, "", dirfd, name, AT_EMPTY_PATH);

	if (rc == 0 || (errno != ENOENT && errno != EPERM))
		return rc;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW);
}

/* Move @part to the target if that does not exist; file systems that know no hard links may not know RENAME_NOREPLACE
 * either. */
static int rename_part(struct draft *d)
{
	struct stat st;

	if (renameat2(d->dirfd, d->part, d->dirfd, d->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(d->dirfd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(d->dirfd, d->part, d->dirfd, d->name);
}

/* Give an unnamed file the name @part, locked. */
static struct error *link_part(struct draft *d)
{
	TRY(lock_file(d->fd, d->part));
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		if (link_fd(d->fd, d->dirfd, d->part) == 0) {
			d->has_part = true;
			return NULL;
		}
		if (errno != EEXIST)
			return error_sys(errno, "link %s", d->part);
		TRY(remove_stale(d->dirfd, d->part));
	}
	return error_sys(EEXIST, "link %s", d->part);
}

static struct error *publish_over(struct draft *d)
{
	if (!d->has_part)
		TRY(link_part(d));
	if (renameat(d->dirfd, d->part, d->dirfd, d->name) < 0)
		return error_sys(errno, "rename %s to %s", d->part, d->name);
	d->has_part = false;
	(void)flock(d->fd, LOCK_UN);
	return NULL;
}

static struct error *publish_new(struct draft *d, bool *ret_existed)
{
	int rc = d->has_part ? rename_part(d) : link_fd(d->fd, d->dirfd, d->name);

	if (rc < 0 && errno != EEXIST)
		return error_sys(errno, "link %s", d->name);
	*ret_existed = rc < 0;
	if (rc == 0 && d->has_part) {
		d->has_part = false;
		(void)flock(d->fd, LOCK_UN);
	}
	return NULL;
}

struct error *draft_publish(struct draft *d, bool replace, bool *ret_existed)
{
	*ret_existed = false;
	return replace ? publish_over(d) : publish_new(d, ret_existed);
}

void draft_free(struct draft *d)
{
	if (!d)
		return;
	if (d->has_part)
		(void)unlinkat(d->dirfd, d->part, 0);
	if (d->fd >= 0)
		(void)close(d->fd);
	if (d->dirfd >= 0)
		(void)close(d->dirfd);
	free(d->name);
	free(d->part);
	free(d);
}

static struct error *create_and_unlink(int dirfd, int *ret_fd)
{
	uint64_t number;
	char name[40];
	cleanup_fd int fd = -EBADF;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_sys(errno, "getrandom");
	(void)snprintf(name, sizeof(name), ".singularity-%016llx", (unsigned long long)number);
	TRY(fs_open(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd));
	if (unlinkat(dirfd, name, 0) < 0)
		return error_sys(errno, "remove %s", name);
	*ret_fd = take_fd(&fd);
	return NULL;
}

struct error *draft_unnamed(const char *dir, int *ret_fd)
{
	cleanup_fd int dirfd = -EBADF;

	TRY(fs_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &dirfd));

	cleanup_with(error_free) struct error *err = fs_open(dirfd, ".", O_RDWR | O_TMPFILE | O_EXCL, 0600, ret_fd);

	if (!err)
		return NULL;
	if (!no_tmpfile(error_errno(err)))
		return error_wrap(take_ptr(&err), "create a file in %s", dir);
	TRY_CTX(create_and_unlink(dirfd, ret_fd), "create a file in %s", dir);
	return NULL;
}
