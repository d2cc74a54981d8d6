/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.json: what the low-level runtime is told (runtime-spec 1.0.2; oci-mode.md 2). There is no seccomp filter,
 * nothing under /proc is masked, and no resource limit is set, as in the reference: the devices and their permissions
 * are the runtime's defaults.
 */
#include "runtime/launch/plan_priv.h"

/* Current runtimes read it, old ones refuse a newer one; no member newer than it is used. */
#define SPEC_VERSION "1.0.2"

static struct jv *string_array(const struct strv *items)
{
	struct jv *array = jv_new_array();

	for (size_t i = 0; i < items->n; i++)
		jv_append_str(array, items->items[i]);
	return array;
}

static struct jv *user_object(const struct plan_draft *d)
{
	struct jv *user = jv_new_object();

	jv_set_int(user, "uid", d->user.uid);
	jv_set_int(user, "gid", d->user.gid);
	if (d->opt->no_compat && !d->opt->no_umask)
		jv_set_int(user, "umask", d->facts->umask);
	return user;
}

static const char *working_dir(const struct plan_draft *d)
{
	if (d->opt->cwd && *d->opt->cwd)
		return d->opt->cwd;
	if (d->opt->no_compat)
		return d->facts->cwd;
	if (d->image->config->working_dir)
		return d->image->config->working_dir;
	return d->home;
}

/* Without a size a new terminal is 0x0 until somebody resizes it. */
static void set_terminal(const struct plan_draft *d, struct jv *process)
{
	struct jv *size;

	if (!d->plan->terminal)
		return;
	jv_set(process, "terminal", jv_new_bool(true));
	if (d->facts->tty_rows == 0 || d->facts->tty_cols == 0)
		return;
	size = jv_new_object();
	jv_set_int(size, "height", d->facts->tty_rows);
	jv_set_int(size, "width", d->facts->tty_cols);
	jv_set(process, "consoleSize", size);
}

static struct error *process_object(struct plan_draft *d, struct jv **ret_process)
{
	cleanup_with(jv_free) struct jv *process = jv_new_object();
	cleanup_strv struct strv args = { 0 }, env = { 0 };

	TRY(plan_args(d, &args));
	TRY(plan_env(d, &env));
	d->plan->program = xstrdup(args.n > 0 ? args.items[0] : "");
	d->plan->program_path = xstrdup(strv_getenv(&env, "PATH") ? strv_getenv(&env, "PATH") : "");
	set_terminal(d, process);
	jv_set(process, "user", user_object(d));
	if (args.n > 0)
		jv_set(process, "args", string_array(&args));
	jv_set(process, "env", string_array(&env));
	jv_set_str(process, "cwd", working_dir(d));
	jv_set(process, "capabilities", plan_caps(d));
	if (d->opt->no_privs)
		jv_set(process, "noNewPrivileges", jv_new_bool(true));
	*ret_process = take_ptr(&process);
	return NULL;
}

static struct jv *root_object(const struct plan_draft *d)
{
	struct jv *root = jv_new_object();
	cleanup_free char *path = xasprintf("%s/rootfs", d->plan->bundle);

	jv_set_str(root, "path", path);
	if (d->opt->no_compat && !d->opt->writable_tmpfs)
		jv_set(root, "readonly", jv_new_bool(true));
	return root;
}

/* RFC 3339 to the second: the fraction is left out. */
static char *whole_seconds(const char *created)
{
	const char *dot = strchr(created, '.');

	if (!dot)
		return xstrdup(created);
	return xasprintf("%.*s%s", (int)(dot - created), created, dot + 1 + strspn(dot + 1, "0123456789"));
}

static void annotate(struct jv *annotations, const char *name, const char *value)
{
	if (value && *value)
		jv_set_str(annotations, name, value);
}

static struct jv *annotations_object(const struct plan_draft *d)
{
	const struct oci_config *c = d->image->config;
	struct jv *a = jv_new_object();
	cleanup_free char *created = c->created ? whole_seconds(c->created) : NULL;
	cleanup_free char *features = c->os_features.n > 0 ? strv_join(&c->os_features, ",") : NULL;

	annotate(a, "org.opencontainers.image.os", c->os);
	annotate(a, "org.opencontainers.image.architecture", c->architecture);
	annotate(a, "org.opencontainers.image.variant", c->variant);
	annotate(a, "org.opencontainers.image.os.version", c->os_version);
	annotate(a, "org.opencontainers.image.os.features", features);
	annotate(a, "org.opencontainers.image.author", c->author);
	annotate(a, "org.opencontainers.image.created", created);
	annotate(a, "org.opencontainers.image.stopSignal", c->stop_signal);
	for (size_t i = 0; i < c->labels.n; i++) {
		const char *equals = strchr(c->labels.items[i], '=');
		cleanup_free char *key =
			equals ? xstrndup(c->labels.items[i], (size_t)(equals - c->labels.items[i])) : NULL;

		if (key && *key)
			jv_set_str(a, key, equals + 1);
	}
	if (d->opt->no_setgroups)
		jv_set_str(a, "run.oci.keep_original_groups", "1");
	return a;
}

static struct jv *mappings(const struct launch_idmap *maps, size_t n)
{
	struct jv *array = jv_new_array();

	for (size_t i = 0; i < n; i++) {
		struct jv *map = jv_new_object();

		jv_set_int(map, "containerID", maps[i].container_id);
		jv_set_int(map, "hostID", maps[i].host_id);
		jv_set_int(map, "size", maps[i].size);
		jv_append(array, map);
	}
	return array;
}

static struct jv *namespaces(const struct plan_draft *d)
{
	const struct {
		const char *type;
		bool wanted;
	} all[] = {
		{ "ipc", true },
		{ "mount", true },
		{ "network", d->opt->net },
		{ "pid", !d->no_pid },
		{ "uts", d->opt->uts || d->opt->hostname },
		{ "user", d->inner_userns },
	};
	struct jv *array = jv_new_array();

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct jv *namespace;

		if (!all[i].wanted)
			continue;
		namespace = jv_new_object();
		jv_set_str(namespace, "type", all[i].type);
		jv_append(array, namespace);
	}
	return array;
}

static struct jv *linux_object(const struct plan_draft *d)
{
	struct jv *object = jv_new_object();

	if (d->n_inner_uids > 0) {
		jv_set(object, "uidMappings", mappings(d->inner_uids, d->n_inner_uids));
		jv_set(object, "gidMappings", mappings(d->inner_gids, d->n_inner_gids));
	}
	/* Old versions of crun crash without it. */
	jv_set(object, "resources", jv_new_object());
	jv_set(object, "namespaces", namespaces(d));
	return object;
}

struct error *plan_config(struct plan_draft *d, struct jv **ret_config)
{
	cleanup_with(jv_free) struct jv *config = jv_new_object();
	struct jv *process;

	TRY(process_object(d, &process));
	jv_set_str(config, "ociVersion", SPEC_VERSION);
	jv_set(config, "process", process);
	jv_set(config, "root", root_object(d));
	if (d->opt->hostname)
		jv_set_str(config, "hostname", d->opt->hostname);
	jv_set(config, "mounts", take_ptr(&d->mounts));
	jv_set(config, "annotations", annotations_object(d));
	jv_set(config, "linux", linux_object(d));
	*ret_config = take_ptr(&config);
	return NULL;
}
