/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the cache room only.
 */
#ifndef IMAGE_CACHE_PRIV_H
#define IMAGE_CACHE_PRIV_H

#include "image/cache/cache.h"

#include <stdatomic.h>

#define CACHE_BLOBS_DIR "blob/blobs/sha256"

struct cache {
	char *root;
	int fd; /* of the root directory */
	bool writable;
	atomic_bool cancelled;
};

/* cache_subdir() - open a directory of the cache; *ret_fd is -EBADF if it is not there and not to be made */
must_check struct error *cache_subdir(const struct cache *cache, const char *path, bool create, int *ret_fd);
/* cache_prepare_blobs() - make the OCI layout around the blobs, as other programs expect it; the first entry of any type brings it */
must_check struct error *cache_prepare_blobs(struct cache *cache);
/* cache_clear_index() - make index.json an empty index */
must_check struct error *cache_clear_index(const struct cache *cache);

#endif
