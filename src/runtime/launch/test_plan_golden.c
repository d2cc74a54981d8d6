/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.json of every run that the reference was seen to do and this program does: what we plan for the same command,
 * caller, host and image must be the same document, but for the deviations that the table below names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/test_plan_case.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/test.h"

#include <fnmatch.h>

enum { COL_NAME, COL_PROFILE, COL_RUNTIME, COL_CONF, COL_EXIT, COL_FILE, COL_ENV, COL_COMMAND, N_COLS = 9 };

/* The number of rows that have a fixture in tests/fixtures/oci-config. */
enum { N_FIXTURES = 192 };

static void replace_member(struct jv *object, const char *key, const char *json)
{
	struct jv *value;

	assert_ok(jv_parse(json, strlen(json), key, &value));
	jv_set(object, key, value);
}

/* The array @key of @object without the items for which @drop says so; true if there was one. */
static bool filter(struct jv *object, const char *key, bool (*drop)(const struct jv *item, const char *arg),
		   const char *arg)
{
	struct jv *old = jv_get(object, key);
	struct jv *kept = jv_new_array();
	bool changed = false;

	for (size_t i = 0; i < jv_len(old); i++) {
		if (drop(jv_at(old, i), arg))
			changed = true;
		else
			jv_append(kept, jv_copy(jv_at(old, i)));
	}
	jv_set(object, key, kept);
	return changed;
}

static struct jv *mount_at(const struct jv *config, const char *destination)
{
	struct jv *mounts = jv_get(config, "mounts");

	for (size_t i = 0; i < jv_len(mounts); i++)
		if (str_eq(jv_get_str(jv_at(mounts, i), "destination"), destination))
			return jv_at(mounts, i);
	return NULL;
}

static bool is_of_type(const struct jv *namespace, const char *type)
{
	return str_eq(jv_get_str(namespace, "type"), type);
}

static bool old_version(struct jv *expected)
{
	jv_set_str(expected, "ociVersion", "1.0.2");
	return true;
}

static bool no_cgroup(struct jv *expected)
{
	struct jv *object = jv_get(expected, "linux");
	bool has_path = jv_get(object, "cgroupsPath") != NULL;

	jv_remove(object, "cgroupsPath");
	return filter(object, "namespaces", is_of_type, "cgroup") || has_path;
}

static bool bound_cgroup(struct jv *expected)
{
	struct jv *mount = mount_at(expected, "/sys/fs/cgroup");

	if (!mount)
		return false;
	jv_set_str(mount, "type", "none");
	jv_set_str(mount, "source", "/sys/fs/cgroup");
	jv_append_str(jv_get(mount, "options"), "rbind");
	return true;
}

static bool shell_words_differ(struct jv *expected)
{
	replace_member(jv_get(expected, "process"), "args",
		       "[\"/bin/sh\",\"-c\",\"PS1='Singularity> '; export PS1; if [ -x /bin/bash ]; then exec "
		       "/bin/bash --norc; fi; "
		       "exec /bin/sh\"]");
	return true;
}

static bool is_text(const struct jv *item, const char *text)
{
	return str_eq(jv_str(item), text);
}

static bool home_of_root(struct jv *expected)
{
	struct jv *mount = mount_at(expected, "/home/tester");
	bool uid = filter(mount, "options", is_text, "uid=1001");

	return filter(mount, "options", is_text, "gid=1001") && uid;
}

static bool userns_of_root(struct jv *expected)
{
	struct jv *sys = mount_at(expected, "/sys");
	const char *map = "[{\"containerID\":0,\"hostID\":0,\"size\":65536}]";

	replace_member(jv_get(expected, "linux"), "uidMappings", map);
	replace_member(jv_get(expected, "linux"), "gidMappings", map);
	jv_set_str(sys, "type", "none");
	jv_set_str(sys, "source", "/sys");
	jv_append_str(jv_get(sys, "options"), "rbind");
	return true;
}

static bool is_leak(const struct jv *item, const char *arg)
{
	(void)arg;
	return str_starts(jv_str(item), "_") || str_starts(jv_str(item), "USER_PATH=");
}

static bool no_leaks(struct jv *expected)
{
	return filter(jv_get(expected, "process"), "env", is_leak, NULL);
}

/* Drops the first of two mounts on one place. */
static bool mounted_once(struct jv *expected)
{
	struct jv *old = jv_get(expected, "mounts");
	struct jv *kept = jv_new_array();
	bool changed = false;

	for (size_t i = 0; i < jv_len(old); i++) {
		const char *place = jv_get_str(jv_at(old, i), "destination");
		bool again = false;

		for (size_t j = i + 1; j < jv_len(old); j++)
			again = again || str_eq(place, jv_get_str(jv_at(old, j), "destination"));
		if (again)
			changed = true;
		else
			jv_append(kept, jv_copy(jv_at(old, i)));
	}
	jv_set(expected, "mounts", kept);
	return changed;
}

static bool is_mount_on(const struct jv *mount, const char *destination)
{
	return str_eq(jv_get_str(mount, "destination"), destination);
}

static bool not_mounted(struct jv *expected)
{
	return filter(expected, "mounts", is_mount_on, "/y");
}

/* What we do on purpose where the reference does something else. Each must be seen at least once. */
static const struct {
	const char *names; /* pattern */
	bool (*change)(struct jv *expected);
	const char *reason;
} deviations[] = {
	{ "*", old_version, "no newer member is used, and the runtimes of Debian 12 refuse 1.3.0" },
	{ "*", no_cgroup, "no limit was asked for: no cgroup is made, so none can be left behind" },
	{ "r2*", bound_cgroup,
	  "root: a fresh mount of cgroup2 costs 13 ms and shows the same without a cgroup namespace" },
	{ "u-shell", shell_words_differ, "another script with the same effect" },
	{ "u-userroot", home_of_root, "the process is root there: its home is its own, not that of a subordinate id" },
	{ "r*-userns", userns_of_root,
	  "the reference asks for a user namespace without maps, which no runtime starts" },
	{ "*", no_leaks, "internal variables of the reference leak into the container (Q17)" },
	{ "*nocompat*mount", mounted_once, "every --mount is mounted twice (Q2)" },
	{ "cf-user-bind-no-nocompat-mount", not_mounted, "--mount escapes 'user bind control = no' (Q2)" },
};

static bool deviation_seen[ARRAY_LEN(deviations)];

static void apply_deviations(const char *name, struct jv *expected)
{
	for (size_t i = 0; i < ARRAY_LEN(deviations); i++)
		if (fnmatch(deviations[i].names, name, 0) == 0 && deviations[i].change(expected))
			deviation_seen[i] = true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Arrays of words whose order means nothing (options of binds, capabilities) or differs from run to run (environment).
 */
static bool is_unordered(const char *path)
{
	return str_ends(path, ".options") || str_ends(path, ".env") || strstr(path, ".capabilities.");
}

static void sorted_lines(const struct jv *array, struct buf *out)
{
	cleanup_strv struct strv items = { 0 };
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < jv_len(array); i++)
		strv_add(&items, jv_str(jv_at(array, i)));
	if (items.n > 0)
		qsort(items.items, items.n, sizeof(*items.items), by_text);
	text = strv_join(&items, "\n");
	buf_append_str(out, text);
}

static void compare(const char *path, const struct jv *ours, const struct jv *theirs);

static void compare_members(const char *path, const struct jv *ours, const struct jv *theirs)
{
	const char *key;

	for (size_t i = 0; jv_member(ours, i, &key); i++)
		if (!jv_get(theirs, key))
			fail_msg("%s.%s is ours alone", path, key);
	for (size_t i = 0; jv_member(theirs, i, &key); i++) {
		cleanup_free char *below = xasprintf("%s.%s", path, key);

		if (!jv_get(ours, key))
			fail_msg("%s is missing", below);
		compare(below, jv_get(ours, key), jv_get(theirs, key));
	}
}

static void compare_text(const char *path, const struct jv *ours, const struct jv *theirs)
{
	cleanup_buf struct buf a = { 0 }, b = { 0 };

	if (is_unordered(path)) {
		sorted_lines(ours, &a);
		sorted_lines(theirs, &b);
	} else {
		jv_dump(ours, &a);
		jv_dump(theirs, &b);
	}
	if (!str_eq(buf_str(&a), buf_str(&b)))
		fail_msg("%s differs:\n%s\ninstead of\n%s", path, buf_str(&a), buf_str(&b));
}

static void compare(const char *path, const struct jv *ours, const struct jv *theirs)
{
	if (jv_is_object(ours) && jv_is_object(theirs)) {
		compare_members(path, ours, theirs);
	} else if (jv_is_array(ours) && jv_is_array(theirs) && !is_unordered(path)) {
		for (size_t i = 0; i < jv_len(ours) && i < jv_len(theirs); i++) {
			const char *place = jv_get_str(jv_at(theirs, i), "destination");
			cleanup_free char *below = xasprintf("%s[%zu %s]", path, i, place ? place : "");

			compare(below, jv_at(ours, i), jv_at(theirs, i));
		}
		if (jv_len(ours) != jv_len(theirs))
			fail_msg("%s has %zu items instead of %zu", path, jv_len(ours), jv_len(theirs));
	} else {
		compare_text(path, ours, theirs);
	}
}

/* The fixtures have a placeholder where our bundle's path is. */
static char *with_placeholder(const struct launch_plan *plan)
{
	cleanup_buf struct buf out = { 0 };
	const char *at = case_file(plan, "config.json")->data;
	const char *found;

	while ((found = strstr(at, plan->bundle))) {
		buf_append(&out, at, (size_t)(found - at));
		buf_append_str(&out, "$SESSIONDIR/oci-bundle$RANDOM");
		at = found + strlen(plan->bundle);
	}
	buf_append_str(&out, at);
	return buf_take(&out);
}

static void compare_row(const struct strv *cells)
{
	cleanup_with(launch_plan_free) struct launch_plan *plan = NULL;
	cleanup_with(jv_free) struct jv *ours = NULL, *theirs = NULL;
	cleanup_free char *their_text = read_fixture(cells->items[COL_FILE]);
	cleanup_free char *our_text = NULL;
	struct plan_case c;

	case_row(&c, cells);
	assert_ok(launch_options_check(&c.opt));
	assert_ok(case_plan(&c, &plan));
	our_text = with_placeholder(plan);
	assert_ok(jv_parse(our_text, strlen(our_text), "ours", &ours));
	assert_ok(jv_parse(their_text, strlen(their_text), "theirs", &theirs));
	apply_deviations(cells->items[COL_NAME], theirs);
	compare(cells->items[COL_NAME], ours, theirs);
	case_free(&c);
}

static void plans_what_the_reference_plans(void **state)
{
	compare_row(*state);
}

/* Runs last. */
static void every_deviation_is_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(deviations); i++)
		if (!deviation_seen[i])
			fail_msg("no fixture shows the deviation: %s", deviations[i].reason);
}

static bool has_fixture(const char *file)
{
	cleanup_free char *path = xasprintf(FIXTURES "/%s", file);

	return !str_eq(file, "-") && access(path, R_OK) == 0;
}

/* One test per row of the table that has its fixture here. */
static size_t read_rows(struct strv rows[N_FIXTURES])
{
	cleanup_buf struct buf table = { 0 };
	cleanup_with(error_free) struct error *err =
		fs_read_file(AT_FDCWD, FIXTURES "/oci-config/table.tsv", 1 << 20, &table);
	cleanup_strv struct strv lines = { 0 };
	size_t n = 0;

	if (!err)
		strv_split(&lines, buf_str(&table), '\n');
	for (size_t i = 1; i < lines.n && n < N_FIXTURES; i++) {
		struct strv cells = { 0 };

		strv_split(&cells, lines.items[i], '\t');
		if (cells.n >= N_COLS && has_fixture(cells.items[COL_FILE]))
			rows[n++] = cells;
		else
			strv_free(&cells);
	}
	return n;
}

int main(void)
{
	static struct strv rows[N_FIXTURES];
	struct CMUnitTest tests[N_FIXTURES + 1] = { 0 };
	size_t n = read_rows(rows);

	if (n != N_FIXTURES)
		return 1;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].items[COL_NAME],
						.test_func = plans_what_the_reference_plans,
						.initial_state = &rows[i] };
	tests[n] = (struct CMUnitTest)cmocka_unit_test(every_deviation_is_one);

	int failed = cmocka_run_group_tests_name("runtime configurations of the reference", tests, NULL, NULL);

	for (size_t i = 0; i < n; i++)
		strv_free(&rows[i]);
	return failed;
}
