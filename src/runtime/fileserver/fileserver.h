/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file server: one process per container that serves all squashfs layers of its image over one FUSE connection. The root of
 * the file system holds the directory "0", all layers merged by the rules of overlayfs (or, without options.merge, one directory per
 * layer, "0" at the bottom, for overlayfs to stack). The server runs outside the
 * container's namespaces, as the user, and ends by itself when the last user of the mount is gone.
 * Design and measurements: design.md 5 (docs/architecture.md).
 */
#ifndef RUNTIME_FILESERVER_H
#define RUNTIME_FILESERVER_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* One squashfs image: where it lies in which file. */
struct fileserver_layer {
	int fd; /* borrowed; stays open in the server */
	uint64_t offset, size;
};

/* One line of the map from owners in the image to ids of the user namespace that mounts. Unmapped ids show as 65534. */
struct fileserver_idmap {
	uint32_t image_id, served_id, size;
	bool to_one; /* all ids of the line are served as served_id, not counted up from it */
};

struct fileserver_options {
	const struct fileserver_layer *layers; /* bottom first */
	size_t n_layers;
	bool user_xattrs; /* the overlay is mounted with userxattr: serve trusted.overlay.* as user.overlay.* */
	bool merge;	  /* show all layers as one, in the directory "0", by the rules of overlayfs */
	bool debug;	  /* print counts of requests, misses and stores to stderr at the end */
};

struct fileserver;

/**
 * fileserver_prepare() - open all layers (superblocks and tables checked); before fork, so that the server inherits what was read
 *
 * Errors: ERR_CORRUPT, ERR_UNSUPPORTED, ERR_LIMIT of the images.
 */
must_check struct error *fileserver_prepare(const struct fileserver_options *options, struct fileserver **ret_server);

/**
 * fileserver_read_file() - read a small file out of the stacked layers, before serving (for /etc/passwd and the like)
 * @path:     absolute inside the image; symbolic links are resolved inside it (at most 40), whiteouts and opaque marks count
 * @limit:    most bytes
 * @ret_data: file's bytes, NUL-terminated, caller frees; NULL if there is no regular file at @path
 */
must_check struct error *fileserver_read_file(struct fileserver *server, const char *path, size_t limit, char **ret_data,
					      size_t *ret_len);
/* fileserver_resolve() - the path that @path leads to inside the image after symbolic links; NULL if nothing is there */
must_check struct error *fileserver_resolve(struct fileserver *server, const char *path, char **ret_path);

/**
 * fileserver_set_owners() - the map from owners in the image to ids of the user namespace that mounts
 *
 * Separate from fileserver_prepare(), because the map is decided with the help of files that were read out of the image. n == 0 is the
 * identity; ids outside a map that has lines show as 65534. The lines are copied.
 */
must_check struct error *fileserver_set_owners(struct fileserver *server, const struct fileserver_idmap *uids, size_t n_uids,
					       const struct fileserver_idmap *gids, size_t n_gids);

/**
 * fileserver_expect() - a regular file that will be read first of all: its first blocks are unpacked as soon as there is a server
 * @path:      absolute inside the image; anything but a regular file is passed over
 * @ret_found: NULL, or whether there was one
 */
must_check struct error *fileserver_expect(struct fileserver *server, const char *path, bool *ret_found);

/**
 * fileserver_run() - be the server: receive the mounted /dev/fuse descriptor over @sock (io_recv_fd, any one byte), answer
 * requests until the file system is unmounted; returns the exit status. Never returns to code that expects the caller's state: call
 * in a forked child and _exit() with the result.
 * @sock stays open for as long as the server lives, and closes when it dies even if one of its threads hangs in the kernel.
 */
int fileserver_run(struct fileserver *server, int sock);
void fileserver_free(struct fileserver *server);
DEFINE_CLEANUP(struct fileserver *, fileserver_free)

/* fileserver_mount_options() - data string of mount(2) for a fuse mount with descriptor @fd; caller frees */
char *fileserver_mount_options(int fd);

#endif
