/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb_pull.h"

static const struct opt pull_table[] = {
	{ .name = "allow-unauthenticated", OPT_AS_BOOL(struct pull_options, allow_unauthenticated), .env = "ALLOW_UNAUTHENTICATED",
	  .traits = OPT_HIDDEN, .help = "accepted without effect" },
	{ .name = "allow-unsigned", .letter = 'U', OPT_AS_BOOL(struct pull_options, allow_unsigned), .env = "ALLOW_UNSIGNED",
	  .traits = OPT_HIDDEN, .deprecated = "pull checks no signatures",
	  .help = "accepted without effect" },
	{ .name = "arch", OPT_AS_STRING(struct pull_options, arch), .env = "PULL_ARCH,ARCH",
	  .help = "architecture of the image, such as amd64 or arm64" },
	{ .name = "authfile", OPT_AS_STRING(struct pull_options, authfile), .env = "AUTHFILE", .traits = OPT_FILE,
	  .help = "file with registry credentials, in the format of docker and podman" },
	{ .name = "dir", OPT_AS_STRING(struct pull_options, dir), .env = "PULLDIR,PULLFOLDER", .traits = OPT_DIRECTORY,
	  .help = "directory of the image file" },
	{ .name = "disable-cache", OPT_AS_BOOL(struct pull_options, disable_cache), .env = "DISABLE_CACHE",
	  .help = "neither read nor write the cache" },
	{ .name = "docker-login", OPT_AS_BOOL(struct pull_options, docker_login), .env = "DOCKER_LOGIN",
	  .help = "ask for the user name and password of the registry" },
	{ .name = "docker-password", OPT_AS_STRING(struct pull_options, docker_password), .env = "+DOCKER_PASSWORD",
	  .traits = OPT_HIDDEN, .help = "password or token for the registry" },
	{ .name = "docker-username", OPT_AS_STRING(struct pull_options, docker_username), .env = "+DOCKER_USERNAME",
	  .traits = OPT_HIDDEN, .help = "user name for the registry" },
	{ .name = "force", .letter = 'F', OPT_AS_BOOL(struct pull_options, force), .env = "FORCE",
	  .help = "replace the image file if it exists" },
	{ .name = "keep-layers", OPT_AS_BOOL(struct pull_options, keep_layers), .env = "KEEP_LAYERS",
	  .help = "keep the layers of the image instead of squashing them into one" },
	{ .name = "name", OPT_AS_STRING(struct pull_options, name), .env = "PULL_NAME", .traits = OPT_HIDDEN | OPT_FILE,
	  .help = "name of the image file" },
	{ .name = "no-https", OPT_AS_BOOL(struct pull_options, no_https), .env = "NOHTTPS,NO_HTTPS",
	  .help = "talk to registries over plain HTTP" },
	{ .name = "no-oci", OPT_AS_BOOL(struct pull_options, no_oci), .env = "NO_OCI",
	  .help = "not supported: this program writes OCI-SIF images only" },
	{ .name = "oci", OPT_AS_BOOL(struct pull_options, oci), .env = "OCI",
	  .help = "write an OCI-SIF image, as this program always does" },
	{ .name = "platform", OPT_AS_STRING(struct pull_options, platform), .env = "PLATFORM",
	  .help = "platform of the image: os/arch[/variant]" },
	{ .name = "squashfs-codec", OPT_AS_STRING(struct pull_options, squashfs_codec), .env = "SQUASHFS_CODEC",
	  .help = "compression of the image: zstd, gzip or lz4; the default is set in singularity.conf" },
	{ .name = "squashfs-level", OPT_AS_UINT32(struct pull_options, squashfs_level), .env = "SQUASHFS_LEVEL",
	  .help = "level of the compression; 0 is the codec's default" },
	{ .name = "tmpdir", OPT_AS_STRING(struct pull_options, tmpdir), .env = "TMPDIR",
	  .traits = OPT_HIDDEN | OPT_DIRECTORY, .help = "directory for temporary files" },
	{ 0 },
};

const struct verb verb_pull = {
	.name = "pull",
	.use = "pull [pull options...] [output file] <URI>",
	.brief = "Fetch an image into a file",
	.description = "The pull command fetches a container image and writes it as one OCI-SIF file. Without a name the\n"
		       "file is called after the image: docker://alpine:3.19 becomes alpine_3.19.oci.sif.\n\n"
		       "docker://NAME[:TAG|@DIGEST]   an image of a registry\n"
		       "docker-archive:FILE[:TAG]     a file that 'docker save' wrote\n"
		       "oci:DIRECTORY[:TAG|@DIGEST]   an OCI image layout\n"
		       "oci-archive:FILE[:TAG]        a tar file of an OCI image layout\n"
		       "oci-sif:FILE                  an OCI-SIF file, to squash or compress it anew\n\n"
		       "What was fetched once is kept in the cache; see 'singularity help cache'.",
	.examples = "$ singularity pull docker://alpine\n"
		    "$ singularity pull --arch arm64 alpine-arm.sif docker://alpine:3.19\n"
		    "$ singularity pull --keep-layers image.sif docker-archive:image.tar",
	.options = pull_table,
	.options_size = sizeof(struct pull_options),
	.min_args = 1,
	.max_args = 2,
	.owner = VERB_IMAGE,
};

static const struct opt action_image_table[] = {
	{ .name = "authfile", OPT_AS_STRING(struct action_image_options, authfile), .help = "file with registry credentials" },
	{ .name = "disable-cache", OPT_AS_BOOL(struct action_image_options, disable_cache), .help = "do without the cache" },
	{ .name = "docker-login", OPT_AS_BOOL(struct action_image_options, docker_login),
	  .help = "ask for the user name and password of the registry" },
	{ .name = "docker-password", OPT_AS_STRING(struct action_image_options, docker_password), .env = "+DOCKER_PASSWORD",
	  .help = "password or token for the registry" },
	{ .name = "docker-username", OPT_AS_STRING(struct action_image_options, docker_username), .env = "+DOCKER_USERNAME",
	  .help = "user name for the registry" },
	{ .name = "handshake-fd", OPT_AS_UINT32(struct action_image_options, handshake_fd),
	  .help = "descriptor of the socket to answer on" },
	{ .name = "keep-layers", OPT_AS_BOOL(struct action_image_options, keep_layers), .help = "keep the layers of the image" },
	{ .name = "no-https", OPT_AS_BOOL(struct action_image_options, no_https), .help = "talk to registries over plain HTTP" },
	{ .name = "tmpdir", OPT_AS_STRING(struct action_image_options, tmpdir), .env = "TMPDIR",
	  .help = "directory for temporary files" },
	{ 0 },
};

const struct verb verb_action_image = {
	.name = "action-image",
	.use = "action-image [action-image options...] <URI>",
	.brief = "Fetch an image for an action",
	.description = "Used by the program itself: run, exec, shell and test have their image fetched by this command, which\n"
		       "answers with an open file on a socket that it inherits.",
	.options = action_image_table,
	.options_size = sizeof(struct action_image_options),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.owner = VERB_IMAGE,
};
