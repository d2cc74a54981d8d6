/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that appears whole or not at all. While it is written it has no name (O_TMPFILE), so a SIGKILL leaves nothing
 * behind.
 *
 * Two cases need a name for a moment: replacing a file that exists (a link is made as ".NAME.part" and renamed, two
 * system calls apart), and file systems without O_TMPFILE (NFS, some FUSE: ".NAME.part" from the start). The file is
 * locked (flock) for as long as it has that name. What a killed writer left is recognised by its missing lock and
 * removed by the next draft of the same target.
 */
#ifndef BASE_DRAFT_H
#define BASE_DRAFT_H

#include "base/error.h"

#include <sys/types.h>

struct draft;

/**
 * draft_open() - begin a file
 * @dirfd: directory of the target; borrowed; O_PATH will do
 * @name:  one path component
 * @mode:  of the finished file, less the umask
 *
 * Where drafts have names (see above) this waits until another process has ended its draft of the same target.
 * Errors: ERR_SYSTEM of the open, so that a directory that cannot be written to is noticed before any work is done.
 */
must_check struct error *draft_open(int dirfd, const char *name, mode_t mode, struct draft **ret_draft);
/* draft_fd() - read-write descriptor of the file; owned by the draft */
int draft_fd(const struct draft *draft);
/**
 * draft_publish() - give the file its name
 * @replace:     take the place of an existing file
 * @ret_existed: without @replace: true if the name is taken; nothing was done then
 */
must_check struct error *draft_publish(struct draft *draft, bool replace, bool *ret_existed);
/* draft_free() - forget the draft; what was not published is gone */
void draft_free(struct draft *draft);
DEFINE_CLEANUP(struct draft *, draft_free)

/* draft_unnamed() - a read-write temporary file in @dir that never gets a name */
must_check struct error *draft_unnamed(const char *dir, int *ret_fd);

#endif
