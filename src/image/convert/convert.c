/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/convert/convert.h"

#include "base/sha256.h"
#include "image/convert/convert_priv.h"

#include <stdio.h>

static void say(const struct conversion *c, enum log_level level, const char *text)
{
	if (c->options->sink)
		c->options->sink(c->options->sink_ctx, level, text);
}

static struct error *check_platform(const struct conversion *c)
{
	const struct oci_config *config = c->source->config;
	struct oci_platform image = { 0 };
	cleanup_free char *has = NULL;
	cleanup_free char *wants = NULL;

	if (!config || !config->os || !config->architecture) {
		say(c, LOG_WARNING, "OCI image doesn't declare a platform. It may not be compatible with this system.");
		return NULL;
	}
	image = (struct oci_platform){ .os = config->os,
				       .architecture = config->architecture,
				       .variant = config->variant,
				       .os_version = config->os_version };
	if (oci_platform_satisfies(&image, c->options->platform))
		return NULL;
	has = oci_platform_text(&image);
	wants = oci_platform_text(c->options->platform);
	return error_new(ERR_UNSUPPORTED,
			 "while fetching OCI image: while checking OCI image: image (%s) does not satisfy required platform (%s)",
			 has, wants);
}

static bool is_type(const struct oci_desc *desc, const char *media_type)
{
	return str_eq(desc->media_type, media_type);
}

/* Nothing to convert and nothing to rewrite: every layer is a squashfs already. An ext3 layer does not count as such. */
static bool is_unchanged(const struct conversion *c, bool squashes)
{
	const struct oci_manifest *manifest = c->source->manifest;

	for (size_t i = 0; i < manifest->n_layers; i++)
		if (!is_type(&manifest->layers[i], OCI_MT_SQUASHFS))
			return false;
	return !squashes;
}

/* RFC 3339 in UTC, as the reference writes it: nanoseconds without their trailing zeroes. */
static char *format_time(const struct timespec *time)
{
	char date[32] = "";
	char fraction[16] = "";
	struct tm tm = { 0 };
	size_t len = 0;

	(void)gmtime_r(&time->tv_sec, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(fraction, sizeof(fraction), ".%09ld", time->tv_nsec);
	for (len = strlen(fraction); len > 0 && (fraction[len - 1] == '0' || fraction[len - 1] == '.'); len--)
		if (fraction[len - 1] == '.') {
			len--;
			break;
		}
	fraction[len] = '\0';
	return xasprintf("%s%sZ", date, fraction);
}

static struct error *write_documents(struct conversion *c, const struct buf *config, const struct buf *manifest)
{
	const struct source *s = c->source;
	const char *media_type = s->manifest->media_type && s->manifest->media_type[0] ? s->manifest->media_type
										   : s->manifest_media_type;
	struct digest config_digest = sha256_of(config->data, config->len);
	struct digest manifest_digest = sha256_of(manifest->data, manifest->len);
	struct digest root_digest = { 0 };
	cleanup_buf struct buf root = { 0 };

	/* An artifact's empty config can be the same bytes as one of its layers. */
	if (!ocisif_has_blob(c->out, &config_digest))
		TRY(ocisif_add_blob(c->out, config->data, config->len, &config_digest));
	TRY(ocisif_add_blob(c->out, manifest->data, manifest->len, &manifest_digest));
	oci_root_index(s->manifest, media_type, &manifest_digest, manifest->len, &root);
	root_digest = sha256_of(root.data, root.len);
	return ocisif_finish(c->out, root.data, root.len, &root_digest);
}

static struct error *write_unchanged(struct conversion *c)
{
	const struct source *s = c->source;
	struct buf config = { .data = s->config_bytes, .len = s->config_len };
	struct buf manifest = { .data = s->manifest_bytes, .len = s->manifest_len };

	return write_documents(c, &config, &manifest);
}

static struct error *write_rewritten(struct conversion *c)
{
	const struct source *s = c->source;
	cleanup_free char *created = format_time(&c->options->now);
	cleanup_free char *comment = xasprintf("oci-sif created from %s", digest_hex(&s->manifest_digest));
	struct oci_rewrite change = { .media_type = OCI_MT_SQUASHFS,
				      .layers = c->layers,
				      .n_layers = c->n_layers,
				      .history_created = created,
				      .history_created_by = c->options->user_agent,
				      .history_comment = comment };
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf manifest = { 0 };
	struct digest config_digest = { 0 };

	oci_config_rewrite(s->config, &change, &config);
	config_digest = sha256_of(config.data, config.len);
	oci_manifest_rewrite(s->manifest, &change, &config_digest, config.len, &manifest);
	return write_documents(c, &config, &manifest);
}

static struct error *check_config(const struct conversion *c)
{
	const struct oci_config *config = c->source->config;

	if (!config)
		return error_new(ERR_UNSUPPORTED, "image config is of type %s, which no image has",
				 c->source->manifest->config.media_type);
	if (config->n_diff_ids != c->source->manifest->n_layers)
		return error_new(ERR_CORRUPT, "image config lists %zu diff_ids for %zu layers", config->n_diff_ids,
				 c->source->manifest->n_layers);
	return NULL;
}

/* All base layers apart: squashfs and overlay as they are, tar layers converted. */
static struct error *keep_all(struct conversion *c)
{
	const struct oci_manifest *manifest = c->source->manifest;

	for (size_t i = 0; i < manifest->n_layers; i++) {
		const struct oci_desc *desc = &manifest->layers[i];
		bool is_last = i + 1 == manifest->n_layers;

		if (is_type(desc, OCI_MT_SQUASHFS) || (is_type(desc, OCI_MT_EXT3) && is_last))
			TRY(convert_copy(c, i, i));
		else
			TRY(convert_keep(c, i, manifest->n_layers > 1));
	}
	return NULL;
}

static struct error *convert(struct conversion *c)
{
	const struct oci_manifest *manifest = c->source->manifest;
	size_t n = manifest->n_layers;
	bool has_overlay = is_type(&manifest->layers[n - 1], OCI_MT_EXT3);
	bool squashes = !c->options->keep_layers && n - has_overlay > 1;
	bool unchanged = is_unchanged(c, squashes);

	if (!unchanged)
		TRY(check_config(c));
	c->n_layers = squashes ? 1 + (size_t)has_overlay : n;
	for (size_t i = 0; i < n; i++)
		c->bytes_total += manifest->layers[i].size;
	TRY(ocisif_create(c->fd, ocisif_slots(c->n_layers), &c->out));
	/* Said of an image that has one layer already, too: the lines of a pull do not depend on it. */
	if (!c->options->keep_layers && !unchanged)
		say(c, LOG_INFO, "Squashing image to single layer");
	if (squashes) {
		TRY(convert_squash(c, n - has_overlay));
		if (has_overlay)
			TRY(convert_copy(c, n - 1, 1));
	} else {
		TRY(keep_all(c));
	}
	if (has_overlay)
		say(c, LOG_INFO, "Image contains a writable overlay");
	say(c, LOG_INFO, "Writing OCI-SIF image");
	return unchanged ? write_unchanged(c) : write_rewritten(c);
}

struct error *convert_to_ocisif(struct source *source, const struct convert_options *options, int fd)
{
	struct conversion c = { .source = source, .options = options, .fd = fd };
	struct error *err = NULL;

	if (source->manifest->n_layers == 0)
		return error_new(ERR_CORRUPT, "image has no layers");
	if (options->platform)
		TRY(check_platform(&c));
	c.layers = xcalloc(source->manifest->n_layers, sizeof(*c.layers));
	c.is_repeatable = xcalloc(source->manifest->n_layers, sizeof(*c.is_repeatable));
	err = convert(&c);
	ocisif_writer_free(c.out);
	free(c.layers);
	free(c.is_repeatable);
	return err;
}
