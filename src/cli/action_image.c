/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/action_image.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/proc.h"
#include "build_config.h"
#include "formats/uri/uri.h"

#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#define IMAGE_PROGRAM LIBEXECDIR "/singularity-image"

#define SIF_MAGIC_OFFSET 32
#define SIF_MAGIC "SIF_MAGIC"
#define EXT_MAGIC_OFFSET 1080
#define PROBE_SIZE 2048

static void add_flag(struct strv *argv, bool given, const char *flag)
{
	if (given)
		strv_add(argv, flag);
}

static void add_value(struct strv *argv, const char *flag, const char *value)
{
	if (value)
		strv_addf(argv, "%s=%s", flag, value);
}

/* The command line of the image program: what was asked for before the command, and what matters to fetching. */
static void image_command(const struct cli *cli, const struct action_options *o, const char *uri, int sock,
			  struct strv *argv)
{
	strv_add(argv, "singularity");
	add_flag(argv, cli->globals.debug, "--debug");
	add_flag(argv, cli->globals.quiet, "--quiet");
	add_flag(argv, cli->globals.silent, "--silent");
	add_flag(argv, cli->globals.verbose, "--verbose");
	add_flag(argv, cli->globals.nocolor, "--nocolor");
	add_value(argv, "--config", cli->globals.config);
	strv_add(argv, "action-image");
	strv_addf(argv, "--handshake-fd=%d", sock);
	add_flag(argv, o->disable_cache, "--disable-cache");
	add_flag(argv, o->docker_login, "--docker-login");
	add_flag(argv, o->keep_layers, "--keep-layers");
	add_flag(argv, o->no_https, "--no-https");
	add_value(argv, "--authfile", o->authfile);
	add_value(argv, "--tmpdir", o->tmpdir);
	strv_add(argv, "--");
	strv_add(argv, uri);
}

/* Credentials go through the environment: command lines are for everybody to read. */
static void image_environment(const struct action_options *o, struct strv *env)
{
	for (char **item = environ; *item; item++)
		strv_add(env, *item);
	if (o->docker_username)
		strv_setenv(env, "SINGULARITY_DOCKER_USERNAME", o->docker_username);
	if (o->docker_password)
		strv_setenv(env, "SINGULARITY_DOCKER_PASSWORD", o->docker_password);
}

static struct error *start_image_program(const struct cli *cli, const struct action_options *o, const char *uri,
					 int sock, pid_t *ret_pid)
{
	cleanup_strv struct strv argv = { 0 };
	cleanup_strv struct strv env = { 0 };
	struct proc_spec spec = { .path = IMAGE_PROGRAM, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };

	image_command(cli, o, uri, sock, &argv);
	image_environment(o, &env);
	spec.argv = argv.items;
	spec.env = env.items;
	spec.keep_fds = &sock;
	spec.n_keep_fds = 1;
	spec.die_with_parent = true;
	return error_hint(proc_spawn(&spec, ret_pid), "the installation is incomplete");
}

/* Wait for the answer: a path with a descriptor, or the end of the program. */
static struct error *receive_image(int sock, pid_t pid, struct action_image *image)
{
	char path[PATH_MAX];
	size_t n;
	int status;

	TRY(io_recv_fd(sock, path, sizeof(path) - 1, &n, &image->fd));
	TRY(proc_wait(pid, &status));
	if (n == 0 || image->fd < 0) {
		image->status = status ? status : CLI_EXIT_FATAL;
		return NULL;
	}
	image->path = xstrndup(path, n);
	image->name = xstrdup(image->path);
	return NULL;
}

static struct error *fetch(const struct cli *cli, const struct action_options *o, const char *uri,
			   struct action_image *image)
{
	cleanup_fd int ours = -EBADF;
	cleanup_fd int theirs = -EBADF;
	int socks[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return error_sys(errno, "socketpair");
	ours = socks[0];
	theirs = socks[1];
	TRY(start_image_program(cli, o, uri, theirs, &pid));
	(void)close(take_fd(&theirs));
	return receive_image(ours, pid, image);
}

static struct error *refuse(const char *arg, const struct uri *uri)
{
	return error_new(ERR_UNSUPPORTED, "Unable to handle %s uri: unsupported transport type: %s", arg, uri->scheme);
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

static struct error *open_by_transport(const struct cli *cli, const struct action_options *o, const char *arg,
				       const struct uri *uri, struct action_image *image)
{
	switch (uri->transport) {
	case URI_PLAIN:
	case URI_OCI_SIF:
		image->name = xstrdup(arg);
		return open_file(uri_local_path(uri->rest), image);
	case URI_DOCKER:
	case URI_DOCKER_ARCHIVE:
	case URI_OCI:
	case URI_OCI_ARCHIVE:
		return fetch(cli, o, arg, image);
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
	return refuse(arg, uri);
}

struct error *action_image_open(const struct cli *cli, const struct action_options *options, const char *arg,
				struct action_image *ret_image)
{
	cleanup_action_image struct action_image image = { .fd = -EBADF };
	cleanup_uri struct uri uri = { .transport = URI_PLAIN };

	uri_split(arg, &uri);
	TRY(open_by_transport(cli, options, arg, &uri, &image));
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
