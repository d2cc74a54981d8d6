/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci_priv.h"

#include <stdio.h>

static void desc_clear(struct oci_desc *desc)
{
	free(desc->media_type);
	free(desc->ref_name);
	oci_platform_clear(&desc->platform);
}

/* Fills what it can; on error the caller clears @desc. */
static struct error *parse_desc(const struct jv *doc, const char *where, struct oci_desc *desc)
{
	struct jv *annotations, *platform;

	if (!jv_is_object(doc))
		return error_new(ERR_CORRUPT, "%s is not an object", where);

	int64_t size = jv_int(jv_get(doc, "size"), -1);

	desc->doc = doc;
	TRY(oci_get_str(doc, "mediaType", where, &desc->media_type));
	if (!desc->media_type)
		desc->media_type = xstrdup("");
	TRY(oci_parse_digest(jv_get_str(doc, "digest"), where, &desc->digest));
	if (size < 0)
		return error_new(ERR_CORRUPT, "%s has no valid size", where);
	desc->size = (uint64_t)size;
	TRY(oci_get_object(doc, "annotations", where, &annotations));
	TRY(oci_get_str(annotations, "org.opencontainers.image.ref.name", where, &desc->ref_name));
	TRY(oci_get_object(doc, "platform", where, &platform));
	return oci_parse_platform(platform, where, &desc->platform);
}

static struct error *parse_descs(const struct jv *list, const char *what, size_t limit, struct oci_desc **ret_descs,
				 size_t *ret_n)
{
	size_t n = jv_len(list);

	if (n > limit)
		return error_new(ERR_LIMIT, "%zu %ss (limit %zu)", n, what, limit);
	/* Both are given out before they are filled, so that an error on the way frees what there is. */
	*ret_descs = xcalloc(n ? n : 1, sizeof(**ret_descs));
	*ret_n = n;
	for (size_t i = 0; i < n; i++) {
		char where[64];

		(void)snprintf(where, sizeof(where), "%s %zu", what, i);
		TRY(parse_desc(jv_at(list, i), where, &(*ret_descs)[i]));
	}
	return NULL;
}

/* What index and manifest have in common: an object of bounded size whose schemaVersion is not another than 2. */
static struct error *parse_document(const char *data, size_t len, const char *what, struct jv **ret_doc)
{
	cleanup_with(jv_free) struct jv *doc = NULL;

	if (len > OCI_MANIFEST_MAX)
		return error_new(ERR_LIMIT, "%s is larger than %d bytes", what, OCI_MANIFEST_MAX);
	TRY(jv_parse(data, len, what, &doc));
	if (!jv_is_object(doc))
		return error_new(ERR_CORRUPT, "%s is not a JSON object", what);

	const struct jv *version = jv_get(doc, "schemaVersion");

	if (version && jv_int(version, -1) != 2)
		return error_new(ERR_UNSUPPORTED, "%s has an unsupported schemaVersion", what);
	/* The image-spec has readers refuse what could be taken for either (GHSA-77vh-xpmg-72qh). */
	if (jv_get(doc, "manifests") && (jv_get(doc, "layers") || jv_get(doc, "config")))
		return error_new(ERR_CORRUPT, "%s is both an index and a manifest", what);
	*ret_doc = take_ptr(&doc);
	return NULL;
}

struct error *oci_index_parse(const char *data, size_t len, struct oci_index **ret_index)
{
	cleanup_with(oci_index_free) struct oci_index *index = xcalloc(1, sizeof(*index));
	struct jv *list;

	TRY(parse_document(data, len, "image index", &index->doc));
	TRY(oci_get_str(index->doc, "mediaType", "image index", &index->media_type));
	if (jv_get(index->doc, "layers") || (index->media_type && oci_is_manifest_type(index->media_type)))
		return error_new(ERR_CORRUPT, "image index is an image manifest");
	TRY(oci_get_array(index->doc, "manifests", "image index", &list));
	TRY_CTX(parse_descs(list, "manifest", OCI_INDEX_ENTRIES_MAX, &index->manifests, &index->n_manifests),
		"image index");
	*ret_index = take_ptr(&index);
	return NULL;
}

static void descs_free(struct oci_desc *descs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		desc_clear(&descs[i]);
	free(descs);
}

void oci_index_free(struct oci_index *index)
{
	if (!index)
		return;
	descs_free(index->manifests, index->n_manifests);
	free(index->media_type);
	jv_free(index->doc);
	free(index);
}

static struct error *refuse_other_documents(const struct oci_manifest *m)
{
	if (jv_get(m->doc, "manifests") || oci_is_index_type(m->media_type))
		return error_new(ERR_UNSUPPORTED, "image manifest is an index");
	if (jv_get(m->doc, "fsLayers"))
		return error_new(ERR_UNSUPPORTED, "image manifest is of the obsolete schema 1");
	return NULL;
}

struct error *oci_manifest_parse(const char *data, size_t len, struct oci_manifest **ret_manifest)
{
	cleanup_with(oci_manifest_free) struct oci_manifest *m = xcalloc(1, sizeof(*m));
	struct jv *layers;

	TRY(parse_document(data, len, "image manifest", &m->doc));
	TRY(oci_get_str(m->doc, "mediaType", "image manifest", &m->media_type));
	if (!m->media_type)
		m->media_type = xstrdup("");
	TRY(refuse_other_documents(m));
	TRY(oci_get_str(m->doc, "artifactType", "image manifest", &m->artifact_type));
	TRY_CTX(parse_desc(jv_get(m->doc, "config"), "config", &m->config), "image manifest");
	TRY(oci_get_array(m->doc, "layers", "image manifest", &layers));
	TRY_CTX(parse_descs(layers, "layer", OCI_LAYERS_MAX, &m->layers, &m->n_layers), "image manifest");
	*ret_manifest = take_ptr(&m);
	return NULL;
}

void oci_manifest_free(struct oci_manifest *m)
{
	if (!m)
		return;
	descs_free(m->layers, m->n_layers);
	desc_clear(&m->config);
	free(m->media_type);
	free(m->artifact_type);
	jv_free(m->doc);
	free(m);
}
