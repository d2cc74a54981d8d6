/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Manual pages in scdoc's notation, written from the same tables as the help texts: one page per command, one for the
 * program, and singularity.conf(5) from the table of directives.
 */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "cli/verb.h"

/* manual_page() - the page of the verb at the end of @path; for the root it tells about the whole program */
void manual_page(const struct verb_path *path, struct buf *out);
/* manual_name() - "singularity-cache-list"; caller frees */
char *manual_name(const struct verb_path *path);
/* manual_conf() - singularity.conf(5) */
void manual_conf(struct buf *out);

#endif
