/* SPDX-License-Identifier: BSD-3-Clause */
/* Archives for the tests of this room, member by member. Include after cmocka.h. */
#ifndef IMAGE_TEST_TARBALL_H
#define IMAGE_TEST_TARBALL_H

#include "base/draft.h"
#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

#include <stdio.h>

/* add_member() - append a ustar header and @content; @type as in the header, '0' a file, '1' and '2' links */
static inline void add_member(struct buf *tar, const char *name, char type, const char *link, const void *content,
			      size_t size)
{
	char header[512] = { 0 };
	unsigned int sum = 0;

	(void)snprintf(header, 100, "%s", name);
	(void)snprintf(header + 100, 8, "0000644");
	(void)snprintf(header + 108, 8, "0000000");
	(void)snprintf(header + 116, 8, "0000000");
	(void)snprintf(header + 124, 12, "%011o", (unsigned int)(size & 077777777));
	(void)snprintf(header + 136, 12, "00000000000");
	memset(header + 148, ' ', 8);
	header[156] = type;
	(void)snprintf(header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	buf_append(tar, header, sizeof(header));
	buf_append(tar, content, size);
	while (tar->len % 512)
		buf_append_char(tar, '\0');
}

static inline void add_file(struct buf *tar, const char *name, const char *text)
{
	add_member(tar, name, '0', "", text, strlen(text));
}

/* end_archive() - the two zero blocks, and the archive as an open file; @tar is empty afterwards */
static inline int end_archive(struct buf *tar)
{
	static const char zeros[1024];
	int fd = -EBADF;

	buf_append(tar, zeros, sizeof(zeros));
	assert_ok(draft_unnamed("/tmp", &fd));
	assert_ok(io_pwrite_all(fd, tar->data, tar->len, 0));
	buf_free(tar);
	return fd;
}

#endif
