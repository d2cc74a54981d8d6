/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_pool.h"

#include "base/mem.h"
#include "formats/squash/squash_bytes.h"

#include <pthread.h>
#include <signal.h>

/* Enough that no worker waits while the head of the queue is placed, and the two that the submitting thread fills. */
#define JOBS_PER_WORKER 2u
#define JOBS_EXTRA 4u

struct worker {
	struct squash_pool *pool;
	struct squash_compressor *compressor;
	pthread_t thread;
};

struct squash_pool {
	struct squash_pool_options options;
	struct worker *workers;
	unsigned int n_started;

	pthread_mutex_t lock;		     /* guards all below */
	pthread_cond_t work;		     /* there is something to compress, or stop */
	pthread_cond_t room;		     /* a job was placed */
	struct squash_job *head, *tail;	     /* everything submitted and not placed */
	struct squash_job *todo, *todo_tail; /* what no worker has taken up yet */
	struct squash_job *spare;
	struct squash_job **jobs; /* all that have buffers */
	unsigned int n_jobs, jobs_max;
	unsigned int n_ends; /* jobs without buffers in the queue */
	bool placing;	     /* a thread is placing, without the lock */
	bool failed, stop;
	struct error *error; /* the first; NULL again once reported */
};

static void pack(struct squash_pool *pool, struct squash_compressor *compressor, struct squash_job *job)
{
	size_t n = squash_compress(compressor, job->data, job->size, job->packed);

	job->stored = n ? job->packed : job->data;
	job->stored_size = n ? n : job->size;
	/* Of blocks whose file may turn out to be a duplicate. */
	if (job->kind == SQUASH_JOB_BLOCK)
		job->hash = squash_hash(pool->options.block_size, job->stored, job->stored_size);
}

static void recycle(struct squash_pool *pool, struct squash_job *job)
{
	if (job->kind == SQUASH_JOB_END) {
		pool->n_ends--;
		free(job);
	} else {
		job->next = pool->spare;
		pool->spare = job;
	}
	(void)pthread_cond_signal(&pool->room);
}

/* Places what is finished at the head of the queue, unless another thread is at it. Called and returns with the lock
 * held. */
static void place_finished(struct squash_pool *pool)
{
	if (pool->placing)
		return;
	pool->placing = true;
	while (pool->head && pool->head->done) {
		struct squash_job *job = pool->head;
		struct error *err = NULL;

		if (!pool->failed) {
			(void)pthread_mutex_unlock(&pool->lock);
			err = pool->options.place(pool->options.place_ctx, job);
			(void)pthread_mutex_lock(&pool->lock);
		}
		if (err) {
			pool->failed = true;
			pool->error = err;
		}
		pool->head = job->next;
		if (!pool->head)
			pool->tail = NULL;
		recycle(pool, job);
	}
	pool->placing = false;
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	struct squash_pool *pool = worker->pool;

	(void)pthread_mutex_lock(&pool->lock);
	while (!pool->stop) {
		struct squash_job *job = pool->todo;

		if (!job) {
			(void)pthread_cond_wait(&pool->work, &pool->lock);
			continue;
		}
		pool->todo = job->next_todo;
		if (!pool->failed) {
			(void)pthread_mutex_unlock(&pool->lock);
			pack(pool, worker->compressor, job);
			(void)pthread_mutex_lock(&pool->lock);
		}
		job->done = true;
		place_finished(pool);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static struct error *start_worker(struct squash_pool *pool, struct worker *worker)
{
	sigset_t all;
	sigset_t old;

	worker->pool = pool;
	TRY(squash_compressor_new(pool->options.codec, pool->options.level, &worker->compressor));

	/* Signals belong to the program's main thread; and a file size limit shall give an error, not end the process.
	 */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);

	int errnum = pthread_create(&worker->thread, NULL, run_worker, worker);

	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errnum) {
		squash_compressor_free(worker->compressor);
		return error_sys(errnum, "start a compression thread");
	}
	pool->n_started++;
	return NULL;
}

struct error *squash_pool_new(const struct squash_pool_options *options, struct squash_pool **ret_pool)
{
	cleanup_with(squash_pool_free) struct squash_pool *pool = xcalloc(1, sizeof(*pool));

	pool->options = *options;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->work, NULL);
	(void)pthread_cond_init(&pool->room, NULL);
	pool->jobs_max = options->n_workers * JOBS_PER_WORKER + JOBS_EXTRA;
	pool->jobs = xcalloc(pool->jobs_max, sizeof(struct squash_job *));
	pool->workers = xcalloc(options->n_workers, sizeof(*pool->workers));
	for (unsigned int i = 0; i < options->n_workers; i++) {
		struct error *err = start_worker(pool, &pool->workers[i]);

		/* Fewer than wanted will do, where threads are limited. */
		if (err && i > 0 && error_kind(err) == ERR_SYSTEM) {
			error_free(err);
			break;
		}
		TRY(err);
	}
	*ret_pool = take_ptr(&pool);
	return NULL;
}

static void stop_workers(struct squash_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pool->failed = true; /* nothing more is placed */
	(void)pthread_cond_broadcast(&pool->work);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_started; i++) {
		(void)pthread_join(pool->workers[i].thread, NULL);
		squash_compressor_free(pool->workers[i].compressor);
	}
}

void squash_pool_free(struct squash_pool *pool)
{
	if (!pool)
		return;
	stop_workers(pool);
	for (struct squash_job *job = pool->head, *next; job; job = next) {
		next = job->next;
		if (job->kind == SQUASH_JOB_END)
			free(job);
	}
	for (unsigned int i = 0; i < pool->n_jobs; i++) {
		free(pool->jobs[i]->data);
		free(pool->jobs[i]->packed);
		free(pool->jobs[i]);
	}
	free(pool->jobs);
	free(pool->workers);
	error_free(pool->error);
	(void)pthread_mutex_destroy(&pool->lock);
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_cond_destroy(&pool->room);
	free(pool);
}

static struct error *report(struct squash_pool *pool)
{
	if (!pool->failed)
		return NULL;
	return pool->error ? take_ptr(&pool->error)
			   : error_new(ERR_INTERNAL, "an image that failed cannot be continued");
}

static struct squash_job *new_job(struct squash_pool *pool)
{
	struct squash_job *job = xcalloc(1, sizeof(*job));

	job->data = xmalloc(pool->options.block_size);
	job->packed = xmalloc(pool->options.block_size);
	pool->jobs[pool->n_jobs++] = job;
	return job;
}

struct error *squash_pool_take(struct squash_pool *pool, struct squash_job **ret_job)
{
	(void)pthread_mutex_lock(&pool->lock);
	while (!pool->failed && !pool->spare && pool->n_jobs == pool->jobs_max)
		(void)pthread_cond_wait(&pool->room, &pool->lock);

	struct error *err = report(pool);
	struct squash_job *job = NULL;

	if (!err && pool->spare) {
		job = pool->spare;
		pool->spare = job->next;
	} else if (!err) {
		job = new_job(pool);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	TRY(err);
	job->file = NULL;
	job->n_holes = 0;
	job->size = 0;
	*ret_job = job;
	return NULL;
}

/* With the lock held. */
static void enqueue(struct squash_pool *pool, struct squash_job *job)
{
	job->next = NULL;
	if (pool->tail)
		pool->tail->next = job;
	else
		pool->head = job;
	pool->tail = job;
}

void squash_pool_submit(struct squash_pool *pool, struct squash_job *job)
{
	job->done = false;
	job->next_todo = NULL;
	(void)pthread_mutex_lock(&pool->lock);
	enqueue(pool, job);
	if (pool->todo)
		pool->todo_tail->next_todo = job;
	else
		pool->todo = job;
	pool->todo_tail = job;
	(void)pthread_cond_signal(&pool->work);
	(void)pthread_mutex_unlock(&pool->lock);
}

struct error *squash_pool_submit_end(struct squash_pool *pool, struct squash_extent *file, uint64_t n_holes)
{
	(void)pthread_mutex_lock(&pool->lock);
	while (!pool->failed && pool->n_ends >= pool->jobs_max)
		(void)pthread_cond_wait(&pool->room, &pool->lock);

	struct error *err = report(pool);

	if (!err) {
		struct squash_job *job = xcalloc(1, sizeof(*job));

		job->kind = SQUASH_JOB_END;
		job->file = file;
		job->n_holes = n_holes;
		job->done = true;
		pool->n_ends++;
		enqueue(pool, job);
		place_finished(pool);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return err;
}

struct error *squash_pool_drain(struct squash_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	/* Also while the last job is being placed: it leaves the queue only afterwards. */
	while (pool->head && !pool->failed)
		(void)pthread_cond_wait(&pool->room, &pool->lock);

	struct error *err = report(pool);

	(void)pthread_mutex_unlock(&pool->lock);
	return err;
}
