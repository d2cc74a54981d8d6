/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of --env-file: a shell script that assigns variables, evaluated without a shell, without running a program and
 * without touching a file. The language is a part of POSIX sh (IEEE 1003.1, "Shell Command Language"): assignments,
 * export, quoting, parameter and arithmetic expansion, if, && and ||, test. What would run a program or open a file is
 * an error in the words of the reference (oci-mode.md 5.7); loops, functions and pipes are refused. Every evaluation is
 * bounded in time and memory, whatever the text is.
 */
#ifndef FORMATS_ENVFILE_H
#define FORMATS_ENVFILE_H

#include "base/error.h"
#include "base/str.h"

enum {
	ENVFILE_VALUE_MAX = 128 << 10, /* of one variable: what the kernel takes in one string of an environment */
	ENVFILE_VARS_MAX = 4096,
	ENVFILE_FIELDS_MAX = 65536,  /* arguments of one command */
	ENVFILE_DEPTH_MAX = 64,	     /* of nested expansions and ifs */
	ENVFILE_WORK_MAX = 50000000, /* characters looked at or made, all in all; some tenths of a second */
};

/* A variable that the script reads but has not assigned; NULL if there is none. */
typedef const char *envfile_lookup(void *ctx, const char *name);

/**
 * envfile_eval() - run the script @text
 * @ret_assigned: NAME=value for each variable that the script left assigned, but for those that belong to a shell (EUID
 *GID HOME IFS OPTIND PWD UID); appended
 *
 * Errors: ERR_USAGE for bad syntax or a refused feature, ERR_LIMIT for one of the limits above; all with the line.
 */
must_check struct error *envfile_eval(const char *text, envfile_lookup *lookup, void *ctx, struct strv *ret_assigned);

#endif
