/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An archive file that holds an image: docker-archive, oci-archive. It is indexed once, in one pass over its headers;
 * members are then read in place. Nothing is unpacked. A compressed archive, or one that comes through a pipe, is first
 * written to an unnamed temporary file; uncompressed ones cost no space.
 *
 * Names are cleaned ("./x", "/x", "a/../x" are x); a name that leaves the archive is refused. Of several members of one
 * name the last counts, as for tar. Links lead to other members: symbolic ones from their own directory, hard ones from
 * the top.
 */
#ifndef IMAGE_TARBALL_H
#define IMAGE_TARBALL_H

#include "image/source/blob_range.h"

/* Members of one archive. `docker save` of hundreds of images has some ten thousand; each costs about 150 bytes here.
 */
enum { TARBALL_MEMBERS_MAX = 1 << 18 };

struct tarball;

/**
 * tarball_open() - index an archive
 * @fd:     open for reading; taken over, on failure too
 * @path:   for messages about the file itself; what is said about the content needs a caller who names it
 * @tmpdir: where the content of a compressed archive goes
 *
 * Errors: ERR_CORRUPT for what is no tar, or ends too early, and for "NAME: illegal extraction path"; ERR_LIMIT.
 */
must_check struct error *tarball_open(int fd, const char *path, const char *tmpdir, struct tarball **ret_tarball);
void tarball_close(struct tarball *tarball);
DEFINE_CLEANUP(struct tarball *, tarball_close)

/* tarball_has() - is there a member of this name, of whatever type */
bool tarball_has(const struct tarball *tarball, const char *name);
/**
 * tarball_find() - where the content of a member lies
 * @ret_range: its fd is borrowed from the tarball
 *
 * Errors: ERR_NOT_FOUND "file NAME not found in tar", ERR_CORRUPT "link cycle detected for NAME".
 */
must_check struct error *tarball_find(const struct tarball *tarball, const char *name, struct blob_range *ret_range);

#endif
