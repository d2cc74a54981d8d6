/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static void *check(void *ptr)
{
	if (!ptr) {
		(void)fputs("FATAL:   out of memory\n", stderr);
		abort();
	}
	return ptr;
}

void *xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return check(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
	return check(realloc(ptr, size ? size : 1));
}

void *xreallocarray(void *ptr, size_t n, size_t size)
{
	return check(reallocarray(ptr, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return check(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return check(strndup(s, len));
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	return check(text);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	return text;
}

struct error *alloc_bounded(size_t n, size_t size, size_t limit, const char *what, void *ret_ptr)
{
	size_t total;

	if (!mul_ok(n, size, &total) || total > limit)
		return error_new(ERR_LIMIT, "%s needs %zu items of %zu bytes (limit %zu bytes)", what, n, size, limit);

	void *ptr = calloc(n ? n : 1, size ? size : 1);

	if (!ptr)
		return error_sys(ENOMEM, "allocate %s", what);
	memcpy(ret_ptr, &ptr, sizeof(ptr));
	return NULL;
}
