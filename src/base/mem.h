/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory. The x functions abort when memory runs out: use them for sizes we choose. A size that comes from input goes
 * through alloc_bounded(), which returns an error.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

void *xmalloc(size_t size) __attribute__((__malloc__, __returns_nonnull__));
void *xcalloc(size_t n, size_t size) __attribute__((__malloc__, __returns_nonnull__));
void *xrealloc(void *ptr, size_t size) __attribute__((__returns_nonnull__));
/* xreallocarray() - as reallocarray(), aborts on overflow too */
void *xreallocarray(void *ptr, size_t n, size_t size) __attribute__((__returns_nonnull__));
char *xstrdup(const char *s) __attribute__((__malloc__, __returns_nonnull__));
char *xstrndup(const char *s, size_t len) __attribute__((__malloc__, __returns_nonnull__));
char *xasprintf(const char *fmt, ...) printf_like(1, 2);
char *xvasprintf(const char *fmt, va_list ap) printf_like(1, 0);

/**
 * alloc_bounded() - zeroed memory for @n items of @size bytes that some input asked for
 * @limit: most bytes that may be had; @what names the thing in the error ("directory table")
 *
 * Errors: ERR_LIMIT over the limit (overflow included), ERR_SYSTEM (ENOMEM). n == 0 gives a valid pointer.
 */
must_check struct error *alloc_bounded(size_t n, size_t size, size_t limit, const char *what, void *ret_ptr);

/* Checked arithmetic on input: false on overflow, *ret_sum unchanged in meaning only when true is returned. */
#define add_ok(a, b, ret_sum) (!__builtin_add_overflow((a), (b), (ret_sum)))
#define mul_ok(a, b, ret_product) (!__builtin_mul_overflow((a), (b), (ret_product)))

/* GROW() - make room for one more item in a plain growing array */
#define GROW(array, n, cap)                                                                                            \
	do {                                                                                                           \
		if ((n) == (cap)) {                                                                                    \
			(cap) = (cap) ? (cap)*2 : 8;                                                                   \
			(array) = xreallocarray((array), (cap), sizeof(*(array)));                                     \
		}                                                                                                      \
	} while (0)

#endif
