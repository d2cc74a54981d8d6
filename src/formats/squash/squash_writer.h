/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a squashfs 4.0 image in one pass straight to its place in a file: data blocks as they come, compressed by a
 * pool of worker threads and written in order; fragments packed; equal files stored once; tables and superblock at the
 * end. The same input gives the same bytes, whatever the number of workers. mkfs_time is 0; the length is padded to
 * 4096.
 *
 * Use: writer_new; for each regular file begin_file, write..., end_file -> content handle to hang on a tree node; then
 * finish. A content that no node refers to costs only its space. Not for use from several threads. Specification:
 * squashfs 4.0 (kernel Documentation/filesystems/squashfs, squashfs_fs.h).
 */
#ifndef FORMATS_SQUASH_WRITER_H
#define FORMATS_SQUASH_WRITER_H

#include "formats/squash/squash_codec.h"
#include "formats/squash/squash_tree.h"

struct squash_writer_options {
	enum squash_codec codec; /* SQUASH_GZIP, SQUASH_LZ4, SQUASH_ZSTD; others ERR_UNSUPPORTED */
	int level;		 /* 0: the codec's default here (zstd 3, gzip 6, lz4 fast) */
	uint32_t block_size;	 /* power of two, 4096 .. 1 MiB; 0: 131072 */
	unsigned int n_workers;	 /* 0: CPUs of this process's affinity mask and cgroup quota */
	uint64_t memory_limit;	 /* for block lists and records of contents, which grow with the image; 0: 512 MiB, at
				    most 8 GiB */
};

struct squash_writer;

/**
 * squash_writer_new() - start an image at byte @offset of @fd
 * @fd: borrowed, open for reading and writing; everything from @offset on belongs to the image: a regular file ends
 * with it
 *
 * After an error of any function here the writer can only be freed. A caller that wants an error instead of SIGXFSZ
 * where file sizes are limited ignores that signal.
 */
must_check struct error *squash_writer_new(int fd, uint64_t offset, const struct squash_writer_options *options,
					   struct squash_writer **ret_writer);
must_check struct error *squash_writer_begin_file(struct squash_writer *w);
/* squash_writer_write() - the next bytes; runs of zero blocks become holes. Blocks only when the queue is full. */
must_check struct error *squash_writer_write(struct squash_writer *w, const void *data, size_t size);
/**
 * squash_writer_reserve() - where the file's next bytes may be put without a copy, then squash_writer_commit()
 * @ret_room: borrowed until the next call for this writer
 * @ret_size: bytes that fit, at least 1
 */
must_check struct error *squash_writer_reserve(struct squash_writer *w, void **ret_room, size_t *ret_size);
/* squash_writer_commit() - the first @size bytes of the room are filled; @size may be 0 */
must_check struct error *squash_writer_commit(struct squash_writer *w, size_t size);
/* squash_writer_write_hole() - @size zero bytes, without touching them (sparse files) */
must_check struct error *squash_writer_write_hole(struct squash_writer *w, uint64_t size);
/* squash_writer_end_file() - *ret_content is NULL for an empty file; owned by the writer, valid until
 * squash_writer_free() */
must_check struct error *squash_writer_end_file(struct squash_writer *w, const struct squash_content **ret_content);
uint64_t squash_content_size(const struct squash_content *content);
/* squash_writer_drain() - wait until everything that was given is in the file; between files */
must_check struct error *squash_writer_drain(struct squash_writer *w);
/**
 * squash_writer_finish() - write inode, directory, fragment, id and xattr tables, then the superblock
 * @tree:     siblings get sorted, private fields set, nothing else is modified; each content came from this writer
 * @ret_size: bytes of the image, a multiple of 4096, padding included
 *
 * Hard links to a node that is removed still share its inode. Errors: ERR_LIMIT for what the format cannot hold (65535
 * different ids, device numbers of 12 and 20 bits, tables of 4 GiB), ERR_CORRUPT for hard links to directories,
 * ERR_SYSTEM for the file.
 */
must_check struct error *squash_writer_finish(struct squash_writer *w, struct squash_tree *tree, uint64_t *ret_size);
void squash_writer_free(struct squash_writer *w); /* stops the workers; also after an error */
DEFINE_CLEANUP(struct squash_writer *, squash_writer_free)

/* squash_cpus() - CPUs this process may use: affinity mask and cgroup v1/v2 quota, at least 1 */
unsigned int squash_cpus(void);

#endif
