/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table behind conf.h: every directive with its type, default and comment. The shipped etc/singularity.conf is
 * written from it, and a test compares the two.
 */
#ifndef FORMATS_CONF_DIRECTIVES_H
#define FORMATS_CONF_DIRECTIVES_H

#include "formats/conf/conf.h"

enum conf_type { CONF_BOOL, CONF_UINT, CONF_STRING, CONF_LIST };

struct conf_directive {
	const char *name;
	enum conf_type type;
	const char *initial; /* default as in the file; "" for none */
	const char *allowed; /* values, one blank between them; NULL: any */
	const char *comment; /* lines for the file, without "#" */
};

/* conf_directives - the table, ended by a row without name, in the order of the file */
extern const struct conf_directive conf_directives[];

#endif
