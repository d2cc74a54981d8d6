/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/proc.h"

#include "base/fs.h"

#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void set_cloexec_from(int first, int last)
{
	if (first <= last)
		(void)close_range((unsigned int)first, (unsigned int)last, CLOSE_RANGE_CLOEXEC);
}

/* Between fork and exec: async-signal-safe calls only. */
static void keep_only(const struct proc_spec *spec)
{
	set_cloexec_from(3, INT_MAX);
	for (size_t i = 0; i < spec->n_keep_fds; i++) {
		int flags = fcntl(spec->keep_fds[i], F_GETFD);

		if (flags >= 0)
			(void)fcntl(spec->keep_fds[i], F_SETFD, flags & ~FD_CLOEXEC);
	}
}

static int place(int fd, int target)
{
	if (fd < 0)
		return 0;
	if (fd == target)
		return fcntl(fd, F_SETFD, 0);
	return dup2(fd, target);
}

static void run_child(const struct proc_spec *spec, pid_t parent, int status_fd)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (spec->die_with_parent && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(255);
	if (place(spec->stdin_fd, 0) >= 0 && place(spec->stdout_fd, 1) >= 0 && place(spec->stderr_fd, 2) >= 0) {
		keep_only(spec);
		(void)execve(spec->path, spec->argv, spec->env ? spec->env : environ);
	}

	int saved = errno;

	(void)!write(status_fd, &saved, sizeof(saved));
	_exit(255);
}

struct error *proc_hold_std_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int opened;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is this one. */
		TRY(fs_open(AT_FDCWD, "/dev/null", O_RDWR, 0, &opened));
		if (fcntl(opened, F_SETFD, 0) < 0)
			return error_sys(errno, "keep /dev/null open");
	}
	return NULL;
}

struct error *proc_spawn(const struct proc_spec *spec, pid_t *ret_pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(errno, "pipe");

	cleanup_fd int status_read = ends[0];
	cleanup_fd int status_write = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);

	(void)close(ends[1]);
	if (status_write < 0)
		return error_sys(errno, "duplicate a descriptor");

	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return error_sys(errno, "fork");
	if (pid == 0)
		run_child(spec, parent, status_write);
	(void)close(take_fd(&status_write));

	int errnum = 0;
	ssize_t n;

	do
		n = read(status_read, &errnum, sizeof(errnum));
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		*ret_pid = pid;
		return NULL;
	}
	(void)waitpid(pid, NULL, 0);
	return error_sys(n == sizeof(errnum) ? errnum : EIO, "execute %s", spec->path);
}

struct error *proc_wait(pid_t pid, int *ret_status)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return error_sys(errno, "wait for process %d", pid);
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return NULL;
}

struct error *proc_find(const char *name, const char *search_path, char **ret_path)
{
	cleanup_strv struct strv dirs = { 0 };

	strv_split(&dirs, search_path, ':');
	for (size_t i = 0; i < dirs.n; i++) {
		if (!*dirs.items[i])
			continue;

		cleanup_free char *path = xasprintf("%s/%s", dirs.items[i], name);
		struct stat st;

		/* The kernel has the last word at execve(); this only picks the candidate. */
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0) {
			*ret_path = take_ptr(&path);
			return NULL;
		}
	}
	*ret_path = NULL;
	return NULL;
}
