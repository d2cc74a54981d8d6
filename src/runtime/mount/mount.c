/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/mount/mount.h"

#include "base/str.h"

#include <sys/mount.h>
#include <sys/vfs.h>

/* The numbers of statfs() and mount() agree for these. */
static unsigned long kept_flags(const struct statfs *st)
{
	return (unsigned long)st->f_flags &
	       (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME);
}

struct error *mount_detach_propagation(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_sys(errno, "make the mounts of / private");
	return NULL;
}

struct error *mount_tmpfs(const char *target, uint32_t size_mib, mode_t mode, bool nosuid)
{
	cleanup_free char *options = xasprintf("mode=%o,size=%um", mode, size_mib);

	if (mount("tmpfs", target, "tmpfs", MS_NODEV | (nosuid ? MS_NOSUID : 0UL), options) < 0)
		return error_sys(errno, "mount tmpfs on %s", target);
	return NULL;
}

struct error *mount_proc(const char *target)
{
	if (mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_sys(errno, "mount proc on %s", target);
	return NULL;
}

struct error *mount_cover(const char *empty, const char *target)
{
	/* nodev stays as the tmpfs has it: in a user namespace it may not be taken away. */
	if (mount(empty, target, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) < 0)
		return error_sys(errno, "bind %s on %s", empty, target);
	return NULL;
}

struct error *mount_read_only(const char *source, const char *target)
{
	struct statfs st;

	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		return error_sys(errno, "bind %s on %s", source, target);
	if (statfs(target, &st) < 0)
		return error_sys(errno, "statfs %s", target);
	/* What the source's mount forbids stays forbidden: a user namespace may not lift it. */
	if (mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | kept_flags(&st), NULL) < 0)
		return error_sys(errno, "remount %s read-only", target);
	return NULL;
}

struct error *mount_fuse(const char *target, const char *options)
{
	if (mount("singularity", target, "fuse.singularity", MS_RDONLY | MS_NODEV | MS_NOSUID, options) < 0)
		return error_sys(errno, "mount fuse on %s", target);
	return NULL;
}

struct error *mount_overlay(const char *target, const char *lower, const char *upper, const char *work,
			    bool user_xattrs)
{
	cleanup_free char *options = xasprintf("lowerdir=%s,upperdir=%s,workdir=%s,xino=off%s", lower, upper, work,
					       user_xattrs ? ",userxattr" : "");

	if (mount("overlay", target, "overlay", MS_NODEV, options) < 0)
		return error_sys(errno, "mount overlay on %s", target);
	return NULL;
}
