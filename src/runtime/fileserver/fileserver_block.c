/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unpacked data blocks, and the threads that make them.
 *
 * A block is unpacked once, however many reads want it: the first one queues it, the others wait on it. Workers start when there is work
 * for them and end when there is none for a while, so that an idle server is one sleeping thread. Blocks nobody uses stay, least recently
 * used first out, up to FILESERVER_BLOCK_BYTES.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include "base/cond.h"
#include "base/log.h"

#include <sched.h>
#include <time.h>

enum {
	BUCKETS = 1024,
	AHEAD_MAX = 16,		    /* blocks queued ahead of any request */
	THREAD_STACK = 256 << 10,   /* the decoders keep their state on the heap */
};

enum block_state { BLOCK_AHEAD, BLOCK_QUEUED, BLOCK_LOADING, BLOCK_READY };

struct block {
	uint32_t layer;
	struct squash_block where;
	enum block_state state;
	bool stored;	/* its rest was given to the page cache */
	unsigned int refs;
	uint8_t *data;
	size_t size;	/* bytes unpacked */
	size_t room;	/* bytes of data */
	struct block *chain;
	struct block *newer, *older; /* of the unused ones; or of a queue (newer only) */
	struct block_waiter *waiters;
};

struct queue {
	struct block *first, *last;
	size_t n;
};

struct blocks {
	struct fileserver *server;
	pthread_mutex_t lock;
	pthread_cond_t work, drained;
	struct block *buckets[BUCKETS];
	struct block *newest, *oldest; /* unused blocks */
	size_t bytes;		       /* of all blocks */
	size_t pending_bytes;	       /* of those not unpacked yet */
	struct queue urgent, ahead;
	unsigned int n_workers, n_idle, max_workers;
};

static unsigned int cpus_usable(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : n > FILESERVER_WORKERS_MAX ? FILESERVER_WORKERS_MAX : (unsigned int)n;
}

struct blocks *blocks_new(struct fileserver *server)
{
	struct blocks *blocks = xcalloc(1, sizeof(*blocks));

	blocks->server = server;
	blocks->max_workers = cpus_usable();
	(void)pthread_mutex_init(&blocks->lock, NULL);
	cond_init(&blocks->work);
	cond_init(&blocks->drained);
	return blocks;
}

static struct block **bucket_of(struct blocks *blocks, uint32_t layer, uint64_t start)
{
	uint64_t h = (start ^ (uint64_t)layer << 40) * 0x9e3779b97f4a7c15u;

	return &blocks->buckets[h >> 54];
}

/* A hostile image can describe one place in two ways: all of the description counts. */
static bool same_place(const struct squash_block *a, const struct squash_block *b)
{
	return a->start == b->start && a->stored_size == b->stored_size && a->compressed == b->compressed &&
	       a->is_fragment == b->is_fragment && (a->is_fragment || a->length == b->length);
}

static void unused_remove(struct blocks *blocks, struct block *b)
{
	*(b->newer ? &b->newer->older : &blocks->newest) = b->older;
	*(b->older ? &b->older->newer : &blocks->oldest) = b->newer;
	b->newer = b->older = NULL;
}

static void unused_add(struct blocks *blocks, struct block *b)
{
	b->newer = NULL;
	b->older = blocks->newest;
	*(blocks->newest ? &blocks->newest->newer : &blocks->oldest) = b;
	blocks->newest = b;
}

static void block_ref(struct blocks *blocks, struct block *b)
{
	if (b->refs++ == 0 && b->state == BLOCK_READY)
		unused_remove(blocks, b);
}

/* No longer found by its place. */
static void block_unlink(struct blocks *blocks, struct block *b)
{
	struct block **at = bucket_of(blocks, b->layer, b->where.start);

	while (*at && *at != b)
		at = &(*at)->chain;
	if (*at)
		*at = b->chain;
}

static void block_destroy(struct blocks *blocks, struct block *b)
{
	block_unlink(blocks, b);
	blocks->bytes -= b->room;
	free(b->data);
	free(b);
}

static void shrink(struct blocks *blocks, size_t limit)
{
	while (blocks->bytes > limit && blocks->oldest) {
		struct block *b = blocks->oldest;

		unused_remove(blocks, b);
		block_destroy(blocks, b);
	}
}

static void block_unref(struct blocks *blocks, struct block *b)
{
	if (--b->refs > 0)
		return;
	if (!b->data) { /* its load failed */
		block_destroy(blocks, b);
		return;
	}
	unused_add(blocks, b);
	shrink(blocks, FILESERVER_BLOCK_BYTES);
}

/* The block at a place, new in state BLOCK_AHEAD if there was none; not referenced. */
static struct block *block_get(struct blocks *blocks, uint32_t layer, const struct squash_block *where, bool *ret_new)
{
	struct block **bucket = bucket_of(blocks, layer, where->start);
	struct block *b = *bucket;

	while (b && (b->layer != layer || !same_place(&b->where, where)))
		b = b->chain;
	*ret_new = !b;
	if (b)
		return b;
	b = xcalloc(1, sizeof(*b));
	b->layer = layer;
	b->where = *where;
	if (where->is_fragment) /* how much of it a file needs is checked for each: block_data() */
		b->where.offset = b->where.length = 0;
	b->room = where->is_fragment ? squash_super(blocks->server->layers[layer].img)->block_size : where->length;
	blocks->bytes += b->room;
	b->chain = *bucket;
	*bucket = b;
	return b;
}

static void queue_add(struct queue *q, struct block *b)
{
	b->newer = NULL;
	*(q->last ? &q->last->newer : &q->first) = b;
	q->last = b;
	q->n++;
}

static struct block *queue_take(struct queue *q)
{
	struct block *b = q->first;

	q->first = b->newer;
	if (!q->first)
		q->last = NULL;
	q->n--;
	b->newer = NULL;
	return b;
}

static void queue_remove(struct queue *q, struct block *b)
{
	struct block *before = NULL;

	for (struct block *at = q->first; at != b; at = at->newer)
		before = at;
	*(before ? &before->newer : &q->first) = b->newer;
	if (q->last == b)
		q->last = before;
	q->n--;
	b->newer = NULL;
}

void bench_clear(struct bench *bench)
{
	for (size_t i = 0; i < ARRAY_LEN(bench->decoders); i++)
		squash_decoder_free(bench->decoders[i]);
	free(bench->scratch);
	free(bench->spare);
	*bench = (struct bench){ 0 };
}

/* Unpacks into new memory; the block is in nobody else's hands. */
static struct error *block_load(const struct blocks *blocks, struct bench *bench, const struct block *b, uint8_t **ret_data,
				size_t *ret_size)
{
	const struct squash *img = blocks->server->layers[b->layer].img;
	const struct squash_super *s = squash_super(img);
	cleanup_free uint8_t *data = bench->spare_size >= b->room ? take_ptr(&bench->spare) : xmalloc(b->room);

	if (!bench->spare)
		bench->spare_size = 0;
	if (!bench->decoders[s->codec])
		TRY(squash_decoder_new(s->codec, &bench->decoders[s->codec]));
	if (bench->scratch_size < s->block_size) {
		free(bench->scratch);
		bench->scratch = xmalloc(s->block_size);
		bench->scratch_size = s->block_size;
	}
	TRY(squash_block_load(img, bench->decoders[s->codec], &b->where, bench->scratch, data, ret_size));
	*ret_data = take_ptr(&data);
	return NULL;
}

/* Requests that wait for nothing else any more; linked by their first piece's waiter. */
static struct read_request *take_waiters(struct block *b)
{
	struct read_request *ready = NULL;

	for (struct block_waiter *w = b->waiters, *next; w; w = next) {
		struct read_request *r = w->request;

		next = w->next;
		r->failed = r->failed || !b->data;
		if (--r->pending == 0) {
			r->pieces[0].waiter.next = ready ? &ready->pieces[0].waiter : NULL;
			ready = r;
		}
	}
	b->waiters = NULL;
	return ready;
}

static void answer_all(struct read_request *ready)
{
	while (ready) {
		struct block_waiter *next = ready->pieces[0].waiter.next;

		read_request_answer(ready);
		ready = next ? next->request : NULL;
	}
}

/* Loads @b, which nobody else does; called and left with the lock held. */
static void work_on(struct blocks *blocks, struct bench *bench, struct block *b)
{
	struct read_request *ready;
	uint8_t *data = NULL;
	size_t size = 0;
	struct error *err;

	b->state = BLOCK_LOADING;
	(void)pthread_mutex_unlock(&blocks->lock);
	err = block_load(blocks, bench, b, &data, &size);
	if (err)
		log_debug("file server: layer %u: %s", b->layer, error_text(err));
	error_free(err);
	(void)pthread_mutex_lock(&blocks->lock);
	b->data = data;
	b->size = size;
	b->state = BLOCK_READY;
	if (!data)
		block_unlink(blocks, b); /* who asks again tries again */
	blocks->pending_bytes -= b->room;
	(void)pthread_cond_signal(&blocks->drained);
	ready = take_waiters(b);
	if (ready) {
		(void)pthread_mutex_unlock(&blocks->lock);
		answer_all(ready);
		(void)pthread_mutex_lock(&blocks->lock);
	}
}

static void work_on_next(struct blocks *blocks, struct bench *bench, struct queue *q)
{
	struct block *b = queue_take(q);

	work_on(blocks, bench, b);
	block_unref(blocks, b); /* the queue's */
}

struct timespec idle_end(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += FILESERVER_IDLE_S;
	return t;
}

bool thread_start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	started = pthread_create(&thread, &attr, fn, arg) == 0;
	(void)pthread_attr_destroy(&attr);
	return started;
}

static void *worker_main(void *arg)
{
	struct blocks *blocks = arg;
	struct bench bench = { 0 };

	(void)pthread_mutex_lock(&blocks->lock);
	for (;;) {
		struct timespec end = idle_end();
		int rc = 0;

		blocks->n_idle++;
		while (!blocks->urgent.n && !blocks->ahead.n && rc == 0)
			rc = pthread_cond_timedwait(&blocks->work, &blocks->lock, &end);
		blocks->n_idle--;
		if (blocks->urgent.n)
			work_on_next(blocks, &bench, &blocks->urgent);
		else if (blocks->ahead.n)
			work_on_next(blocks, &bench, &blocks->ahead);
		else
			break;
	}
	blocks->n_workers--;
	(void)pthread_mutex_unlock(&blocks->lock);
	bench_clear(&bench);
	return NULL;
}

/* There is new work: wakes or starts a worker. Without any (no more threads allowed) the main thread does it, called with the lock. */
static void call_worker(struct blocks *blocks)
{
	if (blocks->n_idle > 0) {
		(void)pthread_cond_signal(&blocks->work);
	} else if (blocks->n_workers < blocks->max_workers) {
		blocks->n_workers++;
		if (!thread_start(worker_main, blocks))
			blocks->n_workers--;
	}
	if (blocks->n_workers == 0) {
		struct bench bench = { 0 };

		while (blocks->urgent.n)
			work_on_next(blocks, &bench, &blocks->urgent);
		bench_clear(&bench);
	}
}

/* One piece of a request: references its block, waits for it if it must. True if a new block was queued. */
static bool piece_submit(struct blocks *blocks, uint32_t layer, const struct squash_block *where, struct read_request *r,
			 struct piece *p)
{
	uint64_t *counts = blocks->server->counts;
	bool is_new;

	p->block = block_get(blocks, layer, where, &is_new);
	block_ref(blocks, p->block);
	if (p->store_length > 0 && !where->is_fragment) {
		if (p->block->stored)
			p->store_length = 0;
		p->block->stored = true;
	}
	if (p->block->state == BLOCK_READY) {
		counts[COUNT_BLOCK_HIT]++;
		return false;
	}
	p->waiter.next = p->block->waiters;
	p->block->waiters = &p->waiter;
	r->pending++;
	if (p->block->state != BLOCK_AHEAD) {
		counts[COUNT_BLOCK_WAIT]++;
		return false;
	}
	if (is_new) {
		block_ref(blocks, p->block); /* the queue's */
		blocks->pending_bytes += p->block->room;
	} else {
		queue_remove(&blocks->ahead, p->block);
	}
	counts[is_new ? COUNT_BLOCK_MISS : COUNT_BLOCK_WAIT]++;
	p->block->state = BLOCK_QUEUED;
	queue_add(&blocks->urgent, p->block);
	return true;
}

void blocks_submit(struct blocks *blocks, uint32_t layer, struct read_request *r, const struct squash_block *where)
{
	size_t n_new = 0;
	bool waits;

	(void)pthread_mutex_lock(&blocks->lock);
	/* Workers alone end this wait, and they wait for nobody: no circle. */
	while (blocks->pending_bytes > FILESERVER_PENDING_BYTES && blocks->n_workers > 0)
		(void)pthread_cond_wait(&blocks->drained, &blocks->lock);
	r->pending = 1; /* ours, so that no worker answers before all pieces are there */
	for (size_t i = 0; i < r->n_pieces; i++)
		if (where[i].stored_size > 0)
			n_new += piece_submit(blocks, layer, &where[i], r, &r->pieces[i]);
	waits = --r->pending > 0;
	for (size_t i = 0; i < n_new && i < blocks->max_workers; i++)
		call_worker(blocks);
	(void)pthread_mutex_unlock(&blocks->lock);
	if (!waits)
		read_request_answer(r);
}

void blocks_ahead(struct blocks *blocks, uint32_t layer, const struct squash_block *where)
{
	struct block *b;
	bool is_new;

	(void)pthread_mutex_lock(&blocks->lock);
	if (blocks->ahead.n < AHEAD_MAX && blocks->pending_bytes < FILESERVER_PENDING_BYTES / 2) {
		b = block_get(blocks, layer, where, &is_new);
		if (is_new) {
			block_ref(blocks, b);
			blocks->pending_bytes += b->room;
			blocks->server->counts[COUNT_BLOCK_AHEAD]++;
			queue_add(&blocks->ahead, b);
			call_worker(blocks);
		}
	}
	(void)pthread_mutex_unlock(&blocks->lock);
}

struct block *blocks_make(struct blocks *blocks, struct bench *bench, uint32_t layer, const struct squash_block *where)
{
	struct block *b;
	bool is_new;

	(void)pthread_mutex_lock(&blocks->lock);
	b = block_get(blocks, layer, where, &is_new);
	if (is_new || b->state == BLOCK_READY)
		block_ref(blocks, b);
	else
		b = NULL;
	if (is_new) {
		blocks->pending_bytes += b->room;
		blocks->server->counts[COUNT_BLOCK_AHEAD]++;
		work_on(blocks, bench, b);
	}
	(void)pthread_mutex_unlock(&blocks->lock);
	return b;
}

struct error *blocks_load_now(struct blocks *blocks, uint32_t layer, const struct squash_block *where, struct block **ret_block)
{
	struct bench bench = { 0 };
	struct error *err = NULL;
	struct block *b;
	bool is_new;

	b = block_get(blocks, layer, where, &is_new);
	if (is_new) {
		err = block_load(blocks, &bench, b, &b->data, &b->size);
		bench_clear(&bench);
		if (err) {
			block_destroy(blocks, b);
			return err;
		}
		b->state = BLOCK_READY;
		unused_add(blocks, b);
	}
	block_ref(blocks, b);
	*ret_block = b;
	return NULL;
}

const uint8_t *block_data(const struct block *b, uint32_t offset, uint32_t length)
{
	return b->data && offset <= b->size && length <= b->size - offset ? b->data + offset : NULL;
}

void block_release(struct blocks *blocks, struct block *b)
{
	(void)pthread_mutex_lock(&blocks->lock);
	block_unref(blocks, b);
	(void)pthread_mutex_unlock(&blocks->lock);
}

void block_retire(struct blocks *blocks, struct block *b, struct bench *bench)
{
	(void)pthread_mutex_lock(&blocks->lock);
	if (b->refs > 1 || b->where.is_fragment || bench->spare) {
		block_unref(blocks, b);
	} else {
		bench->spare = take_ptr(&b->data);
		bench->spare_size = b->room;
		block_destroy(blocks, b);
	}
	(void)pthread_mutex_unlock(&blocks->lock);
}

void blocks_trim(struct blocks *blocks)
{
	(void)pthread_mutex_lock(&blocks->lock);
	shrink(blocks, 0);
	(void)pthread_mutex_unlock(&blocks->lock);
}

/* Only for a server that never ran: there are no threads. */
void blocks_free(struct blocks *blocks)
{
	if (!blocks)
		return;
	shrink(blocks, 0);
	(void)pthread_cond_destroy(&blocks->work);
	(void)pthread_cond_destroy(&blocks->drained);
	(void)pthread_mutex_destroy(&blocks->lock);
	free(blocks);
}
