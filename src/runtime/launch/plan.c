/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch_plan_make(): from what was asked and what is there to what the container will be. The order of the steps is
 * that of their needs: ids decide mounts, mounts and ids decide config.json.
 */
#include "runtime/launch/plan_priv.h"

#include "build_config.h"

void plan_notice(struct plan_draft *d, enum log_level level, const char *fmt, ...)
{
	struct launch_plan *plan = d->plan;
	va_list ap;

	plan->notices = xreallocarray(plan->notices, plan->n_notices + 1, sizeof(*plan->notices));
	va_start(ap, fmt);
	plan->notices[plan->n_notices++] = (struct launch_notice){ .level = level, .text = xvasprintf(fmt, ap) };
	va_end(ap);
}

void plan_file_add(struct plan_draft *d, const char *name, mode_t mode, char *data, size_t len)
{
	struct launch_plan *plan = d->plan;

	plan->files = xreallocarray(plan->files, plan->n_files + 1, sizeof(*plan->files));
	plan->files[plan->n_files++] =
		(struct launch_file){ .name = xstrdup(name), .mode = mode, .data = data, .len = len };
}

/* Version 4: random but for six bits. */
static char *uuid_text(const uint8_t random[16])
{
	uint8_t b[16];

	memcpy(b, random, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	return xasprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
			 b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void name_places(struct launch_plan *plan, const uint8_t random[16])
{
	uint32_t number =
		(uint32_t)random[12] << 24 | (uint32_t)random[13] << 16 | (uint32_t)random[14] << 8 | random[15];

	plan->container_id = uuid_text(random);
	plan->session_dir = xstrdup(SESSIONDIR);
	plan->bundle = xasprintf("%s/oci-bundle%u", plan->session_dir, number);
}

static struct error *choose_runtime(struct plan_draft *d)
{
	struct launch_plan *plan = d->plan;
	const char *path = d->facts->runtime_path;

	if (!path)
		return error_hint(error_new(ERR_NOT_FOUND, "neither crun nor runc was found"),
				  "install crun, or set 'root search path' and 'user search path' in singularity.conf");
	if (d->opt->no_setgroups && d->facts->runtime != LAUNCH_CRUN)
		return error_new(ERR_UNSUPPORTED,
				 "while creating OCI spec: runtime '\"%s\"' does not support --no-setgroups", path);
	plan->runtime_path = xstrdup(path);
	plan->runtime = d->facts->runtime;
	strv_add(&plan->runtime_argv, path);
	/* No limit is asked for, so no cgroup is needed, and none is left behind. */
	if (plan->runtime == LAUNCH_CRUN)
		strv_add(&plan->runtime_argv, "--cgroup-manager=disabled");
	strv_add(&plan->runtime_argv, "--root");
	strv_addf(&plan->runtime_argv, "%s/state", plan->session_dir);
	strv_add(&plan->runtime_argv, "run");
	strv_add(&plan->runtime_argv, "-b");
	strv_add(&plan->runtime_argv, plan->bundle);
	strv_add(&plan->runtime_argv, plan->container_id);
	strv_add(&plan->runtime_env, "PATH=" PLAN_DEFAULT_PATH);
	return NULL;
}

struct error *plan_home_parse(const char *value, char **ret_source, char **ret_destination)
{
	cleanup_strv struct strv parts = { 0 };

	strv_split(&parts, value, ':');
	if (parts.n > 2) {
		cleanup_free char *list = strv_join(&parts, " ");

		return error_new(ERR_USAGE, "home argument has incorrect number of elements: [%s]", list);
	}
	*ret_source = parts.n == 2 ? xstrdup(parts.items[0]) : NULL;
	*ret_destination = xstrdup(parts.items[parts.n - 1]);
	return NULL;
}

/* Where the caller has no passwd entry, their HOME serves, and "/" where there is no HOME either. */
static const char *host_home(const struct plan_draft *d)
{
	const char *home = d->facts->user_home;

	if (!home && d->opt->host_env)
		home = strv_getenv(d->opt->host_env, "HOME");
	return home && home[0] == '/' ? home : "/";
}

static struct error *decide_home(struct plan_draft *d)
{
	bool custom = d->opt->home_given && d->opt->home && *d->opt->home;

	if (custom && d->image->config->user)
		return error_new(
			ERR_USAGE,
			"a custom --home is not currently supported when running containers that declare a USER");
	if (custom)
		TRY_CTX(plan_home_parse(d->opt->home, &d->home_source, &d->home), "while configuring container");
	else
		d->home = xstrdup(d->opt->fakeroot ? "/root" : host_home(d));
	if (d->opt->no_compat && !d->home_source)
		d->home_source = xstrdup(host_home(d));
	return NULL;
}

static void notice_flags(struct plan_draft *d)
{
	if (d->opt->ipc)
		plan_notice(d, LOG_INFO, "--oci runtime always uses an IPC namespace, ipc flag is redundant.");
	if (d->opt->pid)
		plan_notice(d, LOG_INFO, "--oci runtime uses a PID namespace by default, pid flag is redundant.");
	if (d->opt->userns && !d->facts->is_root)
		plan_notice(d, LOG_INFO,
			    "The --oci runtime always creates a user namespace when run as non-root, "
			    "--userns / -u flag is redundant.");
}

static void notice_proc(struct plan_draft *d)
{
	if (d->facts->proc_is_covered && !d->opt->no_pid)
		plan_notice(d, LOG_WARNING,
			    "This host lets nobody mount a new /proc, because parts of its own are covered: the container "
			    "shares the host's PID namespace, as with --no-pid.");
}

static void notice_image(struct plan_draft *d)
{
	if (d->image->config->has_volumes)
		plan_notice(d, LOG_WARNING,
			    "Container specifies volume mounts, which are not supported by singularity. It may "
			    "not operate as expected.");
	if (d->image->config->has_exposed_ports && !d->opt->net) {
		plan_notice(d, LOG_INFO, "Container specifies exposed ports.");
		plan_notice(d, LOG_INFO,
			    "Unless started with --net, singularity uses the host network namespace and all ports "
			    "are exposed subject to host firewall rules.");
	}
}

static struct error *decide(struct plan_draft *d)
{
	cleanup_with(jv_free) struct jv *config = NULL;
	cleanup_buf struct buf text = { 0 };
	struct launch_plan *plan = d->plan;

	TRY(choose_runtime(d));
	plan->session_size_mib = d->conf->sessiondir_max_size;
	plan->upper_nosuid = !d->opt->allow_setuid;
	plan->user_xattrs = !d->facts->is_root;
	plan->runtime_read_only = plan->runtime == LAUNCH_CRUN && !d->facts->is_root;
	if (plan->runtime_read_only)
		strv_add(&plan->runtime_env, "_LIBCONTAINER_CLONED_BINARY=1");
	d->no_pid = d->opt->no_pid || d->facts->proc_is_covered;
	plan->private_pidns = !d->no_pid;
	plan->hide_cgroup_unified = plan->runtime == LAUNCH_CRUN && d->facts->cgroup_hybrid;
	/* With any of the three redirected, a terminal in between would merge or lose what was redirected. */
	plan->terminal = d->facts->stdin_is_tty && d->facts->stdout_is_tty && d->facts->stderr_is_tty;
	notice_flags(d);
	notice_image(d);
	TRY(decide_home(d));
	TRY(plan_ids(d));
	TRY(plan_mounts(d));
	TRY(plan_config(d, &config));
	/* Last: what a first attempt has said is the beginning of what the second says. */
	notice_proc(d);
	jv_dump(config, &text);
	size_t len = text.len;

	plan_file_add(d, "config.json", 0600, buf_take(&text), len);
	return NULL;
}

static void draft_clear(struct plan_draft *d)
{
	free(d->home);
	free(d->home_source);
	free(d->inner_uids);
	free(d->inner_gids);
	jv_free(d->mounts);
}

struct error *launch_plan_make(const struct launch_options *options, const struct launch_image *image,
			       const struct site_conf *conf, const struct launch_facts *facts, const uint8_t random[16],
			       struct launch_plan **ret_plan)
{
	cleanup_with(launch_plan_free) struct launch_plan *plan = xcalloc(1, sizeof(*plan));
	struct plan_draft draft = {
		.opt = options,
		.image = image,
		.conf = conf,
		.facts = facts,
		.plan = plan,
		.mounts = jv_new_array(),
	};

	name_places(plan, random);

	struct error *err = decide(&draft);

	draft_clear(&draft);
	TRY(err);
	*ret_plan = take_ptr(&plan);
	return NULL;
}

static void free_files(struct launch_plan *plan)
{
	for (size_t i = 0; i < plan->n_files; i++) {
		free(plan->files[i].name);
		free(plan->files[i].data);
	}
	for (size_t i = 0; i < plan->n_sources; i++) {
		free(plan->sources[i].path);
		free(plan->sources[i].context);
	}
	for (size_t i = 0; i < plan->n_notices; i++)
		free(plan->notices[i].text);
	free(plan->files);
	free(plan->sources);
	free(plan->notices);
}

void launch_plan_free(struct launch_plan *plan)
{
	if (!plan)
		return;
	free_files(plan);
	free(plan->outer_uids);
	free(plan->outer_gids);
	free(plan->served_uids);
	free(plan->served_gids);
	free(plan->session_dir);
	free(plan->bundle);
	free(plan->runtime_path);
	free(plan->container_id);
	free(plan->workdir);
	free(plan->program);
	free(plan->program_path);
	strv_free(&plan->runtime_argv);
	strv_free(&plan->runtime_env);
	strv_free(&plan->make_dirs_1777);
	free(plan);
}
