/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Archives that cannot be read in place: compressed ones, and what is no regular file. Their plain content goes to an
 * unnamed temporary file, which is gone with its last descriptor.
 */
#ifndef IMAGE_SPOOL_H
#define IMAGE_SPOOL_H

#include "base/error.h"

/**
 * spool_if_needed() - make a file readable by position, uncompressed
 * @fd:     exchanged for the temporary file's if one is needed; the old one is closed then
 * @path:   for messages
 * @tmpdir: directory of the temporary file
 *
 * gzip, bzip2, xz, zstd and lz4 are recognised by their first bytes. Errors: ERR_CORRUPT for damaged streams;
 * ERR_SYSTEM naming the directory when it is full.
 */
must_check struct error *spool_if_needed(int *fd, const char *path, const char *tmpdir);

#endif
