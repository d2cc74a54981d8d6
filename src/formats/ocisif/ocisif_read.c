/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/ocisif/ocisif.h"

#include "base/io.h"

#include <inttypes.h>

static struct error *read_object(const struct ocisif *img, const struct sif_descr *d, size_t limit, struct buf *out)
{
	size_t got;

	if (d->size > limit)
		return error_new(ERR_LIMIT, "object %u is larger than %zu bytes", d->id, limit);
	/* The object is in the file, so no more is allocated than the file has. */
	TRY(sif_object_range(img->sif, d));

	char *where = buf_reserve(out, (size_t)d->size);

	TRY(io_pread(img->fd, where, (size_t)d->size, d->offset, &got));
	if (got < d->size)
		return error_new(ERR_CORRUPT, "object %u extends past end of file", d->id);
	out->len += got;
	out->data[out->len] = '\0';
	return NULL;
}

static struct error *find_blob(const struct ocisif *img, const struct digest *digest,
			       const struct sif_descr **ret_descr)
{
	/* Images made by the reference hold a blob that is listed twice twice over; either copy will do. */
	const struct sif_descr *d = sif_find_digest(img->sif, SIF_TYPE_OCI_BLOB, digest);

	if (!d)
		return error_new(ERR_CORRUPT, "blob %s is not in the image", digest->text);
	*ret_descr = d;
	return NULL;
}

struct error *ocisif_read_blob(const struct ocisif *img, const struct digest *digest, size_t limit, struct buf *out)
{
	const struct sif_descr *d;

	TRY(find_blob(img, digest, &d));
	return read_object(img, d, limit, out);
}

/* A blob that @desc points to, checked to be as long as @desc says. */
static struct error *locate(const struct ocisif *img, const struct oci_desc *desc, const struct sif_descr **ret_descr)
{
	const struct sif_descr *d;

	TRY(find_blob(img, &desc->digest, &d));
	if (d->size != desc->size)
		return error_new(ERR_CORRUPT, "blob %s has %" PRIu64 " bytes, its descriptor says %" PRIu64,
				 desc->digest.text, d->size, desc->size);
	TRY(sif_object_range(img->sif, d));
	*ret_descr = d;
	return NULL;
}

static struct error *read_desc(const struct ocisif *img, const struct oci_desc *desc, size_t limit, struct buf *out)
{
	const struct sif_descr *d;

	TRY(locate(img, desc, &d));
	return read_object(img, d, limit, out);
}

static struct error *find_root_index(const struct ocisif *img, const char *path, const struct sif_descr **ret_descr)
{
	const struct sif_descr *found = NULL;

	for (size_t i = 0; i < img->sif->n_descrs; i++) {
		if (img->sif->descrs[i].type != SIF_TYPE_OCI_ROOT_INDEX)
			continue;
		if (found)
			return error_new(ERR_CORRUPT, "multiple root indexes found");
		found = &img->sif->descrs[i];
	}
	if (!found)
		return error_hint(error_new(ERR_UNSUPPORTED, "not an OCI-SIF: \"%s\"", path),
				  "an image of native mode cannot be read, pull it again");
	*ret_descr = found;
	return NULL;
}

/* Signatures of an image are images of their own, told apart by their name (formats.md 2.11). */
static bool is_image(const struct oci_desc *desc)
{
	return oci_is_manifest_type(desc->media_type) && !(desc->ref_name && str_starts(desc->ref_name, "_cosign"));
}

static struct error *choose_image(const struct oci_index *index, const struct oci_desc **ret_desc)
{
	const struct oci_desc *found = NULL;

	for (size_t i = 0; i < index->n_manifests; i++) {
		if (!is_image(&index->manifests[i]))
			continue;
		if (found)
			return error_new(ERR_CORRUPT, "multiple matches found");
		found = &index->manifests[i];
	}
	if (!found)
		return error_new(ERR_NOT_FOUND, "no match found");
	*ret_desc = found;
	return NULL;
}

static struct error *load_manifest(struct ocisif *img, const char *path)
{
	cleanup_with(oci_index_free) struct oci_index *index = NULL;
	cleanup_buf struct buf root = { 0 };
	cleanup_buf struct buf manifest = { 0 };
	const struct sif_descr *d = NULL;
	const struct oci_desc *desc;

	TRY(find_root_index(img, path, &d));
	TRY(read_object(img, d, OCI_MANIFEST_MAX, &root));
	TRY(oci_index_parse(buf_str(&root), root.len, &index));
	TRY(choose_image(index, &desc));
	TRY(read_desc(img, desc, OCI_MANIFEST_MAX, &manifest));
	img->manifest_digest = desc->digest;
	return oci_manifest_parse(buf_str(&manifest), manifest.len, &img->manifest);
}

static struct error *load_config(struct ocisif *img)
{
	cleanup_buf struct buf config = { 0 };

	if (!oci_is_config_type(img->manifest->config.media_type))
		return NULL;
	TRY(read_desc(img, &img->manifest->config, OCI_CONFIG_MAX, &config));
	return oci_config_parse(buf_str(&config), config.len, &img->config);
}

static struct error *locate_layers(struct ocisif *img)
{
	size_t n = img->manifest->n_layers;

	if (!n)
		return error_new(ERR_CORRUPT, "image has no layers");
	img->layers = xcalloc(n, sizeof(*img->layers));
	img->n_layers = n;
	for (size_t i = 0; i < n; i++) {
		const struct oci_desc *desc = &img->manifest->layers[i];
		struct ocisif_layer *layer = &img->layers[i];
		const struct sif_descr *d;

		layer->is_overlay = i == n - 1 && str_eq(desc->media_type, OCI_MT_EXT3);
		if (!layer->is_overlay && !str_eq(desc->media_type, OCI_MT_SQUASHFS))
			return error_new(ERR_UNSUPPORTED, "unsupported layer mediaType \"%s\"", desc->media_type);
		TRY(locate(img, desc, &d));
		layer->desc = desc;
		layer->offset = d->offset;
		layer->size = d->size;
	}
	return NULL;
}

struct error *ocisif_open(int fd, const char *path, struct ocisif **ret_img)
{
	cleanup_with(ocisif_close) struct ocisif *img = xcalloc(1, sizeof(*img));

	img->fd = fd;
	TRY(sif_load(fd, &img->sif));
	TRY(load_manifest(img, path));
	TRY(load_config(img));
	TRY(locate_layers(img));
	*ret_img = take_ptr(&img);
	return NULL;
}

void ocisif_close(struct ocisif *img)
{
	if (!img)
		return;
	if (img->fd >= 0)
		(void)close(img->fd);
	sif_free(img->sif);
	oci_manifest_free(img->manifest);
	oci_config_free(img->config);
	free(img->layers);
	free(img);
}
