/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that is mounted over the root file system, in the order in which the runtime does it (oci-mode.md 3).
 * Sources on the host are only noted down here; launch_plan_check_sources() looks whether they exist.
 */
#include "runtime/launch/plan_priv.h"

#include "base/fs.h"

/* What a bind may differ in; oci-mode.md 3.0. */
enum bind_flags {
	BIND_READ_ONLY = 1 << 0,
	BIND_NOSUID = 1 << 1, /* even with --allow-setuid */
};

struct jv *plan_mount_add(struct plan_draft *d, const char *destination, const char *type, const char *source,
			  const char *options)
{
	struct jv *mount = jv_new_object();
	struct jv *list = jv_new_array();
	cleanup_strv struct strv words = { 0 };

	strv_split(&words, options, ',');
	for (size_t i = 0; i < words.n; i++)
		jv_append_str(list, words.items[i]);
	jv_set_str(mount, "destination", destination);
	if (type)
		jv_set_str(mount, "type", type);
	jv_set_str(mount, "source", source);
	jv_set(mount, "options", list);
	jv_append(d->mounts, mount);
	return list;
}

bool plan_no_mount(const struct plan_draft *d, const char *what)
{
	return d->opt->no_mount && strv_has(d->opt->no_mount, what);
}

static void append_size(const struct plan_draft *d, struct jv *options)
{
	cleanup_free char *size = xasprintf("size=%um", d->conf->sessiondir_max_size);

	jv_append_str(options, size);
}

/* As path.Join of the current directory and @path, without a look at the file system. */
static char *absolute(const struct plan_draft *d, const char *path)
{
	cleanup_free char *joined = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", d->facts->cwd, path);

	return fs_clean(joined);
}

static void need_source(struct plan_draft *d, const char *path, const char *context)
{
	struct launch_plan *plan = d->plan;

	plan->sources = xreallocarray(plan->sources, plan->n_sources + 1, sizeof(*plan->sources));
	plan->sources[plan->n_sources++] = (struct launch_source){ .path = xstrdup(path), .context = xstrdup(context) };
}

/* Is @path @dir itself or below it? */
static bool lies_in(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && (*rest == '\0' || *rest == '/');
}

static struct error *device_bind(struct plan_draft *d, const char *source, const char *destination, unsigned int flags,
				 const char *context)
{
	cleanup_free char *clean = fs_clean(source);

	if (!str_eq(clean, destination))
		return error_new(ERR_USAGE, "device bind source %s must be the same as destination %s", clean,
				 destination);
	need_source(d, clean, context);

	struct jv *options = plan_mount_add(d, destination, "none", clean, "bind,nosuid");

	if (flags & BIND_READ_ONLY)
		jv_append_str(options, "ro");
	return NULL;
}

static struct error *host_bind(struct plan_draft *d, const char *source, const char *destination, unsigned int flags,
			       const char *context)
{
	cleanup_free char *path = absolute(d, source);
	bool of_kernel = lies_in(path, "/proc") || lies_in(path, "/sys");

	if (lies_in(source, "/dev"))
		return device_bind(d, source, destination, flags, context);
	if (destination[0] != '/')
		return error_new(ERR_USAGE, "bind destination %s must be an absolute path", destination);
	need_source(d, path, context);

	struct jv *options = plan_mount_add(d, destination, "none", path, "rbind,nodev");

	if (!d->opt->allow_setuid || (flags & BIND_NOSUID) || of_kernel)
		jv_append_str(options, "nosuid");
	if (of_kernel)
		jv_append_str(options, "noexec");
	if (flags & BIND_READ_ONLY)
		jv_append_str(options, "ro");
	return NULL;
}

static struct error *mount_proc(struct plan_draft *d)
{
	if (!d->conf->mount_proc || plan_no_mount(d, "proc"))
		return NULL;
	if (d->no_pid)
		return host_bind(d, "/proc", "/proc", BIND_NOSUID, "while configuring proc mount");
	plan_mount_add(d, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	return NULL;
}

/*
 * A fresh mount of cgroup2 as root makes the kernel wait for its readers (13 ms measured), and without a cgroup
 * namespace it shows what the host's mount shows; so root binds that one.
 */
static void mount_cgroup(struct plan_draft *d)
{
	struct jv *options;

	if (d->facts->is_root)
		options = plan_mount_add(d, "/sys/fs/cgroup", "none", "/sys/fs/cgroup", "rbind,nosuid,noexec,nodev");
	else
		options = plan_mount_add(d, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev");
	jv_append_str(options, d->opt->keep_privs && !d->opt->no_privs ? "rw" : "ro");
}

static void mount_sys(struct plan_draft *d)
{
	if (!d->conf->mount_sys || plan_no_mount(d, "sys"))
		return;
	/* A user namespace may mount sysfs only together with a network namespace of its own. */
	if (d->facts->is_root && !d->inner_userns)
		plan_mount_add(d, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	else
		plan_mount_add(d, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
	if (d->facts->cgroup2_unified)
		mount_cgroup(d);
}

static void mount_devpts(struct plan_draft *d)
{
	struct jv *options =
		plan_mount_add(d, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");

	if (d->facts->is_root && d->facts->has_tty_group) {
		cleanup_free char *gid = xasprintf("gid=%u", d->facts->tty_gid);

		jv_append_str(options, gid);
	}
}

static void mount_dev_full(struct plan_draft *d)
{
	plan_mount_add(d, "/dev", "bind", "/dev", "nosuid,rprivate,rbind,rw");
	mount_devpts(d);
}

static void mount_dev_minimal(struct plan_draft *d)
{
	append_size(d, plan_mount_add(d, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755"));
	append_size(d, plan_mount_add(d, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777"));
	plan_mount_add(d, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	mount_devpts(d);
}

static struct error *need_dev(bool configured, const struct plan_draft *d, const char *what, const char *path)
{
	if (!configured)
		return error_new(ERR_DENIED,
				 "OCI-mode requires %s to be mounted, but 'mount %s = no' in singularity.conf", path,
				 what);
	if (plan_no_mount(d, what))
		return error_new(ERR_USAGE, "OCI-mode requires %s to be mounted, but '--no-mount %s' was requested",
				 path, what);
	return NULL;
}

static struct error *mount_dev(struct plan_draft *d)
{
	bool full = d->opt->no_compat && d->conf->mount_dev == CONF_DEV_YES;

	TRY(need_dev(d->conf->mount_dev != CONF_DEV_NO, d, "dev", "/dev"));
	TRY(need_dev(d->conf->mount_devpts, d, "devpts", "/dev/pts"));
	if (full && d->facts->runtime != LAUNCH_CRUN) {
		plan_notice(d, LOG_WARNING,
			    "Can only bind /dev when using 'crun' as OCI runtime. Currently using \"%s\". Will use "
			    "minimal /dev.",
			    d->facts->runtime_path);
		full = false;
	}
	if (full)
		mount_dev_full(d);
	else
		mount_dev_minimal(d);
	return NULL;
}

static void mount_tmp_at(struct plan_draft *d, const char *destination, const char *below_workdir)
{
	if (!d->plan->workdir) {
		append_size(d, plan_mount_add(d, destination, "tmpfs", "tmpfs", "nosuid,relatime,mode=777"));
		return;
	}

	cleanup_free char *source = xasprintf("%s/%s", d->plan->workdir, below_workdir);

	strv_add(&d->plan->make_dirs_1777, below_workdir);
	plan_mount_add(d, destination, "none", source, d->opt->allow_setuid ? "rbind" : "rbind,nosuid");
}

static struct error *mount_tmp(struct plan_draft *d)
{
	const char *context = "while configuring tmp mounts";

	if (!d->conf->mount_tmp || plan_no_mount(d, "tmp"))
		return NULL;
	if (d->opt->no_compat) {
		TRY(host_bind(d, "/tmp", "/tmp", 0, context));
		return d->image->var_tmp_is_tmp ? NULL : host_bind(d, "/var/tmp", "/var/tmp", 0, context);
	}
	mount_tmp_at(d, "/tmp", "tmp");
	/* Where /var/tmp is a link to /tmp, the second mount would hide the first. */
	if (!d->image->var_tmp_is_tmp)
		mount_tmp_at(d, "/var/tmp", "var_tmp");
	return NULL;
}

/* A home of "/" (callers without a passwd entry) cannot be a mount of its own. */
static struct error *mount_home(struct plan_draft *d)
{
	bool owner_mapped = d->facts->is_root || d->inner_userns;

	if (!d->conf->mount_home || d->opt->no_home || plan_no_mount(d, "home") || str_eq(d->home, "/"))
		return NULL;
	if (d->home_source)
		return host_bind(d, d->home_source, d->home, 0, "while configuring home mount");
	if (d->home[0] != '/')
		return error_new(ERR_USAGE, "home directory %s must be an absolute path", d->home);

	struct jv *options = plan_mount_add(d, d->home, "tmpfs", "tmpfs", "relatime,mode=755");

	append_size(d, options);
	if (!d->opt->allow_setuid)
		jv_append_str(options, "nosuid");
	if (!d->opt->fakeroot && owner_mapped) {
		cleanup_free char *uid = xasprintf("uid=%u", d->facts->uid);
		cleanup_free char *gid = xasprintf("gid=%u", d->facts->gid);

		jv_append_str(options, uid);
		jv_append_str(options, gid);
	}
	return NULL;
}

/* scratch/a/b needs scratch/a first; what is listed twice is made once. */
static void make_scratch_dirs(struct plan_draft *d, const char *scratch)
{
	cleanup_free char *path = xasprintf("scratch/%s", scratch);
	struct strv *dirs = &d->plan->make_dirs_1777;

	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup_free char *parent = xstrndup(path, (size_t)(slash - path));

		if (!strv_has(dirs, parent))
			strv_add(dirs, parent);
	}
	if (!strv_has(dirs, path))
		strv_add(dirs, path);
}

static struct error *mount_scratch(struct plan_draft *d, const char *destination)
{
	struct jv *options;

	if (!d->plan->workdir) {
		options = plan_mount_add(d, destination, "tmpfs", "tmpfs", "relatime,nodev");
		append_size(d, options);
	} else {
		/* Rooted before it is cleaned, ".." cannot climb out of the work directory. */
		cleanup_free char *rooted = xasprintf("/%s", destination);
		cleanup_free char *clean = fs_clean(rooted);
		cleanup_free char *source = xasprintf("%s/scratch%s", d->plan->workdir, clean);

		if (str_eq(clean, "/"))
			return error_new(ERR_USAGE, "scratch directory %s has no name", destination);
		make_scratch_dirs(d, clean + 1);
		options = plan_mount_add(d, destination, NULL, source, "rbind,nodev");
	}
	if (!d->opt->allow_setuid)
		jv_append_str(options, "nosuid");
	return NULL;
}

static struct error *mount_scratches(struct plan_draft *d)
{
	if (d->plan->workdir)
		strv_add(&d->plan->make_dirs_1777, "scratch");
	for (size_t i = 0; d->opt->scratch && i < d->opt->scratch->n; i++)
		TRY(mount_scratch(d, d->opt->scratch->items[i]));
	return NULL;
}

/* The `bind path` entries of singularity.conf: of native mode, so only where that is asked for. */
static struct error *mount_bind_paths(struct plan_draft *d)
{
	cleanup_binds struct plan_binds binds = { 0 };

	if (!d->opt->no_compat || plan_no_mount(d, "bind-paths"))
		return NULL;
	for (size_t i = 0; i < d->conf->bind_path.n; i++)
		TRY(plan_bind_parse(d->conf->bind_path.items[i], &binds));
	for (size_t i = 0; i < binds.n; i++) {
		const struct plan_bind *b = &binds.items[i];
		cleanup_free char *context =
			xasprintf("while configuring system bind mount(s): while adding mount \"%s\"", b->source);

		if (plan_no_mount(d, b->destination))
			continue;
		TRY_CTX(host_bind(d, b->source, b->destination, b->read_only ? BIND_READ_ONLY : 0, context),
			"while adding mount \"%s\"", b->source);
	}
	return NULL;
}

static struct error *user_bind(struct plan_draft *d, const struct plan_bind *b)
{
	cleanup_free char *context =
		xasprintf("while configuring user bind mount(s): while adding mount \"%s\"", b->source);

	if (b->id)
		return error_new(ERR_UNSUPPORTED,
				 "image bind id values are not supported, but one was supplied (%s %s)",
				 b->image_src ? b->image_src : "", b->id);
	if (b->image_src)
		return error_new(ERR_UNSUPPORTED, "binds from an image (image-src) are not supported");
	return host_bind(d, b->source, b->destination, b->read_only ? BIND_READ_ONLY : 0, context);
}

static struct error *user_bind_dev(struct plan_draft *d, const struct plan_bind *b)
{
	if (!str_eq(b->destination, "/dev"))
		return error_new(ERR_USAGE, "host /dev may only be bound to /dev in container");
	mount_dev_full(d);
	return NULL;
}

struct error *plan_binds_of(const struct launch_options *opt, struct plan_binds *binds)
{
	/* The flag's values were cut at commas that may have belonged to options; put together again, they are one
	 * list. */
	cleanup_free char *list = opt->binds ? strv_join(opt->binds, ",") : xstrdup("");

	TRY(plan_bind_parse(list, binds));
	for (size_t i = 0; opt->mounts && i < opt->mounts->n; i++)
		TRY(plan_mount_parse(opt->mounts->items[i], binds));
	return NULL;
}

static struct error *mount_user_binds(struct plan_draft *d)
{
	cleanup_binds struct plan_binds binds = { 0 };

	TRY(plan_binds_of(d->opt, &binds));
	if (binds.n > 0 && !d->conf->user_bind_control) {
		plan_notice(d, LOG_WARNING,
			    "Ignoring bind mount request(s): user bind control disabled by system administrator");
		return NULL;
	}
	for (size_t i = 0; i < binds.n; i++) {
		const struct plan_bind *b = &binds.items[i];

		if (str_eq(b->source, "/dev") && !b->image_src)
			TRY(user_bind_dev(d, b));
		else
			TRY_CTX(user_bind(d, b), "while adding mount \"%s\"", b->source);
	}
	return NULL;
}

static struct error *mount_cwd(struct plan_draft *d)
{
	if (!d->opt->no_compat || plan_no_mount(d, "cwd"))
		return NULL;
	/* The host's root over the container's would leave nothing of the image. */
	if (str_eq(d->facts->cwd, "/"))
		return NULL;
	return host_bind(d, d->facts->cwd, d->facts->cwd, 0, "while configuring cwd mount");
}

static struct error *mount_containlibs(struct plan_draft *d)
{
	size_t n = d->opt->containlibs ? d->opt->containlibs->n : 0;

	if (n > 0 && !d->conf->user_bind_control) {
		plan_notice(d, LOG_WARNING,
			    "Ignoring containlibs mount request: user bind control disabled by system administrator");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		const char *library = d->opt->containlibs->items[i];
		cleanup_free char *destination = xasprintf(PLAN_LIBS_DIR "/%s", fs_basename(library));

		TRY(host_bind(d, library, destination, BIND_READ_ONLY | BIND_NOSUID,
			      "while configuring containlibs mount(s)"));
	}
	return NULL;
}

/* Only what is really passed over is said to be: cwd and paths do count in native-like mode, resolv.conf always. */
static void notice_no_mount(struct plan_draft *d)
{
	for (size_t i = 0; d->opt->no_mount && i < d->opt->no_mount->n; i++) {
		const char *value = d->opt->no_mount->items[i];
		bool is_cwd = str_eq(value, "cwd");
		bool is_path = value[0] == '/';

		if ((!is_cwd && !is_path) || d->opt->no_compat || str_eq(value, "/etc/resolv.conf"))
			continue;
		plan_notice(d, LOG_WARNING, "--no-mount %s is not supported in OCI mode, ignoring.", value);
	}
}

struct error *plan_mounts(struct plan_draft *d)
{
	static const struct {
		struct error *(*add)(struct plan_draft *d);
		const char *what;
	} steps[] = {
		{ mount_tmp, "tmp mounts" },
		{ mount_home, "home mount" },
		{ mount_scratches, "scratch mount(s)" },
		{ mount_bind_paths, "system bind mount(s)" },
		{ mount_user_binds, "user bind mount(s)" },
		{ mount_cwd, "cwd mount" },
		{ mount_containlibs, "containlibs mount(s)" },
	};

	notice_no_mount(d);
	if (d->opt->workdir)
		d->plan->workdir = absolute(d, d->opt->workdir);
	TRY_CTX(mount_proc(d), "while creating OCI spec: while configuring proc mount");
	mount_sys(d);
	TRY_CTX(mount_dev(d), "while creating OCI spec: while configuring devpts mount");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		TRY_CTX(steps[i].add(d), "while creating OCI spec: while configuring %s", steps[i].what);
	return plan_etc_files(d);
}
