/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/envfile/envfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	return str_eq(name, "HOST") ? "a b:c" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_strv struct strv assigned = { 0 };
	struct error *err = envfile_eval(text, lookup, NULL, &assigned);

	for (size_t i = 0; i < assigned.n; i++)
		if (err || !strchr(assigned.items[i], '='))
			__builtin_trap();
	error_free(err);
	return 0;
}
