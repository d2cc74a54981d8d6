/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies of refusals: what is printed holds no control characters, whatever a registry sends. */
#include "image/registry/registry_error.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_http_response struct http_response response = { .status = 400 + (int)(size % 120) };
	size_t limit = size < HTTP_ERROR_BODY_MAX ? size : HTTP_ERROR_BODY_MAX;

	response.url = xstrndup((const char *)data, limit);
	buf_append(&response.body, data, limit);
	strv_addf(&response.headers, "retry-after: %s", response.url);

	cleanup_with(error_free) struct error *err = registry_error_from(&response, "GET", false);

	for (const char *c = error_text(err); *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			abort();
	return 0;
}
