/* SPDX-License-Identifier: BSD-3-Clause */
/* WWW-Authenticate headers, one per line of the input. */
#include "image/registry/registry_challenge.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct registry_challenge challenge = { 0 };
	cleanup_strv struct strv lines = { 0 };

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++)
		registry_challenge_parse(lines.items[i], &challenge);
	/* One look at more headers never gives up a challenge that can be answered. */
	enum registry_scheme before = challenge.scheme;

	registry_challenge_parse(text, &challenge);
	if (before != REGISTRY_SCHEME_NONE && before != REGISTRY_SCHEME_OTHER && challenge.scheme != before)
		abort();
	registry_challenge_clear(&challenge);
	return 0;
}
