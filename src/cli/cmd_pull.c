/* SPDX-License-Identifier: BSD-3-Clause */
/* pull: an image into a file of the user's. The file is a draft until it is complete; see base/draft.h. */
#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/verb_pull.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/io.h"
#include "formats/oci/oci_ref.h"
#include "formats/uri/uri.h"

#include <sys/stat.h>

#define PULL_CONTEXT "While making image from oci registry"

/* Where the image goes. */
struct target {
	char *path; /* as shown */
	int dirfd;
	bool replace;
};

static void target_clear(struct target *t)
{
	free(t->path);
	if (t->dirfd >= 0)
		(void)close(t->dirfd);
}
#define cleanup_target __attribute__((__cleanup__(target_clear)))

/* "docker://" and nothing else has no name either, but the reference's complaint is about the reference. */
static struct error *check_docker_uri(const char *text, const struct uri *uri)
{
	struct oci_ref ref = { 0 };

	if (*uri_local_path(uri->rest))
		return NULL;
	TRY_CTX(oci_ref_parse("", &ref), PULL_CONTEXT ": error fetching image: failed to get digest for %s", text);
	oci_ref_clear(&ref);
	return NULL;
}

/* A word without transport is a name in the library, but no such name begins like a path. */
static bool is_path(const char *word)
{
	return str_starts(word, "/") || str_starts(word, "./") || str_starts(word, "../");
}

static struct error *check_uri(const char *text, const struct uri *uri)
{
	switch (uri->transport) {
	case URI_DOCKER:
	case URI_DOCKER_ARCHIVE:
	case URI_OCI:
	case URI_OCI_ARCHIVE:
	case URI_OCI_SIF:
		if (!*uri->rest)
			return error_new(ERR_USAGE, "Bad URI %s", text);
		return uri->transport == URI_DOCKER ? check_docker_uri(text, uri) : NULL;
	case URI_PLAIN:
		if (is_path(uri->rest))
			return NULL;
		break;
	case URI_UNKNOWN:
	case URI_DOCKER_DAEMON:
	case URI_LIBRARY:
	case URI_SHUB:
	case URI_ORAS:
	case URI_HTTP:
	case URI_HTTPS:
	case URI_INSTANCE:
		break;
	}
	return error_hint(
		error_new(ERR_UNSUPPORTED, "Unsupported transport type: %s", *uri->scheme ? uri->scheme : "library"),
		"images come from docker://, docker-archive:, oci:, oci-archive: and oci-sif:");
}

static struct error *target_path(const struct pull_options *o, const struct strv *args, const struct uri *uri,
				 char **ret_path)
{
	cleanup_free char *name = NULL;

	if (o->name && *o->name)
		name = xstrdup(o->name);
	else if (args->n == 2)
		name = xstrdup(args->items[0]);
	else
		TRY(uri_output_name(uri, "oci.sif", &name));
	if (!*name)
		return error_new(ERR_USAGE, "the name of the image file is empty");
	if (o->dir && *o->dir && *name != '/') {
		cleanup_free char *joined = xasprintf("%s/%s", o->dir, name);

		*ret_path = fs_clean(joined);
		return NULL;
	}
	*ret_path = take_ptr(&name);
	return NULL;
}

/* Before anything is fetched: is the name free, or may it be replaced? */
static struct error *check_target(struct target *t, bool force)
{
	struct stat st;

	if (stat(t->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return error_new(ERR_USAGE, "%s is a directory", t->path);
		if (!force)
			return error_new(ERR_USAGE, "Image file already exists: \"%s\" - will not overwrite", t->path);
		t->replace = true;
		return NULL;
	}
	if (errno != ENOENT)
		return error_sys(errno, "stat %s", t->path);
	/* A link that leads nowhere is replaced, not followed. */
	t->replace = force || lstat(t->path, &st) == 0;
	return NULL;
}

static struct error *open_target(struct target *t, struct draft **ret_draft)
{
	const char *name = fs_basename(t->path);
	cleanup_free char *dir = name == t->path ? xstrdup(".") : xstrndup(t->path, (size_t)(name - t->path));

	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return error_new(ERR_USAGE, "%s is a directory", t->path);
	TRY(fs_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &t->dirfd));

	struct error *err = draft_open(t->dirfd, name, 0777, ret_draft);

	return str_eq(dir, ".") ? err : error_wrap(err, "in %s", dir);
}

static struct error *publish(const struct target *t, struct draft *draft)
{
	bool existed;

	TRY(draft_publish(draft, t->replace, &existed));
	if (existed)
		return error_new(ERR_USAGE, "Image file already exists: \"%s\" - will not overwrite", t->path);
	return NULL;
}

static struct error *copy_from_cache(const struct fetched *fetched, const struct target *t, struct draft *draft)
{
	struct stat st;
	struct error *err;

	if (fstat(fetched->fd, &st) < 0)
		return error_sys(errno, "stat %s", fetched->path);
	err = io_copy(fetched->fd, draft_fd(draft), (uint64_t)st.st_size);
	return error_wrap(err, "error copying image out of cache (from \"%s\" to \"%s\")", fetched->path, t->path);
}

static struct error *pull(struct fetch *f, struct target *t)
{
	cleanup_with(draft_free) struct draft *draft = NULL;
	cleanup_fetched struct fetched fetched = { .fd = -EBADF };
	int into;

	TRY(open_target(t, &draft));
	into = draft_fd(draft);
	TRY_CTX(fetch_run(f, &into, &fetched), "error fetching image");
	if (fetched.fd >= 0)
		TRY(copy_from_cache(&fetched, t, draft));
	return publish(t, draft);
}

struct error *cmd_pull(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	const struct pull_options *o = options;
	const char *text = args->items[args->n - 1];
	cleanup_uri struct uri uri = { .transport = URI_PLAIN };
	cleanup_target struct target target = { .dirfd = -EBADF };
	const struct fetch_options fetch_options = {
		.uri = text,
		.arch = o->arch,
		.platform = o->platform,
		.authfile = o->authfile,
		.docker_username = o->docker_username,
		.docker_password = o->docker_password,
		.tmpdir = o->tmpdir,
		.squashfs_codec = o->squashfs_codec,
		.squashfs_level = o->squashfs_level,
		.conf = cli->conf,
		.docker_login = o->docker_login,
		.no_https = o->no_https,
		.keep_layers = o->keep_layers,
		.disable_cache = o->disable_cache,
	};
	cleanup_with(fetch_free) struct fetch *f = NULL;

	(void)ret_status;
	TRY(cli_require_oci_mode(cli, o->oci, o->no_oci));
	uri_split(text, &uri);
	TRY(check_uri(text, &uri));
	TRY(target_path(o, args, &uri, &target.path));
	TRY(check_target(&target, o->force));
	TRY(fetch_new(&fetch_options, &f));

	struct error *err = fetch_explain_full(pull(f, &target), target.path, "--dir");

	return error_wrap(err, PULL_CONTEXT);
}
