/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci_priv.h"

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (str_eq(text, *list))
			return true;
	}
	return false;
}

bool oci_is_index_type(const char *media_type)
{
	static const char *const types[] = { OCI_MT_INDEX, OCI_MT_DOCKER_LIST, NULL };

	return is_one_of(media_type, types);
}

bool oci_is_manifest_type(const char *media_type)
{
	static const char *const types[] = { OCI_MT_MANIFEST, OCI_MT_DOCKER_MANIFEST, NULL };

	return is_one_of(media_type, types);
}

bool oci_is_config_type(const char *media_type)
{
	static const char *const types[] = { OCI_MT_CONFIG, OCI_MT_DOCKER_CONFIG, NULL };

	return is_one_of(media_type, types);
}

bool oci_is_tar_layer_type(const char *media_type)
{
	static const char *const types[] = {
		OCI_MT_LAYER_TAR,
		OCI_MT_LAYER_GZIP,
		OCI_MT_LAYER_ZSTD,
		OCI_MT_DOCKER_LAYER_TAR,
		OCI_MT_DOCKER_LAYER_GZIP,
		"application/vnd.docker.image.rootfs.diff.tar.zstd", /* no standard has it, registries do */
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		NULL,
	};

	return is_one_of(media_type, types);
}

static struct error *wrong_type(const char *where, const char *key, const char *wanted)
{
	return error_new(ERR_CORRUPT, "%s: %s is not %s", where, key, wanted);
}

struct error *oci_get_str(const struct jv *object, const char *key, const char *where, char **ret_text)
{
	const struct jv *v = jv_get(object, key);

	if (!v || jv_is_null(v)) {
		*ret_text = NULL;
		return NULL;
	}
	if (!jv_is_string(v))
		return wrong_type(where, key, "a string");
	*ret_text = *jv_str(v) ? xstrdup(jv_str(v)) : NULL;
	return NULL;
}

struct error *oci_get_object(const struct jv *object, const char *key, const char *where, struct jv **ret_value)
{
	struct jv *v = jv_get(object, key);

	if (v && !jv_is_null(v) && !jv_is_object(v))
		return wrong_type(where, key, "an object");
	*ret_value = jv_is_object(v) ? v : NULL;
	return NULL;
}

struct error *oci_get_array(const struct jv *object, const char *key, const char *where, struct jv **ret_value)
{
	struct jv *v = jv_get(object, key);

	if (v && !jv_is_null(v) && !jv_is_array(v))
		return wrong_type(where, key, "a list");
	*ret_value = jv_is_array(v) ? v : NULL;
	return NULL;
}

struct error *oci_get_strings(const struct jv *object, const char *key, const char *where, struct strv *out)
{
	struct jv *list;

	TRY(oci_get_array(object, key, where, &list));
	for (size_t i = 0; i < jv_len(list); i++) {
		const char *item = jv_str(jv_at(list, i));

		if (!item)
			return wrong_type(where, key, "a list of strings");
		strv_add(out, item);
	}
	return NULL;
}

struct error *oci_parse_digest(const char *text, const char *where, struct digest *ret_digest)
{
	if (!text)
		return error_new(ERR_CORRUPT, "%s has no digest", where);
	if (digest_parse(text, ret_digest))
		return NULL;
	if (str_starts(text, "sha512:") || str_starts(text, "sha384:"))
		return error_new(ERR_UNSUPPORTED, "%s: unsupported hash: \"%.6s\"", where, text);
	return error_new(ERR_CORRUPT, "%s: invalid digest \"%.*s\"", where, DIGEST_TEXT_LEN + 9, text);
}

struct error *oci_parse_platform(const struct jv *object, const char *where, struct oci_platform *ret_platform)
{
	struct oci_platform p = { 0 };
	struct error *err = oci_get_str(object, "os", where, &p.os);

	if (!err)
		err = oci_get_str(object, "architecture", where, &p.architecture);
	if (!err)
		err = oci_get_str(object, "variant", where, &p.variant);
	if (!err)
		err = oci_get_str(object, "os.version", where, &p.os_version);
	if (err) {
		oci_platform_clear(&p);
		return err;
	}
	*ret_platform = p;
	return NULL;
}
