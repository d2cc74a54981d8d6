/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Condition variables whose waits end by the monotonic clock, so that setting the time of day ends none.
 */
#ifndef BASE_COND_H
#define BASE_COND_H

#include <pthread.h>
#include <time.h>

/* cond_init() - for pthread_cond_timedwait() with times of CLOCK_MONOTONIC */
static inline void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

#endif
