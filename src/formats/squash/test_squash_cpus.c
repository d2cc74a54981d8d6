/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/squash_cpus.h"

#include "base/fs.h"
#include "base/test.h"
#include "formats/squash/squash_writer.h"

#include <sched.h>

/* A file of a made-up "/". */
struct fake {
	const char *path, *text;
};

static unsigned int cpus_of(const struct fake *files, unsigned int n_affinity)
{
	cleanup_free char *dir = NULL;
	cleanup_fd int fd = -EBADF;

	assert_ok(fs_mkdtemp("/tmp", "test-cpus-", &dir));
	assert_ok(fs_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &fd));
	for (; files->path; files++) {
		cleanup_free char *parent = xstrndup(files->path, (size_t)(strrchr(files->path, '/') - files->path));
		cleanup_fd int file = -EBADF;

		assert_ok(fs_mkdirs(fd, parent, 0700));
		assert_ok(fs_open(fd, files->path, O_WRONLY | O_CREAT, 0600, &file));
		assert_int_equal(write(file, files->text, strlen(files->text)), strlen(files->text));
	}

	unsigned int n = squash_cpus_at(fd, n_affinity);

	assert_ok(fs_remove_tree(AT_FDCWD, dir));
	return n;
}

#define MOUNTS_V2                                                                                                      \
	"22 1 0:20 / / rw - ext4 /dev/root rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
#define MOUNTS_V1                                                                                                      \
	"30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"                                            \
	"31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

static void test_nothing_known(void **state)
{
	const struct fake none[] = { { NULL, NULL } };
	const struct fake damaged[] = { { "proc/self/cgroup", "0:\n::\nx" },
					{ "proc/self/mountinfo", "a b c - \n-\n" },
					{ NULL, NULL } };

	(void)state;
	assert_int_equal(cpus_of(none, 6), 6);
	assert_int_equal(cpus_of(damaged, 6), 6);
}

static void test_v2(void **state)
{
	const struct fake max[] = { { "proc/self/cgroup", "0::/a/b\n" },
				    { "proc/self/mountinfo", MOUNTS_V2 },
				    { "sys/fs/cgroup/a/b/cpu.max", "max 100000\n" },
				    { NULL, NULL } };
	const struct fake own[] = { { "proc/self/cgroup", "0::/a/b\n" },
				    { "proc/self/mountinfo", MOUNTS_V2 },
				    { "sys/fs/cgroup/a/b/cpu.max", "250000 100000\n" },
				    { NULL, NULL } };
	const struct fake above[] = { { "proc/self/cgroup", "0::/a/b\n" },
				      { "proc/self/mountinfo", MOUNTS_V2 },
				      { "sys/fs/cgroup/a/b/cpu.max", "900000 100000\n" },
				      { "sys/fs/cgroup/a/cpu.max", "200000 100000\n" },
				      { NULL, NULL } };
	const struct fake little[] = { { "proc/self/cgroup", "0::/\n" },
				       { "proc/self/mountinfo", MOUNTS_V2 },
				       { "sys/fs/cgroup/cpu.max", "1000 100000\n" },
				       { NULL, NULL } };

	(void)state;
	assert_int_equal(cpus_of(max, 6), 6);
	assert_int_equal(cpus_of(own, 6), 3);
	assert_int_equal(cpus_of(own, 2), 2);
	assert_int_equal(cpus_of(above, 16), 2);
	assert_int_equal(cpus_of(little, 6), 1);
}

static void test_v1(void **state)
{
	const struct fake none[] = { { "proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/c\n0::/\n" },
				     { "proc/self/mountinfo", MOUNTS_V1 },
				     { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "-1\n" },
				     { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n" },
				     { NULL, NULL } };
	const struct fake some[] = { { "proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/c\n0::/\n" },
				     { "proc/self/mountinfo", MOUNTS_V1 },
				     { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "400000\n" },
				     { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n" },
				     { NULL, NULL } };
	const struct fake broken[] = { { "proc/self/cgroup", "3:cpu:/c\n" },
				       { "proc/self/mountinfo", MOUNTS_V1 },
				       { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "400000\n" },
				       { "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "0\n" },
				       { NULL, NULL } };

	(void)state;
	assert_int_equal(cpus_of(none, 6), 6);
	assert_int_equal(cpus_of(some, 6), 4);
	assert_int_equal(cpus_of(broken, 6), 6);
}

/* A container sees a part of the hierarchy, mounted as if it were the whole. */
static void test_part_of_hierarchy(void **state)
{
	const struct fake inside[] = { { "proc/self/cgroup", "0::/docker/abc/x\n" },
				       { "proc/self/mountinfo",
					 "30 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n" },
				       { "sys/fs/cgroup/x/cpu.max", "300000 100000\n" },
				       { NULL, NULL } };
	const struct fake outside[] = { { "proc/self/cgroup", "0::/other\n" },
					{ "proc/self/mountinfo",
					  "30 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n" },
					{ "sys/fs/cgroup/cpu.max", "200000 100000\n" },
					{ NULL, NULL } };

	(void)state;
	assert_int_equal(cpus_of(inside, 6), 3);
	assert_int_equal(cpus_of(outside, 6), 2);
}

static void test_affinity(void **state)
{
	cpu_set_t old;
	cpu_set_t one;
	size_t first = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	while (!CPU_ISSET(first, &old))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_true(squash_cpus() >= 1);
	assert_true(squash_cpus() <= (unsigned int)CPU_COUNT(&old));
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(squash_cpus(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),	  cmocka_unit_test(test_v2),	   cmocka_unit_test(test_v1),
		cmocka_unit_test(test_part_of_hierarchy), cmocka_unit_test(test_affinity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
