/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fs.h"

#include "base/io.h"

#include <dirent.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* A depth that no tree of ours comes near; it bounds the recursion of fs_remove_tree(). */
enum { REMOVE_DEPTH_MAX = 512 };

struct error *fs_open(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	int fd;

	do
		fd = openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return error_sys(errno, "open %s", path);
	*ret_fd = fd;
	return NULL;
}

/* openat2() takes nothing but these with O_PATH, where openat() looks away. */
static uint64_t flags_of(int flags)
{
	return (uint64_t)(unsigned int)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY));
}

static struct error *open_resolved(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve, int *ret_fd)
{
	struct open_how how = {
		.flags = flags_of(flags),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	/* EAGAIN: a rename raced with the walk; the kernel asks to try again. */
	for (int tries = 0; tries < 64; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0)
		return error_sys(errno, "open %s", path);
	*ret_fd = (int)fd;
	return NULL;
}

struct error *fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	return open_resolved(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
			     ret_fd);
}

struct error *fs_open_in_root(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	return open_resolved(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, ret_fd);
}

struct error *fs_open_proc(const char *path_below_proc, int flags, int *ret_fd)
{
	cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (proc < 0 || fstatfs(proc, &st) < 0)
		return error_sys(errno, "open /proc");
	if (st.f_type != PROC_SUPER_MAGIC)
		return error_new(ERR_DENIED, "/proc is not a proc file system");
	int fd = openat(proc, path_below_proc, flags | O_CLOEXEC);

	if (fd < 0)
		return error_sys(errno, "open /proc/%s", path_below_proc);
	*ret_fd = fd;
	return NULL;
}

struct error *fs_read_file(int dirfd, const char *path, size_t limit, struct buf *b)
{
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(dirfd, path, O_RDONLY, 0, &fd));
	return io_read_to_end(fd, limit, path, b);
}

static struct error *random_name(char *name, size_t size, const char *prefix)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_sys(errno, "getrandom");
	(void)snprintf(name, size, "%s%016llx", prefix, (unsigned long long)number);
	return NULL;
}

static struct error *write_temporary(int dirfd, const char *temp, const void *data, size_t size, mode_t mode, bool sync)
{
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd));
	TRY_CTX(io_write_all(fd, data, size), "%s", temp);
	if (fchmod(fd, mode) < 0)
		return error_sys(errno, "chmod %s", temp);
	if (sync && fsync(fd) < 0)
		return error_sys(errno, "fsync %s", temp);
	return io_close(&fd);
}

struct error *fs_write_file(int dirfd, const char *name, const void *data, size_t size, mode_t mode, bool sync)
{
	char suffix[32];

	TRY(random_name(suffix, sizeof(suffix), "."));

	const char *base = fs_basename(name);
	cleanup_free char *temp = xasprintf("%.*s.%s%s.tmp", (int)(base - name), name, base, suffix);
	struct error *err = write_temporary(dirfd, temp, data, size, mode, sync);

	if (!err && renameat(dirfd, temp, dirfd, name) < 0)
		err = error_sys(errno, "rename %s", name);
	if (err)
		(void)unlinkat(dirfd, temp, 0);
	return err;
}

struct error *fs_mkdirs(int dirfd, const char *path, mode_t mode)
{
	cleanup_free char *partial = xstrdup(path);

	for (char *at = partial + 1; *partial && *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdirat(dirfd, partial, mode) < 0 && errno != EEXIST)
			return error_sys(errno, "mkdir %s", partial);
		*at = '/';
	}
	if (mkdirat(dirfd, path, mode) < 0) {
		struct stat st;

		if (errno != EEXIST)
			return error_sys(errno, "mkdir %s", path);
		if (fstatat(dirfd, path, &st, 0) < 0)
			return error_sys(errno, "stat %s", path);
		if (!S_ISDIR(st.st_mode))
			return error_sys(ENOTDIR, "mkdir %s", path);
	}
	return NULL;
}

struct error *fs_mkdtemp(const char *parent, const char *prefix, char **ret_path)
{
	for (int tries = 0; tries < 16; tries++) {
		char name[NAME_MAX];

		TRY(random_name(name, sizeof(name), prefix));

		cleanup_free char *path = xasprintf("%s/%s", parent, name);

		if (mkdir(path, 0700) == 0) {
			*ret_path = take_ptr(&path);
			return NULL;
		}
		if (errno != EEXIST)
			return error_sys(errno, "mkdir %s", path);
	}
	return error_sys(EEXIST, "mkdir %s/%s*", parent, prefix);
}

static struct error *remove_tree(int dirfd, const char *name, dev_t device, int depth)
{
	cleanup_fd int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		/* A file, a link, or a directory we may not read: unlink says what is wrong. */
		if (errno == ENOENT || unlinkat(dirfd, name, 0) == 0 || unlinkat(dirfd, name, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			return NULL;
		return error_sys(errno, "remove %s", name);
	}

	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(errno, "stat %s", name);
	if (device && st.st_dev != device)
		return error_sys(EXDEV, "remove %s", name);
	if (depth >= REMOVE_DEPTH_MAX)
		return error_new(ERR_LIMIT, "remove %s: nested deeper than %d", name, REMOVE_DEPTH_MAX);
	(void)fchmod(fd, st.st_mode | 0700);

	DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	struct error *err = NULL;

	if (!dir)
		return error_sys(errno, "open %s", name);
	for (struct dirent *entry; !err && (entry = readdir(dir));) {
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			err = remove_tree(fd, entry->d_name, st.st_dev, depth + 1);
	}
	(void)closedir(dir);
	if (!err && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		err = error_sys(errno, "remove %s", name);
	return err;
}

struct error *fs_remove_tree(int dirfd, const char *path)
{
	return remove_tree(dirfd, path, 0, 0);
}

struct error *fs_read_link(int dirfd, const char *path, char **ret_target)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, path, target, sizeof(target));

	if (n < 0)
		return error_sys(errno, "readlink %s", path);
	if ((size_t)n == sizeof(target))
		return error_new(ERR_LIMIT, "readlink %s: target is longer than %d bytes", path, PATH_MAX - 1);
	*ret_target = xstrndup(target, (size_t)n);
	return NULL;
}

char *fs_clean(const char *path)
{
	bool rooted = *path == '/';
	struct buf out = { 0 };
	size_t floor; /* ".." may not eat what lies before this */

	if (rooted)
		buf_append_char(&out, '/');
	floor = out.len;
	while (*path) {
		const char *end = strchrnul(path, '/');
		size_t len = (size_t)(end - path);

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (out.len > floor) {
				while (out.len > floor && out.data[out.len - 1] != '/')
					out.len--;
				if (out.len > floor)
					out.len--;
				out.data[out.len] = '\0';
			} else if (!rooted) {
				buf_append_str(&out, out.len ? "/.." : "..");
				floor = out.len;
			}
		} else if (len && !(len == 1 && path[0] == '.')) {
			if (out.len > (rooted ? 1U : 0U))
				buf_append_char(&out, '/');
			buf_append(&out, path, len);
		}
		path = *end ? end + 1 : end;
	}
	if (out.len == 0)
		buf_append_char(&out, '.');
	return buf_take(&out);
}

struct error *fs_absolute(const char *path, char **ret_path)
{
	if (*path == '/') {
		*ret_path = fs_clean(path);
		return NULL;
	}

	cleanup_free char *cwd = getcwd(NULL, 0);

	if (!cwd)
		return error_sys(errno, "getcwd");

	cleanup_free char *joined = xasprintf("%s/%s", cwd, path);

	*ret_path = fs_clean(joined);
	return NULL;
}

const char *fs_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
