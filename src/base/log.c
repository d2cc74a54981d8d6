/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

static enum log_level threshold = LOG_INFO;
static bool colored;

void log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level log_get_level(void)
{
	return threshold;
}

void log_set_color(bool on)
{
	colored = on;
}

bool log_get_color(void)
{
	return colored;
}

static const char *label_of(enum log_level level)
{
	switch (level) {
	case LOG_FATAL:
		return "FATAL";
	case LOG_ERROR:
		return "ERROR";
	case LOG_WARNING:
		return "WARNING";
	case LOG_LOG:
		return "LOG";
	case LOG_INFO:
		return "INFO";
	case LOG_VERBOSE:
		return "VERBOSE";
	case LOG_DEBUG:
		return "DEBUG";
	}
	return "LOG";
}

static const char *color_of(enum log_level level)
{
	if (level <= LOG_ERROR)
		return "\033[31m";
	if (level == LOG_WARNING)
		return "\033[33m";
	if (level == LOG_INFO)
		return "\033[34m";
	return "";
}

/* One write per line, so that lines of several processes do not mix. */
void log_msg_at(const char *func, enum log_level level, const char *fmt, ...)
{
	if (level > threshold)
		return;

	va_list ap;

	va_start(ap, fmt);
	cleanup_free char *text = xvasprintf(fmt, ap);
	va_end(ap);

	size_t len = strlen(text);
	const char *color = colored ? color_of(level) : "";
	const char *reset = *color ? "\033[0m" : "";
	cleanup_buf struct buf line = { 0 };

	while (len && text[len - 1] == '\n')
		len--;
	if (level == LOG_LOG) {
		buf_append(&line, text, len);
	} else if (threshold >= LOG_DEBUG) {
		cleanup_free char *who = xasprintf("[U=%u,P=%d]", geteuid(), getpid());
		cleanup_free char *where = xasprintf("%s()", func);

		buf_appendf(&line, "%s%-8s%s%-19s%-30s", color, label_of(level), reset, who, where);
		buf_append(&line, text, len);
	} else {
		cleanup_free char *label = xasprintf("%s:", label_of(level));

		buf_appendf(&line, "%s%-8s%s ", color, label, reset);
		buf_append(&line, text, len);
	}
	buf_append_char(&line, '\n');
	(void)!write(STDERR_FILENO, line.data, line.len);
}
