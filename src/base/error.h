/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One error object, one channel. A function that can fail returns `struct error *`: NULL is success, anything else is
 * owned by the caller, who returns it, wraps it, or frees it. Results go through ret_ parameters, written only on
 * success.
 *
 * An error prints as `outer: inner: cause`. It has a kind, an errno if one exists, and at most one hint (what to do).
 * Texts are lower case without full stop; where the reference prints a sentence that scripts may match, its wording
 * wins.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>

enum error_kind {
	ERR_SYSTEM,	 /* a system call failed; errno is set */
	ERR_CORRUPT,	 /* input bytes break their format */
	ERR_LIMIT,	 /* input exceeds a named limit */
	ERR_UNSUPPORTED, /* valid, but not handled by this build or host */
	ERR_NOT_FOUND,	 /* a thing the user named does not exist */
	ERR_DENIED,	 /* refused by permission or policy */
	ERR_USAGE,	 /* the command line is wrong */
	ERR_NETWORK,	 /* a peer or the path to it failed */
	ERR_INTERNAL,	 /* our own mistake */
};

struct error;

/* error_new() - make an error of @kind with a printf-style text */
must_check struct error *error_new(enum error_kind kind, const char *fmt, ...) printf_like(2, 3) never_null;
/* error_sys() - make an ERR_SYSTEM error; ": " and the lower-case text of @errnum are appended to the text */
must_check struct error *error_sys(int errnum, const char *fmt, ...) printf_like(2, 3) never_null;
/* error_wrap() - put context before the text of @err; takes and returns @err. NULL stays NULL. */
must_check struct error *error_wrap(struct error *err, const char *fmt, ...) printf_like(2, 3);
/* error_hint() - attach the one line that tells the user what to do; takes and returns @err; the first hint stays */
must_check struct error *error_hint(struct error *err, const char *fmt, ...) printf_like(2, 3);
void error_free(struct error *err);
DEFINE_CLEANUP(struct error *, error_free)

enum error_kind error_kind(const struct error *err);
/* error_errno() - errno of the cause, 0 if there is none */
int error_errno(const struct error *err);
/* error_text() - the whole chain, `outer: inner: cause`; owned by @err */
const char *error_text(const struct error *err);
/* error_hint_text() - the hint or NULL; owned by @err */
const char *error_hint_text(const struct error *err);
/* error_to_errno() - positive errno that best stands for @err; frees @err. For callbacks of libraries. */
int error_to_errno(struct error *err);
/* error_strerror() - strerror() with a lower-case first letter, as the reference prints system errors */
const char *error_strerror(int errnum);

/**
 * error_send() - write @err to a status pipe and free it; for a child that must not print
 * @fd:  write end, close-on-exec; the text is cut to fit PIPE_BUF
 * @err: not NULL
 *
 * error_recv() - read what error_send() wrote
 * @ret_err: NULL if the pipe was closed without an error (the child executed or succeeded)
 *
 * error_recv() itself fails only if the pipe cannot be read.
 */
void error_send(int fd, struct error *err);
must_check struct error *error_recv(int fd, struct error **ret_err);

#define TRY(expr)                                                                                                      \
	do {                                                                                                           \
		struct error *try_ = (expr);                                                                           \
		if (__builtin_expect(try_ != NULL, 0))                                                                 \
			return try_;                                                                                   \
	} while (0)

#define TRY_CTX(expr, ...)                                                                                             \
	do {                                                                                                           \
		struct error *try_ = (expr);                                                                           \
		if (__builtin_expect(try_ != NULL, 0))                                                                 \
			return error_wrap(try_, __VA_ARGS__);                                                          \
	} while (0)

#endif
