/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/cache/cache_priv.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/io.h"
#include "base/log.h"

#include <pwd.h>
#include <sys/statvfs.h>

static const char *const type_names[] = {
	[CACHE_BLOB] = "blob", [CACHE_LIBRARY] = "library", [CACHE_OCI_TMP] = "oci-tmp", [CACHE_SHUB] = "shub",
	[CACHE_ORAS] = "oras", [CACHE_NET] = "net",	    [CACHE_OCI_SIF] = "oci-sif",
};

const char *cache_type_name(enum cache_type type)
{
	return type_names[type];
}

bool cache_type_parse(const char *name, enum cache_type *ret_type)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (str_eq(name, type_names[i])) {
			*ret_type = (enum cache_type)i;
			return true;
		}
	}
	return false;
}

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

struct error *cache_user_dir(char **ret_path)
{
	const char *dir = environment("SINGULARITY_CONFIGDIR");

	if (dir)
		return fs_absolute(dir, ret_path);

	/* The password entry counts, not HOME, as in the reference; HOME serves where there is no entry, as in a bare
	 * container. */
	const struct passwd *pw = getpwuid(getuid());
	const char *home = pw && pw->pw_dir && *pw->pw_dir ? pw->pw_dir : environment("HOME");

	if (!home)
		return error_hint(error_new(ERR_NOT_FOUND, "user %u has no home directory", getuid()),
				  "set SINGULARITY_CONFIGDIR or HOME");

	cleanup_free char *path = xasprintf("%s/.singularity", home);

	return fs_absolute(path, ret_path);
}

static struct error *find_root(const char *dir, char **ret_root)
{
	cleanup_free char *parent = NULL;

	if (!dir)
		dir = environment("SINGULARITY_CACHEDIR");
	if (dir)
		TRY(fs_absolute(dir, &parent));
	else
		TRY(cache_user_dir(&parent));
	*ret_root = xasprintf("%s/cache", str_eq(parent, "/") ? "" : parent);
	return NULL;
}

/* The sentence of the reference for a cache that cannot be made: which existing directory stands in the way, and how.
 */
static struct error *explain_parent(const char *root)
{
	cleanup_free char *path = xstrdup(root);
	struct stat st;

	while (stat(path, &st) < 0) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash)
			return error_new(ERR_DENIED, "cannot access parent directory of cache: stat %s: %s", path,
					 error_strerror(errno));
		if (slash == path)
			slash++;
		*slash = '\0';
	}
	return error_new(ERR_DENIED, "cache location %s is not writable.", path);
}

static struct error *make_root(const char *root, int *ret_fd)
{
	cleanup_with(error_free) struct error *err = fs_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, ret_fd);

	if (!err)
		return NULL;
	if (error_errno(err) != ENOENT)
		return error_new(ERR_DENIED, "%s", error_text(err));
	error_free(err);
	err = fs_mkdirs(AT_FDCWD, root, 0700);
	if (err)
		return explain_parent(root);
	return fs_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, ret_fd);
}

/*
 * Whose is it? Ours: private from now on. Of root, and nobody else can write to it: good for reading. Anybody else's:
 * they could change an image between our looking at it and our using it.
 */
static struct error *check_root(struct cache *cache)
{
	struct stat st;
	struct statvfs vfs;

	if (fstat(cache->fd, &st) < 0 || fstatvfs(cache->fd, &vfs) < 0)
		return error_sys(errno, "stat %s", cache->root);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_new(ERR_DENIED, "cache directory %s belongs to user %u", cache->root, st.st_uid);
	if (st.st_uid != geteuid()) {
		if (st.st_mode & 022)
			return error_new(ERR_DENIED, "cache directory %s can be written by others", cache->root);
		return NULL;
	}
	cache->writable = !(vfs.f_flag & ST_RDONLY);
	if (cache->writable && (st.st_mode & 07777) != 0700 && fchmod(cache->fd, 0700) < 0)
		return error_sys(errno, "chmod %s", cache->root);
	return NULL;
}

/*
 * ~/.singularity holds passwords too. A directory that SINGULARITY_CONFIGDIR names may be any, /tmp for one: its mode
 * is not ours to change.
 */
static struct error *tighten_user_dir(void)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -EBADF;
	struct stat st;

	TRY(cache_user_dir(&path));
	TRY(fs_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	if (fstat(fd, &st) < 0)
		return error_sys(errno, "stat %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 07777) == 0700)
		return NULL;
	if (fchmod(fd, 0700) < 0)
		log_debug("couldn't enforce permission 0700 on %s: %s", path, error_strerror(errno));
	return NULL;
}

struct error *cache_open(const char *dir, struct cache **ret_cache)
{
	cleanup_with(cache_close) struct cache *cache = xcalloc(1, sizeof(*cache));
	bool in_user_dir = !dir && !environment("SINGULARITY_CACHEDIR") && !environment("SINGULARITY_CONFIGDIR");

	cache->fd = -EBADF;
	TRY(find_root(dir, &cache->root));
	TRY(make_root(cache->root, &cache->fd));
	TRY(check_root(cache));
	/* What is no directory of its own, such as a link into another, stays as it is. */
	if (in_user_dir)
		error_free(tighten_user_dir());
	*ret_cache = take_ptr(&cache);
	return NULL;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	if (cache->fd >= 0)
		(void)close(cache->fd);
	free(cache->root);
	free(cache);
}

const char *cache_root(const struct cache *cache)
{
	return cache->root;
}

bool cache_is_writable(const struct cache *cache)
{
	return cache->writable;
}

void cache_cancel(struct cache *cache)
{
	atomic_store(&cache->cancelled, true);
}

struct error *cache_subdir(const struct cache *cache, const char *path, bool create, int *ret_fd)
{
	if (create)
		TRY_CTX(fs_mkdirs(cache->fd, path, 0700), "in %s", cache->root);

	cleanup_with(error_free) struct error *err =
		fs_open_beneath(cache->fd, path, O_RDONLY | O_DIRECTORY, 0, ret_fd);

	if (!err)
		return NULL;
	if (error_errno(err) != ENOENT || create)
		return error_wrap(take_ptr(&err), "in %s", cache->root);
	*ret_fd = -EBADF;
	return NULL;
}

/* Bytes as the reference writes them. */
static const char layout_text[] = "{\n    \"imageLayoutVersion\": \"1.0.0\"\n}";
static const char index_text[] =
	"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";

/* Through a draft, so that a kill leaves no temporary. Two processes may make one file at once: they write the same. */
static struct error *write_layout_file(const struct cache *cache, const char *name, const char *text, bool replace)
{
	cleanup_fd int dirfd = -EBADF;
	cleanup_with(draft_free) struct draft *draft = NULL;
	bool existed;

	TRY(cache_subdir(cache, "blob", true, &dirfd));
	TRY(draft_open(dirfd, name, 0644, &draft));
	TRY(io_write_all(draft_fd(draft), text, strlen(text)));
	return draft_publish(draft, replace, &existed);
}

struct error *cache_clear_index(const struct cache *cache)
{
	return write_layout_file(cache, "index.json", index_text, true);
}

static struct error *write_if_missing(const struct cache *cache, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("blob/%s", name);
	struct stat st;

	if (fstatat(cache->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return NULL;
	TRY_CTX(write_layout_file(cache, name, text, false), "in %s", cache->root);
	return NULL;
}

struct error *cache_prepare_blobs(struct cache *cache)
{
	TRY(write_if_missing(cache, "index.json", index_text));
	return write_if_missing(cache, "oci-layout", layout_text);
}
