/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/launch/launch_priv.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/num.h"

#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

/* How often a signal is offered again while the runtime is not yet ready to take it. */
enum { RETRY_MS = 2 };

/* What a server that ends takes from closing its socket to its end, many times over; one that takes longer hangs. */
enum { SERVER_END_MS = 20 };

struct error *launch_monitor_block_signals(sigset_t *ret_mask, int *ret_fd)
{
	static const int not_ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		sigdelset(&set, not_ours[i]);

	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return error_sys(errno, "signalfd");
	(void)sigprocmask(SIG_BLOCK, &set, ret_mask);
	*ret_fd = fd;
	return NULL;
}

/* What the loop knows. */
struct watch {
	struct launch_monitor *m;
	int stage_pidfd, server_pidfd;
	bool runtime_runs; /* the status pipe was closed by the exec */
	bool stage_ended;
	int stage_status;
	sigset_t waiting; /* signals to forward that the runtime does not take yet */
	bool any_waiting;
	int fatal_signal; /* a signal that ended a launch before the runtime ran */
	struct error *err;
};

static struct error *open_pidfd(pid_t pid, int *ret_fd)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return error_sys(errno, "pidfd_open");
	*ret_fd = (int)fd;
	return NULL;
}

/* One hexadecimal signal set of /proc/PID/status. */
static uint64_t status_set(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? num_skim_hex(at + strlen(name)) : 0;
}

/*
 * Is the runtime ready for this signal? Until it has blocked it (crun reads a signalfd) or caught it (runc), the signal
 * would be lost, because the stage is PID 1 of its namespace.
 */
static bool takes_signal(pid_t pid, int signo)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", pid);
	cleanup_buf struct buf status = { 0 };
	cleanup_with(error_free) struct error *err = fs_read_file(AT_FDCWD, path, 65536, &status);
	uint64_t bit = (uint64_t)1 << (signo - 1);

	if (err)
		return true;
	return (status_set(buf_str(&status), "\nSigBlk:") & bit) || (status_set(buf_str(&status), "\nSigCgt:") & bit);
}

static void end_stage(struct watch *w)
{
	(void)kill(w->m->stage, SIGKILL);
}

static void forward(struct watch *w, int signo)
{
	if (signo == SIGCHLD)
		return;
	if (!w->runtime_runs && (signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT)) {
		w->fatal_signal = signo;
		end_stage(w);
		return;
	}
	/* SIGCONT acts whatever its disposition. */
	if (!w->runtime_runs || (signo != SIGCONT && !takes_signal(w->m->stage, signo))) {
		sigaddset(&w->waiting, signo);
		w->any_waiting = true;
		return;
	}
	(void)kill(w->m->stage, signo);
}

static void read_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->m->signal_fd, &info, sizeof(info)) == sizeof(info))
		forward(w, (int)info.ssi_signo);
}

static void retry_signals(struct watch *w)
{
	sigset_t again = w->waiting;

	sigemptyset(&w->waiting);
	w->any_waiting = false;
	for (int signo = 1; signo < NSIG; signo++) {
		if (sigismember(&again, signo) == 1)
			forward(w, signo);
	}
}

static void read_status(struct watch *w)
{
	struct error *sent = NULL;
	struct error *err = error_recv(w->m->status_fd, &sent);

	(void)close(take_fd(&w->m->status_fd));
	w->runtime_runs = !err && !sent;
	if (!err)
		err = sent;
	/* What went wrong first explains the rest. */
	if (w->err)
		error_free(err);
	else
		w->err = err;
	/* Runtimes size a new terminal only when the old one is resized; this counts as the first time. */
	if (w->runtime_runs && w->m->terminal)
		forward(w, SIGWINCH);
}

static void reap_stage(struct watch *w)
{
	int status = 0;

	while (waitpid(w->m->stage, &status, 0) < 0 && errno == EINTR)
		;
	w->stage_ended = true;
	w->stage_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The server ends by itself, with 0, when nobody uses its mount any more. Otherwise the container has lost its files. */
static void reap_server(struct watch *w)
{
	struct pollfd ended = { .fd = w->server_pidfd, .events = POLLIN };
	int status = 0;

	if (poll(&ended, 1, SERVER_END_MS) == 0)
		launch_abort_files(w->m->stage, w->m->has_userns, w->m->files);
	while (waitpid(w->m->server, &status, 0) < 0 && errno == EINTR)
		;
	w->m->server = 0;
	(void)close(take_fd(&w->server_pidfd));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	end_stage(w);
	if (!w->err)
		w->err = WIFSIGNALED(status)
				 ? error_new(ERR_SYSTEM, "the file server of the container was killed by signal %d",
					     WTERMSIG(status))
				 : error_new(ERR_SYSTEM, "the file server of the container failed");
}

static void step(struct watch *w)
{
	struct pollfd fds[] = {
		{ .fd = w->m->signal_fd, .events = POLLIN },	{ .fd = w->m->status_fd, .events = POLLIN },
		{ .fd = w->stage_pidfd, .events = POLLIN },	{ .fd = w->m->server ? w->m->server_socket : -1, .events = POLLIN },
		{ .fd = w->m->parent_pidfd, .events = POLLIN },
	};

	if (poll(fds, ARRAY_LEN(fds), w->any_waiting ? RETRY_MS : -1) < 0 && errno != EINTR)
		abort();
	if (fds[1].revents)
		read_status(w);
	if (fds[0].revents)
		read_signals(w);
	if (w->any_waiting)
		retry_signals(w);
	if (fds[4].revents)
		end_stage(w);
	if (fds[2].revents)
		reap_stage(w);
	else if (fds[3].revents && w->m->server)
		reap_server(w);
}

static void end_server(struct watch *w)
{
	if (!w->m->server)
		return;
	(void)kill(w->m->server, SIGKILL);
	while (waitpid(w->m->server, NULL, 0) < 0 && errno == EINTR)
		;
	w->m->server = 0;
}

int launch_monitor_wait_guard(struct launch_monitor *m)
{
	struct watch w = { .m = m, .stage_pidfd = -EBADF, .server_pidfd = -EBADF, .runtime_runs = true };
	struct error *err = open_pidfd(m->stage, &w.stage_pidfd);

	sigemptyset(&w.waiting);
	if (err) { /* nothing to forward to, but still something to reap */
		error_free(err);
		reap_stage(&w);
	}
	while (!w.stage_ended)
		step(&w);
	if (w.stage_pidfd >= 0)
		(void)close(w.stage_pidfd);
	return w.stage_status;
}

struct error *launch_monitor_wait(struct launch_monitor *m, int *ret_status)
{
	cleanup_fd int stage_pidfd = -EBADF;
	struct termios modes;
	bool has_modes = m->terminal && tcgetattr(STDIN_FILENO, &modes) == 0;
	struct watch w = { .m = m, .server_pidfd = -EBADF };

	TRY(open_pidfd(m->stage, &stage_pidfd));
	w.stage_pidfd = stage_pidfd;
	TRY(open_pidfd(m->server, &w.server_pidfd));
	sigemptyset(&w.waiting);
	while (!w.stage_ended)
		step(&w);
	if (m->status_fd >= 0)
		read_status(&w);
	/* A guard's container can outlive its runtime; it must not outlive its server, which answers its reads. */
	if (m->parent_pidfd >= 0)
		launch_guard_kill_children(&m->server, m->server ? 1 : 0);
	end_server(&w);
	if (w.server_pidfd >= 0)
		(void)close(w.server_pidfd);
	/* The runtime restores them itself, unless it was killed. */
	if (has_modes)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
	if (w.fatal_signal) {
		error_free(w.err);
		*ret_status = 128 + w.fatal_signal;
		return NULL;
	}
	if (w.err)
		return w.err;
	*ret_status = w.stage_status;
	return NULL;
}
