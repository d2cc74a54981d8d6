/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unpacked data blocks, and the threads that make and pass them on.
 *
 * A block is unpacked once, however many reads want it: the first one queues it, the others wait on it. Workers start when there is work
 * for them and end when there is none for a while, so that an idle server is one sleeping thread. Blocks nobody uses stay, least recently
 * used first out, up to FILESERVER_BLOCK_BYTES.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include "base/log.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

enum {
	BUCKETS = 1024,
	STORES_MAX = 32,	    /* blocks that wait to be stored: more are not worth their memory */
	AHEAD_MAX = 16,		    /* blocks queued ahead of any request */
	THREAD_STACK = 256 << 10,   /* the decoders keep their state on the heap */
};

enum block_state { BLOCK_AHEAD, BLOCK_QUEUED, BLOCK_LOADING, BLOCK_READY };

struct block {
	uint32_t layer;
	struct squash_block where;
	enum block_state state;
	bool stored;	/* its rest was given to the page cache */
	fuse_ino_t pass_node; /* goes into this file's page cache as soon as it is unpacked; 0: nothing of the kind */
	uint64_t pass_at;
	uint32_t pass_offset, pass_length;
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

struct store {
	struct block *block;
	fuse_ino_t node;
	uint64_t at;		       /* place in the file of the block's part */
	uint32_t offset, length;       /* that part, in the block */
	uint32_t done_from, done_to;   /* what the reply held, in the block */
};

struct blocks {
	struct fileserver *server;
	pthread_mutex_t lock;
	pthread_cond_t work, stores_come, drained;
	struct block *buckets[BUCKETS];
	struct block *newest, *oldest; /* unused blocks */
	size_t bytes;		       /* of all blocks */
	size_t pending_bytes;	       /* of those not unpacked yet */
	struct queue urgent, ahead;
	unsigned int n_workers, n_idle, max_workers;
	bool store_thread, store_idle;
	struct store stores[STORES_MAX];
	size_t first_store, n_stores;
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
	pthread_condattr_t attr;

	blocks->server = server;
	blocks->max_workers = cpus_usable();
	(void)pthread_mutex_init(&blocks->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&blocks->work, &attr);
	(void)pthread_cond_init(&blocks->stores_come, &attr);
	(void)pthread_cond_init(&blocks->drained, &attr);
	(void)pthread_condattr_destroy(&attr);
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

/* What a worker brings along. */
struct bench {
	struct squash_decoder *decoders[SQUASH_ZSTD + 1];
	uint8_t *scratch;
	size_t scratch_size;
};

static void bench_clear(struct bench *bench)
{
	for (size_t i = 0; i < ARRAY_LEN(bench->decoders); i++)
		squash_decoder_free(bench->decoders[i]);
	free(bench->scratch);
	*bench = (struct bench){ 0 };
}

/* Unpacks into new memory; the block is in nobody else's hands. */
static struct error *block_load(const struct blocks *blocks, struct bench *bench, const struct block *b, uint8_t **ret_data,
				size_t *ret_size)
{
	const struct squash *img = blocks->server->layers[b->layer].img;
	const struct squash_super *s = squash_super(img);
	cleanup_free uint8_t *data = xmalloc(b->room);

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

static void pass_on(struct blocks *blocks, struct block *b);

/* Loads @b, which was just taken from a queue; called and left with the lock held. */
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
	if (b->pass_node && data)
		pass_on(blocks, b);
	ready = take_waiters(b);
	if (ready) {
		(void)pthread_mutex_unlock(&blocks->lock);
		answer_all(ready);
		(void)pthread_mutex_lock(&blocks->lock);
	}
	block_unref(blocks, b);
}

static struct timespec idle_end(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += FILESERVER_IDLE_S;
	return t;
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
			work_on(blocks, &bench, queue_take(&blocks->urgent));
		else if (blocks->ahead.n)
			work_on(blocks, &bench, queue_take(&blocks->ahead));
		else
			break;
	}
	blocks->n_workers--;
	(void)pthread_mutex_unlock(&blocks->lock);
	bench_clear(&bench);
	return NULL;
}

static bool thread_start(void *(*fn)(void *), void *arg)
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
			work_on(blocks, &bench, queue_take(&blocks->urgent));
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

/* The kernel may have dropped the inode or be going away: a store that fails is no loss. */
static void store_range(struct blocks *blocks, const struct store *s, uint32_t from, uint32_t to)
{
	struct fuse_bufvec vec = FUSE_BUFVEC_INIT(to - from);

	if (from >= to)
		return;
	vec.buf[0].mem = s->block->data + from;
	(void)fuse_lowlevel_notify_store(blocks->server->session, s->node, (off_t)(s->at + (from - s->offset)), &vec, 0);
}

/*
 * A store waits in the kernel while a read has the page locked, and no signal ends that wait: if the server is killed meanwhile, nobody
 * answers the read, and this thread stays. It has a table of descriptors of its own, without the socket, so that the socket's other
 * end still sees the server die.
 */
static void *store_main(void *arg)
{
	struct blocks *blocks = arg;

	if (unshare(CLONE_FILES) == 0)
		(void)close(blocks->server->sock);

	(void)pthread_mutex_lock(&blocks->lock);
	for (;;) {
		struct timespec end = idle_end();
		struct store s;
		int rc = 0;

		blocks->store_idle = true;
		while (!blocks->n_stores && rc == 0)
			rc = pthread_cond_timedwait(&blocks->stores_come, &blocks->lock, &end);
		blocks->store_idle = false;
		if (!blocks->n_stores)
			break;
		s = blocks->stores[blocks->first_store];
		blocks->first_store = (blocks->first_store + 1) % STORES_MAX;
		blocks->n_stores--;
		blocks->server->counts[COUNT_STORE]++;
		(void)pthread_mutex_unlock(&blocks->lock);
		store_range(blocks, &s, s.offset, s.done_from);
		store_range(blocks, &s, s.done_to, s.offset + s.length);
		(void)pthread_mutex_lock(&blocks->lock);
		block_unref(blocks, s.block);
	}
	blocks->store_thread = false;
	(void)pthread_mutex_unlock(&blocks->lock);
	return NULL;
}

/* Queues a store; takes over a reference of its block, which is dropped when the storing thread is behind. Called with the lock. */
static void store_add(struct blocks *blocks, const struct store *s)
{
	bool fits = blocks->n_stores < STORES_MAX && block_data(s->block, s->offset, s->length);

	if (fits && !blocks->store_thread)
		blocks->store_thread = thread_start(store_main, blocks);
	if (!fits || !blocks->store_thread) {
		block_unref(blocks, s->block);
		return;
	}
	blocks->stores[(blocks->first_store + blocks->n_stores++) % STORES_MAX] = *s;
	if (blocks->store_idle)
		(void)pthread_cond_signal(&blocks->stores_come);
}

void blocks_store(struct blocks *blocks, const struct read_request *r, const struct piece *p)
{
	struct store s = {
		.block = p->block,
		.node = r->node,
		.at = p->store_at,
		.offset = p->store_offset,
		.length = p->store_length,
		.done_from = p->offset,
		.done_to = p->offset + p->length,
	};

	(void)pthread_mutex_lock(&blocks->lock);
	store_add(blocks, &s);
	(void)pthread_mutex_unlock(&blocks->lock);
}

/* The whole part of a block that belongs to the file of its pass_node. Called with the lock. */
static void pass_on(struct blocks *blocks, struct block *b)
{
	struct store s = {
		.block = b,
		.node = b->pass_node,
		.at = b->pass_at,
		.offset = b->pass_offset,
		.length = b->pass_length,
		.done_from = b->pass_offset,
		.done_to = b->pass_offset,
	};

	b->pass_node = 0;
	block_ref(blocks, b);
	store_add(blocks, &s);
}

void blocks_pass_on(struct blocks *blocks, uint32_t layer, const struct squash_block *where, fuse_ino_t node, uint64_t at)
{
	struct block *b;
	bool is_new;

	(void)pthread_mutex_lock(&blocks->lock);
	b = block_get(blocks, layer, where, &is_new);
	if (is_new) { /* nobody unpacks it: then reads will */
		block_destroy(blocks, b);
	} else {
		b->stored = b->stored || !where->is_fragment;
		b->pass_node = node;
		b->pass_at = at;
		b->pass_offset = where->offset;
		b->pass_length = where->length;
		if (b->state == BLOCK_READY && b->data)
			pass_on(blocks, b);
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
	(void)pthread_cond_destroy(&blocks->stores_come);
	(void)pthread_cond_destroy(&blocks->drained);
	(void)pthread_mutex_destroy(&blocks->lock);
	free(blocks);
}
