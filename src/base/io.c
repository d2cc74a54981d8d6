/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* COPY_RANGE_MAX: of one call, so that a signal is not kept waiting. */
enum { COPY_STEP = 256 * 1024, COPY_RANGE_MAX = 64 << 20 };

struct error *io_read(int fd, void *buf, size_t size, size_t *ret_n)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, (char *)buf + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(errno, "read");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_n = got;
	return NULL;
}

struct error *io_pread(int fd, void *buf, size_t size, uint64_t offset, size_t *ret_n)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, (char *)buf + got, size - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(errno, "read at %llu", (unsigned long long)(offset + got));
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_n = got;
	return NULL;
}

struct error *io_write_all(int fd, const void *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(errno, "write");
		done += (size_t)n;
	}
	return NULL;
}

struct error *io_pwrite_all(int fd, const void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)buf + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(errno, "write at %llu", (unsigned long long)(offset + done));
		done += (size_t)n;
	}
	return NULL;
}

struct error *io_read_to_end(int fd, size_t limit, const char *what, struct buf *b)
{
	const size_t step = 65536;
	size_t start = b->len;

	for (;;) {
		char *where = buf_reserve(b, step);
		size_t n;

		TRY_CTX(io_read(fd, where, step, &n), "while reading %s", what);
		b->len += n;
		b->data[b->len] = '\0';
		if (b->len - start > limit)
			return error_new(ERR_LIMIT, "%s is larger than %zu bytes", what, limit);
		if (n < step)
			return NULL;
	}
}

/* For file systems between which the kernel does not copy by itself. */
static struct error *copy_through_memory(int from, int to, uint64_t done, uint64_t size)
{
	cleanup_free char *step = xmalloc(COPY_STEP);

	while (done < size) {
		size_t want = size - done < COPY_STEP ? (size_t)(size - done) : COPY_STEP;
		size_t n;

		TRY(io_pread(from, step, want, done, &n));
		if (n == 0)
			return error_new(ERR_CORRUPT, "file ends after %llu of %llu bytes", (unsigned long long)done,
					 (unsigned long long)size);
		TRY(io_pwrite_all(to, step, n, done));
		done += n;
	}
	return NULL;
}

struct error *io_copy(int from, int to, uint64_t size)
{
	struct stat st;
	off64_t in = 0;
	off64_t out = 0;

	if (fstat(from, &st) == 0 && (uint64_t)st.st_size == size && ioctl(to, FICLONE, from) == 0)
		return NULL;
	while ((uint64_t)out < size) {
		uint64_t left = size - (uint64_t)out;
		ssize_t n =
			copy_file_range(from, &in, to, &out, left < COPY_RANGE_MAX ? (size_t)left : COPY_RANGE_MAX, 0);

		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return error_sys(errno, "write");
		if (n <= 0)
			return copy_through_memory(from, to, (uint64_t)out, size);
	}
	return NULL;
}

struct error *io_close(int *fd)
{
	if (close(take_fd(fd)) < 0 && errno != EINTR)
		return error_sys(errno, "close");
	return NULL;
}

struct error *io_send_fd(int sock, const void *data, size_t size, int passed)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (passed >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);

		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &passed, sizeof(int));
	}

	ssize_t n;

	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(errno, "send message");
	if ((size_t)n != size)
		return error_new(ERR_SYSTEM, "send message: short write");
	return NULL;
}

struct error *io_recv_fd(int sock, void *data, size_t size, size_t *ret_n, int *ret_fd)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(errno, "receive message");

	int fd = -EBADF;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head; head = CMSG_NXTHDR(&msg, head)) {
		if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
		    head->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(head), sizeof(int));
	}
	*ret_n = (size_t)n;
	*ret_fd = fd;
	return NULL;
}
