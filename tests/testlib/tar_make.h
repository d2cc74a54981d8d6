/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes tar archives for tests, broken ones too: every field of a header can be set as the test wants it.
 */
#ifndef TESTLIB_TAR_MAKE_H
#define TESTLIB_TAR_MAKE_H

#include "base/str.h"
#include "formats/tar/tar.h"

/* One header. Zero means: mode 0644 (0755 for directories, 0777 for links), owner 0:0, time 1700000000. */
struct tar_spec {
	char type; /* 0: '0' */
	const char *name, *link, *prefix;
	unsigned int mode, uid, gid;
	long long mtime; /* negative: the time 0 */
	unsigned int dev_major, dev_minor;
	const char *data; /* content */
	size_t size;	  /* of the content; 0 with data: its length */
	bool old_gnu;	  /* magic of GNU tar instead of ustar's */
	bool v7;	  /* no magic */
};

void tar_make(struct buf *out, const struct tar_spec *spec);
/* Header with one field overwritten: @at, @field of @len bytes; the checksum is right again unless @at lies in it. */
void tar_make_with(struct buf *out, const struct tar_spec *spec, size_t at, const void *field, size_t len);
/* tar_make_data() - content, filled up to a whole block */
void tar_make_data(struct buf *out, const void *data, size_t size);
/* tar_make_record() - append "LEN KEY=VALUE\n" to @records; tar_make_pax() - an x header (or g) with these records */
void tar_make_record(struct buf *records, const char *key, const void *value, size_t size);
void tar_make_pax(struct buf *out, char type, const struct buf *records);
/* tar_make_pax1() - an x header with one record */
void tar_make_pax1(struct buf *out, const char *key, const char *value);
void tar_make_end(struct buf *out); /* two zero blocks */

/* Short forms. */
void tar_make_file(struct buf *out, const char *name, const char *text);
void tar_make_dir(struct buf *out, const char *name);
void tar_make_symlink(struct buf *out, const char *name, const char *target);
void tar_make_hardlink(struct buf *out, const char *name, const char *target);

/* An input for the tar reader: @bytes in chunks of @chunk bytes, each in memory of its own; 0: all at once. */
struct tar_chunks {
	const struct buf *bytes;
	size_t chunk, at;
	uint8_t *held;
};

struct tar_input tar_chunks_input(struct tar_chunks *chunks);
void tar_chunks_clear(struct tar_chunks *chunks);
#define cleanup_tar_chunks __attribute__((__cleanup__(tar_chunks_clear)))

#endif
