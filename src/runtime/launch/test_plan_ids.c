/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose ids a container has, and whose the files of its image are. */
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

static void assert_maps(const struct launch_idmap *maps, size_t n, const char *wanted)
{
	cleanup_buf struct buf got = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_appendf(&got, "(%u,%u,%u)", maps[i].container_id, maps[i].host_id, maps[i].size);
	assert_string_equal(buf_str(&got), wanted);
}

static void ids_of_a_user(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_true(plan->outer_userns);
	assert_true(plan->user_xattrs);
	assert_false(plan->single_id);
	assert_maps(plan->outer_uids, plan->n_outer_uids, "(0,1001,1)(1,100000,65536)");
	assert_maps(plan->served_uids, plan->n_served_uids, "(0,0,1)(1,2,1000)(1001,0,1)(1002,1002,64535)");
	assert_maps(plan->served_gids, plan->n_served_gids, "(0,0,1)(1,2,1000)(1001,0,1)(1002,1002,64535)");
	assert_config(plan, "process.user", "{\"uid\":1001,\"gid\":1001}");
}

/* Every image id must come out as itself: served id and inner map are inverse to each other. */
static void assert_shown_as_itself(const struct launch_plan *plan, uint32_t id, uint32_t wanted)
{
	cleanup_with(jv_free) struct jv *config = config_of(plan);
	const struct jv *inner = jv_get(jv_get(config, "linux"), "uidMappings");
	uint32_t outer = UINT32_MAX;

	for (size_t i = 0; i < plan->n_served_uids; i++)
		if (id - plan->served_uids[i].container_id < plan->served_uids[i].size)
			outer = plan->served_uids[i].host_id + (id - plan->served_uids[i].container_id);
	for (size_t i = 0; i < jv_len(inner); i++) {
		int64_t host = jv_int(jv_get(jv_at(inner, i), "hostID"), -1);

		if (outer >= host && outer - host < jv_int(jv_get(jv_at(inner, i), "size"), -1)) {
			assert_int_equal(jv_int(jv_get(jv_at(inner, i), "containerID"), -1) + outer - host, wanted);
			return;
		}
	}
	fail_msg("image id %u is not mapped", id);
}

static void owners_are_those_of_the_image(void **state)
{
	static const struct {
		uint32_t own, count;
	} hosts[] = { { 1001, 65536 },	 { 1, 65536 }, { 65535, 65536 }, { 65536, 65536 },
		      { 200000, 65536 }, { 5, 4 },     { 3, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		uint32_t top = hosts[i].own < hosts[i].count ? hosts[i].count : hosts[i].count - 1;
		struct plan_case c;

		case_user(&c);
		c.facts.uid = hosts[i].own;
		c.facts.subuid.count = hosts[i].count;

		cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

		assert_shown_as_itself(plan, 0, hosts[i].own);
		assert_shown_as_itself(plan, hosts[i].own, hosts[i].own);
		for (uint32_t id = 1; id <= top; id += id < 10 ? 1 : top > 20000 ? 997 : 1)
			assert_shown_as_itself(plan, id, id);
	}
}

static void no_zero_length_map(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.gid = 0;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_config(plan, "linux.gidMappings",
		      "[{\"containerID\":0,\"hostID\":0,\"size\":1},{\"containerID\":1,\"hostID\":1,\"size\":65536}]");
	assert_maps(plan->served_gids, plan->n_served_gids, "(0,0,1)(1,1,65536)");
}

static void ids_of_fakeroot_and_root(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.fakeroot = true;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_int_equal(plan->n_served_uids, 0);
	assert_config(plan, "linux.uidMappings", "");
	assert_config(plan, "process.user", "{\"uid\":0,\"gid\":0}");
	case_root(&c);

	cleanup_with(launch_plan_free) struct launch_plan *of_root = planned(&c);

	assert_false(of_root->outer_userns);
	assert_false(of_root->user_xattrs);
	assert_int_equal(of_root->n_outer_uids, 0);
}

/* Docker's rules for USER, where the reference fails; and --fakeroot needs no USER. */
static void image_users(void **state)
{
	static const struct {
		const char *config, *user;
	} examples[] = {
		{ "{\"config\":{\"User\":\"testuser:staff2\"}}", "{\"uid\":2000,\"gid\":2002}" },
		{ "{\"config\":{\"User\":\"2000:2001\"}}", "{\"uid\":2000,\"gid\":2001}" },
		{ "{\"config\":{\"User\":\"4242\"}}", "{\"uid\":4242,\"gid\":0}" },
		{ "{\"config\":{\"User\":\"testuser:77\"}}", "{\"uid\":2000,\"gid\":77}" },
	};
	struct plan_case c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		case_user(&c);
		case_image(&c, "user");
		case_config(&c, examples[i].config);

		cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

		assert_config(plan, "process.user", examples[i].user);
	}
	case_user(&c);
	case_config(&c, "{\"config\":{\"User\":\"nosuch\"}}");
	assert_refused(&c, ERR_NOT_FOUND, "user: unknown user nosuch");
	case_user(&c);
	case_config(&c, "{\"config\":{\"User\":\"nosuch\"}}");
	c.opt.fakeroot = true;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_config(plan, "process.user", "{\"uid\":0,\"gid\":0}");
}

static void users_beyond_the_range(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	case_config(&c, "{\"config\":{\"User\":\"65536\"}}");
	launch_plan_free(planned(&c));
	case_user(&c);
	case_config(&c, "{\"config\":{\"User\":\"65537\"}}");
	assert_refused(&c, ERR_DENIED,
		       "the image wants to run as USER 65537 (65537:0), which is beyond your subordinate ids");
	case_user(&c);
	case_config(&c, "{\"config\":{\"User\":\"0:65537\"}}");
	assert_refused(&c, ERR_DENIED, "which is beyond your subordinate ids");
	case_root(&c);
	case_config(&c, "{\"config\":{\"User\":\"70000\"}}");
	launch_plan_free(planned(&c));
}

static void without_subordinate_ids(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.subgid.count = 0;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_true(plan->single_id);
	assert_true(plan->served_squash);
	assert_int_equal(plan->n_notices, 1);
	assert_notice(plan, LOG_WARNING, "No subordinate ids for tester");
	assert_maps(plan->outer_uids, plan->n_outer_uids, "(0,1001,1)");
	assert_config(plan, "linux.uidMappings", "[{\"containerID\":1001,\"hostID\":0,\"size\":1}]");
	assert_config(plan, "linux.gidMappings", "[{\"containerID\":1001,\"hostID\":0,\"size\":1}]");
	case_user(&c);
	c.facts.subuid.count = 0;
	case_config(&c, "{\"config\":{\"User\":\"33\"}}");
	assert_refused(&c, ERR_DENIED, "which needs subordinate ids, and you have none");
	case_user(&c);
	c.facts.subuid.count = 0;
	case_config(&c, "{\"config\":{\"User\":\"1001:1001\"}}");
	launch_plan_free(planned(&c));
}

static void without_the_helpers(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.newgidmap = NULL;
	c.facts.subuid.count = 0;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_true(plan->single_id);
	assert_int_equal(plan->n_notices, 1);
	assert_notice(plan, LOG_WARNING, "newuidmap and newgidmap were not found");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_a_user),
		cmocka_unit_test(owners_are_those_of_the_image),
		cmocka_unit_test(no_zero_length_map),
		cmocka_unit_test(ids_of_fakeroot_and_root),
		cmocka_unit_test(image_users),
		cmocka_unit_test(users_beyond_the_range),
		cmocka_unit_test(without_subordinate_ids),
		cmocka_unit_test(without_the_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
