/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/plan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_binds struct plan_binds binds = { 0 };
	struct error *err = plan_mount_parse(text, &binds);

	for (size_t i = 0; !err && i < binds.n; i++)
		if (!*binds.items[i].source || !*binds.items[i].destination)
			__builtin_trap();
	error_free(err);
	return 0;
}
