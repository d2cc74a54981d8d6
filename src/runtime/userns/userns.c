/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/userns/userns.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/num.h"
#include "base/proc.h"

#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>

/* Sites with one line for each of 100,000 users are known; this is ten times that. */
enum { SUBID_FILE_MAX = 64 << 20, NSSWITCH_MAX = 1 << 20 };

static bool key_matches(const char *key, size_t len, const char *user, const char *uid)
{
	return (user && strlen(user) == len && memcmp(key, user, len) == 0) ||
	       (strlen(uid) == len && memcmp(key, uid, len) == 0);
}

/* One line without its newline: name:start:count. */
static bool parse_line(const char *line, size_t len, const char *user, const char *uid, struct userns_range *ret_range)
{
	const char *end = line + len;
	const char *first = memchr(line, ':', len);

	if (!first || !key_matches(line, (size_t)(first - line), user, uid))
		return false;

	const char *second = memchr(first + 1, ':', (size_t)(end - first - 1));

	if (!second)
		return false;

	cleanup_free char *start = xstrndup(first + 1, (size_t)(second - first - 1));
	cleanup_free char *count = xstrndup(second + 1, (size_t)(end - second - 1));
	struct userns_range range;
	uint32_t last;

	if (!num_parse_u32(start, UINT32_MAX, &range.start) || !num_parse_u32(count, UINT32_MAX, &range.count) ||
	    range.count < USERNS_RANGE_MIN || !add_ok(range.start, range.count - 1, &last))
		return false;
	*ret_range = range;
	return true;
}

struct userns_range userns_parse_ranges(const char *text, const char *user, uid_t uid)
{
	struct userns_range range = { 0 };
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", uid);
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (parse_line(text, len, user, number, &range))
			break;
		text += len + (text[len] == '\n');
	}
	return range;
}

static struct userns_range range_from_file(const char *path, const char *user, uid_t uid)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, path, SUBID_FILE_MAX, &text);

	if (err)
		return (struct userns_range){ 0 };
	return userns_parse_ranges(buf_str(&text), user, uid);
}

/* Does nsswitch.conf name a source for subordinate ids? Then libsubid knows how to ask it. */
static bool nsswitch_has_subid(void)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, "/etc/nsswitch.conf", NSSWITCH_MAX, &text);

	if (err)
		return false;
	return str_starts(buf_str(&text), "subid:") || strstr(buf_str(&text), "\nsubid:") != NULL;
}

/* The part of subid.h that we call; the library is loaded only on hosts that ask for it. */
struct subid_range {
	unsigned long start, count;
};

typedef int subid_get_ranges(const char *owner, struct subid_range **ret_ranges);

static struct userns_range range_from_library(subid_get_ranges *get, const char *owner)
{
	struct subid_range *ranges = NULL;
	int n = get(owner, &ranges);
	struct userns_range range = { 0 };

	for (int i = 0; i < n && !range.count; i++) {
		if (ranges[i].count >= USERNS_RANGE_MIN && ranges[i].start <= UINT32_MAX &&
		    ranges[i].count <= UINT32_MAX - ranges[i].start)
			range = (struct userns_range){ (uint32_t)ranges[i].start, (uint32_t)ranges[i].count };
	}
	free(ranges);
	return range;
}

static bool find_by_library(const char *user, uid_t uid, struct userns_range *ret_uids, struct userns_range *ret_gids)
{
	void *lib = dlopen("libsubid.so.4", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		lib = dlopen("libsubid.so.5", RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return false;

	subid_get_ranges *get_uids, *get_gids;

	/* POSIX lets a data pointer carry a function's address; C needs the copy to say so. */
	void *symbol = dlsym(lib, "subid_get_uid_ranges");

	if (!symbol)
		symbol = dlsym(lib, "get_subuid_ranges");
	memcpy(&get_uids, &symbol, sizeof(get_uids));
	symbol = dlsym(lib, "subid_get_gid_ranges");
	if (!symbol)
		symbol = dlsym(lib, "get_subgid_ranges");
	memcpy(&get_gids, &symbol, sizeof(get_gids));
	if (!get_uids || !get_gids)
		return false;

	char number[16];

	(void)snprintf(number, sizeof(number), "%u", uid);
	*ret_uids = range_from_library(get_uids, user ? user : number);
	*ret_gids = range_from_library(get_gids, user ? user : number);
	if (!ret_uids->count)
		*ret_uids = range_from_library(get_uids, number);
	if (!ret_gids->count)
		*ret_gids = range_from_library(get_gids, number);
	return true;
}

void userns_find_ranges(const char *user, uid_t uid, struct userns_range *ret_uids, struct userns_range *ret_gids)
{
	if (nsswitch_has_subid() && find_by_library(user, uid, ret_uids, ret_gids))
		return;
	*ret_uids = range_from_file("/etc/subuid", user, uid);
	*ret_gids = range_from_file("/etc/subgid", user, uid);
}

static struct error *start_mapper(const char *program, pid_t pid, const struct userns_map *map, pid_t *ret_pid)
{
	cleanup_strv struct strv argv = { 0 };
	static char *const no_env[] = { NULL };

	strv_add(&argv, program);
	strv_addf(&argv, "%d", pid);
	for (size_t i = 0; i < map->n; i++) {
		strv_addf(&argv, "%u", map->extents[i].inside);
		strv_addf(&argv, "%u", map->extents[i].outside);
		strv_addf(&argv, "%u", map->extents[i].size);
	}

	/*
	 * posix_spawn shares the memory until the exec, so that it costs little and an error of the exec is seen here.
	 * The actions point standard input and output elsewhere; the error output stays the user's.
	 */
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int errnum;

	sigemptyset(&none);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	errnum = posix_spawn(ret_pid, program, &actions, &attr, argv.items, no_env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return errnum ? error_sys(errnum, "execute %s", program) : NULL;
}

struct error *userns_start_maps(pid_t pid, const char *newuidmap, const char *newgidmap, const struct userns_map *uids,
				const struct userns_map *gids, struct userns_job *ret_job)
{
	struct userns_job job = { 0 };

	TRY(start_mapper(newgidmap, pid, gids, &job.gid_pid));

	struct error *err = start_mapper(newuidmap, pid, uids, &job.uid_pid);

	if (err) {
		int status;

		error_free(proc_wait(job.gid_pid, &status));
		return err;
	}
	*ret_job = job;
	return NULL;
}

static struct error *finish_mapper(pid_t *pid, const char *name)
{
	pid_t waited = *pid;
	int status;

	*pid = 0;
	if (!waited)
		return NULL;
	TRY(proc_wait(waited, &status));
	if (status == 0)
		return NULL;
	return error_hint(
		error_new(ERR_DENIED,
			  "'%s' execution failed. Check that '%s' is setuid root, or has required capabilities.", name,
			  name),
		"%s must be able to set ids; /etc/sub%s must hold your range", name,
		str_eq(name, "newuidmap") ? "uid" : "gid");
}

struct error *userns_finish_maps(struct userns_job *job)
{
	struct error *gid_err = finish_mapper(&job->gid_pid, "newgidmap");
	struct error *uid_err = finish_mapper(&job->uid_pid, "newuidmap");

	if (gid_err) {
		error_free(uid_err);
		return gid_err;
	}
	return uid_err;
}

static struct error *write_proc(pid_t pid, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%d/%s", pid, name);
	cleanup_fd int fd = -EBADF;

	TRY(fs_open_proc(path, O_WRONLY, &fd));
	TRY_CTX(io_write_all(fd, text, strlen(text)), "/proc/%s", path);
	return io_close(&fd);
}

struct error *userns_write_single(pid_t pid, uint32_t inside_uid, uint32_t inside_gid)
{
	cleanup_free char *uid_line = xasprintf("%u %u 1\n", inside_uid, geteuid());
	cleanup_free char *gid_line = xasprintf("%u %u 1\n", inside_gid, getegid());

	TRY(write_proc(pid, "setgroups", "deny"));
	TRY(write_proc(pid, "uid_map", uid_line));
	return write_proc(pid, "gid_map", gid_line);
}
