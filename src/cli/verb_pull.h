/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of pull, and of the hidden command that the container program uses to have an image fetched for an action.
 */
#ifndef CLI_VERB_PULL_H
#define CLI_VERB_PULL_H

#include "cli/verb.h"

struct pull_options {
	const char *arch, *authfile, *dir, *docker_password, *docker_username, *name, *platform, *squashfs_codec, *tmpdir;
	uint32_t squashfs_level;
	bool allow_unauthenticated, allow_unsigned, disable_cache, docker_login, force, keep_layers, no_https, no_oci, oci;
};

/* See cmd_action_image.c. */
struct action_image_options {
	const char *authfile, *docker_password, *docker_username, *tmpdir;
	uint32_t handshake_fd;
	bool disable_cache, docker_login, keep_layers, no_https;
};

extern const struct verb verb_pull, verb_action_image;

#endif
