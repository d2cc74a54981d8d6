/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/blob_fetch.h"

#include "base/draft.h"
#include "base/io.h"
#include "base/sha256.h"
#include "image/registry/registry_base64.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

/* Step in which blobs of the cache are hashed. */
enum { CHUNK_SIZE = 256 << 10 };

/* How often a blob may vanish from the cache between another process's commit and our look, before we fetch it
 * ourselves. */
enum { CACHE_ROUNDS_MAX = 3 };

/* Readers see the end of a blob in BLOB_DONE, after its line was said in BLOB_VERIFIED: who has read all has heard all.
 */
enum blob_state { BLOB_WAITING, BLOB_RUNNING, BLOB_VERIFIED, BLOB_DONE, BLOB_FAILED };

/* Fixed after creation but for what stands behind `state`, which the lock guards. */
struct blob {
	struct blob_fetch *fetch;
	struct digest digest;
	uint64_t size;
	struct strv urls;
	char *embedded; /* Base64 of the descriptor's `data`, or NULL */
	bool is_layer;
	enum blob_state state;
	bool is_wanted;	    /* somebody reads it */
	uint64_t available; /* bytes that may be read */
	int fd;
	struct error *failure;
};

struct blob_fetch {
	struct registry *registry;
	struct cache *cache;
	const struct source_options *options;
	const struct oci_manifest *manifest;
	pthread_mutex_t lock;
	pthread_cond_t change; /* anything below, or of a blob, changed */
	struct blob **blobs;   /* layers, bottom first, then what was opened beyond them */
	size_t n_blobs, cap_blobs;
	bool stop;
	pthread_t threads[BLOB_FETCH_THREADS];
	size_t n_threads;
	pthread_mutex_t say_lock; /* guards what follows; one line at a time */
	size_t n_said;
	bool all_said;
};

static void lock(struct blob_fetch *f)
{
	(void)pthread_mutex_lock(&f->lock);
}

static void unlock(struct blob_fetch *f)
{
	(void)pthread_mutex_unlock(&f->lock);
}

/* Lock held, or no thread started. */
static struct blob *find(struct blob_fetch *f, const struct digest *digest)
{
	for (size_t i = 0; i < f->n_blobs; i++)
		if (digest_eq(&f->blobs[i]->digest, digest))
			return f->blobs[i];
	return NULL;
}

/* Lock held, or no thread started. */
static struct blob *add(struct blob_fetch *f, const struct oci_desc *desc, bool is_layer)
{
	struct blob *blob = xcalloc(1, sizeof(*blob));
	const struct jv *urls = jv_get(desc->doc, "urls");
	const char *embedded = jv_get_str(desc->doc, "data");

	blob->fetch = f;
	blob->digest = desc->digest;
	blob->size = desc->size;
	blob->is_layer = is_layer;
	blob->embedded = embedded ? xstrdup(embedded) : NULL;
	blob->fd = -EBADF;
	for (size_t i = 0; i < jv_len(urls); i++)
		if (jv_str(jv_at(urls, i)))
			strv_add(&blob->urls, jv_str(jv_at(urls, i)));
	GROW(f->blobs, f->n_blobs, f->cap_blobs);
	f->blobs[f->n_blobs++] = blob;
	return blob;
}

static void blob_free(struct blob *blob)
{
	cleanup_fdp(&blob->fd);
	strv_free(&blob->urls);
	error_free(blob->failure);
	free(blob->embedded);
	free(blob);
}

struct blob_fetch *blob_fetch_new(struct registry *registry, struct cache *cache, const struct source_options *options,
				  const struct oci_manifest *manifest)
{
	struct blob_fetch *f = xcalloc(1, sizeof(*f));

	f->registry = registry;
	f->cache = cache;
	f->options = options;
	f->manifest = manifest;
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_mutex_init(&f->say_lock, NULL);
	(void)pthread_cond_init(&f->change, NULL);
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (!find(f, &manifest->layers[i].digest))
			(void)add(f, &manifest->layers[i], true);
	return f;
}

static bool stopped(struct blob_fetch *f)
{
	lock(f);
	bool stop = f->stop;

	unlock(f);
	return stop;
}

/* Sets the file that readers read; takes @fd. */
static void publish_fd(struct blob *blob, int fd)
{
	lock(blob->fetch);
	cleanup_fdp(&blob->fd);
	blob->fd = fd;
	unlock(blob->fetch);
}

static void publish_bytes(struct blob *blob, uint64_t available)
{
	lock(blob->fetch);
	blob->available = available;
	(void)pthread_cond_broadcast(&blob->fetch->change);
	unlock(blob->fetch);
}

/* registry_blob_fn: only the thread that fetches the blob comes here, so it may read `available` without the lock. */
static struct error *take(void *ctx, const void *data, size_t size)
{
	struct blob *blob = ctx;

	TRY_CTX(io_pwrite_all(blob->fd, data, size, blob->available), "while storing blob %s", blob->digest.text);
	publish_bytes(blob, blob->available + size);
	return NULL;
}

/* The descriptor's own copy, for small blobs. */
static struct error *take_embedded(struct blob *blob)
{
	cleanup_buf struct buf bytes = { 0 };
	struct digest got;

	if (!base64_decode(blob->embedded, &bytes))
		return error_new(ERR_CORRUPT, "the data embedded in the descriptor of %s is not Base64",
				 blob->digest.text);
	got = sha256_of(buf_str(&bytes), bytes.len);
	if (bytes.len != blob->size || !digest_eq(&got, &blob->digest))
		return error_new(ERR_CORRUPT, "the data embedded in the descriptor of %s is something else",
				 blob->digest.text);
	return take(blob, buf_str(&bytes), bytes.len);
}

static struct error *receive(struct blob *blob)
{
	const struct registry_blob wanted = { .digest = blob->digest, .size = blob->size, .urls = &blob->urls };

	if (blob->embedded)
		return take_embedded(blob);
	return registry_get_blob(blob->fetch->registry, &wanted, take, blob);
}

static struct error *fetch_to_temporary(struct blob *blob)
{
	const char *tmpdir = blob->fetch->options->tmpdir;
	int fd = -EBADF;

	TRY(draft_unnamed(tmpdir ? tmpdir : "/tmp", &fd));
	publish_fd(blob, fd);
	return receive(blob);
}

/* Hashes all of @fd; *ret_good if it is what @blob should be. */
static struct error *verify(struct blob *blob, int fd, bool *ret_good)
{
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	cleanup_free char *chunk = xmalloc(CHUNK_SIZE);
	uint64_t done = 0;
	size_t n;

	*ret_good = false;
	do {
		TRY_CTX(io_pread(fd, chunk, CHUNK_SIZE, done, &n), "while reading blob %s of the cache",
			blob->digest.text);
		sha256_update(hash, chunk, n);
		done += n;
		if (stopped(blob->fetch))
			return error_new(ERR_NETWORK, "cancelled");
	} while (n > 0 && done <= blob->size);

	struct digest got = sha256_digest(hash);

	*ret_good = done == blob->size && digest_eq(&got, &blob->digest);
	return NULL;
}

/* Takes the blob from the cache if it is there and good; a damaged one is dropped. */
static struct error *look_into_cache(struct blob *blob, bool *ret_found)
{
	struct cache *cache = blob->fetch->cache;
	cleanup_fd int fd = -EBADF;

	*ret_found = false;
	TRY(cache_find_blob(cache, &blob->digest, &fd));
	if (fd < 0)
		return NULL;
	TRY(verify(blob, fd, ret_found));
	if (!*ret_found) {
		log_debug("blob %s of the cache is damaged", blob->digest.text);
		cache_drop_blob(cache, &blob->digest);
		return NULL;
	}
	publish_fd(blob, take_fd(&fd));
	publish_bytes(blob, blob->size);
	return NULL;
}

/* Fetches into the claimed file @fd, which the claim owns; readers get a descriptor of their own. */
static struct error *fetch_to_claim(struct blob *blob, struct cache_claim *claim, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct error *err;

	if (copy < 0) {
		err = error_sys(errno, "duplicate a descriptor");
	} else {
		publish_fd(blob, copy);
		err = receive(blob);
	}
	if (err) {
		cache_abandon(claim);
		return err;
	}

	/* The bytes are here and right; that they could not be kept for the next pull is no reason to fail this one. */
	cleanup_with(error_free) struct error *lost = cache_commit(claim);

	if (lost)
		log_debug("%s", error_text(lost));
	return NULL;
}

static struct error *fetch_by_cache(struct blob *blob)
{
	struct cache *cache = blob->fetch->cache;

	for (int round = 0; round < CACHE_ROUNDS_MAX; round++) {
		struct cache_claim *claim = NULL;
		bool found = false;
		int fd = -EBADF;

		TRY(look_into_cache(blob, &found));
		if (found)
			return NULL;
		if (!cache_is_writable(cache))
			break;
		TRY(cache_claim_blob(cache, &blob->digest, &claim, &fd));
		if (claim)
			return fetch_to_claim(blob, claim, fd);
	}
	return fetch_to_temporary(blob);
}

/* Says the lines that are due: those of finished layers, in the order of the manifest, and the last two after all of
 * them. */
static void say_lines(struct blob_fetch *f)
{
	(void)pthread_mutex_lock(&f->say_lock);
	for (;;) {
		lock(f);
		const struct blob *next = f->n_said < f->n_blobs ? f->blobs[f->n_said] : NULL;
		bool is_layer = next && next->is_layer;
		bool is_done = is_layer && (next->state == BLOB_VERIFIED || next->state == BLOB_DONE);

		unlock(f);
		if (!is_layer) {
			if (!f->all_said) {
				source_say_config(f->options, &f->manifest->config.digest);
				source_say_written(f->options);
			}
			f->all_said = true;
			break;
		}
		if (!is_done)
			break;
		source_say_blob(f->options, &next->digest);
		f->n_said++;
	}
	(void)pthread_mutex_unlock(&f->say_lock);
}

static void enter_state(struct blob *blob, enum blob_state state)
{
	lock(blob->fetch);
	blob->state = state;
	(void)pthread_cond_broadcast(&blob->fetch->change);
	unlock(blob->fetch);
}

static void finish(struct blob *blob, struct error *err)
{
	if (err) {
		blob->failure = err; /* read by others after the state is entered */
		enter_state(blob, BLOB_FAILED);
		return;
	}
	enter_state(blob, BLOB_VERIFIED);
	say_lines(blob->fetch);
	enter_state(blob, BLOB_DONE);
}

/* What to fetch next: what is read already, else the newest layer. Lock held. */
static struct blob *choose(struct blob_fetch *f)
{
	struct blob *best = NULL;

	for (size_t i = f->n_blobs; i-- > 0;) {
		struct blob *blob = f->blobs[i];

		if (blob->state != BLOB_WAITING)
			continue;
		if (blob->is_wanted)
			return blob;
		if (!best)
			best = blob;
	}
	return best;
}

static void *work(void *ctx)
{
	struct blob_fetch *f = ctx;

	for (;;) {
		struct blob *blob = NULL;

		lock(f);
		while (!f->stop && !(blob = choose(f)))
			(void)pthread_cond_wait(&f->change, &f->lock);
		if (f->stop) {
			unlock(f);
			return NULL;
		}
		blob->state = BLOB_RUNNING;
		unlock(f);
		finish(blob, f->cache ? fetch_by_cache(blob) : fetch_to_temporary(blob));
	}
}

struct error *blob_fetch_start(struct blob_fetch *f)
{
	sigset_t all, before;
	int rc = 0;

	source_say_signatures(f->options);
	if (f->n_blobs == 0)
		say_lines(f);
	/* Signals are for the thread that started us. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && f->n_threads < BLOB_FETCH_THREADS) {
		rc = pthread_create(&f->threads[f->n_threads], NULL, work, f);
		if (rc == 0)
			f->n_threads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? NULL : error_sys(rc, "start a thread");
}

/* True if a thread is at work on something; stops the others. */
static bool stop_all(struct blob_fetch *f)
{
	bool busy = false;

	lock(f);
	f->stop = true;
	for (size_t i = 0; i < f->n_blobs; i++)
		busy |= f->blobs[i]->state == BLOB_RUNNING;
	(void)pthread_cond_broadcast(&f->change);
	unlock(f);
	return busy;
}

void blob_fetch_free(struct blob_fetch *f)
{
	if (!f)
		return;
	if (stop_all(f)) {
		registry_cancel(f->registry);
		if (f->cache)
			cache_cancel(f->cache);
	}
	for (size_t i = 0; i < f->n_threads; i++)
		(void)pthread_join(f->threads[i], NULL);
	for (size_t i = 0; i < f->n_blobs; i++)
		blob_free(f->blobs[i]);
	free(f->blobs);
	(void)pthread_cond_destroy(&f->change);
	(void)pthread_mutex_destroy(&f->say_lock);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

/* A reader's own place in a blob. */
struct follower {
	struct blob_reader reader;
	struct blob *blob;
	uint64_t offset;
};

static struct follower *follower_of(struct blob_reader *r)
{
	return (struct follower *)r; /* its first member */
}

/* Waits until bytes behind @offset are there or the blob's fate is known. *ret_available: how far one may read. */
static struct error *wait_for_bytes(struct blob *blob, uint64_t offset, uint64_t *ret_available)
{
	struct blob_fetch *f = blob->fetch;
	struct error *err = NULL;

	lock(f);
	while (blob->available <= offset && blob->state != BLOB_DONE && blob->state != BLOB_FAILED)
		(void)pthread_cond_wait(&f->change, &f->lock);
	*ret_available = blob->available;
	if (blob->state == BLOB_FAILED)
		err = error_new(error_kind(blob->failure), "%s", error_text(blob->failure));
	if (err && error_hint_text(blob->failure))
		err = error_hint(err, "%s", error_hint_text(blob->failure));
	unlock(f);
	return err;
}

static struct error *follower_read(struct blob_reader *r, void *buf, size_t size, size_t *ret_n)
{
	struct follower *follower = follower_of(r);
	uint64_t available;

	TRY(wait_for_bytes(follower->blob, follower->offset, &available));

	uint64_t left = available - follower->offset;

	TRY_CTX(io_pread(follower->blob->fd, buf, left < size ? (size_t)left : size, follower->offset, ret_n),
		"while reading blob %s", follower->blob->digest.text);
	if (*ret_n == 0 && left > 0)
		return error_new(ERR_CORRUPT, "blob %s became shorter while it was read", follower->blob->digest.text);
	follower->offset += *ret_n;
	return NULL;
}

static void follower_close(struct blob_reader *r)
{
	free(follower_of(r));
}

struct error *blob_fetch_open(struct blob_fetch *f, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	struct follower *follower = xcalloc(1, sizeof(*follower));

	lock(f);
	struct blob *blob = find(f, &desc->digest);

	if (!blob)
		blob = add(f, desc, false);
	blob->is_wanted = true;
	(void)pthread_cond_broadcast(&f->change);
	unlock(f);
	if (blob->size != desc->size) {
		free(follower);
		return error_new(ERR_CORRUPT, "blob %s is listed with %" PRIu64 " and with %" PRIu64 " bytes",
				 desc->digest.text, blob->size, desc->size);
	}
	*follower = (struct follower){ .reader = { .read = follower_read, .close = follower_close }, .blob = blob };
	*ret_reader = &follower->reader;
	return NULL;
}
