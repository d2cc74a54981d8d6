/* SPDX-License-Identifier: BSD-3-Clause */
/* Image configs. What is taken can be rewritten, read again, and then stays as it is. */
#include "formats/oci/oci.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error *rewrite(const char *text, size_t len, struct buf *out)
{
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	struct oci_rewrite change = { .history_created = "2024-01-02T03:04:05Z",
				      .history_created_by = "fuzz",
				      .history_comment = "fuzz" };

	TRY(oci_config_parse(text, len, &config));
	oci_config_rewrite(config, &change, out);
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
