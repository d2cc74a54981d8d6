/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. The stage is cloned by the monitor into its own namespaces and becomes the runtime by exec, so
 * that no process of ours stays between the two. In order:
 *
 *   1. clone(NEWUSER, NEWNS, NEWPID), or (NEWNS, NEWPID) for host root, was done by the monitor. The stage is PID 1
 *      of its PID namespace: when it ends, however it ends, the kernel kills all that it started.
 *   2. PDEATHSIG: it ends when the monitor does. Set before the plan is read: had the monitor died before, the read
 *      gives end of file. Changing ids clears it, so it is set again after that.
 *   3. The plan arrives once the id maps are written. Ids become 0 of the new namespace; supplementary groups stay as
 *      they are.
 *   4. Propagation to the host is cut. From here every mount is seen by this mount namespace alone and goes with it.
 *   5. /proc for the new PID namespace (crun looks its children up there by number).
 *   6. The session tmpfs, and everything else on it: bundle, configuration, writable layer, runtime state. Nothing is
 *      ever written outside it.
 *   7. /dev/fuse is opened here, since the kernel wants it opened by the user namespace that mounts; the descriptor
 *      goes to the file server, which is no member of these namespaces.
 *   8. The overlay, and exec. All descriptors but 0, 1 and 2 are closed by it; the closing of the status pipe says
 *      that it worked.
 */
#include "runtime/launch/launch_priv.h"

#include "base/fs.h"
#include "base/io.h"
#include "runtime/fileserver/fileserver.h"
#include "runtime/mount/mount.h"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static struct error *become_root(void)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_sys(errno, "take root's ids in the user namespace");
	return NULL;
}

static struct error *mount_session(const struct launch_plan *plan)
{
	struct error *err = mount_tmpfs(plan->session_dir, plan->session_size_mib, 0755, plan->upper_nosuid);

	if (err && error_errno(err) == ENOENT)
		err = error_hint(err, "make the directory %s (installing the program does)", plan->session_dir);
	if (err && error_errno(err) == EACCES)
		err = error_hint(err, "let everybody enter the directory %s and those above it (mode 0755)", plan->session_dir);
	if (err && error_errno(err) == EPERM)
		err = error_hint(
			err,
			"this host does not let user namespaces mount (a container or a security module forbids it)");
	return error_wrap(err, "failed to mount session tmpfs %s", plan->session_dir);
}

static struct error *make_dir(int dirfd, const char *name, mode_t mode)
{
	if (mkdirat(dirfd, name, mode) < 0)
		return error_sys(errno, "mkdir %s", name);
	return NULL;
}

static struct error *write_bundle_file(int bundle_fd, const struct launch_file *file)
{
	cleanup_fd int fd = -EBADF;

	TRY(fs_open_beneath(bundle_fd, file->name, O_WRONLY | O_CREAT | O_EXCL, file->mode, &fd));
	TRY_CTX(io_write_all(fd, file->data, file->len), "%s", file->name);
	return io_close(&fd);
}

static struct error *make_bundle(const struct launch_plan *plan)
{
	cleanup_fd int fd = -EBADF;

	(void)umask(0);
	TRY(make_dir(AT_FDCWD, plan->bundle, 0700));
	TRY(fs_open(AT_FDCWD, plan->bundle, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	TRY(make_dir(fd, "rootfs", 0700));
	TRY(make_dir(fd, "layers", 0755));
	TRY(make_dir(fd, "etc", 0755));
	TRY(make_dir(fd, "empty", 0755));
	TRY(make_dir(fd, "overlay", 0700));
	TRY(make_dir(fd, "overlay/upper", 0755));
	TRY(make_dir(fd, "overlay/work", 0700));
	for (size_t i = 0; i < plan->n_files; i++)
		TRY(write_bundle_file(fd, &plan->files[i]));
	(void)umask(0022);
	return NULL;
}

static struct error *mount_layers(const char *layers, int file_server)
{
	cleanup_fd int fuse = -EBADF;
	struct error *err = fs_open(AT_FDCWD, "/dev/fuse", O_RDWR, 0, &fuse);

	if (err)
		return error_hint(err, "images are served through FUSE: load the fuse module, and let users open "
				       "/dev/fuse (mode 0666)");

	cleanup_free char *options = fileserver_mount_options(fuse);

	TRY(mount_fuse(layers, options));
	return io_send_fd(file_server, "f", 1, fuse);
}

/*
 * An image may bring /dev as a link. runc resolves it inside the image when it mounts there, but not when it makes /dev/fd, /dev/ptmx
 * and the like beneath: those would appear on the host (CVE-2026-47766 is the same in crun). A directory of the writable layer takes
 * the place of such a link.
 */
static struct error *replace_links(const char *rootfs)
{
	static const char *const mount_points[] = { "dev", "proc", "sys" };
	cleanup_fd int root = -EBADF;

	TRY(fs_open(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &root));
	for (size_t i = 0; i < ARRAY_LEN(mount_points); i++) {
		struct stat st;

		if (fstatat(root, mount_points[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode))
			continue;
		if (unlinkat(root, mount_points[i], 0) < 0)
			return error_sys(errno, "replace the link /%s of the image", mount_points[i]);
		TRY(make_dir(root, mount_points[i], 0755));
	}
	return NULL;
}

/*
 * Looks the container's program up, so that the kernel knows its file and the file server can hand it what it unpacks
 * meanwhile. Whatever is wrong with the path, the runtime will say.
 */
static void look_up_program(const struct launch_plan *plan, const char *rootfs)
{
	cleanup_fd int root = -EBADF;
	cleanup_fd int fd = -EBADF;
	struct error *err;

	if (!*plan->program)
		return;
	err = fs_open(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, 0, &root);
	if (!err)
		err = fs_open_in_root(root, plan->program, O_PATH, 0, &fd);
	error_free(err);
}

static struct error *mount_root(const struct launch_plan *plan, int file_server)
{
	cleanup_free char *rootfs = xasprintf("%s/rootfs", plan->bundle);
	cleanup_free char *layers = xasprintf("%s/layers", plan->bundle);
	cleanup_free char *lower = xasprintf("%s/layers/0", plan->bundle);
	cleanup_free char *upper = xasprintf("%s/overlay/upper", plan->bundle);
	cleanup_free char *work = xasprintf("%s/overlay/work", plan->bundle);

	TRY(mount_layers(layers, file_server));
	TRY(mount_overlay(rootfs, lower, upper, work, plan->user_xattrs));
	look_up_program(plan, rootfs);
	return replace_links(rootfs);
}

/*
 * crun copies its own binary and executes the copy, so that a container cannot overwrite it through /proc/PID/exe
 * (CVE-2019-5736). Here the same is had for a mount: the file is bound read-only in this mount namespace, which the
 * container cannot reach (it has namespaces of its own, and its user namespace has no power over this one), and the
 * file belongs to an id that the user namespace does not have. The variable that tells crun so is in the plan.
 */
static struct error *bind_runtime(const struct launch_plan *plan, char **ret_path)
{
	cleanup_free char *path = xasprintf("%s/runtime", plan->bundle);
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd));
	TRY(mount_read_only(plan->runtime_path, path));
	*ret_path = take_ptr(&path);
	return NULL;
}

static struct error *prepare(const struct launch_plan *plan, int file_server)
{
	if (plan->outer_userns)
		TRY(become_root());
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_sys(errno, "prctl");
	/* A process group of its own where no terminal is shared: the terminal's signals come to the monitor, once,
	 * which forwards. */
	if (!plan->terminal)
		(void)setpgid(0, 0);
	TRY(mount_detach_propagation());
	if (plan->private_pidns)
		TRY(mount_proc("/proc"));
	TRY(mount_session(plan));
	TRY_CTX(make_bundle(plan), "while making the bundle");
	TRY_CTX(mount_root(plan, file_server), "while mounting the image");
	if (plan->hide_cgroup_unified) {
		cleanup_free char *empty = xasprintf("%s/empty", plan->bundle);

		TRY(mount_cover(empty, "/sys/fs/cgroup/unified"));
	}
	return NULL;
}

static struct error *execute(const struct launch_plan *plan, const sigset_t *mask)
{
	cleanup_free char *path = NULL;

	if (plan->runtime_read_only)
		TRY(bind_runtime(plan, &path));
	if (chdir(plan->bundle) < 0)
		return error_sys(errno, "failed to change directory to %s", plan->bundle);
	(void)close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execve(path ? path : plan->runtime_path, plan->runtime_argv.items, plan->runtime_env.items);
	return error_sys(errno, "execute %s", plan->runtime_path);
}

void launch_stage_run(const struct launch_stage_fds *fds, const sigset_t *mask)
{
	cleanup_with(launch_plan_free) struct launch_plan *plan = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);

	struct error *err = launch_wire_recv(fds->orders, &plan);

	if (!err && !plan)
		_exit(255); /* the monitor gave up or is gone */
	if (!err)
		err = prepare(plan, fds->file_server);
	if (!err)
		err = execute(plan, mask);
	error_send(fds->status, err);
	_exit(255);
}
