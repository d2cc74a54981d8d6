/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OCI image layouts, in a directory or in an archive. Specification: image-spec 1.1, image-layout.md. Everything named
 * by a digest is checked against it; a layout's directory is no more trusted than a registry.
 */
#include "image/source/source_priv.h"

#include "image/source/source_platform.h"

#include "base/fs.h"
#include "formats/uri/uri.h"

/* Indexes inside indexes. Build tools write two levels. */
enum { INDEX_DEPTH_MAX = 8 };

struct layout {
	struct source base;
	const struct source_options *options;
	struct layout_store store;
	char *path;
};

static struct error *find_in_directory(const struct layout_store *store, const char *name, struct blob_range *ret_range)
{
	cleanup_fd int fd = -EBADF;
	cleanup_with(error_free) struct error *err = fs_open_beneath(store->dirfd, name, O_RDONLY | O_NONBLOCK, 0, &fd);
	const char *base = fs_basename(name);
	struct stat st;

	if (err && error_errno(err) == ELOOP)
		return error_new(ERR_CORRUPT, "layout blob %s is a symlink", base);
	if (err && error_errno(err) == ENOENT)
		return error_new(ERR_NOT_FOUND, "stat %s/%s: no such file or directory", store->path, name);
	if (err)
		return error_wrap(take_ptr(&err), "%s", store->path);
	if (fstat(fd, &st) < 0)
		return error_sys(errno, "stat %s/%s", store->path, name);
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_CORRUPT, "layout blob %s is not a regular file", base);
	*ret_range = (struct blob_range){ .fd = take_fd(&fd), .size = (uint64_t)st.st_size };
	return NULL;
}

static struct error *find_in_tarball(const struct layout_store *store, const char *name, struct blob_range *ret_range)
{
	return tarball_find(store->tarball, name, ret_range);
}

static void give_back(const struct layout_store *store, struct blob_range *range)
{
	if (store->owns_fds && range->fd >= 0)
		(void)close(take_fd(&range->fd));
}

/* Append a document; @desc NULL for index.json, which has no digest. */
static struct error *read_document(const struct layout *l, const char *name, const struct oci_desc *desc, size_t limit,
				   struct buf *out)
{
	struct blob_range range = { .fd = -EBADF };

	TRY(l->store.find(&l->store, name, &range));

	struct error *err = blob_range_read(&range, desc, limit, name, out);

	give_back(&l->store, &range);
	return err;
}

static struct error *read_blob(const struct layout *l, const struct oci_desc *desc, size_t limit, struct buf *out)
{
	cleanup_free char *name = xasprintf("blobs/sha256/%s", digest_hex(&desc->digest));

	return read_document(l, name, desc, limit, out);
}

/* ---- choosing from index.json ---- */

static bool name_matches(const struct oci_desc *desc, const char *name)
{
	const char *colon;

	if (!desc->ref_name)
		return false;
	colon = strrchr(desc->ref_name, ':');
	return str_eq(desc->ref_name, name) || (colon && str_eq(colon + 1, name));
}

static bool is_selected(const struct oci_index *index, size_t i, const struct selector *s)
{
	const struct oci_desc *desc = &index->manifests[i];

	switch (s->kind) {
	case SELECT_NONE:
		return true;
	case SELECT_NAME:
		return name_matches(desc, s->text);
	case SELECT_INDEX:
		return i == s->index;
	case SELECT_DIGEST:
		return digest_eq(&desc->digest, &s->digest);
	}
	return false;
}

/* What could have been asked for, for the hint. */
static char *names_in(const struct oci_index *index)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < index->n_manifests && names.len < 1000; i++)
		buf_appendf(&names, "%s%s", names.len ? ", " : "",
			    index->manifests[i].ref_name ? index->manifests[i].ref_name
							 : index->manifests[i].digest.text);
	return buf_take(&names);
}

static struct error *not_in_layout(const struct layout *l, const struct oci_index *index, const struct selector *s)
{
	cleanup_free char *names = names_in(index);

	if (s->kind == SELECT_INDEX)
		return error_new(ERR_NOT_FOUND, "invalid source index %s, only %zu manifest items available", s->text,
				 index->n_manifests);
	return error_hint(error_new(ERR_NOT_FOUND, "image \"%s%c%s\" not found in layout", l->path,
				    s->kind == SELECT_DIGEST ? '@' : ':', s->text),
			  "it holds %s", names);
}

static struct error *pick_platform(const struct layout *l, const struct oci_index *index, const struct selector *s,
				   const struct oci_desc **ret_desc);

/* The one entry that is meant. Several of one name are one image for several platforms; several without a name are a
 * mistake. */
static struct error *choose(const struct layout *l, const struct oci_index *index, const struct selector *s,
			    const struct oci_desc **ret_desc)
{
	size_t n = 0;

	if (index->n_manifests == 0)
		return error_new(ERR_NOT_FOUND, "no images found in layout %s", l->path);
	for (size_t i = 0; i < index->n_manifests; i++) {
		if (is_selected(index, i, s) && n++ == 0)
			*ret_desc = &index->manifests[i];
	}
	if (n == 0)
		return not_in_layout(l, index, s);
	if (n == 1 || s->kind == SELECT_DIGEST)
		return NULL;
	if (s->kind == SELECT_NAME)
		return pick_platform(l, index, s, ret_desc);

	cleanup_free char *names = names_in(index);

	return error_hint(error_new(ERR_USAGE, "must specify a digest - layout contains multiple images"), "one of %s",
			  names);
}

/* ---- platforms ---- */

/* The platform of an entry that does not say: its image's config knows. What is no image has none. */
static struct error *look_up_platform(const struct layout *l, const struct oci_desc *desc,
				      struct oci_config **ret_config)
{
	cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
	cleanup_buf struct buf bytes = { 0 };
	cleanup_buf struct buf config = { 0 };

	if (!oci_is_manifest_type(desc->media_type))
		return NULL;
	TRY(read_blob(l, desc, OCI_MANIFEST_MAX, &bytes));
	TRY(oci_manifest_parse(buf_str(&bytes), bytes.len, &manifest));
	if (!oci_is_config_type(manifest->config.media_type))
		return NULL;
	TRY(read_blob(l, &manifest->config, OCI_CONFIG_MAX, &config));
	return oci_config_parse(buf_str(&config), config.len, ret_config);
}

static struct error *score(const struct layout *l, const struct oci_desc *desc, unsigned *ret_score)
{
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	struct oci_platform platform = desc->platform;

	if (!platform.os && !platform.architecture) {
		/* An index that does not say may hold the right image: better than nothing. */
		if (oci_is_index_type(desc->media_type)) {
			*ret_score = 1;
			return NULL;
		}
		TRY(look_up_platform(l, desc, &config));
		if (config)
			platform = (struct oci_platform){ config->os, config->architecture, config->variant,
							  config->os_version };
	}
	*ret_score = oci_platform_score(&platform, &l->options->platform);
	return NULL;
}

static struct error *pick_platform(const struct layout *l, const struct oci_index *index, const struct selector *s,
				   const struct oci_desc **ret_desc)
{
	unsigned best = 0;

	for (size_t i = 0; i < index->n_manifests; i++) {
		unsigned points = 0;

		if (is_selected(index, i, s))
			TRY(score(l, &index->manifests[i], &points));
		if (points > best) {
			best = points;
			*ret_desc = &index->manifests[i];
		}
	}
	return best ? NULL : source_platform_none(index, &l->options->platform);
}

/* ---- loading ---- */

/* Follow indexes down to a manifest. */
static struct error *load_manifest(struct layout *l, struct oci_index **index, const struct oci_desc *desc)
{
	static const struct selector any = { .kind = SELECT_NONE };

	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		cleanup_buf struct buf bytes = { 0 };

		if (!oci_is_index_type(desc->media_type) && !oci_is_manifest_type(desc->media_type))
			return error_new(ERR_UNSUPPORTED, "unexpected media type for %s: %s", desc->digest.text,
					 desc->media_type);
		TRY(read_blob(l, desc, OCI_MANIFEST_MAX, &bytes));
		if (oci_is_manifest_type(desc->media_type)) {
			l->base.manifest_media_type = xstrdup(desc->media_type);
			return source_take_manifest(&l->base, &bytes);
		}

		struct oci_index *inner = NULL;

		TRY(oci_index_parse(buf_str(&bytes), bytes.len, &inner));
		oci_index_free(*index);
		*index = inner;
		TRY(pick_platform(l, inner, &any, &desc));
	}
	return error_new(ERR_LIMIT, "indexes are nested deeper than %d levels", INDEX_DEPTH_MAX);
}

static struct error *load(struct layout *l, const struct selector *selector)
{
	cleanup_with(oci_index_free) struct oci_index *index = NULL;
	const struct oci_desc *desc = NULL;
	cleanup_buf struct buf bytes = { 0 };
	cleanup_buf struct buf config = { 0 };

	TRY(read_document(l, "index.json", NULL, OCI_MANIFEST_MAX, &bytes));
	TRY(oci_index_parse(buf_str(&bytes), bytes.len, &index));
	TRY(choose(l, index, selector, &desc));
	TRY(load_manifest(l, &index, desc));
	TRY(read_blob(l, &l->base.manifest->config, OCI_CONFIG_MAX, &config));
	return source_take_config(&l->base, &config);
}

static struct error *layout_start(struct source *base)
{
	return source_say_local(base, ((struct layout *)base)->options);
}

static struct error *layout_open_blob(struct source *base, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	const struct layout *l = (const struct layout *)base;
	cleanup_free char *name = xasprintf("blobs/sha256/%s", digest_hex(&desc->digest));
	struct blob_range range = { .fd = -EBADF };

	TRY(l->store.find(&l->store, name, &range));

	struct error *err = blob_range_open(&range, desc, ret_reader);

	give_back(&l->store, &range);
	return err;
}

static void layout_close(struct source *base)
{
	struct layout *l = (struct layout *)base;

	source_release(base);
	if (l->store.dirfd >= 0)
		(void)close(l->store.dirfd);
	tarball_close(l->store.tarball);
	free(l->path);
	free(l);
}

static struct layout *layout_new(const char *path, const struct source_options *options)
{
	struct layout *l = xcalloc(1, sizeof(*l));

	l->base = (struct source){ .start = layout_start, .open_blob = layout_open_blob, .close = layout_close };
	l->options = options;
	l->path = xstrdup(path);
	l->store = (struct layout_store){ .dirfd = -EBADF, .path = l->path };
	return l;
}

struct error *source_layout_open(const char *rest, const struct source_options *options, struct source **ret_source)
{
	cleanup_free char *path = NULL;
	cleanup_selector struct selector selector = { .kind = SELECT_NONE };
	cleanup_fd int dirfd = -EBADF;
	cleanup_with(error_free) struct error *err = local_open(rest, O_PATH | O_DIRECTORY, &path, &selector, &dirfd);

	if (err)
		return error_sys(error_errno(err), "stat %s/index.json", uri_local_path(rest));

	cleanup_with(source_close) struct source *source = NULL;
	struct layout *l = layout_new(path, options);

	source = &l->base;
	l->store.find = find_in_directory;
	l->store.owns_fds = true;
	l->store.dirfd = take_fd(&dirfd);
	TRY(load(l, &selector));
	*ret_source = take_ptr(&source);
	return NULL;
}

struct error *source_layout_in_tarball(struct tarball *tarball, const char *path, const struct selector *selector,
				       const struct source_options *options, struct source **ret_source)
{
	struct layout *l = layout_new(path, options);
	cleanup_with(source_close) struct source *source = &l->base;

	l->store.find = find_in_tarball;
	l->store.tarball = tarball;
	TRY(load(l, selector));
	*ret_source = take_ptr(&source);
	return NULL;
}
