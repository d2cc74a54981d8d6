/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few mounts that the stage of a container makes in its own mount namespace. Errors name the target; what they mean
 * to the user is added by the caller.
 */
#ifndef RUNTIME_MOUNT_H
#define RUNTIME_MOUNT_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* mount_detach_propagation() - nothing mounted here reaches the caller's namespace; unmounts there still reach us */
must_check struct error *mount_detach_propagation(void);
/* mount_tmpfs() - fresh tmpfs, nodev (and nosuid if asked) */
must_check struct error *mount_tmpfs(const char *target, uint32_t size_mib, mode_t mode, bool nosuid);
must_check struct error *mount_proc(const char *target);
/* mount_cover() - hide what is at @target behind the empty directory @empty, read-only */
must_check struct error *mount_cover(const char *empty, const char *target);
/* mount_read_only() - bind one file, read-only */
must_check struct error *mount_read_only(const char *source, const char *target);
/* mount_fuse() - @options as fileserver_mount_options() makes them */
must_check struct error *mount_fuse(const char *target, const char *options);
/**
 * mount_overlay() - put a writable directory over a read-only tree
 * @lower, @upper, @work: absolute, without ',' ':' or '\\'
 * @user_xattrs: in a user namespace: keep overlay's marks in user.overlay.*
 */
must_check struct error *mount_overlay(const char *target, const char *lower, const char *upper, const char *work,
				       bool user_xattrs);

#endif
