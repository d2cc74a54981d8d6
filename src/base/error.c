/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct error {
	enum error_kind kind;
	int errnum;
	char *text;
	char *hint;
};

static struct error *make(enum error_kind kind, int errnum, char *text)
{
	struct error *err = xcalloc(1, sizeof(*err));

	err->kind = kind;
	err->errnum = errnum;
	err->text = text;
	return err;
}

const char *error_strerror(int errnum)
{
	static _Thread_local char text[128];

	(void)snprintf(text, sizeof(text), "%s", strerrordesc_np(errnum) ? strerrordesc_np(errnum) : "unknown error");
	text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

struct error *error_new(enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	return make(kind, 0, text);
}

struct error *error_sys(int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cleanup_free char *what = xvasprintf(fmt, ap);
	va_end(ap);
	return make(ERR_SYSTEM, errnum, xasprintf("%s: %s", what, error_strerror(errnum)));
}

struct error *error_wrap(struct error *err, const char *fmt, ...)
{
	if (!err)
		return NULL;

	va_list ap;

	va_start(ap, fmt);
	cleanup_free char *context = xvasprintf(fmt, ap);
	va_end(ap);
	cleanup_free char *inner = err->text;

	err->text = xasprintf("%s: %s", context, inner);
	return err;
}

struct error *error_hint(struct error *err, const char *fmt, ...)
{
	if (!err || err->hint)
		return err;

	va_list ap;

	va_start(ap, fmt);
	err->hint = xvasprintf(fmt, ap);
	va_end(ap);
	return err;
}

void error_free(struct error *err)
{
	if (!err)
		return;
	free(err->text);
	free(err->hint);
	free(err);
}

enum error_kind error_kind(const struct error *err)
{
	return err->kind;
}

int error_errno(const struct error *err)
{
	return err->errnum;
}

const char *error_text(const struct error *err)
{
	return err->text;
}

const char *error_hint_text(const struct error *err)
{
	return err->hint;
}

int error_to_errno(struct error *err)
{
	static const int by_kind[] = {
		[ERR_SYSTEM] = EIO,	    [ERR_CORRUPT] = EIO,      [ERR_LIMIT] = EFBIG,
		[ERR_UNSUPPORTED] = ENOSYS, [ERR_NOT_FOUND] = ENOENT, [ERR_DENIED] = EACCES,
		[ERR_USAGE] = EINVAL,	    [ERR_NETWORK] = EIO,      [ERR_INTERNAL] = EIO,
	};
	int errnum = err->errnum ? err->errnum : by_kind[err->kind];

	error_free(err);
	return errnum;
}

/* One message: kind, errno, then text and hint as two NUL-terminated strings. PIPE_BUF makes the write atomic. */
struct wire {
	int32_t kind;
	int32_t errnum;
	char text[PIPE_BUF - 2 * sizeof(int32_t)];
};

void error_send(int fd, struct error *err)
{
	struct wire wire = { .kind = (int32_t)err->kind, .errnum = err->errnum };
	const size_t half = sizeof(wire.text) - 1024;
	size_t text_size = strnlen(err->text, half - 1);
	size_t hint_size = err->hint ? strnlen(err->hint, 1000) : 0;

	memcpy(wire.text, err->text, text_size);
	if (hint_size)
		memcpy(wire.text + text_size + 1, err->hint, hint_size);

	size_t size = offsetof(struct wire, text) + text_size + hint_size + 2;
	ssize_t n;

	do
		n = write(fd, &wire, size);
	while (n < 0 && errno == EINTR);
	error_free(err);
}

struct error *error_recv(int fd, struct error **ret_err)
{
	struct wire wire;
	size_t got = 0;

	while (got < sizeof(wire)) {
		ssize_t n = read(fd, (char *)&wire + got, sizeof(wire) - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(errno, "read status pipe");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	if (got == 0) {
		*ret_err = NULL;
		return NULL;
	}
	if (got < offsetof(struct wire, text) + 2 || ((char *)&wire)[got - 1] != '\0')
		return error_new(ERR_INTERNAL, "status pipe carried a broken message");

	const char *text = wire.text;
	size_t text_len = strnlen(text, got - offsetof(struct wire, text));
	const char *hint = text + text_len + 1;

	if (wire.kind < 0 || wire.kind > ERR_INTERNAL)
		wire.kind = ERR_INTERNAL;
	*ret_err = make((enum error_kind)wire.kind, wire.errnum, xstrdup(text));
	if (hint < (char *)&wire + got && *hint)
		(*ret_err)->hint = xstrdup(hint);
	return NULL;
}
