/* SPDX-License-Identifier: BSD-3-Clause */
/* Image indexes, and the choice of a platform among their entries. */
#include "formats/oci/oci.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_with(oci_index_free) struct oci_index *index = NULL;
	cleanup_with(error_free) struct error *err = oci_index_parse((const char *)data, size, &index);

	for (size_t i = 0; !err && i < index->n_manifests; i++) {
		const struct oci_platform *p = &index->manifests[i].platform;

		free(oci_platform_text(p));
		if (oci_platform_score(p, oci_host_platform()) > OCI_PLATFORM_EXACT ||
		    !*index->manifests[i].digest.text)
			abort();
	}
	return 0;
}
