/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads tar archives as they stream past: v7, ustar, pax (x and g records), GNU long names, GNU base-256 numbers, and sparse
 * files of every form (old GNU, pax 0.0, 0.1, 1.0). formats.md 3.1; POSIX.1-2017 pax, GNU tar manual "Standard Format".
 *
 * Pull style over chunks that the caller provides: contents are handed on as slices of those chunks, never copied. The reader
 * only parses: names are given as the archive spells them (no cleaning), nothing is unpacked. Every field is untrusted; what
 * breaks the format is ERR_CORRUPT, what exceeds a limit below ERR_LIMIT.
 */
#ifndef FORMATS_TAR_H
#define FORMATS_TAR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TAR_BLOCK = 512,
	/* One pax or GNU special record. The reference's limit; the largest honest one carries a few 64 KiB xattrs. */
	TAR_RECORD_MAX = 1 << 20,
	/* Names and link targets. Linux cannot use longer ones: PATH_MAX less the NUL. */
	TAR_PATH_MAX = 4095,
	/* Xattrs of one entry. Linux lists at most 64 KiB of names, so no file system holds more. */
	TAR_XATTRS_MAX = 4096,
	/* Bytes of one xattr value: XATTR_SIZE_MAX of Linux. */
	TAR_XATTR_SIZE_MAX = 65536,
	/* Data pieces of one sparse file: 16 MiB of map. Images of disks have some ten thousand. */
	TAR_SPARSE_MAX = 1 << 20,
	/* Special records before one entry: x, L, K and their repetitions. */
	TAR_SPECIALS_MAX = 64,
};

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name; /* with its prefix, as after SCHILY.xattr. */
	const void *value;
	size_t size;
};

/* One entry; all memory is the reader's, valid until the next tar_next(). */
struct tar_entry {
	enum tar_type type;
	const char *name; /* never NULL; may be empty, absolute, or hold any component */
	const char *link; /* target of hard and symbolic links, else "" */
	uint64_t size;	  /* bytes of content, holes included; 0 unless a TAR_FILE */
	uint32_t mode;	  /* permission bits, 07777 */
	uint32_t uid, gid;
	int64_t mtime; /* seconds, rounded down */
	uint32_t dev_major, dev_minor; /* of devices; at most 0xfff and 0xfffff */
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
};

/* A piece of content: bytes, or a hole. size 0 is the end of the entry. */
struct tar_slice {
	const uint8_t *data; /* NULL: a hole of @size zero bytes; else valid until the next call on the reader */
	uint64_t size;
};

/* Where the archive's bytes come from. */
struct tar_input {
	/* The next chunk, any size, valid until the next call; *ret_size == 0 is the end. */
	struct error *(*next)(void *ctx, const uint8_t **ret_data, size_t *ret_size);
	/* For input that need not be read to be passed over: leave out the next @size bytes; ERR_CORRUPT past the end. May be NULL. */
	struct error *(*skip)(void *ctx, uint64_t size);
	void *ctx;
};

struct tar;

/* tar_new() - start reading; @input is copied */
struct tar *tar_new(const struct tar_input *input);
void tar_free(struct tar *tar);
DEFINE_CLEANUP(struct tar *, tar_free)

/**
 * tar_next() - the next entry; content of the entry before that was not read is skipped
 * @ret_entry: NULL at the end of the archive: two zero blocks, one at the end of the input, or no more input
 *
 * Errors: ERR_CORRUPT "archive/tar: ..." for what is no tar; ERR_LIMIT; ERR_UNSUPPORTED for entry types that no file system
 * tree has; what the input reports.
 */
must_check struct error *tar_next(struct tar *tar, const struct tar_entry **ret_entry);
/* tar_read() - the next slice of the current entry's content; truncated archives are ERR_CORRUPT */
must_check struct error *tar_read(struct tar *tar, struct tar_slice *ret_slice);
/* tar_drain() - read the input to its end, past the archive's: what follows it counts for digests */
must_check struct error *tar_drain(struct tar *tar);

#endif
