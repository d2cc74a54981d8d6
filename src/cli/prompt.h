/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions to the user: asked on stdout, answered on stdin, one line each. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "base/error.h"

/**
 * prompt_line() - ask and read a line
 * @hidden:     do not show what is typed, if stdin is a terminal
 * @ret_answer: without the line's end, caller frees
 *
 * Errors: ERR_NOT_FOUND "could not read user's input: EOF" if the input ends before a line does; ERR_LIMIT.
 */
must_check struct error *prompt_line(const char *question, bool hidden, char **ret_answer);

#endif
