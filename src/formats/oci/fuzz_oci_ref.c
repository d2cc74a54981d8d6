/* SPDX-License-Identifier: BSD-3-Clause */
/* References: what is taken must survive being written and read again. */
#include "formats/oci/oci_ref.h"

#include "base/str.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct oci_ref ref = { 0 };
	struct oci_ref again = { 0 };
	struct error *err = oci_ref_parse(text, &ref);

	if (!err) {
		cleanup_free char *canonical = oci_ref_text(&ref);

		err = oci_ref_parse(canonical, &again);
		if (err || !str_eq(ref.repository, again.repository) || !str_eq(ref.registry, again.registry))
			abort();
		oci_ref_clear(&ref);
		oci_ref_clear(&again);
	}
	error_free(err);
	return 0;
}
