/* SPDX-License-Identifier: BSD-3-Clause */
/* References that begin with a path of this machine. */
#include "image/source/source_priv.h"

#include "base/fs.h"
#include "base/num.h"
#include "formats/uri/uri.h"

void selector_clear(struct selector *selector)
{
	free(selector->text);
	*selector = (struct selector){ .kind = SELECT_NONE };
}

/* What follows the colon after a path. */
static struct selector selector_from(const char *text)
{
	struct selector s = { .kind = SELECT_NAME, .text = xstrdup(text) };

	if (*text == '@' && num_parse_u64(text + 1, SIZE_MAX, &s.index))
		s.kind = SELECT_INDEX;
	else if (*text == '@' && digest_parse(text + 1, &s.digest))
		s.kind = SELECT_DIGEST;
	return s;
}

/* Try the first @len bytes as a path. */
static bool try_path(const char *text, size_t len, int flags, char **ret_path, int *ret_fd)
{
	cleanup_free char *path = xstrndup(text, len);
	cleanup_with(error_free) struct error *err = fs_open(AT_FDCWD, path, flags, 0, ret_fd);

	if (err)
		return false;
	*ret_path = take_ptr(&path);
	return true;
}

/* A digest at the very end: only there, since the directory's own name may hold an "@". A malformed one will match
 * nothing. */
static const char *trailing_digest(const char *text, struct digest *ret_digest)
{
	const char *at = strrchr(text, '@');

	*ret_digest = (struct digest){ "" };
	if (!at || !str_starts(at + 1, "sha256:"))
		return NULL;
	(void)digest_parse(at + 1, ret_digest);
	return at;
}

struct error *local_open(const char *rest, int flags, char **ret_path, struct selector *ret_selector, int *ret_fd)
{
	const char *text = uri_local_path(rest);
	struct digest digest;
	cleanup_with(error_free) struct error *err = fs_open(AT_FDCWD, text, flags, 0, ret_fd);

	*ret_selector = (struct selector){ .kind = SELECT_NONE };
	if (!err) {
		*ret_path = xstrdup(text);
		return NULL;
	}

	const char *at = trailing_digest(text, &digest);

	if (at && try_path(text, (size_t)(at - text), flags, ret_path, ret_fd)) {
		*ret_selector = (struct selector){ .kind = SELECT_DIGEST, .text = xstrdup(at + 1), .digest = digest };
		return NULL;
	}
	for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
		if (!try_path(text, (size_t)(colon - text), flags, ret_path, ret_fd))
			continue;
		*ret_selector = selector_from(colon + 1);
		return NULL;
	}
	return take_ptr(&err);
}

struct error *source_archive_open(const char *rest, bool is_docker, const struct source_options *options,
				  struct source **ret_source)
{
	cleanup_free char *path = NULL;
	cleanup_selector struct selector selector = { .kind = SELECT_NONE };
	cleanup_with(tarball_close) struct tarball *tarball = NULL;
	int fd = -EBADF;

	TRY(local_open(rest, O_RDONLY, &path, &selector, &fd));
	TRY(tarball_open(fd, path, options->tmpdir, &tarball));
	/* Docker 25 and later writes both forms into one archive; what is there may also be the other form alone. */
	if (tarball_has(tarball, is_docker ? "manifest.json" : "index.json") == is_docker)
		return source_docker_tarball(take_ptr(&tarball), &selector, options, ret_source);
	return source_layout_in_tarball(take_ptr(&tarball), path, &selector, options, ret_source);
}
