/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that gives unpacked data to the kernel's page cache before it is asked for: the first blocks of the container's program,
 * which it unpacks itself in the moments that the runtime still needs, and what blocks hold beyond the answers to reads.
 *
 * A store waits for a page that a read holds. So no read may wait for this thread while it stores: it holds no block then that is not
 * unpacked yet.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include "base/cond.h"

#include <sched.h>
#include <unistd.h>

enum { STORES_MAX = 32 }; /* blocks that wait to be stored: more are not worth their memory */

struct store {
	struct block *block;
	fuse_ino_t node;
	uint64_t at;		     /* place in the file of the block's part */
	uint32_t offset, length;     /* that part, in the block */
	uint32_t done_from, done_to; /* what the kernel has of it, in the block */
};

/* The expected file. */
struct program {
	fuse_ino_t node;
	uint32_t layer;
	struct squash_block where[FILESERVER_EXPECTED_BLOCKS];
	uint64_t at[FILESERVER_EXPECTED_BLOCKS];
	size_t n;
};

struct stores {
	struct fileserver *server;
	pthread_mutex_t lock;
	pthread_cond_t come;
	bool thread, idle;
	struct store queue[STORES_MAX];
	size_t first, n;
	struct program program;
};

struct stores *stores_new(struct fileserver *server)
{
	struct stores *stores = xcalloc(1, sizeof(*stores));

	stores->server = server;
	(void)pthread_mutex_init(&stores->lock, NULL);
	cond_init(&stores->come);
	return stores;
}

/* Only for a server that never ran: there is no thread. */
void stores_free(struct stores *stores)
{
	if (!stores)
		return;
	(void)pthread_cond_destroy(&stores->come);
	(void)pthread_mutex_destroy(&stores->lock);
	free(stores);
}

/* The kernel may have dropped the inode or be going away: a store that fails is no loss. */
static void store_range(struct stores *stores, const struct store *s, uint32_t from, uint32_t to)
{
	struct fuse_bufvec vec = FUSE_BUFVEC_INIT(to - from);
	const uint8_t *data = block_data(s->block, from, to - from);

	if (from >= to || !data)
		return;
	vec.buf[0].mem = (void *)(uintptr_t)data; /* it is not const-correct: nothing writes through it */
	(void)fuse_lowlevel_notify_store(stores->server->session, s->node, (off_t)(s->at + (from - s->offset)), &vec, 0);
}

static void store_now(struct stores *stores, const struct store *s)
{
	stores->server->counts[COUNT_STORE]++;
	store_range(stores, s, s->offset, s->done_from);
	store_range(stores, s, s->done_to, s->offset + s->length);
}

/* Unpacks the program's first blocks, each on its way to the page cache, so that starting it asks for nothing. */
static void program_prepare(struct stores *stores)
{
	struct blocks *blocks = stores->server->blocks;
	struct program *p = &stores->program;
	struct bench bench = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct squash_block *w = &p->where[i];
		struct store s = { blocks_make(blocks, &bench, p->layer, w), p->node, p->at[i], w->offset, w->length, w->offset, w->offset };

		if (!s.block)
			continue;
		store_now(stores, &s);
		block_retire(blocks, s.block, &bench);
	}
	p->n = 0; /* once */
	bench_clear(&bench);
}

/*
 * A store waits in the kernel while a read has the page locked, and no signal ends that wait: if the server is killed meanwhile, nobody
 * answers the read, and this thread stays. It has a table of descriptors of its own, without the socket, so that the socket's other
 * end still sees the server die.
 */
static void *store_main(void *arg)
{
	struct stores *stores = arg;

	if (unshare(CLONE_FILES) == 0)
		(void)close(stores->server->sock);
	program_prepare(stores);

	(void)pthread_mutex_lock(&stores->lock);
	for (;;) {
		struct timespec end = idle_end();
		struct store s;
		int rc = 0;

		stores->idle = true;
		while (!stores->n && rc == 0)
			rc = pthread_cond_timedwait(&stores->come, &stores->lock, &end);
		stores->idle = false;
		if (!stores->n)
			break;
		s = stores->queue[stores->first];
		stores->first = (stores->first + 1) % STORES_MAX;
		stores->n--;
		(void)pthread_mutex_unlock(&stores->lock);
		store_now(stores, &s);
		block_release(stores->server->blocks, s.block);
		(void)pthread_mutex_lock(&stores->lock);
	}
	stores->thread = false;
	(void)pthread_mutex_unlock(&stores->lock);
	return NULL;
}

void stores_add(struct stores *stores, const struct read_request *r, const struct piece *p)
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
	bool added;

	(void)pthread_mutex_lock(&stores->lock);
	if (!stores->thread && stores->n < STORES_MAX)
		stores->thread = thread_start(store_main, stores);
	added = stores->thread && stores->n < STORES_MAX;
	if (added)
		stores->queue[(stores->first + stores->n++) % STORES_MAX] = s;
	if (added && stores->idle)
		(void)pthread_cond_signal(&stores->come);
	(void)pthread_mutex_unlock(&stores->lock);
	if (!added)
		block_release(stores->server->blocks, s.block);
}

static struct error *program_plan(struct fileserver *server, struct program *p)
{
	const struct layer *layer = node_layer(server, server->expected);
	uint32_t block_size = squash_super(layer->img)->block_size;
	struct kept_file *f;
	uint64_t count;

	*p = (struct program){ .node = server->expected, .layer = (uint32_t)(layer - server->layers) };
	TRY(node_file(server, server->expected, &f));
	count = squash_map_count(f->map);
	for (uint64_t i = 0; i < count && i < FILESERVER_EXPECTED_BLOCKS; i++) {
		TRY(squash_map_block(f->map, i, &p->where[p->n]));
		p->at[p->n] = i * block_size;
		if (p->where[p->n].stored_size > 0) /* no hole */
			p->n++;
	}
	return NULL;
}

void stores_expect(struct stores *stores)
{
	struct error *err = NULL;

	(void)pthread_mutex_lock(&stores->lock);
	if (!stores->thread) {
		err = program_plan(stores->server, &stores->program);
		stores->thread = thread_start(store_main, stores);
	}
	(void)pthread_mutex_unlock(&stores->lock);
	error_free(err); /* what is wrong with the program, the reads will tell */
}
