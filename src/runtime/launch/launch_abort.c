/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After the death of a file server. Killed while a read of the container waits for its answer, the server can leave a thread of its own in
 * the kernel, waiting to store a page that this read has locked; the thread keeps the FUSE connection open, so that the read waits
 * for ever, and whoever unmounts waits behind both. A forced unmount ends the connection first, hence all three waits. Only somebody
 * in the stage's mount namespace can ask for it, and only while that has the mount: before the stage is killed.
 */
#include "runtime/launch/launch_priv.h"

#include "base/fs.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static struct error *enter(pid_t pid, const char *name, int type)
{
	cleanup_free char *path = xasprintf("%d/ns/%s", pid, name);
	cleanup_fd int fd = -EBADF;

	TRY(fs_open_proc(path, O_RDONLY, &fd));
	if (setns(fd, type) < 0)
		return error_sys(errno, "enter %s", path);
	return NULL;
}

/* In a child: it stays in those namespaces. */
static struct error *force_unmount(pid_t stage, bool has_userns, const char *mount_point)
{
	if (has_userns)
		TRY(enter(stage, "user", CLONE_NEWUSER));
	TRY(enter(stage, "mnt", CLONE_NEWNS));
	/* That it is busy is known; the connection has ended all the same. */
	if (umount2(mount_point, MNT_FORCE) < 0 && errno != EBUSY)
		return error_sys(errno, "unmount %s", mount_point);
	return NULL;
}

void launch_abort_files(pid_t stage, bool has_userns, const char *mount_point)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct error *err = force_unmount(stage, has_userns, mount_point);

		if (err)
			log_debug("%s", error_text(err));
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
