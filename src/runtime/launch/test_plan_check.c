/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/plan_priv.h"
#include "runtime/launch/test_plan_case.h"
#include "runtime/launch/test_plan_check.h"

#include "base/fs.h"
#include "base/test.h"

/* Plans, fails the test if that fails, and frees the case. */
struct launch_plan *planned(struct plan_case *c)
{
	struct launch_plan *plan = NULL;

	assert_ok(launch_options_check(&c->opt));
	assert_ok(case_plan(c, &plan));
	case_free(c);
	return plan;
}

void assert_refused(struct plan_case *c, enum error_kind kind, const char *text)
{
	struct launch_plan *plan = NULL;

	assert_error(case_plan(c, &plan), kind, text);
	assert_null(plan);
	case_free(c);
}

/* The options alone are enough to refuse. */
void assert_refused_early(struct plan_case *c, const char *text)
{
	assert_error(launch_options_check(&c->opt), ERR_USAGE, text);
	case_free(c);
}

struct jv *config_of(const struct launch_plan *plan)
{
	const struct launch_file *file = case_file(plan, "config.json");
	struct jv *config;

	assert_ok(jv_parse(file->data, file->len, "config.json", &config));
	return config;
}

/* A part of config.json, by a path of member names, as text. */
void assert_config(const struct launch_plan *plan, const char *path, const char *wanted)
{
	cleanup_with(jv_free) struct jv *config = config_of(plan);
	cleanup_strv struct strv names = { 0 };
	cleanup_buf struct buf got = { 0 };
	const struct jv *value = config;

	strv_split(&names, path, '.');
	for (size_t i = 0; i < names.n; i++)
		value = jv_get(value, names.items[i]);
	if (value)
		jv_dump(value, &got);
	if (!str_eq(buf_str(&got), wanted))
		fail_msg("%s is %s instead of %s", path, buf_str(&got), wanted);
}

/* Options of the mount on @destination, joined; "" if there is none. */
char *options_on(const struct launch_plan *plan, const char *destination)
{
	cleanup_with(jv_free) struct jv *config = config_of(plan);
	const struct jv *mounts = jv_get(config, "mounts");
	cleanup_strv struct strv options = { 0 };

	for (size_t i = 0; i < jv_len(mounts); i++) {
		const struct jv *list = jv_get(jv_at(mounts, i), "options");

		if (!str_eq(jv_get_str(jv_at(mounts, i), "destination"), destination))
			continue;
		for (size_t j = 0; j < jv_len(list); j++)
			strv_add(&options, jv_str(jv_at(list, j)));
	}
	return strv_join(&options, ",");
}

void assert_mount(const struct launch_plan *plan, const char *destination, const char *options)
{
	cleanup_free char *got = options_on(plan, destination);

	if (!str_eq(got, options))
		fail_msg("%s is mounted with <%s> instead of <%s>", destination, got, options);
}

void assert_notice(const struct launch_plan *plan, enum log_level level, const char *text)
{
	for (size_t i = 0; i < plan->n_notices; i++)
		if (plan->notices[i].level == level && strstr(plan->notices[i].text, text))
			return;
	fail_msg("no notice: %s", text);
}
