/* SPDX-License-Identifier: BSD-3-Clause */
/* Credential files: keys, entries, Base64, helper names. */
#include "image/registry/registry_credentials.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const registries[] = { "h", "index.docker.io", "127.0.0.1:5000" };
	struct jv *doc = NULL;
	struct error *err = jv_parse((const char *)data, size, "credential file", &doc);

	for (size_t i = 0; !err && i < ARRAY_LEN(registries); i++) {
		const struct registry_query query = { .registry = registries[i], .repository = "org/image" };
		struct registry_credentials credentials = { 0 };
		const char *key = NULL;

		registry_authfile_lookup(doc, "file", &query, &credentials, &key);
		free(registry_credentials_basic(&credentials));
		/* Who matched has something to show. */
		if (key && !credentials.username && !credentials.identity_token && !credentials.registry_token)
			abort();
		registry_credentials_clear(&credentials);
		(void)registry_authfile_helper(doc, registries[i]);
	}
	error_free(err);
	jv_free(doc);
	return 0;
}
