/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/io.h"

#include <sys/socket.h>
#include <sys/uio.h>

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
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space),
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
