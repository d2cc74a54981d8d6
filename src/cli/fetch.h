/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getting an image as an OCI-SIF: out of the cache, or converted from its source, into the cache or into a file. What
 * pull and the implicit pull of an action have in common; of the image program.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "cli/progress.h"
#include "image/cache/cache.h"
#include "image/convert/convert.h"

/* What the command line and the site's configuration say. Strings are borrowed. */
struct fetch_options {
	const char *uri;
	const char *arch, *platform; /* NULL if not given */
	const char *authfile, *docker_username, *docker_password;
	const char *tmpdir;	    /* NULL: $TMPDIR, else /tmp */
	const char *squashfs_codec; /* NULL: the site's */
	const struct site_conf *conf;
	uint32_t squashfs_level; /* 0: the site's, if the codec is the site's */
	bool docker_login; /* ask for the name and the password that are not given */
	bool no_https, keep_layers, disable_cache;
};

struct fetch;

/**
 * fetch_new() - check the options and open the cache
 *
 * A cache that cannot be used is one WARNING. Errors: ERR_USAGE for platforms and codecs, and if --arch and --platform
 * are both given; what prompt_line() fails with.
 */
must_check struct error *fetch_new(const struct fetch_options *options, struct fetch **ret_fetch);
void fetch_free(struct fetch *f);
DEFINE_CLEANUP(struct fetch *, fetch_free)

struct fetched {
	int fd;	    /* read-only, locked against removal from the cache; -EBADF: the image is in the caller's file */
	char *path; /* in the cache, or NULL */
};

/**
 * fetch_run() - get the image
 * @into: read-write descriptor of an empty file for where there is no cache; -EBADF: an unnamed file is made if it is
 * needed
 *
 * Prints the messages of a pull. The errors' texts begin with what the caller's prefix ends before: "failed to get
 * digest for URI: ..." or "while creating OCI-SIF: ...".
 */
must_check struct error *fetch_run(struct fetch *f, int *into, struct fetched *ret_fetched);
void fetched_clear(struct fetched *fetched);
#define cleanup_fetched __attribute__((__cleanup__(fetched_clear)))

/* fetch_explain_full() - if @err says that a disk is full: a hint that names the directory, and the variable that
 * chooses another */
must_check struct error *fetch_explain_full(struct error *err, const char *dir, const char *variable);
/* fetch_tmpdir() - where large temporary files go; owned by @f or the environment */
const char *fetch_tmpdir(const struct fetch *f);

#endif
