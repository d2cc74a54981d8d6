/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixtures for unit tests: files of tests/fixtures as bytes, and bytes as an open file. FIXTURES is set by the build.
 * Include after cmocka.h.
 */
#ifndef TESTLIB_FIXTURE_H
#define TESTLIB_FIXTURE_H

#include "base/fs.h"
#include "base/io.h"
#include "base/test.h"

#include <sys/mman.h>

enum { FIXTURE_SIZE_MAX = 16 << 20 };

/* fixture_open() - a fixture, read-only; the caller closes it */
static inline int fixture_open(const char *path)
{
	int fd = -EBADF;

	assert_ok(fs_open(AT_FDCWD, path, O_RDONLY, 0, &fd));
	return fd;
}

/* fixture_read() - append a fixture's bytes */
static inline void fixture_read(const char *path, struct buf *out)
{
	assert_ok(fs_read_file(AT_FDCWD, path, FIXTURE_SIZE_MAX, out));
}

/* fixture_memory() - an open file with these bytes; the caller closes it */
static inline int fixture_memory(const void *data, size_t size)
{
	int fd = memfd_create("fixture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_ok(io_pwrite_all(fd, data, size, 0));
	return fd;
}

#endif
