/* SPDX-License-Identifier: BSD-3-Clause */
/* Platforms as users write them. What is taken is normalised: read again it is the same. */
#include "formats/oci/oci.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct oci_platform p = { 0 };
	struct oci_platform again = { 0 };
	cleanup_with(error_free) struct error *err = oci_platform_parse(text, &p);

	if (err)
		return 0;

	cleanup_free char *normal = oci_platform_text(&p);

	err = oci_platform_parse(normal, &again);
	if (err)
		abort();

	cleanup_free char *same = oci_platform_text(&again);

	if (!str_eq(same, normal) || oci_platform_score(&p, &again) != OCI_PLATFORM_EXACT)
		abort();
	oci_platform_clear(&p);
	oci_platform_clear(&again);
	return 0;
}
