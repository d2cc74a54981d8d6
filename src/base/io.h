/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole reads and writes on descriptors: EINTR is retried, short transfers are continued, a lost write is reported.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

/* io_read() - up to @size bytes, fewer only at end of file; *ret_n == 0 means end */
must_check struct error *io_read(int fd, void *buf, size_t size, size_t *ret_n);
/* io_pread() - the same at a position; *ret_n < size means the file ends there */
must_check struct error *io_pread(int fd, void *buf, size_t size, uint64_t offset, size_t *ret_n);
must_check struct error *io_write_all(int fd, const void *buf, size_t size);
must_check struct error *io_pwrite_all(int fd, const void *buf, size_t size, uint64_t offset);
/* io_read_to_end() - append everything that is left in @fd to @b; ERR_LIMIT "<what> is larger than N bytes" beyond
 * @limit */
must_check struct error *io_read_to_end(int fd, size_t limit, const char *what, struct buf *b);
/* io_copy() - append the first @size bytes of @from, a regular file, to the empty file @to; shares blocks where that
 * can be done */
must_check struct error *io_copy(int from, int to, uint64_t size);
/* io_close() - close a descriptor that was written; reports what close() reports; *fd is -EBADF afterwards */
must_check struct error *io_close(int *fd);
/* io_send_fd() - send @data (1 to 4096 bytes) with descriptor @passed (or -1 for none) over a Unix socket */
must_check struct error *io_send_fd(int sock, const void *data, size_t size, int passed);
/* io_recv_fd() - receive what io_send_fd() sent; *ret_fd is -EBADF if none came; *ret_n == 0 at end of file */
must_check struct error *io_recv_fd(int sock, void *data, size_t size, size_t *ret_n, int *ret_fd);

#endif
