/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fsmount - mount squashfs images with the file server and run a command there
 *
 * usage: fsmount [-d] [-o] [-s] [-u] [-O OFFSET] -m DIR IMAGE... -- COMMAND [ARG...]
 *
 * In a mount namespace of its own (as a user also a user namespace in which the user is root) DIR becomes a tmpfs with DIR/layers, where
 * the images appear as 0, 1, ..., and with -o DIR/root, an overlay of all of them. The command's working directory is DIR/root with -o,
 * else DIR/layers. -u serves trusted.overlay.* as user.overlay.* (the default for users), -d prints the server's counts, -s makes the command
 * wait for the server and fails if the server did. OFFSET is where the image starts in every file. The exit status is the command's.
 */
#include "base/fs.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "runtime/fileserver/fileserver.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct request {
	const char *dir;
	char **images;
	size_t n_images;
	char **command;
	uint64_t offset;
	bool overlay, user_xattrs, debug, check_server;
};

static struct error *prepare(const struct request *rq, struct fileserver **ret_server)
{
	cleanup_free struct fileserver_layer *layers = xcalloc(rq->n_images, sizeof(*layers));

	for (size_t i = 0; i < rq->n_images; i++) {
		struct stat st;

		TRY(fs_open(AT_FDCWD, rq->images[i], O_RDONLY, 0, &layers[i].fd));
		if (fstat(layers[i].fd, &st) < 0)
			return error_sys(errno, "stat %s", rq->images[i]);
		layers[i].offset = rq->offset;
		layers[i].size = (uint64_t)st.st_size - rq->offset;
	}
	return fileserver_prepare(&(struct fileserver_options){ .layers = layers, .n_layers = rq->n_images,
								.user_xattrs = rq->user_xattrs, .debug = rq->debug }, ret_server);
}

static struct error *write_text(const char *path, const char *text)
{
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(AT_FDCWD, path, O_WRONLY, 0, &fd));
	return io_write_all(fd, text, strlen(text));
}

static struct error *enter_namespaces(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) < 0)
		return error_sys(errno, "unshare");
	if (uid) {
		cleanup_free char *uids = xasprintf("0 %u 1\n", uid);
		cleanup_free char *gids = xasprintf("0 %u 1\n", gid);

		TRY(write_text("/proc/self/setgroups", "deny"));
		TRY(write_text("/proc/self/uid_map", uids));
		TRY(write_text("/proc/self/gid_map", gids));
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_sys(errno, "mount / as slave");
	return NULL;
}

static struct error *mount_layers(const struct request *rq, int sock)
{
	cleanup_fd int fuse = -EBADF;
	cleanup_free char *options = NULL;

	if (mount("tmpfs", rq->dir, "tmpfs", 0, "mode=755") < 0 || chdir(rq->dir) < 0 || mkdir("layers", 0755) < 0)
		return error_sys(errno, "tmpfs on %s", rq->dir);
	TRY(fs_open(AT_FDCWD, "/dev/fuse", O_RDWR, 0, &fuse));
	options = fileserver_mount_options(fuse);
	if (mount("singularity", "layers", "fuse.singularity", MS_RDONLY | MS_NODEV | MS_NOSUID, options) < 0)
		return error_sys(errno, "mount fuse");
	TRY(io_send_fd(sock, "f", 1, fuse));
	return chdir("layers") < 0 ? error_sys(errno, "chdir layers") : NULL;
}

static struct error *mount_overlay(const struct request *rq)
{
	cleanup_buf struct buf options = { 0 };

	buf_append_str(&options, "lowerdir=");
	for (size_t i = rq->n_images; i-- > 0;)
		buf_appendf(&options, "%zu%s", i, i ? ":" : "");
	buf_appendf(&options, ",upperdir=../upper,workdir=../work,xino=off%s", rq->user_xattrs ? ",userxattr" : "");
	if (mkdir("../upper", 0755) < 0 || mkdir("../work", 0755) < 0 || mkdir("../root", 0755) < 0)
		return error_sys(errno, "make directories");
	if (mount("overlay", "../root", "overlay", MS_NODEV, buf_str(&options)) < 0)
		return error_sys(errno, "mount overlay");
	return chdir("../root") < 0 ? error_sys(errno, "chdir root") : NULL;
}

static __attribute__((__noreturn__)) void child(const struct request *rq, int sock)
{
	struct error *err = enter_namespaces();

	if (!err)
		err = mount_layers(rq, sock);
	if (!err && rq->overlay)
		err = mount_overlay(rq);
	(void)close(sock);
	if (!err) {
		execvp(rq->command[0], rq->command);
		err = error_sys(errno, "%s", rq->command[0]);
	}
	(void)fprintf(stderr, "fsmount: %s\n", error_text(err));
	_exit(127);
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct error *run(const struct request *rq, int *ret_status)
{
	cleanup_with(fileserver_free) struct fileserver *server = NULL;
	pid_t server_pid, command_pid;
	int socks[2];

	TRY(prepare(rq, &server));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return error_sys(errno, "socketpair");
	server_pid = fork();
	if (server_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(socks[0]);
		_exit(fileserver_run(server, socks[1]));
	}
	(void)close(socks[1]);
	command_pid = fork();
	if (command_pid == 0)
		child(rq, socks[0]);
	(void)close(socks[0]);
	*ret_status = status_of(command_pid);
	if (status_of(server_pid) != 0 && rq->check_server)
		return error_new(ERR_SYSTEM, "the server failed");
	return NULL;
}

static bool parse(int argc, char **argv, struct request *rq)
{
	int opt;

	while ((opt = getopt(argc, argv, "+dosuO:m:")) != -1) {
		switch (opt) {
		case 'd':
			rq->debug = true;
			log_set_level(LOG_DEBUG);
			break;
		case 'o':
			rq->overlay = true;
			break;
		case 's':
			rq->check_server = true;
			break;
		case 'u':
			rq->user_xattrs = true;
			break;
		case 'O':
			if (!num_parse_u64(optarg, INT64_MAX, &rq->offset))
				return false;
			break;
		case 'm':
			rq->dir = optarg;
			break;
		default:
			return false;
		}
	}
	rq->images = argv + optind;
	while (optind < argc && !str_eq(argv[optind], "--")) {
		optind++;
		rq->n_images++;
	}
	rq->command = argv + optind + 1;
	return rq->dir && rq->n_images > 0 && optind + 1 < argc;
}

int main(int argc, char **argv)
{
	struct request rq = { .user_xattrs = geteuid() != 0 };
	struct error *err;
	int status = 255;

	if (!parse(argc, argv, &rq)) {
		(void)fprintf(stderr, "usage: fsmount [-d] [-o] [-s] [-u] [-O OFFSET] -m DIR IMAGE... -- COMMAND [ARG...]\n");
		return 2;
	}
	err = run(&rq, &status);
	if (err) {
		(void)fprintf(stderr, "fsmount: %s\n", error_text(err));
		error_free(err);
		return 126;
	}
	return status;
}
