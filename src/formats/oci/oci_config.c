/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci_priv.h"

static const char what[] = "image config";

static struct error *parse_diff_ids(const struct jv *doc, struct oci_config *c)
{
	struct jv *rootfs, *list;

	TRY(oci_get_object(doc, "rootfs", what, &rootfs));
	TRY(oci_get_array(rootfs, "diff_ids", what, &list));
	if (jv_len(list) > OCI_LAYERS_MAX)
		return error_new(ERR_LIMIT, "%s: %zu diff_ids (limit %d)", what, jv_len(list), OCI_LAYERS_MAX);
	c->n_diff_ids = jv_len(list);
	c->diff_ids = xcalloc(c->n_diff_ids ? c->n_diff_ids : 1, sizeof(*c->diff_ids));
	for (size_t i = 0; i < c->n_diff_ids; i++)
		TRY_CTX(oci_parse_digest(jv_str(jv_at(list, i)), "diff_ids", &c->diff_ids[i]), "%s", what);
	return NULL;
}

static struct error *parse_labels(const struct jv *run, struct strv *out)
{
	struct jv *labels;
	const struct jv *value;
	const char *key;
	void *iter = NULL;

	TRY(oci_get_object(run, "Labels", what, &labels));
	while ((value = jv_next(labels, &iter, &key))) {
		if (!jv_is_string(value))
			return error_new(ERR_CORRUPT, "%s: Labels is not a map of strings", what);
		strv_addf(out, "%s=%s", key, jv_str(value));
	}
	return NULL;
}

/* The member "config": what a container made of the image runs by default. */
static struct error *parse_run_config(const struct jv *doc, struct oci_config *c)
{
	struct jv *run, *set;

	TRY(oci_get_object(doc, "config", what, &run));
	TRY(oci_get_str(run, "User", what, &c->user));
	TRY(oci_get_str(run, "WorkingDir", what, &c->working_dir));
	TRY(oci_get_str(run, "StopSignal", what, &c->stop_signal));
	TRY(oci_get_strings(run, "Env", what, &c->env));
	TRY(oci_get_strings(run, "Entrypoint", what, &c->entrypoint));
	TRY(oci_get_strings(run, "Cmd", what, &c->cmd));
	TRY(parse_labels(run, &c->labels));
	TRY(oci_get_object(run, "Volumes", what, &set));
	c->has_volumes = jv_len(set) > 0;
	TRY(oci_get_object(run, "ExposedPorts", what, &set));
	c->has_exposed_ports = jv_len(set) > 0;
	return NULL;
}

struct error *oci_config_parse(const char *data, size_t len, struct oci_config **ret_config)
{
	cleanup_with(oci_config_free) struct oci_config *c = xcalloc(1, sizeof(*c));

	if (len > OCI_CONFIG_MAX)
		return error_new(ERR_LIMIT, "%s is larger than %d bytes", what, OCI_CONFIG_MAX);
	TRY(jv_parse(data, len, what, &c->doc));
	if (!jv_is_object(c->doc))
		return error_new(ERR_CORRUPT, "%s is not a JSON object", what);
	TRY(oci_get_str(c->doc, "architecture", what, &c->architecture));
	TRY(oci_get_str(c->doc, "os", what, &c->os));
	TRY(oci_get_str(c->doc, "variant", what, &c->variant));
	TRY(oci_get_str(c->doc, "os.version", what, &c->os_version));
	TRY(oci_get_str(c->doc, "author", what, &c->author));
	TRY(oci_get_str(c->doc, "created", what, &c->created));
	TRY(oci_get_strings(c->doc, "os.features", what, &c->os_features));
	TRY(parse_diff_ids(c->doc, c));
	TRY(parse_run_config(c->doc, c));
	*ret_config = take_ptr(&c);
	return NULL;
}

void oci_config_free(struct oci_config *c)
{
	if (!c)
		return;
	free(c->architecture);
	free(c->os);
	free(c->variant);
	free(c->os_version);
	free(c->author);
	free(c->created);
	strv_free(&c->os_features);
	free(c->diff_ids);
	free(c->user);
	free(c->working_dir);
	free(c->stop_signal);
	strv_free(&c->env);
	strv_free(&c->entrypoint);
	strv_free(&c->cmd);
	strv_free(&c->labels);
	jv_free(c->doc);
	free(c);
}
