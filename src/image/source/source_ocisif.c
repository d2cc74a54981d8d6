/* SPDX-License-Identifier: BSD-3-Clause */
/* An OCI-SIF that exists already, as a source: to squash its layers, or to compress them in another way. */
#include "image/source/source_priv.h"

#include "base/fs.h"
#include "base/sha256.h"
#include "formats/ocisif/ocisif.h"

struct ocisif_source {
	struct source base;
	const struct source_options *options;
	struct ocisif *img;
};

static struct error *start(struct source *base)
{
	return source_say_local(base, ((struct ocisif_source *)base)->options);
}

static struct error *open_blob(struct source *base, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	const struct ocisif *img = ((const struct ocisif_source *)base)->img;

	for (size_t i = 0; i < img->n_layers; i++) {
		const struct ocisif_layer *layer = &img->layers[i];

		if (digest_eq(&layer->desc->digest, &desc->digest)) {
			const struct blob_range range = { img->fd, layer->offset, layer->size };

			return blob_range_open(&range, desc, ret_reader);
		}
	}
	return error_new(ERR_NOT_FOUND, "blob %s is not in the image", desc->digest.text);
}

static void close_source(struct source *base)
{
	struct ocisif_source *s = (struct ocisif_source *)base;

	source_release(base);
	ocisif_close(s->img);
	free(s);
}

static struct error *check(const struct digest *got, const struct digest *want, const char *what)
{
	if (digest_eq(got, want))
		return NULL;
	return error_new(ERR_CORRUPT, "%s has the digest %s, not %s", what, got->text, want->text);
}

static struct error *load(struct ocisif_source *s)
{
	cleanup_buf struct buf manifest = { 0 };
	cleanup_buf struct buf config = { 0 };
	const struct digest *config_digest = &s->img->manifest->config.digest;

	TRY(ocisif_read_blob(s->img, &s->img->manifest_digest, OCI_MANIFEST_MAX, &manifest));
	TRY(source_take_manifest(&s->base, &manifest));
	TRY(check(&s->base.manifest_digest, &s->img->manifest_digest, "manifest"));
	s->base.manifest_media_type =
		xstrdup(*s->base.manifest->media_type ? s->base.manifest->media_type : OCI_MT_MANIFEST);
	TRY(ocisif_read_blob(s->img, config_digest, OCI_CONFIG_MAX, &config));

	struct digest got = sha256_of(buf_str(&config), config.len);

	TRY(check(&got, config_digest, "config"));
	return source_take_config(&s->base, &config);
}

struct error *source_ocisif_open(const char *path, const struct source_options *options, struct source **ret_source)
{
	struct ocisif_source *s = xcalloc(1, sizeof(*s));
	cleanup_with(source_close) struct source *source = &s->base;
	int fd = -EBADF;

	s->base = (struct source){ .start = start, .open_blob = open_blob, .close = close_source };
	s->options = options;
	TRY(fs_open(AT_FDCWD, path, O_RDONLY, 0, &fd));
	TRY(ocisif_open(fd, path, &s->img));
	TRY_CTX(load(s), "%s", path);
	*ret_source = take_ptr(&source);
	return NULL;
}
