/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker threads that compress blocks, private to the room. Jobs are compressed in any order and placed strictly in the
 * order of submission, one at a time, by whichever thread finished the job that was waited for; so what placing sees,
 * and with it the image, does not depend on timing. The number of jobs, hence memory, is fixed: who wants one more
 * waits.
 *
 * One thread takes and submits. The workers never fork and take no signals.
 */
#ifndef FORMATS_SQUASH_POOL_H
#define FORMATS_SQUASH_POOL_H

#include "formats/squash/squash_compress.h"

struct squash_extent;

enum squash_job_kind {
	SQUASH_JOB_BLOCK,    /* the next block of @file */
	SQUASH_JOB_FRAGMENT, /* a block of file tails */
	SQUASH_JOB_END,	     /* @file is complete; no data */
};

struct squash_job {
	enum squash_job_kind kind;
	struct squash_extent *file;
	uint64_t n_holes; /* blocks of zeros of @file before this one */
	uint8_t *data;	  /* room for a block */
	size_t size;	  /* bytes of it that are used */
	/* Results of the worker. */
	const uint8_t *stored;
	size_t stored_size;
	uint64_t hash; /* of the stored bytes */
	/* Private to the pool. */
	uint8_t *packed;
	bool done;
	struct squash_job *next, *next_todo;
};

/* Called in order of submission, never twice at once, from any of the threads. */
typedef struct error *squash_place_fn(void *ctx, const struct squash_job *job);

struct squash_pool_options {
	enum squash_codec codec;
	int level;
	size_t block_size;
	unsigned int n_workers;
	squash_place_fn *place;
	void *place_ctx;
};

struct squash_pool;

must_check struct error *squash_pool_new(const struct squash_pool_options *options, struct squash_pool **ret_pool);
/* squash_pool_free() - stop and forget everything that is not placed; jobs that were taken stay the pool's */
void squash_pool_free(struct squash_pool *pool);
DEFINE_CLEANUP(struct squash_pool *, squash_pool_free)

/* squash_pool_take() - a job to fill; waits for one; at most two may be held. Errors: what placing failed with, once;
 * then INTERNAL */
must_check struct error *squash_pool_take(struct squash_pool *pool, struct squash_job **ret_job);
/* squash_pool_submit() - queue a job that was taken: kind, file, n_holes and size are set, data is filled */
void squash_pool_submit(struct squash_pool *pool, struct squash_job *job);
/* squash_pool_submit_end() - queue the end of @file, behind its blocks */
must_check struct error *squash_pool_submit_end(struct squash_pool *pool, struct squash_extent *file, uint64_t n_holes);
/* squash_pool_drain() - wait until everything is placed */
must_check struct error *squash_pool_drain(struct squash_pool *pool);

#endif
