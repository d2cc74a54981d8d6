/* SPDX-License-Identifier: BSD-3-Clause */
/* Image manifests. What is taken can be rewritten, read again, and then stays as it is. */
#include "formats/oci/oci.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error *rewrite(const char *text, size_t len, struct buf *out)
{
	cleanup_with(oci_manifest_free) struct oci_manifest *m = NULL;

	TRY(oci_manifest_parse(text, len, &m));

	struct oci_rewrite change = { .layers = m->layers, .n_layers = m->n_layers };

	oci_manifest_rewrite(m, &change, &m->config.digest, m->config.size, out);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf once = { 0 };
	cleanup_buf struct buf twice = { 0 };
	cleanup_with(error_free) struct error *err = rewrite((const char *)data, size, &once);

	if (err)
		return 0;
	err = rewrite(buf_str(&once), once.len, &twice);
	/* Escapes may make a document that was just small enough too large. */
	if (err ? error_kind(err) != ERR_LIMIT : once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
		abort();
	return 0;
}
