/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strv struct strv unknown = { 0 };
	cleanup_with(conf_free) struct site_conf *conf = NULL;

	error_free(conf_parse((const char *)data, size, &unknown, &conf));
	return 0;
}
