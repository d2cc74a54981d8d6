/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that serves. In order: it closes what it inherited but does not need, above all the caller's standard streams (a pipe that
 * it held open would keep `x=$(singularity ...)` waiting); receives the mounted descriptor; gives up everything but reading its images
 * and answering on that descriptor (fileserver_sandbox.c); serves until the kernel says that the mount is gone.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/log.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t ticked;

static void on_tick(int signum)
{
	(void)signum;
	ticked = 1;
}

static void close_between(unsigned int from, unsigned int to)
{
	if (from <= to)
		(void)syscall(SYS_close_range, from, to, 0);
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a;
	int y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Leaves open: @sock, the images, and for --debug the standard error output. */
static struct error *drop_descriptors(const struct fileserver *server, int sock)
{
	cleanup_free int *keep = xcalloc(server->n_layers + 1, sizeof(*keep));
	unsigned int next = 3;
	cleanup_fd int null = -EBADF;
	size_t n = 0;

	TRY(fs_open(AT_FDCWD, "/dev/null", O_RDWR, 0, &null));
	for (int fd = 0; fd <= 2; fd++)
		if (fd != STDERR_FILENO || !server->debug)
			(void)dup2(null, fd);
	if (null <= 2)
		(void)take_fd(&null);
	else
		(void)close(take_fd(&null));
	keep[n++] = sock;
	for (size_t i = 0; i < server->n_layers; i++)
		keep[n++] = squash_fd(server->layers[i].img);
	qsort(keep, n, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)next)
			continue;
		close_between(next, (unsigned int)keep[i] - 1);
		next = (unsigned int)keep[i] + 1;
	}
	close_between(next, ~0U);
	return NULL;
}

/* Idle ticks interrupt the read of the next request; all other threads leave the signal to this one. */
static void tick_setup(void)
{
	struct sigaction sa = { .sa_handler = on_tick };

	(void)sigaction(SIGALRM, &sa, NULL);
}

static void tick_every(int seconds)
{
	struct itimerval it = { .it_interval.tv_sec = seconds, .it_value.tv_sec = seconds };

	(void)setitimer(ITIMER_REAL, &it, NULL);
}

static void give_memory_back(struct fileserver *server)
{
	blocks_trim(server->blocks);
	node_trim(server);
	merge_trim(server->merge);
	squash_cache_trim(server->cache);
	for (size_t i = 0; i < server->n_layers; i++)
		squash_trim(server->layers[i].img);
	free(server->reply);
	server->reply = NULL;
	server->reply_size = 0;
	(void)malloc_trim(0);
}

static void quiet_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
}

static struct error *session_prepare(struct fileserver *server)
{
	static char name[] = "singularity";
	char *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_lowlevel_ops ops = ops_table(server);

	if (!server->debug)
		fuse_set_log_func(quiet_log);
	server->session = fuse_session_new(&args, &ops, sizeof(ops), server);
	if (!server->session)
		return error_new(ERR_SYSTEM, "no FUSE session");
	return NULL;
}

static struct error *session_start(struct fileserver *server, int fuse_fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fuse_fd);
	if (fuse_session_mount(server->session, path) != 0)
		return error_new(ERR_SYSTEM, "no FUSE session on descriptor %d", fuse_fd);
	return NULL;
}

/*
 * A timer interrupts the wait for requests; two ticks with none between them mean idle: memory goes back and the timer stops until
 * the next request. So an idle server sleeps, and a busy one makes no system call for it.
 */
static void serve(struct fileserver *server)
{
	struct fuse_buf buf = { 0 };
	bool timer = false;
	bool used = false;

	while (!fuse_session_exited(server->session)) {
		int n = fuse_session_receive_buf(server->session, &buf);

		if (n > 0) {
			bool was_known = server->expected_known;

			fuse_session_process_buf(server->session, &buf);
			/* The answer to a lookup becomes an inode in the asking process: it is there when that asks again. */
			if (was_known && server->expected) {
				stores_expect(server->stores);
				server->expected = 0;
			}
			used = true;
			if (!timer)
				tick_every(FILESERVER_IDLE_S);
			timer = true;
		} else if (n != -EINTR) {
			break;
		}
		if (!ticked)
			continue;
		ticked = 0;
		if (!used && timer) {
			tick_every(0);
			timer = false;
			give_memory_back(server);
		}
		used = false;
	}
	free(buf.mem);
}

static void print_counts(const struct fileserver *server)
{
	static const char *const names[N_COUNTS] = {
		[COUNT_LOOKUP] = "lookup",	   [COUNT_GETATTR] = "getattr",	      [COUNT_READLINK] = "readlink",
		[COUNT_OPEN] = "open",		   [COUNT_OPENDIR] = "opendir",	      [COUNT_READDIRPLUS] = "readdirplus",
		[COUNT_READ] = "read",		   [COUNT_GETXATTR] = "getxattr",     [COUNT_LISTXATTR] = "listxattr",
		[COUNT_STATFS] = "statfs",	   [COUNT_BLOCK_HIT] = "block hits",  [COUNT_BLOCK_WAIT] = "waits",
		[COUNT_BLOCK_MISS] = "misses",	   [COUNT_BLOCK_AHEAD] = "ahead",     [COUNT_STORE] = "stores",
	};
	cleanup_buf struct buf b = { 0 };

	for (size_t i = 0; i < N_COUNTS; i++)
		buf_appendf(&b, "%s%s %" PRIu64, i ? ", " : "", names[i], server->counts[i]);
	log_debug("file server: %s", buf_str(&b));
}

static struct error *run(struct fileserver *server, int sock)
{
	cleanup_fd int fuse_fd = -EBADF;
	char byte;
	size_t n;

	/* One heap for all threads: blocks are made by one and freed by another, and what is free can be given back. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
	tick_setup();
	TRY(session_prepare(server));
	server->sock = sock;
	TRY(io_recv_fd(sock, &byte, 1, &n, &fuse_fd));
	if (fuse_fd < 0)
		return error_new(ERR_SYSTEM, "no file system came to be served");
	TRY(session_start(server, fuse_fd));
	(void)take_fd(&fuse_fd); /* the session's now */
	if (!sandbox_enter())
		log_debug("file server: no seccomp on this kernel");
	serve(server);
	if (server->debug)
		print_counts(server);
	return NULL;
}

int fileserver_run(struct fileserver *server, int sock)
{
	cleanup_with(error_free) struct error *err = NULL;

	(void)prctl(PR_SET_NAME, "singularity-fs");
	err = drop_descriptors(server, sock);
	if (!err)
		err = run(server, sock);
	if (err)
		log_debug("file server: %s", error_text(err));
	return err ? 1 : 0;
}
