/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines on stderr in the reference's shape: label and colon padded to eight columns, one space, text
 * (cli.md 2.5). Only cli/ calls log_msg(); lower layers may call log_debug() and hand messages up as values or
 * callbacks.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/cleanup.h"

#include <stdbool.h>

/* Numbers as the reference has them; a line is printed if its level <= the threshold. */
enum log_level {
	LOG_FATAL = -4,
	LOG_ERROR = -3,
	LOG_WARNING = -2,
	LOG_LOG = -1,
	LOG_INFO = 1,
	LOG_VERBOSE = 2,
	LOG_DEBUG = 5,
};

/* log_set_level() - threshold; default LOG_INFO. log_set_color() - ANSI colours on the labels; default off. */
void log_set_level(enum log_level threshold);
enum log_level log_get_level(void);
void log_set_color(bool on);
bool log_get_color(void);
void log_msg_at(const char *func, enum log_level level, const char *fmt, ...) printf_like(3, 4);
#define log_msg(level, ...) log_msg_at(__func__, (level), __VA_ARGS__)

/* Receiver of messages that a lower layer hands up; @level is a log_level, LOG_LOG means a plain line without label. */
typedef void log_sink(void *ctx, enum log_level level, const char *text);

#define log_debug(...)                                                                                                 \
	do {                                                                                                           \
		if (log_get_level() >= LOG_DEBUG)                                                                      \
			log_msg(LOG_DEBUG, __VA_ARGS__);                                                               \
	} while (0)

#endif
