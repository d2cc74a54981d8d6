/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/plan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the image's file is, the user is in the new one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	const struct plan_passwd_wanted wanted = {
		.name = "me", .home = "/home/me", .shell = "/bin/sh", .uid = 33, .gid = 5
	};
	cleanup_free char *passwd = plan_passwd_text(text, &wanted);
	cleanup_free char *group = plan_group_text(text, "us", 5, "me");
	struct plan_user user = { 0 };
	struct error *err = plan_user_resolve("33", passwd, group, &user);

	if (err || user.gid != 5 || !strstr(group, "us:x:5:me\n"))
		__builtin_trap();
	return 0;
}
