/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of the file server.
 *
 * Threads: the main thread reads requests, owns all metadata (images, directories, maps of files) and answers what is in memory. Workers
 * unpack data blocks and answer the reads that waited for them. One thread puts blocks of the container's program and the rest of other
 * unpacked blocks into the kernel's page cache; no read waits for it, since a store can wait for a page that a read holds. Blocks and
 * their queues have one lock, stores another.
 */
#ifndef RUNTIME_FILESERVER_PRIV_H
#define RUNTIME_FILESERVER_PRIV_H

#define FUSE_USE_VERSION 35

#include "runtime/fileserver/fileserver.h"

#include "base/str.h"
#include "formats/squash/squash.h"

#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum {
	FILESERVER_READ_MAX = 128 << 10,      /* bytes of one read request: the kernel's read-ahead window */
	FILESERVER_LAYERS_MAX = 4096,	      /* node ids have 16 bits for the layer; overlayfs stops at 500 */
	FILESERVER_META_BYTES = 4 << 20,      /* unpacked metadata blocks: all of an image of 50,000 files */
	FILESERVER_BLOCK_BYTES = 12 << 20,    /* unpacked data blocks: the page cache is the real cache */
	FILESERVER_PENDING_BYTES = 32 << 20,  /* blocks being unpacked before new reads have to wait */
	FILESERVER_DIR_BYTES = 2 << 20,	      /* directories kept, beside the one in use */
	FILESERVER_TIMEOUT_S = 86400,	      /* the image cannot change */
	FILESERVER_WORKERS_MAX = 4,
	FILESERVER_IDLE_S = 2,		      /* without a request: memory is given back */
	FILESERVER_EXPECTED_BLOCKS = 16, /* of the program: 2 MiB, what the usual one is about to read */
};

enum { N_DIRS = 64, N_FILES = 64 }; /* places in the caches of directories and of open files */

/* What the requests were, for --debug. */
enum count {
	COUNT_LOOKUP,
	COUNT_GETATTR,
	COUNT_READLINK,
	COUNT_OPEN,
	COUNT_OPENDIR,
	COUNT_READDIRPLUS,
	COUNT_READ,
	COUNT_GETXATTR,
	COUNT_LISTXATTR,
	COUNT_STATFS,
	COUNT_BLOCK_HIT,   /* pieces of reads that were in memory */
	COUNT_BLOCK_WAIT,  /* ... that waited for a block already being unpacked */
	COUNT_BLOCK_MISS,  /* ... that caused one to be unpacked */
	COUNT_BLOCK_AHEAD, /* blocks unpacked before they were asked for */
	COUNT_STORE,	   /* blocks of which the rest went to the page cache */
	N_COUNTS,
};

struct layer {
	struct squash *img;
	uint64_t ino_base; /* added to inode numbers: unique over all layers, and small */
};

struct kept_dir {
	fuse_ino_t node; /* 0: free */
	struct squash_dir *dir;
	struct squash_inode inode;
	uint64_t used;
};

struct kept_file {
	fuse_ino_t node; /* 0: free */
	struct squash_map *map;
	uint64_t size;
	uint64_t next_offset; /* where a sequential reader goes on */
	uint64_t ahead;	      /* blocks below this one were asked for or unpacked ahead */
	bool tail_stored;
	uint64_t used;
};

struct owner_map {
	struct fileserver_idmap *lines;
	size_t n;
};

struct blocks; /* fileserver_block.c */
struct stores; /* fileserver_store.c */
struct merge;  /* fileserver_merge.c */

struct fileserver {
	struct layer *layers;
	size_t n_layers;
	struct squash_cache *cache;
	struct owner_map uids, gids;
	bool user_xattrs, debug;
	bool has_xattrs;
	struct kept_dir dirs[N_DIRS];
	struct kept_file files[N_FILES];
	uint64_t tick;	  /* of the two caches */
	size_t dir_bytes;
	struct blocks *blocks;
	struct stores *stores;
	struct merge *merge;
	bool merged; /* the layers are served as one tree, not one beside the other */
	fuse_ino_t expected; /* file whose first blocks are unpacked before anybody reads it; 0: none, or done */
	bool expected_known; /* the kernel has looked it up */
	int sock; /* open as long as the server lives: see store_main() */
	struct fuse_session *session;
	uint8_t *reply;	  /* buffer of directory replies */
	size_t reply_size;
	uint64_t counts[N_COUNTS]; /* the first ten by the main thread, the last by the thread of the stores, the
				      others under the lock of the blocks */
};

/* Node ids name (layer, inode): no table of inodes is needed, and hard links are one node. */
static inline fuse_ino_t node_of(size_t layer, uint64_t ref)
{
	return (fuse_ino_t)(layer + 1) << 48 | ref;
}

/* node_layer() - NULL for the root and for numbers we never gave out */
const struct layer *node_layer(const struct fileserver *server, fuse_ino_t node);
must_check struct error *node_inode(struct fileserver *server, fuse_ino_t node, struct squash_inode *ret_inode);
/* node_stat() - attributes of an inode; node_root_stat() - of the directory that holds the layers */
void node_stat(const struct fileserver *server, const struct layer *layer, const struct squash_inode *inode, struct stat *ret_st);
void node_root_stat(const struct fileserver *server, struct stat *ret_st);
uint64_t node_ino(const struct layer *layer, uint32_t number);
/* node_dir() - the directory of a node, kept; valid until the next call */
must_check struct error *node_dir(struct fileserver *server, fuse_ino_t node, const struct kept_dir **ret_dir);
/* node_file() - the same for the block list of a regular file */
must_check struct error *node_file(struct fileserver *server, fuse_ino_t node, struct kept_file **ret_file);
/* node_trim() - forget all directories and files */
void node_trim(struct fileserver *server);

struct merge *merge_new(void);
void merge_free(struct merge *m);
/* merge_trim() - forget the lists of names; the nodes stay, since the kernel knows them */
void merge_trim(struct merge *m);
/* merge_has() - is this the node of a merged directory; merge_top() - its topmost directory, or the node itself */
bool merge_has(const struct fileserver *server, fuse_ino_t node);
fuse_ino_t merge_top(const struct fileserver *server, fuse_ino_t node);
/* merge_child() - what @name is in @parent, merged or not; 0: nothing, whiteouts included */
must_check struct error *merge_child(struct fileserver *server, fuse_ino_t parent, const char *name, fuse_ino_t *ret_node);
/* merge_root() - the merged tree's root */
must_check struct error *merge_root(struct fileserver *server, fuse_ino_t *ret_node);
/* merge_names() - sorted names of a merged directory, those of whiteouts included; valid until the next call */
must_check struct error *merge_names(struct fileserver *server, fuse_ino_t node, const struct strv **ret_names);

/* A block of some file, unpacked; owned by the cache. */
struct block;
struct read_request;

/* Links a piece of a read to the block it waits for. */
struct block_waiter {
	struct block_waiter *next;
	struct read_request *request;
};

struct piece {
	struct block *block; /* NULL: a hole */
	struct block_waiter waiter;
	uint32_t offset;     /* of the wanted bytes in the block */
	uint32_t length;
	uint64_t store_at;   /* place in the file of the block's part that belongs to it, */
	uint32_t store_offset, store_length; /* that part; length 0: nothing to store */
};

/* One read; lives until it is answered. Its pieces are consecutive. */
struct read_request {
	struct fileserver *server;
	fuse_req_t req;
	fuse_ino_t node;
	uint64_t offset;
	size_t pending; /* blocks still being unpacked; under the lock of the blocks */
	bool failed;
	size_t n_pieces;
	struct piece pieces[];
};

/* read_request_answer() - all blocks are there (or one failed): reply, store, free; any thread, without the lock */
void read_request_answer(struct read_request *r);

struct blocks *blocks_new(struct fileserver *server);
void blocks_free(struct blocks *blocks);
/* blocks_trim() - forget unused blocks */
void blocks_trim(struct blocks *blocks);
/**
 * blocks_submit() - get every block of a request; answers it at once if all are in memory
 * @where:  n_pieces places; holes have stored_size 0
 */
void blocks_submit(struct blocks *blocks, uint32_t layer, struct read_request *r, const struct squash_block *where);
/* blocks_ahead() - unpack a block before it is asked for, when no request waits */
void blocks_ahead(struct blocks *blocks, uint32_t layer, const struct squash_block *where);

/* What a thread that unpacks brings along. */
struct bench {
	struct squash_decoder *decoders[SQUASH_ZSTD + 1];
	uint8_t *scratch;
	size_t scratch_size;
	uint8_t *spare; /* memory for the next block, or NULL */
	size_t spare_size;
};

void bench_clear(struct bench *bench);
/* blocks_make() - a block, unpacked on this thread if need be; NULL if a read's is on its way. block_data() tells success. */
struct block *blocks_make(struct blocks *blocks, struct bench *bench, uint32_t layer, const struct squash_block *where);
/* block_retire() - release a block that the page cache has; what nobody else uses becomes memory for the next */
void block_retire(struct blocks *blocks, struct block *b, struct bench *bench);
/* blocks_load_now() - unpack on this thread, before there are others; released by block_release() */
must_check struct error *blocks_load_now(struct blocks *blocks, uint32_t layer, const struct squash_block *where,
					 struct block **ret_block);
/* block_data() - bytes of a block that is there; NULL if it holds fewer than @offset + @length */
const uint8_t *block_data(const struct block *b, uint32_t offset, uint32_t length);
void block_release(struct blocks *blocks, struct block *b);

struct stores *stores_new(struct fileserver *server);
void stores_free(struct stores *stores);
/* stores_add() - of a block, store what the answer to a read did not hold; takes over the block. Dropped when the thread is behind. */
void stores_add(struct stores *stores, const struct read_request *r, const struct piece *p);
/* stores_expect() - unpack and store the first blocks of the expected file, which the kernel knows now; nothing if other stores are on */
void stores_expect(struct stores *stores);

/* thread_start() - detached, with a small stack; false if there may be no more threads */
bool thread_start(void *(*fn)(void *), void *arg);
/* idle_end() - when a thread that has nothing to do from now on ends; of the monotonic clock */
struct timespec idle_end(void);

/* ops_table() - the requests that we answer; without extended attributes the kernel is told so once */
struct fuse_lowlevel_ops ops_table(const struct fileserver *server);
void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *fi);

/* sandbox_enter() - from here on only what serving needs; false if the kernel filters no calls */
bool sandbox_enter(void);

#endif
