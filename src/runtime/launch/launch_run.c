/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. The user's process is the monitor. In order:
 *
 *   1. The image is opened, the user's ids found; all signals blocked, to be read from a descriptor.
 *   2. The stage is cloned at once, and newuidmap and newgidmap set to work on its namespace, because they take the
 *      longest.
 *   3. Meanwhile the other facts about the host are gathered, what the plan needs is read out of the image, and the
 *      plan is made.
 *   4. The file server is forked: it inherits the metadata read in 3. It stays in the host's namespaces, as the user.
 *   5. The maps are waited for; the plan goes to the stage, which mounts and becomes the runtime.
 *   6. The monitor forwards signals and waits. Whichever process dies, the others end: see launch_monitor.c.
 *
 * Without a private PID namespace (--no-pid, or a host that does not let /proc be mounted) a guard stands between
 * monitor and stage, since then the kernel does not do the killing: see launch_guard.c.
 */
#include "runtime/launch/launch_priv.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/proc.h"
#include "formats/ocisif/ocisif.h"
#include "runtime/fileserver/fileserver.h"
#include "runtime/userns/userns.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A passwd or group file beyond this is no file of an image that anybody made. */
enum { ACCOUNTS_MAX = 16 << 20 };

struct launch {
	const struct launch_options *options;
	const struct site_conf *conf;
	log_sink *sink;
	void *sink_ctx;
	struct launch_facts *facts;
	struct ocisif *img;
	struct fileserver *server;
	struct launch_plan *plan;
	sigset_t mask; /* the caller's */
	int signal_fd;
	int parent_pidfd; /* of the user's process, in the guard; else -EBADF */
	bool private_pidns;
	bool facts_complete;
	size_t n_told;	   /* notices of the plan that were printed: a second attempt does not repeat them */
	struct userns_job maps;
	pid_t stage_pid, server_pid;
	int orders;	  /* our end of the stage's plan stream */
	int stage_socket; /* the ends of the socket between stage and file server */
	int server_socket;
	int status; /* read end of the stage's status pipe */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(take_fd(fd));
}

static void end_process(pid_t *pid)
{
	if (*pid <= 0)
		return;
	(void)kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

/* Undo an attempt; whatever still runs is killed and reaped. */
static void launch_reset(struct launch *l)
{
	/* First: the helpers complain on stderr about a process that is gone. */
	error_free(userns_finish_maps(&l->maps));
	end_process(&l->stage_pid);
	end_process(&l->server_pid);
	close_fd(&l->orders);
	close_fd(&l->stage_socket);
	close_fd(&l->server_socket);
	close_fd(&l->status);
	launch_plan_free(l->plan);
	l->plan = NULL;
	fileserver_free(l->server);
	l->server = NULL;
}

static void launch_free(struct launch *l)
{
	launch_reset(l);
	ocisif_close(l->img);
	launch_facts_free(l->facts);
	close_fd(&l->signal_fd);
	(void)sigprocmask(SIG_SETMASK, &l->mask, NULL);
}

DEFINE_CLEANUP(struct launch *, launch_free)

static struct error *clone_failed(int errnum)
{
	struct error *err = error_sys(errnum, "Failed to create container process");

	if (errnum == EPERM || errnum == EACCES)
		return error_hint(
			err,
			"this host forbids user namespaces to users: ask for sysctl kernel.unprivileged_userns_clone=1 "
			"(or the security module's equivalent)");
	if (errnum == ENOSPC || errnum == EUSERS)
		return error_hint(
			err, "this host has no user namespaces left: ask for a higher sysctl user.max_user_namespaces");
	if (errnum == EINVAL)
		return error_hint(err, "this kernel was built without user namespaces (CONFIG_USER_NS)");
	return err;
}

static struct error *start_stage(struct launch *l)
{
	int orders[2];
	int socket[2];
	int status[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, orders) < 0)
		return error_sys(errno, "socketpair");
	l->orders = orders[0];
	cleanup_fd int stage_orders = orders[1];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) < 0)
		return error_sys(errno, "socketpair");
	l->stage_socket = socket[0];
	l->server_socket = socket[1];
	if (pipe2(status, O_CLOEXEC) < 0)
		return error_sys(errno, "pipe");
	l->status = status[0];
	cleanup_fd int stage_status = status[1];

	unsigned long flags = CLONE_NEWNS | SIGCHLD;

	flags |= l->facts->is_root ? 0UL : (unsigned long)CLONE_NEWUSER;
	flags |= l->private_pidns ? (unsigned long)CLONE_NEWPID : 0UL;

	/* As fork(), in new namespaces: no new stack, the child goes on from here. */
	long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

	if (pid < 0)
		return clone_failed(errno);
	if (pid == 0) {
		struct launch_stage_fds fds = { .orders = stage_orders,
						.status = stage_status,
						.file_server = l->stage_socket };

		/* The monitor's ends must not live on here: their closing is the sign that it is gone. */
		(void)close(l->orders);
		(void)close(l->server_socket);
		(void)close(l->status);
		launch_stage_run(&fds, &l->mask);
	}
	l->stage_pid = (pid_t)pid;
	return NULL;
}

static bool has_ranges(const struct launch *l)
{
	return l->facts->subuid.count && l->facts->subgid.count;
}

static struct error *start_maps(struct launch *l)
{
	const struct launch_facts *f = l->facts;

	if (f->is_root || !has_ranges(l))
		return NULL;

	struct userns_map uids = { .extents = { { 0, f->uid, 1 }, { 1, f->subuid.start, f->subuid.count } }, .n = 2 };
	struct userns_map gids = { .extents = { { 0, f->gid, 1 }, { 1, f->subgid.start, f->subgid.count } }, .n = 2 };

	return userns_start_maps(l->stage_pid, f->newuidmap, f->newgidmap, &uids, &gids, &l->maps);
}

static struct error *finish_maps(struct launch *l)
{
	if (l->facts->is_root)
		return NULL;
	if (has_ranges(l))
		return userns_finish_maps(&l->maps);
	return userns_write_single(l->stage_pid, 0, 0);
}

static bool serve_user_xattrs(const struct launch *l)
{
	return !l->facts->is_root;
}

static struct error *check_image(const struct ocisif *img, const char *path)
{
	if (!img->config)
		return error_new(ERR_UNSUPPORTED, "%s holds data, not an image: there is nothing in it to run", path);
	if (!img->n_layers)
		return error_new(ERR_UNSUPPORTED, "while mounting squashfs layers: image has no layers");
	for (size_t i = 0; i < img->n_layers; i++) {
		if (str_eq(img->layers[i].desc->media_type, OCI_MT_SQUASHFS))
			continue;
		return error_hint(error_new(ERR_UNSUPPORTED,
					    "while mounting squashfs layers: unsupported layer mediaType \"%s\"",
					    img->layers[i].desc->media_type),
				  "an image with a writable overlay cannot be run, pull it again");
	}
	return NULL;
}

/* The maps are the plan's to make, but only ids of this host go in: they are needed before the plan. */
static struct error *prepare_server(struct launch *l)
{
	struct ocisif *img = l->img;
	cleanup_free struct fileserver_layer *layers = xcalloc(img->n_layers, sizeof(*layers));

	for (size_t i = 0; i < img->n_layers; i++)
		layers[i] = (struct fileserver_layer){ .fd = img->fd,
						       .offset = img->layers[i].offset,
						       .size = img->layers[i].size };

	struct fileserver_options options = {
		.layers = layers,
		.n_layers = img->n_layers,
		.user_xattrs = serve_user_xattrs(l),
		.merge = true,
		.debug = log_get_level() >= LOG_DEBUG,
	};

	return fileserver_prepare(&options, &l->server);
}

static struct error *is_same_place(struct fileserver *server, const char *a, const char *b, bool *ret_same)
{
	cleanup_free char *real_a = NULL;
	cleanup_free char *real_b = NULL;

	TRY(fileserver_resolve(server, a, &real_a));
	TRY(fileserver_resolve(server, b, &real_b));
	*ret_same = real_a && real_b && str_eq(real_a, real_b);
	return NULL;
}

static struct error *make_plan(struct launch *l)
{
	cleanup_free char *passwd = NULL;
	cleanup_free char *group = NULL;
	struct launch_image image = { .config = l->img->config };
	uint8_t random[16];
	size_t len;

	TRY(fileserver_read_file(l->server, "/etc/passwd", ACCOUNTS_MAX, &passwd, &len));
	TRY(fileserver_read_file(l->server, "/etc/group", ACCOUNTS_MAX, &group, &len));
	TRY(is_same_place(l->server, "/var/tmp", "/tmp", &image.var_tmp_is_tmp));
	image.passwd = passwd;
	image.group = group;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_sys(errno, "getrandom");
	TRY(launch_plan_make(l->options, &image, l->conf, l->facts, random, &l->plan));
	l->plan->private_pidns = l->private_pidns;
	for (size_t i = 0; i < l->plan->n_files; i++)
		log_debug("%s: %s", l->plan->files[i].name, l->plan->files[i].data);
	return NULL;
}

static struct fileserver_idmap *served_map(const struct launch_idmap *lines, size_t n)
{
	struct fileserver_idmap *map = xcalloc(n, sizeof(*map));

	for (size_t i = 0; i < n; i++)
		map[i] = (struct fileserver_idmap){
			.image_id = lines[i].container_id,
			.served_id = lines[i].host_id,
			.size = lines[i].size,
		};
	return map;
}

static struct error *set_owners(struct launch *l)
{
	static const struct fileserver_idmap only_root[] = {
		{ .image_id = 0, .served_id = 0, .size = UINT32_MAX, .to_one = true }
	};
	const struct launch_plan *plan = l->plan;

	if (plan->served_squash)
		return fileserver_set_owners(l->server, only_root, 1, only_root, 1);

	cleanup_free struct fileserver_idmap *uids = served_map(plan->served_uids, plan->n_served_uids);
	cleanup_free struct fileserver_idmap *gids = served_map(plan->served_gids, plan->n_served_gids);

	return fileserver_set_owners(l->server, uids, plan->n_served_uids, gids, plan->n_served_gids);
}

/*
 * The program will be read first of all: the server unpacks it while the runtime makes the container ready. From here on the plan's
 * program is a path in the image that the server found, or "".
 */
static struct error *expect_program(struct launch *l)
{
	cleanup_free char *program = take_ptr(&l->plan->program);
	cleanup_strv struct strv dirs = { 0 };
	bool found = false;

	l->plan->program = xstrdup("");
	if (strchr(program, '/'))
		strv_add(&dirs, "");
	else
		strv_split(&dirs, l->plan->program_path, ':');
	for (size_t i = 0; i < dirs.n && *program && !found; i++) {
		cleanup_free char *path = xasprintf("%s/%s", dirs.items[i], program);

		TRY(fileserver_expect(l->server, path, &found));
		if (!found)
			continue;
		free(l->plan->program);
		l->plan->program = take_ptr(&path);
	}
	return NULL;
}

/*
 * The server has no PDEATHSIG: it ends when its mount does, and that goes with the stage, which has one. Killed together with a container
 * that is reading, it could leave a thread that waits in the kernel for a page of a read nobody answers any more.
 */
static __attribute__((__noreturn__)) void be_server(struct launch *l)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)close(l->orders);
	(void)close(l->stage_socket);
	(void)close(l->status);
	(void)close(l->signal_fd);
	_exit(fileserver_run(l->server, l->server_socket));
}

static struct error *start_server(struct launch *l)
{
	pid_t pid = fork();

	if (pid < 0)
		return error_sys(errno, "fork");
	if (pid == 0)
		be_server(l);
	l->server_pid = pid;
	close_fd(&l->server_socket);
	return NULL;
}

/*
 * One directory below the work directory, of mode 1777 whatever the umask is. Links are not followed, not even existing
 * ones: the work directory may be shared, and what lies in it belong to others.
 */
static struct error *make_dir_1777(int workdir, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	cleanup_free char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	cleanup_fd int parent_fd = -EBADF;
	cleanup_fd int dir = -EBADF;

	TRY(fs_open_beneath(workdir, parent, O_PATH | O_DIRECTORY, 0, &parent_fd));
	if (mkdirat(parent_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return error_sys(errno, "mkdir %s", name);
		return fs_open_beneath(parent_fd, name, O_PATH | O_DIRECTORY, 0, &dir);
	}
	TRY(fs_open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY, 0, &dir));
	if (fchmod(dir, 01777) < 0)
		return error_sys(errno, "chmod %s", name);
	return NULL;
}

static struct error *make_workdirs(const struct launch_plan *plan)
{
	const struct strv *dirs = &plan->make_dirs_1777;
	cleanup_fd int workdir = -EBADF;

	if (dirs->n == 0)
		return NULL;
	TRY_CTX(fs_open(AT_FDCWD, plan->workdir, O_PATH | O_DIRECTORY, 0, &workdir),
		"while creating OCI spec: while configuring tmp mounts: failed to create %s/%s", plan->workdir,
		dirs->items[0]);
	for (size_t i = 0; i < dirs->n; i++)
		TRY_CTX(make_dir_1777(workdir, dirs->items[i]),
			"while creating OCI spec: while configuring tmp mounts: failed to create %s/%s", plan->workdir,
			dirs->items[i]);
	return NULL;
}

/* One attempt to launch and wait; launch_reset() follows in any case. */
static struct error *attempt(struct launch *l, int *ret_status)
{
	TRY(start_stage(l));
	TRY(start_maps(l));
	if (!l->facts_complete)
		TRY(launch_facts_complete(l->options, l->facts));
	l->facts_complete = true;
	TRY(prepare_server(l));
	TRY(make_plan(l));
	TRY(set_owners(l));
	TRY(expect_program(l));
	TRY(start_server(l));
	TRY(make_workdirs(l->plan));
	TRY(launch_plan_check_sources(l->plan));
	TRY(finish_maps(l));
	for (; l->n_told < l->plan->n_notices; l->n_told++)
		l->sink(l->sink_ctx, l->plan->notices[l->n_told].level, l->plan->notices[l->n_told].text);
	TRY(launch_wire_send(l->orders, l->plan));
	close_fd(&l->orders);

	cleanup_free char *files = xasprintf("%s/layers", l->plan->bundle);
	struct launch_monitor m = {
		.server_socket = l->stage_socket,
		.files = files,
		.has_userns = l->plan->outer_userns,
		.stage = l->stage_pid,
		.server = l->server_pid,
		.status_fd = take_fd(&l->status),
		.signal_fd = l->signal_fd,
		.parent_pidfd = l->parent_pidfd,
		.terminal = l->plan->terminal,
	};
	/* The monitor reaps both, or has killed them, whatever it returns. */
	l->stage_pid = 0;
	l->server_pid = 0;
	return launch_monitor_wait(&m, ret_status);
}

/* The guard's process: the attempt, then nothing of it may be left. */
static __attribute__((__noreturn__)) void be_guard(struct launch *l, int parent_pidfd, int status_fd)
{
	int status = 255;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	l->parent_pidfd = parent_pidfd;
	l->private_pidns = false;

	struct error *err = attempt(l, &status);

	launch_reset(l);
	launch_guard_kill_children(NULL, 0);
	if (err)
		error_send(status_fd, err);
	_exit(status);
}

/* While the guard works: pass signals on to it, and take its place if it is killed. */
static int wait_for_guard(struct launch *l, pid_t guard)
{
	struct launch_monitor m = {
		.stage = guard, .server = 0, .status_fd = -EBADF, .signal_fd = l->signal_fd, .parent_pidfd = -EBADF
	};

	return launch_monitor_wait_guard(&m);
}

static struct error *run_guarded(struct launch *l, int *ret_status)
{
	size_t n_before = 0;
	int ends[2];
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	cleanup_fd int own_pidfd = pidfd;

	if (pidfd < 0)
		return error_sys(errno, "pidfd_open");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(errno, "pipe");

	cleanup_fd int status_read = ends[0];
	cleanup_fd int status_write = ends[1];
	/* A caller that became this program by exec may have children of its own: they are none of our business. */
	cleanup_free pid_t *before = launch_guard_list_children(&n_before);

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);

	pid_t guard = fork();

	if (guard < 0)
		return error_sys(errno, "fork");
	if (guard == 0) {
		(void)close(status_read);
		be_guard(l, pidfd, status_write);
	}
	(void)close(take_fd(&status_write));

	int status = wait_for_guard(l, guard);
	struct error *sent = NULL;

	launch_guard_kill_children(before, n_before);
	TRY(error_recv(status_read, &sent));
	if (sent)
		return sent;
	*ret_status = status;
	return NULL;
}

static bool proc_cannot_be_mounted(const struct error *err)
{
	return error_errno(err) == EPERM && strstr(error_text(err), "mount proc on /proc");
}

static struct error *run(struct launch *l, int *ret_status)
{
	if (!l->facts->runtime_path)
		return error_hint(
			error_new(ERR_NOT_FOUND,
				  "while looking for a low-level runtime: exec: \"runc\": executable file not "
				  "found in $PATH"),
			"install crun (or runc), or name its directory in the search path directives of "
			"singularity.conf");
	TRY(check_image(l->img, l->options->image_path));
	TRY(launch_monitor_block_signals(&l->mask, &l->signal_fd));
	if (l->options->no_pid)
		return run_guarded(l, ret_status);
	l->private_pidns = true;

	struct error *err = attempt(l, ret_status);

	if (!err || !proc_cannot_be_mounted(err))
		return err;
	/* A host (a container, most often) whose /proc is partly covered does not let us mount a new one. */
	error_free(err);
	launch_reset(l);
	l->facts->proc_is_covered = true;
	return run_guarded(l, ret_status);
}

static struct error *open_image(int fd, const char *path, struct ocisif **ret_img)
{
	struct error *err = error_wrap(ocisif_open(fd, path, ret_img), "while initializing image");

	if (err && error_kind(err) == ERR_CORRUPT)
		return error_hint(err, "the file is damaged or incomplete, pull or copy it again");
	return err;
}

struct error *launch_run(const struct launch_options *options, const struct site_conf *conf, int image_fd,
			 log_sink *sink, void *sink_ctx, int *ret_status)
{
	struct launch launch = {
		.options = options,
		.conf = conf,
		.sink = sink,
		.sink_ctx = sink_ctx,
		.signal_fd = -EBADF,
		.parent_pidfd = -EBADF,
		.orders = -EBADF,
		.stage_socket = -EBADF,
		.server_socket = -EBADF,
		.status = -EBADF,
	};
	cleanup_with(launch_free) struct launch *l = &launch;

	(void)sigprocmask(SIG_SETMASK, NULL, &l->mask);
	TRY(open_image(image_fd, options->image_path, &l->img));
	TRY(launch_facts_gather(conf, options, &l->facts));
	return run(l, ret_status);
}
