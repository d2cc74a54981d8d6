/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The image cache below $SINGULARITY_CACHEDIR or ~/.singularity/cache: content-addressed blobs and finished OCI-SIF files. Safe under
 * any number of concurrent users of one directory, on shared file systems, and under SIGKILL: entries appear whole by rename or
 * link; what is being made is an unnamed file (O_TMPFILE) or a locked temporary. transports.md 5, cli.md 4.
 */
#ifndef IMAGE_CACHE_H
#define IMAGE_CACHE_H

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"

#include <stdint.h>
#include <time.h>

struct cache;

/* cache_open() - open or create the cache of this user; @dir NULL: from SINGULARITY_CACHEDIR, else the home directory */
must_check struct error *cache_open(const char *dir, struct cache **ret_cache);
void cache_close(struct cache *cache);
DEFINE_CLEANUP(struct cache *, cache_close)

/* cache_find_blob() - *ret_fd is a read-only descriptor of a finished blob, or -EBADF if it is not there */
must_check struct error *cache_find_blob(struct cache *cache, const struct digest *digest, int *ret_fd);
/**
 * cache_claim_blob() - be the one who downloads a blob
 * @ret_fd:    read-write descriptor of a temporary to fill, or -EBADF if another process finished it meanwhile
 * @ret_claim: handle for commit or abandon
 *
 * Waits while another process downloads the same blob, so that a blob is fetched once however many pulls run at once.
 */
struct cache_claim;
must_check struct error *cache_claim_blob(struct cache *cache, const struct digest *digest, struct cache_claim **ret_claim,
					  int *ret_fd);
/* cache_commit() - give the verified file its name; cache_abandon() - drop it. Both free the claim. */
must_check struct error *cache_commit(struct cache_claim *claim);
void cache_abandon(struct cache_claim *claim);

/**
 * cache_find_image()/cache_claim_image() - the same for finished OCI-SIF files
 * @digest: manifest digest of the source; @suffix: "" or ".ml" for kept layers
 * @ret_path: path of the entry, caller frees
 *
 * The descriptor of a found image holds a shared lock (flock) for as long as it is open: cache clean leaves locked entries alone.
 */
must_check struct error *cache_find_image(struct cache *cache, const struct digest *digest, const char *suffix, char **ret_path,
					  int *ret_fd);
must_check struct error *cache_claim_image(struct cache *cache, const struct digest *digest, const char *suffix,
					   struct cache_claim **ret_claim, int *ret_fd);

#endif
