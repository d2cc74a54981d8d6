/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scope-bound ownership for memory and file descriptors. Initialise at declaration; hand over with
 * take_ptr()/take_fd().
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define must_check __attribute__((__warn_unused_result__))
/* Unused: a variable may be there for its end alone, which older clang does not see. */
#define cleanup_free __attribute__((__cleanup__(cleanup_freep), __unused__))
#define cleanup_fd __attribute__((__cleanup__(cleanup_fdp), __unused__))
#define cleanup_with(fn) __attribute__((__cleanup__(fn##p), __unused__))
/* Lets the compiler see that what a failing function does not write is never used. */
#define never_null __attribute__((__returns_nonnull__))
#define printf_like(fmt, args) __attribute__((__format__(__printf__, fmt, args)))

/* Put beside the prototype of the destructor: makes cleanup_with(fn) usable for pointers of this type. */
#define DEFINE_CLEANUP(type, fn)                                                                                       \
	static inline void fn##p(type *ptr)                                                                            \
	{                                                                                                              \
		if (*ptr)                                                                                              \
			fn(*ptr);                                                                                      \
	}

#define take_ptr(pp)                                                                                                   \
	__extension__({                                                                                                \
		__auto_type from_ = (pp);                                                                              \
		__auto_type p_ = *from_;                                                                               \
		*from_ = NULL;                                                                                         \
		p_;                                                                                                    \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_freep(void *ptr)
{
	void **where = ptr;

	free(*where);
}

/* Closes and keeps errno; "no descriptor" is any negative number, by convention -EBADF. */
static inline void cleanup_fdp(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

#endif
