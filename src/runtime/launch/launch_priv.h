/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to runtime/launch: the executing half. launch_run.c puts a launch together; launch_monitor.c is what the
 * user's process does while a container runs; launch_stage.c is what the stage does before it becomes the runtime;
 * launch_wire.c carries the plan from the one to the other, which was cloned before the plan was made.
 */
#ifndef RUNTIME_LAUNCH_PRIV_H
#define RUNTIME_LAUNCH_PRIV_H

#include "runtime/launch/launch.h"

#include <signal.h>

/* Descriptors of the stage; all close-on-exec, owned by the stage's process. */
struct launch_stage_fds {
	int orders;	 /* stream the plan comes by; its end before a plan means that the monitor is gone */
	int status;	 /* pipe for an error; closed by the exec of the runtime */
	int file_server; /* socket that takes the mounted FUSE descriptor */
};

/**
 * launch_stage_run() - the stage: wait for the plan, mount, become the runtime
 * @mask: signal mask for the runtime
 *
 * Never returns. An error goes to fds->status.
 */
__attribute__((__noreturn__)) void launch_stage_run(const struct launch_stage_fds *fds, const sigset_t *mask);

/* launch_wire_send() - send what the stage needs of a plan; launch_wire_recv() - receive it, ret_plan NULL at end of
 * file */
must_check struct error *launch_wire_send(int fd, const struct launch_plan *plan);
must_check struct error *launch_wire_recv(int fd, struct launch_plan **ret_plan);

/* The monitor's view of a running container. */
struct launch_monitor {
	pid_t stage, server;
	int status_fd;	  /* read end of the stage's status pipe, owned */
	int signal_fd;	  /* signals blocked since before the stage was cloned, borrowed */
	int parent_pidfd; /* guard only: the user's process; -EBADF otherwise; borrowed */
	int server_socket; /* ends when the server dies, also if one of its threads hangs; borrowed */
	const char *files; /* mount point of the file system that the server serves; NULL without a server */
	bool has_userns;   /* the stage has a user namespace of its own */
	bool terminal;	  /* restore the terminal's modes at the end */
};

/**
 * launch_monitor_wait() - forward signals, watch the stage and the server until the container has ended
 *
 * Whichever of them dies takes the others along. Errors: what the stage could not do; the death of the file server.
 */
must_check struct error *launch_monitor_wait(struct launch_monitor *m, int *ret_status);

/* launch_monitor_wait_guard() - pass signals on to a guard (m->stage) until it ends; returns its exit status */
int launch_monitor_wait_guard(struct launch_monitor *m);

/* launch_monitor_block_signals() - block what is to be forwarded; *ret_mask is the mask before; returns a signalfd */
must_check struct error *launch_monitor_block_signals(sigset_t *ret_mask, int *ret_fd);

/**
 * launch_abort_files() - end the connection of a file system whose server is dead, so that nobody waits for it any more
 * @mount_point: in the mount namespace of @stage, which still lives
 */
void launch_abort_files(pid_t stage, bool has_userns, const char *mount_point);

/* launch_guard_kill_children() - kill and reap all children of this process, again and again until none is left, but
 * for @spared */
void launch_guard_kill_children(const pid_t *spared, size_t n_spared);
/* launch_guard_list_children() - pids of the present children, caller frees */
pid_t *launch_guard_list_children(size_t *ret_n);

#endif
