/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/action_image.h"

#include "base/fs.h"
#include "base/io.h"

#include <unistd.h>

#define SIF_MAGIC_OFFSET 32
#define SIF_MAGIC "SIF_MAGIC"
#define EXT_MAGIC_OFFSET 1080
#define PROBE_SIZE 2048

/* The scheme of a URI, NULL for a path: "name://" for any name, "name:" for the transports that are written so. */
static char *uri_scheme(const char *arg)
{
	static const char *const bare[] = { "docker-archive", "docker-daemon", "oci", "oci-archive" };
	const char *colon = strchr(arg, ':');

	if (!colon)
		return NULL;

	char *scheme = xstrndup(arg, (size_t)(colon - arg));

	if (str_starts(colon, "://"))
		return scheme;
	for (size_t i = 0; i < ARRAY_LEN(bare); i++) {
		if (str_eq(scheme, bare[i]))
			return scheme;
	}
	free(scheme);
	return NULL;
}

static struct error *fetch(const char *uri, const char *scheme)
{
	return error_new(ERR_UNSUPPORTED, "Unable to handle %s uri: unsupported transport type: %s", uri, scheme);
}

static struct error *check_content(int fd)
{
	char head[PROBE_SIZE] = { 0 };
	size_t n;

	TRY(io_pread(fd, head, sizeof(head), 0, &n));
	if (memcmp(head + SIF_MAGIC_OFFSET, SIF_MAGIC, strlen(SIF_MAGIC)) == 0)
		return NULL;
	if (memcmp(head, "hsqs", 4) == 0)
		return error_new(ERR_UNSUPPORTED, "OCI mode cannot run bare squashfs images");
	if (memcmp(head + EXT_MAGIC_OFFSET, "\x53\xef", 2) == 0)
		return error_new(ERR_UNSUPPORTED, "OCI mode cannot run bare ext3 images");
	return error_new(ERR_CORRUPT, "image format not recognized");
}

static struct error *open_file(const char *arg, struct action_image *image)
{
	struct stat st;
	cleanup_with(error_free) struct error *err = NULL;

	TRY(fs_absolute(arg, &image->path));
	if (lstat(image->path, &st) < 0)
		return error_wrap(error_sys(errno, "lstat %s", image->path), "failed to retrieve path for %s", arg);
	/* Something that blocks when opened (a FIFO) is no image. */
	err = fs_open(AT_FDCWD, image->path, O_RDONLY | O_NONBLOCK, 0, &image->fd);
	if (err && error_errno(err) == EACCES)
		return error_new(ERR_DENIED, "%s is not readable by the current user, check permissions", image->path);
	if (err)
		return take_ptr(&err);
	if (fstat(image->fd, &st) < 0)
		return error_sys(errno, "stat %s", image->path);
	if (S_ISDIR(st.st_mode))
		return error_new(ERR_UNSUPPORTED, "OCI mode cannot run bare directory/sandbox images");
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_CORRUPT, "image format not recognized");
	return check_content(image->fd);
}

struct error *action_image_open(const struct cli *cli, const struct action_options *options, const char *arg,
				struct action_image *ret_image)
{
	const char *file = str_after(arg, "oci-sif:");
	cleanup_action_image struct action_image image = { .fd = -EBADF };
	cleanup_free char *scheme = file ? NULL : uri_scheme(arg);

	(void)cli, (void)options;
	if (scheme)
		return fetch(arg, scheme);
	image.name = xstrdup(arg);
	TRY(open_file(file ? file : arg, &image));
	*ret_image = image;
	image = (struct action_image){ .fd = -EBADF };
	return NULL;
}

void action_image_close(struct action_image *image)
{
	free(image->name);
	free(image->path);
	if (image->fd >= 0)
		(void)close(image->fd);
	*image = (struct action_image){ .fd = -EBADF };
}
