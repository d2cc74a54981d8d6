/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/plan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is the USER, up to a form feed comes the passwd file, then the group file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	char *passwd = strchr(text, '\n');
	char *group = passwd ? strchr(passwd + 1, '\f') : NULL;
	struct plan_user user;

	if (passwd)
		*passwd++ = '\0';
	if (group)
		*group++ = '\0';
	error_free(plan_user_resolve(text, passwd, group, &user));
	return 0;
}
