/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer that is a squashfs already, as entries for the layer rules: parents before children, names sorted, and what overlayfs
 * reads as marks (devices 0:0, opaque directories) as the whiteouts that a tar layer has (formats.md 2.6). Hard links become links
 * to the first name of their inode. The image is hostile: see formats/squash/squash.h; here the depth and the memory of the
 * directories on the way are bounded.
 */
#ifndef IMAGE_LAYER_SQUASHFS_H
#define IMAGE_LAYER_SQUASHFS_H

#include "image/layer/layer_rules.h"

enum {
	/* Memory of the directories from the root down to the one at hand: four of the largest that can be read. */
	LAYER_SQUASHFS_DIRS_MAX = 256 << 20,
	/* Names of hard links that are remembered. */
	LAYER_SQUASHFS_LINKS_MAX = 1 << 22,
};

struct layer_squashfs;

/**
 * layer_squashfs_open() - begin to walk the image that is the file @fd
 * @fd:   borrowed until the walk is freed
 * @size: bytes of the image
 */
must_check struct error *layer_squashfs_open(int fd, uint64_t size, struct layer_squashfs **ret_walk);
void layer_squashfs_free(struct layer_squashfs *walk);
DEFINE_CLEANUP(struct layer_squashfs *, layer_squashfs_free)
/* layer_squashfs_input() - the entries; valid until the walk is freed. Errors: those of the squashfs reader, ERR_LIMIT. */
struct layer_input layer_squashfs_input(struct layer_squashfs *walk);

#endif
