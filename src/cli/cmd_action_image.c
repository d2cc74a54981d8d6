/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The image program's side of `singularity run docker://...`. The container program must not load the libraries that
 * this takes; it starts us with a socket (see action_image.c). On success one message goes back: the path of the image,
 * and with it an open descriptor, which keeps the lock that protects an entry of the cache. On failure we have printed
 * why, and the socket closes without a message.
 */
#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/verb_pull.h"

#include "base/fs.h"
#include "base/io.h"
#include "formats/uri/uri.h"

#include <limits.h>
#include <stdio.h>

static struct error *check_uri(const char *text)
{
	cleanup_uri struct uri uri = { .transport = URI_PLAIN };

	uri_split(text, &uri);
	return *uri.rest ? NULL : error_new(ERR_USAGE, "Bad URI %s", text);
}

/* The unnamed file, for reading only: nobody may write to an image that runs. */
static struct error *reopen(int fd, const char *dir, const char *uri_text, struct fetched *ret_fetched)
{
	cleanup_uri struct uri uri = { .transport = URI_PLAIN };
	cleanup_free char *name = NULL;
	char path[32];

	uri_split(uri_text, &uri);
	TRY(uri_output_name(&uri, "oci.sif", &name));
	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	TRY(fs_open_proc(path, O_RDONLY, &ret_fetched->fd));
	ret_fetched->path = xasprintf("%s/%s", dir, name);
	return NULL;
}

static struct error *answer(int sock, const struct fetched *fetched)
{
	if (strlen(fetched->path) >= PATH_MAX)
		return error_new(ERR_LIMIT, "path of the image is longer than %d bytes", PATH_MAX - 1);
	return io_send_fd(sock, fetched->path, strlen(fetched->path), fetched->fd);
}

static struct error *serve(struct fetch *f, const char *uri, int sock)
{
	cleanup_fetched struct fetched fetched = { .fd = -EBADF };
	cleanup_fd int unnamed = -EBADF;

	TRY(check_uri(uri));
	TRY(fetch_run(f, &unnamed, &fetched));
	if (fetched.fd < 0)
		TRY(reopen(unnamed, fetch_tmpdir(f), uri, &fetched));
	return answer(sock, &fetched);
}

struct error *cmd_action_image(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	const struct action_image_options *o = options;
	const char *uri = args->items[0];
	const struct fetch_options fetch_options = {
		.uri = uri,
		.authfile = o->authfile,
		.docker_username = o->docker_username,
		.docker_password = o->docker_password,
		.tmpdir = o->tmpdir,
		.conf = cli->conf,
		.docker_login = o->docker_login,
		.no_https = o->no_https,
		.keep_layers = o->keep_layers,
		.disable_cache = o->disable_cache,
	};
	cleanup_with(fetch_free) struct fetch *f = NULL;

	(void)ret_status;
	TRY_CTX(fetch_new(&fetch_options, &f), "Unable to handle %s uri", uri);
	TRY_CTX(serve(f, uri, (int)o->handshake_fd), "Unable to handle %s uri", uri);
	return NULL;
}
