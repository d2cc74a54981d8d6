/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIF, the Singularity Image Format: a 128-byte header, a table of 585-byte SIF descriptors, and objects. This room
 * reads and checks header and table, finds objects, writes new containers, and makes the text that `sif
 * header|list|info` print. Layout: formats.md 1. Nothing here looks inside an object, and nothing trusts a position: an
 * object's bytes are used only through sif_object_range(), which holds them against the length of the file.
 */
#ifndef FORMATS_SIF_H
#define FORMATS_SIF_H

#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum {
	SIF_HEADER_SIZE = 128,
	SIF_DESCR_SIZE = 585,
	SIF_LAUNCH_LEN = 32,
	SIF_ARCH_LEN = 3,
	SIF_ID_LEN = 16,
	SIF_NAME_LEN = 128,
	SIF_EXTRA_LEN = 384,
	SIF_FINGERPRINT_LEN = 20,
	SIF_TABLE_OFFSET = 4096, /* where writers put the table; readers take it from the header */
	SIF_FS_ALIGN = 4096,	 /* objects of type SIF_TYPE_FS start on such a boundary */
	/* Slots of one table: four times the layers of the largest image we take in; bounds the table to 9.6 MB. */
	SIF_DESCR_MAX = 16384,
};

/* Written for "no time" by deterministic writers: 0001-01-01T00:00:00Z in Unix seconds. */
#define SIF_TIME_UNSET INT64_C(-62135596800)
/* Marks the group field, and a link to a group rather than to an object (formats.md 1.6). */
#define SIF_GROUP_MARK UINT32_C(0xf0000000)

enum sif_type {
	SIF_TYPE_DEF_FILE = 0x4001,
	SIF_TYPE_ENV_VARS = 0x4002,
	SIF_TYPE_LABELS = 0x4003,
	SIF_TYPE_FS = 0x4004,
	SIF_TYPE_SIGNATURE = 0x4005,
	SIF_TYPE_JSON = 0x4006,
	SIF_TYPE_RAW = 0x4007,
	SIF_TYPE_CRYPTO = 0x4008,
	SIF_TYPE_SBOM = 0x4009,
	SIF_TYPE_OCI_ROOT_INDEX = 0x400a,
	SIF_TYPE_OCI_BLOB = 0x400b,
};

struct sif_header {
	char launch[SIF_LAUNCH_LEN]; /* launch script, NUL-padded; a hostile one has no NUL */
	char arch[SIF_ARCH_LEN];     /* two digits and NUL; see sif_arch_name() */
	uint8_t id[SIF_ID_LEN];	     /* UUID in text order; all zero if deterministic */
	int64_t created, modified;   /* Unix seconds or SIF_TIME_UNSET */
	int64_t descr_free;	     /* as stored; may lie: count the table instead */
	uint64_t descr_total;	     /* slots, at most SIF_DESCR_MAX */
	uint64_t descr_offset;	     /* bytes; the table lies inside the file and behind the header */
	uint64_t descr_size;	     /* bytes, at least SIF_DESCR_SIZE * descr_total */
	int64_t data_offset;	     /* bytes, as stored; of no use to a reader */
	int64_t data_size;	     /* bytes, likewise */
};

/* One used slot. */
struct sif_descr {
	int32_t type;	     /* enum sif_type, or anything else: an object of unknown type */
	uint32_t id;	     /* 1 and up; 0 and duplicates occur in broken files */
	uint32_t group;	     /* as stored; see sif_descr_group() */
	uint32_t link;	     /* as stored; see sif_descr_link() */
	uint64_t offset;     /* bytes from the start of the file; behind header and table unless size is 0 */
	uint64_t size;	     /* bytes; offset + size fits an int64_t, but may lie past the end of the file */
	int64_t padded_size; /* size and the alignment gap before the object; ignored when reading */
	int64_t created, modified;
	int64_t uid, gid;
	char name[SIF_NAME_LEN];      /* NUL-padded, may fill the field */
	uint8_t extra[SIF_EXTRA_LEN]; /* by type; formats.md 1.5 */
	struct digest digest;	      /* of OCI types, from extra; empty if malformed or of another type */
};

struct sif {
	uint64_t file_size;
	struct sif_header header;
	struct sif_descr *descrs; /* used slots, in slot order */
	size_t n_descrs;
};

/**
 * sif_load() - read and check header and table
 * @fd: readable and seekable; borrowed, its position is changed
 *
 * Takes one pread for a table of up to 13 slots at the usual place, two otherwise. Objects past the end of the file are
 * no error here, since a truncated image can still be listed. Errors: ERR_CORRUPT with the reference's texts ("reading
 * global header: EOF", "invalid SIF magic", "incompatible SIF version", "reading descriptors: unexpected EOF") and for
 * positions that are negative or lie in the header or the table; ERR_LIMIT above SIF_DESCR_MAX; ERR_SYSTEM.
 */
must_check struct error *sif_load(int fd, struct sif **ret_sif);
void sif_free(struct sif *sif);
DEFINE_CLEANUP(struct sif *, sif_free)

/* sif_descr_group() - number of the group an object belongs to, 0 for none */
uint32_t sif_descr_group(const struct sif_descr *d);
/* sif_descr_link() - id of the object or group that @d is linked to, 0 for none */
uint32_t sif_descr_link(const struct sif_descr *d, bool *ret_is_group);

/**
 * sif_find_id() - the one object with this id
 *
 * Errors: ERR_NOT_FOUND "object not found", "no objects in image"; ERR_USAGE "invalid object ID" for 0; ERR_CORRUPT
 * "multiple objects found".
 */
must_check struct error *sif_find_id(const struct sif *sif, uint32_t id, const struct sif_descr **ret_descr);
/* sif_find_digest() - first object of an OCI type with this digest, NULL if there is none */
const struct sif_descr *sif_find_digest(const struct sif *sif, enum sif_type type, const struct digest *digest);
/* sif_object_range() - ERR_CORRUPT "object N extends past end of file" unless all bytes of @d are in the file */
must_check struct error *sif_object_range(const struct sif *sif, const struct sif_descr *d);

/*
 * Writing: create; per object ask sif_next_offset(), put the bytes there, and add its descriptor; finish. Header and
 * table are written by sif_finish(), the header last, so an unfinished file is no SIF.
 */
struct sif_writer;

/**
 * sif_create() - begin a new container without launch script, UUID and times ("deterministic", formats.md 1.8)
 * @fd:      empty and writable; borrowed until sif_finish()
 * @n_slots: capacity of the table; ERR_LIMIT "descriptor capacity not supported" above SIF_DESCR_MAX
 *
 * ERR_INTERNAL if the file is not empty.
 */
must_check struct error *sif_create(int fd, size_t n_slots, struct sif_writer **ret_writer);
/* sif_next_offset() - where the bytes of the next object go, if it is of this type */
uint64_t sif_next_offset(const struct sif_writer *w, enum sif_type type);
/**
 * sif_add_object() - describe the object whose bytes were put at sif_next_offset()
 * @d: type, size, group, link, name and extra count; id, place and times are given by the writer
 *
 * Errors: ERR_LIMIT "insufficient descriptor capacity to add data object(s) to image", or for a size that no position
 * can have; ERR_USAGE "image already contains a primary partition".
 */
must_check struct error *sif_add_object(struct sif_writer *w, const struct sif_descr *d);
/* sif_added() - the objects added so far */
const struct sif_descr *sif_added(const struct sif_writer *w, size_t *ret_n);
/* sif_finish() - cut the file behind the last object, write table and header; ERR_INTERNAL if it ends before that
 * object */
must_check struct error *sif_finish(struct sif_writer *w);
void sif_writer_free(struct sif_writer *w);
DEFINE_CLEANUP(struct sif_writer *, sif_writer_free)

/* sif_encode_header(), sif_encode_descr() - append the 128 bytes of a header, the 585 bytes of a used slot */
void sif_encode_header(const struct sif_header *h, struct buf *out);
void sif_encode_descr(const struct sif_descr *d, struct buf *out);

/*
 * What `sif header|list|info` print (formats.md 1.12), appended to @out. Control characters of a hostile image are
 * escaped as \xNN, so that nothing of it reaches the terminal as a command.
 */
void sif_text_header(const struct sif *sif, struct buf *out);
void sif_text_list(const struct sif *sif, struct buf *out);
void sif_text_info(const struct sif_descr *d, struct buf *out);

/**
 * sif_copy_object() - write an object's bytes to @out_fd, as `sif dump` does
 *
 * If the file ends before the object, what there is is written and the error is ERR_CORRUPT "EOF".
 */
must_check struct error *sif_copy_object(int fd, const struct sif_descr *d, int out_fd);

#endif
