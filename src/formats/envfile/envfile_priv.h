/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORMATS_ENVFILE_PRIV_H
#define FORMATS_ENVFILE_PRIV_H

#include "formats/envfile/envfile.h"

#include <stdint.h>

/*
 * The evaluator. It reads the text once, from left to right, and acts as it reads; what a condition excludes is read
 * with @skipping set and has no effect. The first error sticks: from then on nothing is read, and every function
 * returns at once.
 */
struct shell {
	const char *text, *at;
	envfile_lookup *lookup;
	void *ctx;
	struct strv vars;  /* assigned: NAME=value */
	struct strv unset; /* names that hide what @lookup would find */
	struct error *err;
	unsigned int skipping; /* depth of excluded parts */
	unsigned int depth;
	unsigned int work;
	int status;    /* of the last command */
	bool finished; /* exit or return was met */
};

/* What is made of a word. */
enum word_use {
	WORD_VALUE,  /* the right side of an assignment: one text */
	WORD_FIELDS, /* an argument: unquoted expansions are cut at blanks */
};

void shell_fail(struct shell *s, enum error_kind kind, const char *fmt, ...) printf_like(3, 4);
/* shell_spend() - count work; false, and an error, if the script has had its share or an error came before */
bool shell_spend(struct shell *s, size_t n);
bool shell_enter(struct shell *s); /* one level deeper; false at the limit */
void shell_leave(struct shell *s);
const char *shell_get(struct shell *s, const char *name); /* NULL: not set */
void shell_set(struct shell *s, const char *name, const char *value);
void shell_unset(struct shell *s, const char *name);

/* shell_name_length() - length of the variable name that @text starts with, 0 if none */
size_t shell_name_length(const char *text);
/* shell_skip_joined() - pass over backslash-newline pairs */
void shell_skip_joined(struct shell *s);
/* shell_value() - read a word at s->at as the value of an assignment */
void shell_value(struct shell *s, struct buf *ret_value);
/* shell_fields() - read a word at s->at as an argument; adds no, one or more fields */
void shell_fields(struct shell *s, struct strv *fields);
/* shell_arithmetic() - value of an expression whose expansions are already made */
int64_t shell_arithmetic(struct shell *s, const char *expression);
/* shell_strip() - value without the shortest or longest beginning or end that @pattern matches; caller frees */
char *shell_strip(struct shell *s, const char *value, const char *pattern, bool at_end, bool longest);
/* shell_test() - the test command; sets s->status */
void shell_test(struct shell *s, const struct strv *args);

#endif
