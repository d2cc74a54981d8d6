/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Option tables. One table per verb drives parsing, --help, the manual page and shell completion. Parsing follows
 * pflag, which callers of the reference rely on: --name value, --name=value, bundles of letters (-eB /x, -eB/x, -B=/x),
 * booleans that take a value only after "=", no abbreviations, and an end of parsing at the first word that is no
 * option (cli.md 2.1).
 *
 * Values land in the verb's own struct through the offsets in the table. Fields of lists are owned by that struct and
 * given back with opt_release(); plain strings are borrowed from the command line or the environment.
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

enum opt_type {
	OPT_BOOL,	  /* bool */
	OPT_STRING,	  /* const char *, NULL if not given and without default */
	OPT_STRINGS,	  /* struct strv; a value is one CSV record, repeats append */
	OPT_STRING_ARRAY, /* struct strv; a value is taken whole, repeats append */
	OPT_STRING_MAP,	  /* struct strv of KEY=value; repeats merge, the last one wins */
	OPT_INT,	  /* int64_t */
	OPT_UINT32,	  /* uint32_t */
};

enum opt_trait {
	OPT_HIDDEN = 1 << 0,	   /* works, but is not shown */
	OPT_ENV_APPEND = 1 << 1,   /* values of all variables are added to those of the command line */
	OPT_HOME_DEFAULT = 1 << 2, /* help shows the caller's home directory as the default */
	OPT_SITE_DEFAULT = 1 << 5, /* the default depends on the installation: not in manual pages */
	OPT_FILE = 1 << 3,	   /* completion offers files */
	OPT_DIRECTORY = 1 << 4,	   /* completion offers directories */
};

/* A row. A table ends with a row without name; rows are sorted by name. --help is added to every table. */
struct opt {
	const char *name;	/* long form, without dashes */
	char letter;		/* short form or 0 */
	enum opt_type type;
	size_t offset;		/* of the field in the verb's struct; two rows may share one (--cwd, --pwd) */
	const char *env;	/* variables without SINGULARITY_, comma list; "+X": X alone is also read, after it */
	unsigned int traits;	/* enum opt_trait */
	const char *initial;	/* default as text, as on the command line; NULL: false, 0, nothing */
	const char *deprecated; /* "use --other": printed when the option is used */
	const char *help;	/* one sentence, no full stop */
};

/*
 * Type and place of a field, checked by the compiler: { .name = "force", .letter = 'F', OPT_AS_BOOL(struct x, force),
 * ... }
 */
#define OPT_PLACE(s, field, type) .offset = _Generic(((s *)0)->field, type: offsetof(s, field))
#define OPT_AS_BOOL(s, field) .type = OPT_BOOL, OPT_PLACE(s, field, bool)
#define OPT_AS_STRING(s, field) .type = OPT_STRING, OPT_PLACE(s, field, const char *)
#define OPT_AS_STRINGS(s, field) .type = OPT_STRINGS, OPT_PLACE(s, field, struct strv)
#define OPT_AS_STRING_ARRAY(s, field) .type = OPT_STRING_ARRAY, OPT_PLACE(s, field, struct strv)
#define OPT_AS_STRING_MAP(s, field) .type = OPT_STRING_MAP, OPT_PLACE(s, field, struct strv)
#define OPT_AS_INT(s, field) .type = OPT_INT, OPT_PLACE(s, field, int64_t)
#define OPT_AS_UINT32(s, field) .type = OPT_UINT32, OPT_PLACE(s, field, uint32_t)

/* A table at work on one struct. Made by opt_begin(). */
struct opt_set {
	const struct opt *table;
	void *into;
	bool *given;		 /* one per row: set on the command line or by the environment */
	bool help;		 /* -h or --help was met */
	struct strv deprecations; /* lines to print for deprecated options that were used on the command line */
};

/* opt_begin() - fill @into (zeroed) with the table's defaults; an invalid default in the table aborts */
void opt_begin(struct opt_set *set, const struct opt *table, void *into);
/* opt_end() - free what the set holds; what is in the struct stays */
void opt_end(struct opt_set *set);
#define cleanup_opt_set __attribute__((__cleanup__(opt_end)))
/* opt_release() - free the lists in a struct that a table filled */
void opt_release(const struct opt *table, void *into);

/**
 * opt_parse() - take options from a command line
 * @words:        what follows the verb, NULL-terminated; the array is rearranged, its strings are borrowed by the
 *                options
 * @interspersed: options may stand between and after arguments; else parsing stops at the first argument
 * @ret_args:     the arguments, inside @words, NULL-terminated, without the "--" that ended the options
 *
 * Errors: ERR_USAGE with pflag's words ("unknown flag: --foo").
 */
must_check struct error *opt_parse(struct opt_set *set, const char **words, bool interspersed, const char ***ret_args);

/**
 * opt_apply_env() - let SINGULARITY_ variables fill what the command line left open (cli.md 2.2)
 *
 * A field counts as filled if any row that shares it was given. Blank values are skipped; the first variable of a row
 * wins, but with OPT_ENV_APPEND all are added. Errors: ERR_USAGE "unable to set flag oci to value yes: ...".
 */
must_check struct error *opt_apply_env(struct opt_set *set);

/* opt_given() - was the field of row @name set by the command line or the environment? @name must be in the table. */
bool opt_given(const struct opt_set *set, const char *name);

/* opt_set_value() - store one value in the field of @row; errors are those of Go's parsers, without context */
must_check struct error *opt_set_value(const struct opt *row, void *into, const char *value, bool is_first);
/* opt_bool_parse() - a boolean as flags and variables spell it; ERR_USAGE with the words of strconv.ParseBool */
must_check struct error *opt_bool_parse(const char *text, bool *ret_value);

#endif
