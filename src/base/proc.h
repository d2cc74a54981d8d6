/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child processes. A spawned process has one owner, who waits for it. proc_spawn() passes only the descriptors it is
 * told to.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

/* What to start. Zero-initialise; -1 in a descriptor means inherit. */
struct proc_spec {
	const char *path;    /* absolute path of the program */
	char *const *argv;   /* NULL-terminated, argv[0] included */
	char *const *env;    /* NULL-terminated; NULL: the caller's environment */
	int stdin_fd;	     /* becomes 0; -1: inherit */
	int stdout_fd;	     /* becomes 1; -1: inherit */
	int stderr_fd;	     /* becomes 2; -1: inherit */
	const int *keep_fds; /* stay open under their own numbers */
	size_t n_keep_fds;
	bool die_with_parent; /* SIGKILL when the calling thread's process dies */
};

/* proc_spawn() - start a program; everything that can fail before it runs is reported here (exec included) */
must_check struct error *proc_spawn(const struct proc_spec *spec, pid_t *ret_pid);
/*
 * proc_hold_std_fds() - open /dev/null on each of the descriptors 0, 1 and 2 that is closed; first thing in main()
 *
 * Otherwise the next file that is opened would become standard output.
 */
must_check struct error *proc_hold_std_fds(void);

/* proc_wait() - reap @pid; *ret_status is exit status, or 128 + n if signal n ended it */
must_check struct error *proc_wait(pid_t pid, int *ret_status);
/**
 * proc_find() - find a program in a search path ("/usr/sbin:/usr/bin"), as execvp would
 * @ret_path: absolute path, caller frees; NULL if it is nowhere
 */
must_check struct error *proc_find(const char *name, const char *search_path, char **ret_path);

#endif
