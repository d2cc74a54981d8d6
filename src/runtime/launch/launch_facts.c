/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/launch.h"

#include "base/fs.h"
#include "base/num.h"
#include "base/proc.h"
#include "formats/conf/conf.h"
#include "runtime/userns/userns.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

enum { RESOLV_CONF_MAX = 1 << 20 };

static char *copy_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void gather_names(struct launch_facts *f)
{
	const struct passwd *pw = getpwuid(f->uid);

	if (pw) {
		f->user_name = copy_or_null(pw->pw_name);
		f->user_gecos = copy_or_null(pw->pw_gecos);
		f->user_home = copy_or_null(pw->pw_dir);
		f->user_shell = copy_or_null(pw->pw_shell);
	}

	const struct group *gr = getgrgid(f->gid);

	f->group_name = gr ? copy_or_null(gr->gr_name) : NULL;
}

/* Who root is on this host, for containers that run as root. */
static void gather_root_names(struct launch_facts *f)
{
	const struct passwd *pw = getpwuid(0);

	if (pw) {
		f->root_name = copy_or_null(pw->pw_name);
		f->root_gecos = copy_or_null(pw->pw_gecos);
		f->root_home = copy_or_null(pw->pw_dir);
		f->root_shell = copy_or_null(pw->pw_shell);
	}

	const struct group *gr = getgrgid(0);

	f->root_group_name = gr ? copy_or_null(gr->gr_name) : NULL;
}

static bool is_cgroup2(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static void gather_terminal(struct launch_facts *f)
{
	struct winsize size;

	f->stdin_is_tty = isatty(STDIN_FILENO);
	f->stdout_is_tty = isatty(STDOUT_FILENO);
	f->stderr_is_tty = isatty(STDERR_FILENO);
	if (f->stdin_is_tty && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		f->tty_rows = size.ws_row;
		f->tty_cols = size.ws_col;
	}
}

/* Of all 64-bit sets the kernel may have, 0 to 40 are known by name; the plan has the names. */
static unsigned int read_last_cap(void)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", 64, &text);
	cleanup_free char *number = str_trim(buf_str(&text));
	uint32_t last;

	return !err && num_parse_u32(number, 63, &last) ? last : 40;
}

/* A directory that was removed, or that lies outside this mount namespace, has no path; the container starts without
 * it. */
static char *read_cwd(void)
{
	char *cwd = getcwd(NULL, 0);

	if (cwd && cwd[0] == '/')
		return cwd;
	free(cwd);
	return xstrdup("/");
}

static uint64_t read_effective_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* How many ids from 0 on this user namespace has: "0 0 4294967295" on the host, fewer in most containers; 0 if unknown. */
static uint32_t read_n_ids(const char *map_path)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, map_path, 4096, &text);
	cleanup_strv struct strv words = { 0 };
	uint32_t n = 0;

	if (err)
		return 0;
	for (const char *at = buf_str(&text); *at && *at != '\n';) {
		size_t blanks = strspn(at, " ");
		size_t len = strcspn(at + blanks, " \n");

		strv_add_take(&words, xstrndup(at + blanks, len));
		at += blanks + len;
	}
	if (words.n < 3 || !str_eq(words.items[0], "0") || !num_parse_u32(words.items[2], UINT32_MAX, &n))
		return 0;
	return n;
}

static bool is_own_gid(gid_t gid)
{
	uint32_t n_ids = read_n_ids("/proc/self/gid_map");

	return n_ids == 0 || gid < n_ids;
}

static char *search_path_of(const struct site_conf *conf, const struct launch_options *options, bool is_root)
{
	const char *configured = is_root ? conf->root_search_path : conf->user_search_path;
	const char *hole = strstr(configured, "$PATH");

	if (!hole)
		return xstrdup(configured);

	const char *path = strv_getenv(options->host_env, "PATH");

	return xasprintf("%.*s%s%s", (int)(hole - configured), configured, path ? path : "", hole + strlen("$PATH"));
}

static struct error *gather_programs(const struct site_conf *conf, const struct launch_options *options,
				     struct launch_facts *f)
{
	cleanup_free char *path = search_path_of(conf, options, f->is_root);

	TRY(proc_find("crun", path, &f->runtime_path));
	f->runtime = LAUNCH_CRUN;
	if (!f->runtime_path) {
		TRY(proc_find("runc", path, &f->runtime_path));
		f->runtime = LAUNCH_RUNC;
	}
	if (f->is_root)
		return NULL;
	TRY(proc_find("newuidmap", path, &f->newuidmap));
	return proc_find("newgidmap", path, &f->newgidmap);
}

static void gather_ranges(struct launch_facts *f)
{
	struct userns_range uids;
	struct userns_range gids;

	if (f->is_root || !f->newuidmap || !f->newgidmap)
		return;
	userns_find_ranges(f->user_name, f->uid, &uids, &gids);
	if (!uids.count || !gids.count)
		return;
	f->subuid = (struct launch_subid){ uids.start, uids.count };
	f->subgid = (struct launch_subid){ gids.start, gids.count };
}

static void gather_resolv_conf(struct launch_facts *f)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, "/etc/resolv.conf", RESOLV_CONF_MAX, &text);

	if (err)
		f->resolv_conf_error = xstrdup(error_text(err));
	else
		f->resolv_conf = buf_take(&text);
}

struct error *launch_facts_gather(const struct site_conf *conf, const struct launch_options *options,
				  struct launch_facts **ret_facts)
{
	cleanup_with(launch_facts_free) struct launch_facts *f = xcalloc(1, sizeof(*f));

	f->uid = geteuid();
	f->gid = getegid();
	f->is_root = f->uid == 0;
	gather_names(f);
	TRY(gather_programs(conf, options, f));
	gather_ranges(f);
	*ret_facts = take_ptr(&f);
	return NULL;
}

struct error *launch_facts_complete(const struct launch_options *options, struct launch_facts *f)
{
	if (f->is_root || options->fakeroot)
		gather_root_names(f);
	if (f->is_root) {
		const struct group *tty = getgrnam("tty");

		/* A group that this user namespace does not have is no owner that a terminal could get. */
		f->has_tty_group = tty && is_own_gid(tty->gr_gid);
		f->tty_gid = tty ? tty->gr_gid : 0;
	}
	f->cwd = read_cwd();
	f->umask = umask(0);
	(void)umask(f->umask);
	gather_terminal(f);
	f->cgroup2_unified = is_cgroup2("/sys/fs/cgroup");
	f->cgroup_hybrid = !f->cgroup2_unified && is_cgroup2("/sys/fs/cgroup/unified");
	gather_resolv_conf(f);
	f->last_cap = read_last_cap();
	f->effective_caps = read_effective_caps();
	f->n_ids = f->is_root && options->userns ? read_n_ids("/proc/self/uid_map") : 0;
	if (options->env_files)
		TRY(launch_env_files_read(options->env_files, &f->env_texts));
	return NULL;
}

void launch_facts_free(struct launch_facts *f)
{
	if (!f)
		return;

	char *const owned[] = {
		f->user_name,	f->user_gecos,	      f->user_home,  f->user_shell,	 f->group_name, f->root_name,
		f->root_gecos,	f->root_home,	      f->root_shell, f->root_group_name, f->cwd,	f->runtime_path,
		f->resolv_conf, f->resolv_conf_error, f->newuidmap,  f->newgidmap,
	};

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_free(&f->env_texts);
	free(f);
}
