/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The image cache below $SINGULARITY_CACHEDIR or the user's directory: content-addressed blobs and finished OCI-SIF
 * files, in the layout of the reference (transports.md 5, cli.md 4), which may share the directory.
 *
 * Safe under any number of concurrent users of one directory, on shared file systems, and under SIGKILL. Entries appear
 * whole (see base/draft.h). Who makes an entry holds a lock on one byte of the file `locks`, at an offset taken from
 * the digest: open file description locks, which end with their process, work over NFS, and leave no file per entry.
 * Where there are no locks at all, work is done twice and the last one wins.
 *
 * What the cache does not do: hash. Blobs are checked by whoever streams them, images by whoever opens them; each drops
 * what it finds damaged. Nothing below another user's directory is used.
 *
 * All functions may be called from several threads.
 */
#ifndef IMAGE_CACHE_H
#define IMAGE_CACHE_H

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"

#include <stdint.h>
#include <time.h>

struct cache;

/* The sub-directories, in the order in which they are listed and cleaned. Only blobs and OCI-SIF files are ever made by
 * us. */
enum cache_type { CACHE_BLOB, CACHE_LIBRARY, CACHE_OCI_TMP, CACHE_SHUB, CACHE_ORAS, CACHE_NET, CACHE_OCI_SIF };
enum { CACHE_N_TYPES = CACHE_OCI_SIF + 1 };

/* cache_type_name() - "oci-sif"; also the name of its directory */
const char *cache_type_name(enum cache_type type);
/* cache_type_parse() - false if there is no such type */
bool cache_type_parse(const char *name, enum cache_type *ret_type);

/* cache_user_dir() - the user's directory: $SINGULARITY_CONFIGDIR, else .singularity in the home of the password entry;
 * caller frees */
must_check struct error *cache_user_dir(char **ret_path);

/**
 * cache_open() - open or create the cache of this user, in directory `cache` of a parent
 * @dir: the parent; NULL: $SINGULARITY_CACHEDIR, else the user's directory
 *
 * Errors: ERR_DENIED with the text that belongs after "Cache disabled - " where the cache cannot be made, or belongs to
 * somebody else.
 */
must_check struct error *cache_open(const char *dir, struct cache **ret_cache);
void cache_close(struct cache *cache);
DEFINE_CLEANUP(struct cache *, cache_close)

/* cache_root() - absolute path of the cache directory; owned by the cache */
const char *cache_root(const struct cache *cache);
/* cache_is_writable() - false: a cache on a read-only file system or of root, good for finding alone; claims fail with
 * ERR_DENIED */
bool cache_is_writable(const struct cache *cache);
/* cache_cancel() - make threads that wait for a claim give up (ERR_SYSTEM, ECANCELED), now and in future */
void cache_cancel(struct cache *cache);

/* cache_find_blob() - *ret_fd is a read-only descriptor of a finished blob, or -EBADF if it is not there */
must_check struct error *cache_find_blob(struct cache *cache, const struct digest *digest, int *ret_fd);
/* cache_drop_blob() - remove a blob that turned out to be damaged */
void cache_drop_blob(struct cache *cache, const struct digest *digest);
/**
 * cache_claim_blob() - be the one who downloads a blob
 * @ret_claim: handle for commit or abandon; NULL if another process finished the blob meanwhile
 * @ret_fd:    read-write descriptor of the file to fill, owned by the claim; -EBADF if there is no claim
 *
 * Waits while another process downloads the same blob, so that a blob is fetched once however many pulls run at once.
 * Who holds the claim of a blob must finish it without waiting for another claim; the claim of an image may be held
 * while waiting for blobs.
 */
struct cache_claim;
must_check struct error *cache_claim_blob(struct cache *cache, const struct digest *digest,
					  struct cache_claim **ret_claim, int *ret_fd);
/* cache_commit() - give the verified file its name; cache_abandon() - drop it. Both free the claim; NULL is fine. */
must_check struct error *cache_commit(struct cache_claim *claim);
void cache_abandon(struct cache_claim *claim);
DEFINE_CLEANUP(struct cache_claim *, cache_abandon)

/**
 * cache_find_image()/cache_claim_image() - the same for finished OCI-SIF files
 * @digest: manifest digest of the source; @suffix: "" or ".ml" for kept layers, and whatever else makes the result
 * another one
 * @ret_path: path of the entry, caller frees; NULL if it is not there
 *
 * The descriptor of a found image holds a shared lock (flock) for as long as it is open: cache clean leaves locked
 * entries alone.
 */
must_check struct error *cache_find_image(struct cache *cache, const struct digest *digest, const char *suffix,
					  char **ret_path, int *ret_fd);
void cache_drop_image(struct cache *cache, const struct digest *digest, const char *suffix);
must_check struct error *cache_claim_image(struct cache *cache, const struct digest *digest, const char *suffix,
					   struct cache_claim **ret_claim, int *ret_fd);

struct cache_entry {
	char *name;
	uint64_t size;
	time_t mtime;
};

struct cache_listing {
	struct cache_entry *entries; /* sorted by name */
	size_t n_entries;
	uint64_t size; /* of all of them */
};

/* cache_list() - the entries of one type, what killed writers of the reference left included */
must_check struct error *cache_list(const struct cache *cache, enum cache_type type,
				    struct cache_listing **ret_listing);
void cache_listing_free(struct cache_listing *listing);
DEFINE_CLEANUP(struct cache_listing *, cache_listing_free)

enum cache_clean_event { CACHE_REMOVED, CACHE_IN_USE, CACHE_NOT_REMOVED };

struct cache_clean_options {
	bool dry_run;
	bool by_age; /* only what was modified at @before or earlier */
	time_t before;
	/* Called for each entry; @why only with CACHE_NOT_REMOVED, borrowed. */
	void (*report)(void *ctx, enum cache_clean_event event, enum cache_type type, const char *name,
		       const struct error *why);
	void *ctx;
};

/**
 * cache_clean() - remove the entries of one type
 * @ret_n: how many there were to remove, whether that worked or not
 *
 * Entries that somebody holds a lock on are left. Without an age the blobs are one entry, "blobs", as in the reference.
 */
must_check struct error *cache_clean(struct cache *cache, enum cache_type type,
				     const struct cache_clean_options *options, size_t *ret_n);

#endif
