/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The image argument of run, exec, shell and test: a path, or a URI that the image program brings into the cache. What
 * it is told by its content, never by its name (oci-mode.md 4.1).
 */
#ifndef CLI_ACTION_IMAGE_H
#define CLI_ACTION_IMAGE_H

#include "cli/cli.h"
#include "cli/verb_action.h"

/* An image ready to run. Zero-initialise; close with action_image_close(). */
struct action_image {
	char *name; /* as typed, or the path that a URI was fetched to: SINGULARITY_NAME */
	char *path; /* absolute */
	int fd;	    /* read-only; an entry of the cache is locked as long as it is open */
	int status; /* not 0: the image program failed and has said why; exit with this; fd is -EBADF */
};

/**
 * action_image_open() - find, fetch if need be, and open an image
 * @arg: the word on the command line
 *
 * Errors carry the reference's texts: "failed to retrieve path for X: lstat ...", "image format not recognized", "OCI
 * mode cannot run bare squashfs images", "Unable to handle URI uri: ...".
 *
 * A URI is handed to the image program, which answers over a socket; what it prints is the user's to read, so its
 * failure is no error here but a status.
 */
must_check struct error *action_image_open(const struct cli *cli, const struct action_options *options, const char *arg,
					   struct action_image *ret_image);
void action_image_close(struct action_image *image);
#define cleanup_action_image __attribute__((__cleanup__(action_image_close)))

#endif
