/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/launch.h"

#include <inttypes.h>

static void print_maps(struct buf *out, const char *name, const struct launch_idmap *maps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_appendf(out, "%s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", name, maps[i].container_id,
			    maps[i].host_id, maps[i].size);
}

static void print_words(struct buf *out, const char *name, const struct strv *words)
{
	cleanup_free char *line = strv_join(words, " ");

	if (words->n > 0)
		buf_appendf(out, "%s %s\n", name, line);
}

static void print_flags(struct buf *out, const struct launch_plan *plan)
{
	const struct {
		const char *name;
		bool on;
	} flags[] = {
		{ "outer-userns", plan->outer_userns },	  { "single-id", plan->single_id },
		{ "served-squash", plan->served_squash }, { "private-pidns", plan->private_pidns },
		{ "upper-nosuid", plan->upper_nosuid },	  { "user-xattrs", plan->user_xattrs },
		{ "runtime-read-only", plan->runtime_read_only },
		{ "terminal", plan->terminal },		  { "hide-cgroup-unified", plan->hide_cgroup_unified },
	};

	buf_append_str(out, "flags");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].on)
			buf_appendf(out, " %s", flags[i].name);
	buf_append_char(out, '\n');
}

static void print_files(struct buf *out, const struct launch_plan *plan)
{
	for (size_t i = 0; i < plan->n_files; i++) {
		const struct launch_file *file = &plan->files[i];

		buf_appendf(out, "file %s %04o %zu\n", file->name, (unsigned int)file->mode, file->len);
		buf_append(out, file->data, file->len);
		if (file->len == 0 || file->data[file->len - 1] != '\n')
			buf_append_char(out, '\n');
	}
}

void launch_plan_print(const struct launch_plan *plan, struct buf *out)
{
	print_flags(out, plan);
	print_maps(out, "outer-uid", plan->outer_uids, plan->n_outer_uids);
	print_maps(out, "outer-gid", plan->outer_gids, plan->n_outer_gids);
	print_maps(out, "served-uid", plan->served_uids, plan->n_served_uids);
	print_maps(out, "served-gid", plan->served_gids, plan->n_served_gids);
	buf_appendf(out, "session %s %" PRIu32 " MiB\n", plan->session_dir, plan->session_size_mib);
	buf_appendf(out, "bundle %s\n", plan->bundle);
	if (plan->workdir)
		buf_appendf(out, "workdir %s\n", plan->workdir);
	print_words(out, "make-dirs", &plan->make_dirs_1777);
	for (size_t i = 0; i < plan->n_sources; i++)
		buf_appendf(out, "source %s\n", plan->sources[i].path);
	for (size_t i = 0; i < plan->n_notices; i++)
		buf_appendf(out, "notice %d %s\n", plan->notices[i].level, plan->notices[i].text);
	print_words(out, "runtime", &plan->runtime_argv);
	print_words(out, "runtime-env", &plan->runtime_env);
	print_files(out, plan);
}
