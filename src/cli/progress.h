/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A progress bar on stderr, and the messages that appear above it. Nothing but messages is printed when stderr is no
 * terminal or messages are switched off. May be used from several threads.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/log.h"
#include "base/str.h"

#include <stdint.h>

struct progress;

/* progress_new() - decides by stderr and the log level whether there will be a bar; none is drawn before the first
 * update */
struct progress *progress_new(void);
void progress_free(struct progress *p); /* takes the bar away */
DEFINE_CLEANUP(struct progress *, progress_free)

/* progress_update() - @done of @total bytes; @ctx is the struct progress */
void progress_update(void *ctx, uint64_t done, uint64_t total);
/* progress_sink() - a log_sink whose @ctx is the struct progress */
void progress_sink(void *ctx, enum log_level level, const char *text);
/* progress_clear() - take the bar away; the next update draws it again */
void progress_clear(struct progress *p);

/**
 * progress_line() - the bar as text: "61.2MiB / 122.4MiB [=====>-----] 50 % 2.1 MiB/s 29s"
 * @elapsed_ms: since the first byte
 * @columns:    of the terminal; the bar takes what the numbers leave, and is left out where that is too little
 */
void progress_line(uint64_t done, uint64_t total, uint64_t elapsed_ms, unsigned int columns, struct buf *out);

#endif
