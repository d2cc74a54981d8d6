/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Killing without a PID namespace (--no-pid, or a host where none can be used): the guard is the subreaper of the
 * container, so whatever the runtime leaves behind becomes its child, and it kills its children until it has none.
 */
#include "runtime/launch/launch_priv.h"

#include "base/fs.h"
#include "base/num.h"

#include <dirent.h>
#include <sys/wait.h>

/* The parent of a process, from /proc/PID/stat; the name in parentheses may hold anything. */
static pid_t parent_of(const char *pid)
{
	cleanup_free char *path = xasprintf("/proc/%s/stat", pid);
	cleanup_buf struct buf stat = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, path, 65536, &stat);
	const char *after = err ? NULL : strrchr(buf_str(&stat), ')');
	cleanup_strv struct strv fields = { 0 };
	uint32_t ppid;

	/* ") S 123 ...": the state, then the parent. */
	strv_split(&fields, after ? after : "", ' ');
	return fields.n > 2 && num_parse_u32(fields.items[2], INT32_MAX, &ppid) ? (pid_t)ppid : 0;
}

pid_t *launch_guard_list_children(size_t *ret_n)
{
	pid_t *pids = NULL;
	size_t n = 0;
	size_t cap = 0;
	cleanup_fd int fd = -EBADF;
	cleanup_with(error_free) struct error *err = fs_open_proc(".", O_RDONLY | O_DIRECTORY, &fd);
	DIR *proc = err ? NULL : fdopendir(fd);
	pid_t self = getpid();

	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		uint32_t pid;

		if (!num_parse_u32(entry->d_name, INT32_MAX, &pid) || parent_of(entry->d_name) != self)
			continue;
		GROW(pids, n, cap);
		pids[n++] = (pid_t)pid;
	}
	if (proc) {
		(void)closedir(proc);
		(void)take_fd(&fd);
	}
	*ret_n = n;
	return pids;
}

static bool is_spared(pid_t pid, const pid_t *spared, size_t n_spared)
{
	for (size_t i = 0; i < n_spared; i++) {
		if (spared[i] == pid)
			return true;
	}
	return false;
}

void launch_guard_kill_children(const pid_t *spared, size_t n_spared)
{
	for (;;) {
		size_t n;
		cleanup_free pid_t *pids = launch_guard_list_children(&n);
		size_t killed = 0;

		for (size_t i = 0; i < n; i++) {
			if (is_spared(pids[i], spared, n_spared))
				continue;
			killed++;
			(void)kill(pids[i], SIGKILL);
			(void)waitpid(pids[i], NULL, 0);
		}
		if (!killed)
			return;
	}
}
