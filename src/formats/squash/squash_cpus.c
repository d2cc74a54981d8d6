/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many CPUs this process may really use: its affinity mask, and the CPU quotas of its control group and of those
 * above it. Specification: the kernel's cgroup-v2.rst (cpu.max) and cgroup-v1 cpu controller (cpu.cfs_quota_us,
 * cpu.cfs_period_us).
 */
#include "formats/squash/squash_cpus.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "formats/squash/squash_writer.h"

#include <sched.h>
#include <string.h>

#define TEXT_MAX (1u << 20)	/* /proc/self/mountinfo of a host with thousands of mounts */
#define AFFINITY_MAX (1u << 16) /* CPUs; more than Linux supports */

/* Where one hierarchy is mounted, and the process's group in it. */
struct group {
	bool is_v2;
	char *mount_root; /* the group that the mount shows at its top */
	char *mount_point;
	char *path; /* of the process's group, from the root of the hierarchy */
};

static void group_release(struct group *group)
{
	free(group->mount_root);
	free(group->mount_point);
	free(group->path);
}

static bool list_has(const char *list, const char *word)
{
	cleanup_strv struct strv words = { 0 };

	strv_split(&words, list, ',');
	return strv_has(&words, word);
}

/* A line of /proc/self/cgroup: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
static void take_cgroup_line(const char *line, struct group *v1, struct group *v2)
{
	const char *controllers = strchr(line, ':');
	const char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return;
	controllers++;

	cleanup_free char *list = xstrndup(controllers, (size_t)(path - controllers));
	struct group *group = list[0] == '\0' ? v2 : list_has(list, "cpu") ? v1 : NULL;

	if (group && !group->path)
		group->path = xstrdup(path + 1);
}

/* A line of /proc/self/mountinfo: "id parent major:minor root point options [tags] - type source super-options". */
static void take_mount_line(const char *line, struct group *v1, struct group *v2)
{
	cleanup_strv struct strv words = { 0 };
	size_t dash = 6;

	strv_split(&words, line, ' ');
	while (dash < words.n && !str_eq(words.items[dash], "-"))
		dash++;
	if (dash + 3 >= words.n)
		return;

	const char *type = words.items[dash + 1];
	struct group *group = str_eq(type, "cgroup2")						 ? v2
			      : str_eq(type, "cgroup") && list_has(words.items[dash + 3], "cpu") ? v1
												 : NULL;

	if (!group || group->mount_point)
		return;
	group->mount_root = xstrdup(words.items[3]);
	group->mount_point = xstrdup(words.items[4]);
}

static void take_lines(int root_fd, const char *path, struct group *v1, struct group *v2,
		       void (*take)(const char *line, struct group *v1, struct group *v2))
{
	cleanup_buf struct buf text = { 0 };
	cleanup_strv struct strv lines = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(root_fd, path, TEXT_MAX, &text);

	if (err)
		return; /* no procfs: nothing is known, so nothing limits */
	strv_split(&lines, buf_str(&text), '\n');
	for (size_t i = 0; i < lines.n; i++)
		take(lines.items[i], v1, v2);
}

/* The first @n_wanted numbers of a small file; "max" and "-1" are no number. */
static bool read_numbers(int root_fd, const char *dir, const char *name, uint64_t *numbers, size_t n_wanted)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_buf struct buf text = { 0 };
	cleanup_strv struct strv words = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(root_fd, path, TEXT_MAX, &text);

	if (err)
		return false;

	cleanup_free char *trimmed = str_trim(buf_str(&text));

	strv_split(&words, trimmed, ' ');
	for (size_t i = 0; i < n_wanted; i++)
		if (i >= words.n || !num_parse_u64(words.items[i], INT64_MAX, &numbers[i]))
			return false;
	return true;
}

/* CPUs that the group at @dir may use, rounded up; UINT64_MAX without a quota. */
static uint64_t quota_of(int root_fd, const char *dir, bool is_v2)
{
	uint64_t quota[2]; /* microseconds of CPU, per so many microseconds */
	bool known = is_v2 ? read_numbers(root_fd, dir, "cpu.max", quota, 2)
			   : read_numbers(root_fd, dir, "cpu.cfs_quota_us", &quota[0], 1) &&
				     read_numbers(root_fd, dir, "cpu.cfs_period_us", &quota[1], 1);

	if (!known || quota[1] == 0)
		return UINT64_MAX;
	return quota[0] / quota[1] + (quota[0] % quota[1] != 0);
}

/* The least of the quotas from the process's group up to the top of the mount. */
static uint64_t group_quota(int root_fd, const struct group *group)
{
	if (!group->path || !group->mount_point)
		return UINT64_MAX;

	/* In a container the mount may show a part of the hierarchy only; a path outside of it says nothing but its
	 * top. */
	const char *below = str_eq(group->mount_root, "/") ? group->path : str_after(group->path, group->mount_root);
	const char *point = group->mount_point + strspn(group->mount_point, "/");
	cleanup_free char *dir = xasprintf("%s%s", point, below && below[0] == '/' && below[1] ? below : "");
	uint64_t least = UINT64_MAX;

	for (;;) {
		uint64_t quota = quota_of(root_fd, dir, group->is_v2);

		if (quota < least)
			least = quota;
		if (strlen(dir) <= strlen(point))
			return least;
		*strrchr(dir, '/') = '\0';
	}
}

unsigned int squash_cpus_at(int root_fd, unsigned int n_affinity)
{
	struct group v1 = { .is_v2 = false };
	struct group v2 = { .is_v2 = true };

	take_lines(root_fd, "proc/self/cgroup", &v1, &v2, take_cgroup_line);
	take_lines(root_fd, "proc/self/mountinfo", &v1, &v2, take_mount_line);

	uint64_t least = group_quota(root_fd, &v1);
	uint64_t quota = group_quota(root_fd, &v2);

	group_release(&v1);
	group_release(&v2);
	if (quota < least)
		least = quota;
	if (least == 0)
		least = 1;
	return least < n_affinity ? (unsigned int)least : n_affinity;
}

static unsigned int affinity(void)
{
	for (size_t n = 1024; n <= AFFINITY_MAX; n *= 2) {
		size_t size = CPU_ALLOC_SIZE(n);
		cleanup_free cpu_set_t *set = xmalloc(size);

		if (sched_getaffinity(0, size, set) == 0)
			return (unsigned int)CPU_COUNT_S(size, set);
		if (errno != EINVAL) /* which says that the mask is longer */
			break;
	}
	return 1;
}

unsigned int squash_cpus(void)
{
	cleanup_fd int root_fd = -EBADF;
	cleanup_with(error_free) struct error *err = fs_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root_fd);

	return err ? affinity() : squash_cpus_at(root_fd, affinity());
}
