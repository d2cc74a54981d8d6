/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/plan_priv.h"

#include "base/test.h"

static const char passwd[] = "# comment\n"
			     "\n"
			     "+nis:x:7:7:::\n"
			     "-nis:x:8:8:::\n"
			     "short:x:9:9::\n"
			     "letters:x:a:9:::\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "www:x:33:34:Web:/var/www:/usr/sbin/nologin\n"
			     "again:x:33:99:Second:/:/bin/false\n"
			     "77:x:5000:5001::/:\n"
			     "last:x:4000:4001::/home/last:/bin/sh:more";
static const char group[] = "root:x:0:\nwww-data:x:34:www\n+x:x:1:\nshort:x:2\n88:x:6000:\nlast:x:4002:a,b";

static void resolves(void **state)
{
	static const struct {
		const char *spec;
		uint32_t uid, gid;
	} examples[] = {
		{ "root", 0, 0 },
		{ "www", 33, 34 },
		{ "33", 33, 34 },
		{ "last", 4000, 4001 },
		{ "www:root", 33, 0 },
		{ "www:34", 33, 34 },
		{ "33:www-data", 33, 34 },
		{ "33:1234", 33, 1234 },
		{ "1234", 1234, 0 },
		{ "1234:5678", 1234, 5678 },
		{ "1234:last", 1234, 4002 },
		{ "www:", 33, 34 },
		{ ":www-data", 0, 34 },
		{ "77", 5000, 5001 },
		{ "0:88", 0, 6000 },
		{ "2147483647", 2147483647, 0 },
		{ "007", 7, 0 },
		{ "9", 9, 0 },
		{ "7", 7, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct plan_user user;

		assert_ok(plan_user_resolve(examples[i].spec, passwd, group, &user));
		if (user.uid != examples[i].uid || user.gid != examples[i].gid)
			fail_msg("%s is %u:%u", examples[i].spec, user.uid, user.gid);
	}
}

static void resolves_without_files(void **state)
{
	struct plan_user user;

	(void)state;
	assert_ok(plan_user_resolve("5:6", NULL, NULL, &user));
	assert_int_equal(user.uid, 5);
	assert_int_equal(user.gid, 6);
	assert_error(plan_user_resolve("www", NULL, NULL, &user), ERR_NOT_FOUND, "user: unknown user www");
	assert_error(plan_user_resolve("5:adm", NULL, NULL, &user), ERR_NOT_FOUND, "group: unknown group adm");
}

static void refuses(void **state)
{
	struct plan_user user;

	(void)state;
	assert_error(plan_user_resolve("nobody", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user nobody");
	assert_error(plan_user_resolve("ww", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user ww");
	assert_error(plan_user_resolve("+nis", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user +nis");
	assert_error(plan_user_resolve("short", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user short");
	assert_error(plan_user_resolve("letters", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user letters");
	assert_error(plan_user_resolve("-1", passwd, group, &user), ERR_NOT_FOUND, "user: unknown user -1");
	assert_error(plan_user_resolve("www:nogroup", passwd, group, &user), ERR_NOT_FOUND,
		     "group: unknown group nogroup");
	assert_error(plan_user_resolve("www:a:b", passwd, group, &user), ERR_NOT_FOUND, "group: unknown group a:b");
	assert_error(plan_user_resolve("2147483648", passwd, group, &user), ERR_USAGE, "is above 2147483647");
	assert_error(plan_user_resolve("0:99999999999999999999", passwd, group, &user), ERR_USAGE,
		     "is above 2147483647");
}

static void passwd_gains_the_user(void **state)
{
	struct plan_passwd_wanted me = {
		.name = "me", .home = "/home/me", .shell = "/bin/zsh", .uid = 1001, .gid = 1002
	};
	cleanup_free char *text = plan_passwd_text("root:x:0:0:r:/root:/bin/sh", &me);

	(void)state;
	assert_string_equal(text, "root:x:0:0:r:/root:/bin/sh\nme:x:1001:1002::/home/me:/bin/zsh\n");
	free(text);
	me.gecos = "Me";
	me.shell = NULL;
	text = plan_passwd_text("", &me);
	assert_string_equal(text, "me:x:1001:1002:Me:/home/me:\n");
}

static void passwd_line_is_rewritten(void **state)
{
	struct plan_passwd_wanted me = {
		.name = "me", .gecos = "Me", .home = "/h", .shell = "/bin/zsh", .uid = 33, .gid = 5
	};
	cleanup_free char *text =
		plan_passwd_text("a:x:1:1:::\nwww:*:33:34:Web:/var/www:/bin/ash\nagain:x:33:1:::/bin/x\n", &me);

	(void)state;
	assert_string_equal(text, "a:x:1:1:::\nme:x:33:5:Me:/h:/bin/ash\nagain:x:33:1:::/bin/x\n");
	free(text);
	text = plan_passwd_text("www:*:33:34:Web:/var/www:/bin/ash", &me);
	assert_string_equal(text, "me:x:33:5:Me:/h:/bin/ash\n");
}

static void group_gains_the_group(void **state)
{
	cleanup_free char *text = plan_group_text("root:x:0:", "me", 1002, "me");

	(void)state;
	assert_string_equal(text, "root:x:0:\nme:x:1002:me\n");
	free(text);
	text = plan_group_text("", "me", 1002, NULL);
	assert_string_equal(text, "me:x:1002:\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolves),
		cmocka_unit_test(resolves_without_files),
		cmocka_unit_test(refuses),
		cmocka_unit_test(passwd_gains_the_user),
		cmocka_unit_test(passwd_line_is_rewritten),
		cmocka_unit_test(group_gains_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
