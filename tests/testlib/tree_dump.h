/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree in a squashfs image as text, one line an entry in order of the names, for comparing images whose bytes differ:
 *   PATH TYPE+MODE UID:GID MTIME NLINK RDEV SIZE-or-> TARGET {xattrs} CONTENT-DIGEST =FIRST-NAME-OF-THE-INODE
 */
#ifndef TESTLIB_TREE_DUMP_H
#define TESTLIB_TREE_DUMP_H

#include "base/str.h"

#include <stdint.h>

/* tree_dump() - append the listing of the image at @offset of @fd; a damaged image fails the test */
void tree_dump(int fd, uint64_t offset, uint64_t size, struct buf *out);
/* tree_dump_layer() - the same for layer @i of an OCI-SIF; @fd stays the caller's */
void tree_dump_layer(int fd, size_t i, struct buf *out);
/* assert_same_tree() - compares two listings and shows the first line that differs */
void assert_same_tree(const char *ours, const char *theirs, const char *what);
/* assert_line() - the listing has a line that starts with "@path " and holds @part */
void assert_line(const char *listing, const char *path, const char *part);
void assert_no_line(const char *listing, const char *path);

#endif
