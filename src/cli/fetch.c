/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/fetch.h"
#include "cli/prompt.h"

#include "base/draft.h"
#include "base/fs.h"
#include "build_config.h"
#include "formats/conf/conf.h"
#include "formats/ocisif/ocisif.h"
#include "image/source/source_platform.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

/* Rounds of look, wait, look again. More than two mean that an entry vanishes as soon as it is made. */
enum { CACHE_TRIES = 8 };

struct fetch {
	const struct fetch_options *options;
	struct source_options source;
	struct convert_options convert;
	struct cache *cache; /* NULL: do without */
	char *asked_username, *asked_password;
	char *suffix;	     /* of the cache entry: what makes the result another one than that of a plain pull */
	char *user_agent;
	struct progress *progress;
	/*
	 * The conversion starts while blobs still arrive, but its lines come after those of the copy, as everybody
	 * knows them. So they wait here until the source has said its last.
	 */
	pthread_mutex_t lock;
	bool is_copied;
	struct strv waiting;
};

/* ---- messages ---- */

static void let_go(struct fetch *f)
{
	(void)pthread_mutex_lock(&f->lock);
	f->is_copied = true;
	for (size_t i = 0; i < f->waiting.n; i++)
		progress_sink(f->progress, LOG_INFO, f->waiting.items[i]);
	strv_free(&f->waiting);
	(void)pthread_mutex_unlock(&f->lock);
}

static void hear_source(void *ctx, enum log_level level, const char *text)
{
	struct fetch *f = ctx;

	progress_sink(f->progress, level, text);
	if (level == LOG_LOG && str_eq(text, SOURCE_SAID_WRITTEN))
		let_go(f);
}

static void hear_conversion(void *ctx, enum log_level level, const char *text)
{
	struct fetch *f = ctx;

	(void)pthread_mutex_lock(&f->lock);
	if (level == LOG_INFO && !f->is_copied)
		strv_add(&f->waiting, text);
	else
		progress_sink(f->progress, level, text);
	(void)pthread_mutex_unlock(&f->lock);
}

/* ---- options ---- */

const char *fetch_tmpdir(const struct fetch *f)
{
	return f->source.tmpdir;
}

static const char *choose_tmpdir(const char *given)
{
	const char *dir = given && *given ? given : secure_getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

static struct error *choose_platform(const struct fetch_options *o, struct oci_platform *ret_platform)
{
	if (o->arch && o->platform)
		return error_new(ERR_USAGE, "--arch and --platform cannot be used together");
	if (o->arch)
		return oci_platform_from_arch(o->arch, ret_platform);
	/* "linux" alone means this machine. */
	return oci_platform_parse(o->platform ? o->platform : "linux", ret_platform);
}

static struct error *choose_squashfs(const struct fetch_options *o, struct squash_writer_options *ret_squash)
{
	static const enum squash_codec codecs[] = { SQUASH_ZSTD, SQUASH_GZIP, SQUASH_LZ4 };
	const char *codec = o->squashfs_codec ? o->squashfs_codec : o->conf->squashfs_codec;
	bool is_sites = str_eq(codec, o->conf->squashfs_codec);

	ret_squash->level = (int)(o->squashfs_level || !is_sites ? o->squashfs_level : o->conf->squashfs_level);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		if (str_eq(codec, squash_codec_name(codecs[i]))) {
			ret_squash->codec = codecs[i];
			return NULL;
		}
	}
	return error_new(ERR_USAGE, "\"%s\" is not a squashfs codec that can be written: choose zstd, gzip or lz4",
			 codec);
}

/* The entry of a plain pull has the name that the reference gives it; other results stand beside it. */
static char *cache_suffix(const struct fetch *f)
{
	const struct squash_writer_options *squash = &f->convert.squash;
	struct buf suffix = { 0 };

	if (f->convert.keep_layers)
		buf_append_str(&suffix, ".ml");
	if (squash->codec != SQUASH_ZSTD)
		buf_appendf(&suffix, ".%s", squash_codec_name(squash->codec));
	if (squash->level)
		buf_appendf(&suffix, ".l%d", squash->level);
	return buf_take(&suffix);
}

/* --docker-login: what was not given is asked for. */
static struct error *log_in(struct fetch *f)
{
	if (!f->options->docker_login)
		return NULL;
	if (!f->source.docker_username) {
		TRY(prompt_line("Enter Docker/OCI registry username: ", false, &f->asked_username));
		f->source.docker_username = f->asked_username;
	}
	if (!f->source.docker_password) {
		TRY(prompt_line("Enter Docker / OCI registry password: ", true, &f->asked_password));
		f->source.docker_password = f->asked_password;
	}
	return NULL;
}

static void open_cache(struct fetch *f)
{
	cleanup_with(error_free) struct error *err = NULL;

	if (f->options->disable_cache)
		return;
	err = cache_open(NULL, &f->cache);
	if (err)
		log_msg(LOG_WARNING, "Cache disabled - %s", error_text(err));
}

struct error *fetch_new(const struct fetch_options *options, struct fetch **ret_fetch)
{
	cleanup_with(fetch_free) struct fetch *f = xcalloc(1, sizeof(*f));

	(void)pthread_mutex_init(&f->lock, NULL);
	f->options = options;
	f->progress = progress_new();
	f->user_agent = xasprintf("Singularity/" PACKAGE_VERSION " (Linux %s)", oci_host_platform()->architecture);
	f->source = (struct source_options){
		.platform_given = options->arch || options->platform,
		.tmpdir = choose_tmpdir(options->tmpdir),
		.authfile = options->authfile,
		.docker_username = options->docker_username,
		.docker_password = options->docker_password,
		.no_https = options->no_https,
		.sink = hear_source,
		.sink_ctx = f,
	};
	TRY(choose_platform(options, &f->source.platform));
	f->convert = (struct convert_options){
		.keep_layers = options->keep_layers,
		.user_agent = f->user_agent,
		.tmpdir = f->source.tmpdir,
		.sink = hear_conversion,
		.sink_ctx = f,
		.progress = progress_update,
		.progress_ctx = f->progress,
	};
	TRY(choose_squashfs(options, &f->convert.squash));
	f->suffix = cache_suffix(f);
	TRY_CTX(log_in(f), "could not read credentials");
	open_cache(f);
	*ret_fetch = take_ptr(&f);
	return NULL;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	progress_free(f->progress);
	cache_close(f->cache);
	oci_platform_clear(&f->source.platform);
	strv_free(&f->waiting);
	free(f->suffix);
	free(f->user_agent);
	free(f->asked_username);
	free(f->asked_password);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

void fetched_clear(struct fetched *fetched)
{
	if (fetched->fd >= 0)
		(void)close(take_fd(&fetched->fd));
	free(take_ptr(&fetched->path));
}

/* ---- work ---- */

struct error *fetch_explain_full(struct error *err, const char *dir, const char *variable)
{
	int errnum = err ? error_errno(err) : 0;

	if (errnum != ENOSPC && errnum != EDQUOT && errnum != EFBIG)
		return err;
	return error_hint(err, "free some space in %s, or choose another place with %s", dir, variable);
}

static struct error *convert(struct fetch *f, struct source *source, int fd)
{
	(void)clock_gettime(CLOCK_REALTIME, &f->convert.now);
	TRY(source->start(source));
	hear_conversion(f, LOG_INFO, "Converting OCI image to OCI-SIF format");

	struct error *err = convert_to_ocisif(source, &f->convert, fd);

	progress_clear(f->progress);
	let_go(f);
	progress_sink(f->progress, LOG_INFO, "Cleaning up.");
	return error_wrap(err, "while creating OCI-SIF");
}

/* A cheap look at a cached image: everything that its headers promise must lie inside it. A crash of the host may have
 * cut it. */
static bool is_whole(int fd, const char *path)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct ocisif *img = NULL;
	cleanup_with(error_free) struct error *err = copy < 0 ? NULL : ocisif_open(copy, path, &img);

	ocisif_close(img);
	if (err)
		log_debug("cached image is damaged: %s", error_text(err));
	return copy >= 0 && !err;
}

static struct error *find(struct fetch *f, const struct digest *digest, struct fetched *ret_fetched)
{
	TRY(cache_find_image(f->cache, digest, f->suffix, &ret_fetched->path, &ret_fetched->fd));
	if (ret_fetched->fd < 0 || is_whole(ret_fetched->fd, ret_fetched->path))
		return NULL;
	fetched_clear(ret_fetched);
	cache_drop_image(f->cache, digest, f->suffix);
	return NULL;
}

/* Make the entry, unless somebody else has made it while we waited. */
static struct error *make_entry(struct fetch *f, struct source *source, bool *ret_made)
{
	cleanup_with(cache_abandon) struct cache_claim *claim = NULL;
	int fd;

	TRY(cache_claim_image(f->cache, &source->manifest_digest, f->suffix, &claim, &fd));
	if (!claim)
		return NULL;
	TRY(fetch_explain_full(convert(f, source, fd), cache_root(f->cache), "SINGULARITY_CACHEDIR"));
	*ret_made = true;
	return cache_commit(take_ptr(&claim));
}

static struct error *fetch_through_cache(struct fetch *f, struct source *source, struct fetched *ret_fetched)
{
	bool made = false;

	for (int tries = 0; tries < CACHE_TRIES; tries++) {
		TRY(find(f, &source->manifest_digest, ret_fetched));
		if (ret_fetched->fd >= 0) {
			if (!made)
				progress_sink(f->progress, LOG_INFO, "Using cached OCI-SIF image");
			return NULL;
		}
		if (!cache_is_writable(f->cache))
			return NULL;
		TRY(make_entry(f, source, &made));
	}
	return error_new(ERR_SYSTEM, "image vanished from the cache %s", cache_root(f->cache));
}

static struct error *fetch_into_file(struct fetch *f, struct source *source, int *into)
{
	struct stat st;

	if (stat(f->source.tmpdir, &st) < 0)
		return error_sys(errno, "while creating OCI-SIF: stat %s", f->source.tmpdir);
	if (*into >= 0)
		return convert(f, source, *into);
	TRY_CTX(draft_unnamed(f->source.tmpdir, into), "while creating OCI-SIF");
	return fetch_explain_full(convert(f, source, *into), f->source.tmpdir, "SINGULARITY_TMPDIR");
}

struct error *fetch_run(struct fetch *f, int *into, struct fetched *ret_fetched)
{
	struct cache *blobs = f->cache && cache_is_writable(f->cache) ? f->cache : NULL;
	cleanup_with(source_close) struct source *source = NULL;

	*ret_fetched = (struct fetched){ .fd = -EBADF };
	TRY_CTX(source_open(f->options->uri, &f->source, blobs, &source), "failed to get digest for %s",
		f->options->uri);
	TRY(source_platform_check(source, &f->source));
	if (f->cache)
		TRY(fetch_through_cache(f, source, ret_fetched));
	if (ret_fetched->fd >= 0)
		return NULL;
	if (f->cache && !blobs)
		log_msg(LOG_WARNING, "Cache disabled - cache location %s is not writable.", cache_root(f->cache));
	return fetch_into_file(f, source, into);
}
