/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CPU and wall time of the squashfs writer next to its codec's limit: compressing the same blocks (and hashing nothing,
 * writing nothing) with one context in one thread. Both sides run interleaved in one process over files that were
 * loaded into memory.
 *
 * usage: bench-squash-writer DIRECTORY OUTPUT [MEGABYTES [ROUNDS [WORKERS]]]
 */
#include "base/error.h"
#include "base/fs.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/num.h"
#include "formats/squash/squash_writer.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

#define BLOCK_SIZE 131072u
#define PIECE_MAX (BLOCK_SIZE / 4) /* as the writer has it */
#define ROUNDS_MAX 99u

struct item {
	char *path; /* below the directory */
	struct stat st;
	char *target;
	const uint8_t *data;
};

struct load {
	struct item *items;
	size_t n, cap;
	uint64_t n_bytes, limit;
};

struct cost {
	double cpu, wall;
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct cost now(void)
{
	return (struct cost){ .cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), .wall = seconds(CLOCK_MONOTONIC) };
}

static struct error *load_file(struct load *load, struct item *item, const char *path)
{
	struct buf content = { 0 };

	if (load->n_bytes + (uint64_t)item->st.st_size > load->limit ||
	    fs_read_file(AT_FDCWD, path, SIZE_MAX / 2, &content)) {
		item->st.st_size = 0;
		return NULL;
	}
	item->st.st_size = (off_t)content.len;
	item->data = (const uint8_t *)buf_take(&content);
	load->n_bytes += (uint64_t)item->st.st_size;
	return NULL;
}

static struct error *load_tree(struct load *load, char *directory)
{
	char *const roots[] = { directory, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);

	if (!fts)
		return error_sys(errno, "read %s", directory);
	for (FTSENT *entry = fts_read(fts); entry; entry = fts_read(fts)) {
		if (entry->fts_info == FTS_DP || entry->fts_level == 0 || !entry->fts_statp)
			continue;
		GROW(load->items, load->n, load->cap);

		struct item *item = &load->items[load->n++];

		*item = (struct item){ .path = xstrdup(entry->fts_path + strlen(directory)), .st = *entry->fts_statp };
		if (S_ISLNK(item->st.st_mode))
			TRY(fs_read_link(AT_FDCWD, entry->fts_path, &item->target));
		if (S_ISREG(item->st.st_mode))
			TRY(load_file(load, item, entry->fts_path));
	}
	(void)fts_close(fts);
	return NULL;
}

/* The limit: what the writer compresses, cut as it cuts it; duplicates included. */
static size_t compress_alone(const struct load *load)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	uint8_t *out = xmalloc(BLOCK_SIZE);
	uint8_t *fragment = xmalloc(BLOCK_SIZE);
	size_t filled = 0;
	size_t total = 0;

	(void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3);
	for (size_t i = 0; i < load->n; i++) {
		const uint8_t *at = load->items[i].data;
		size_t left = at ? (size_t)load->items[i].st.st_size : 0;

		for (; left > PIECE_MAX; at += BLOCK_SIZE) {
			size_t n = left < BLOCK_SIZE ? left : BLOCK_SIZE;
			size_t packed = ZSTD_compress2(context, out, n, at, n);

			total += ZSTD_isError(packed) ? n : packed;
			left -= n;
			if (left == 0)
				break;
		}
		if (left > BLOCK_SIZE - filled) {
			size_t packed = ZSTD_compress2(context, out, filled, fragment, filled);

			total += ZSTD_isError(packed) ? filled : packed;
			filled = 0;
		}
		if (left)
			memcpy(fragment + filled, at, left);
		filled += left;
	}
	(void)ZSTD_freeCCtx(context);
	free(out);
	free(fragment);
	return total;
}

static struct error *add_item(struct squash_writer *writer, struct squash_tree *tree, const struct item *item)
{
	struct squash_node *node = squash_tree_root(tree);
	const char *from = item->path + strspn(item->path, "/");

	for (const char *slash = strchr(from, '/'); slash && node; from = slash + 1, slash = strchr(from, '/'))
		node = squash_tree_find(node, from, (size_t)(slash - from));
	if (!node)
		return error_new(ERR_INTERNAL, "%s has no parent", item->path);
	TRY(squash_tree_add(tree, node, from, strlen(from), &node));
	node->mode = item->st.st_mode;
	node->uid = item->st.st_uid;
	node->gid = item->st.st_gid;
	node->mtime = item->st.st_mtime;
	if (item->target)
		return squash_tree_set_target(tree, node, item->target);
	if (!S_ISREG(node->mode))
		return NULL;
	TRY(squash_writer_begin_file(writer));
	if (item->data)
		TRY(squash_writer_write(writer, item->data, (size_t)item->st.st_size));
	return squash_writer_end_file(writer, &node->content);
}

struct result {
	struct cost data, tables;
	uint64_t size;
};

static struct error *write_image(const struct load *load, const char *path, unsigned int n_workers, struct result *ret)
{
	struct squash_writer_options options = { .codec = SQUASH_ZSTD,
						 .block_size = BLOCK_SIZE,
						 .n_workers = n_workers };
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	cleanup_with(squash_writer_free) struct squash_writer *writer = NULL;
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0644, &fd));

	struct cost start = now();

	TRY(squash_writer_new(fd, 0, &options, &writer));
	for (size_t i = 0; i < load->n; i++)
		TRY(add_item(writer, tree, &load->items[i]));
	TRY(squash_writer_drain(writer));

	struct cost middle = now();

	TRY(squash_writer_finish(writer, tree, &ret->size));

	struct cost end = now();

	ret->data = (struct cost){ middle.cpu - start.cpu, middle.wall - start.wall };
	ret->tables = (struct cost){ end.cpu - middle.cpu, end.wall - middle.wall };
	return io_close(&fd);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return values[n / 2];
}

static struct error *bench(const struct load *load, const char *output, size_t rounds, unsigned int n_workers)
{
	double limit[ROUNDS_MAX];
	double limit_wall[ROUNDS_MAX];
	double cpu[ROUNDS_MAX];
	double wall[ROUNDS_MAX];
	double tables[ROUNDS_MAX];
	struct result result = { 0 };
	size_t alone = 0;

	for (size_t i = 0; i < rounds; i++) {
		struct cost start = now();

		alone = compress_alone(load);

		struct cost end = now();

		limit[i] = end.cpu - start.cpu;
		limit_wall[i] = end.wall - start.wall;
		TRY(write_image(load, output, n_workers, &result));
		cpu[i] = result.data.cpu;
		wall[i] = result.data.wall;
		tables[i] = result.tables.wall;
	}

	double base = median(limit, rounds);
	double used = median(cpu, rounds);
	double waited = median(wall, rounds);

	printf("entries %zu, %.1f MB in, codec alone %.1f MB out, image %.1f MB\n", load->n,
	       (double)load->n_bytes / 1e6, (double)alone / 1e6, (double)result.size / 1e6);
	printf("codec alone, CPU        %8.3f s (wall %.3f s: the machine is %s)\n", base, median(limit_wall, rounds),
	       median(limit_wall, rounds) > base * 1.1 ? "busy, wall times mean little" : "quiet");
	printf("writer, CPU             %8.3f s  %.2f of the codec\n", used, used / base);
	printf("writer, wall            %8.3f s  %.2f of codec / %u\n", waited, waited * n_workers / base, n_workers);
	printf("tables, wall            %8.3f s\n", median(tables, rounds));
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t megabytes = 1500;
	uint64_t rounds = 5;
	uint64_t n_workers = squash_cpus();
	struct load load = { 0 };

	if (argc < 3 || (argc > 3 && !num_parse_u64(argv[3], 1u << 20, &megabytes)) ||
	    (argc > 4 && (!num_parse_u64(argv[4], ROUNDS_MAX, &rounds) || rounds == 0)) ||
	    (argc > 5 && (!num_parse_u64(argv[5], 256, &n_workers) || n_workers == 0))) {
		fprintf(stderr, "usage: %s DIRECTORY OUTPUT [MEGABYTES [ROUNDS [WORKERS]]]\n", argv[0]);
		return 2;
	}
	load.limit = megabytes * 1000000;

	struct error *err = load_tree(&load, argv[1]);

	if (!err)
		err = bench(&load, argv[2], rounds, (unsigned int)n_workers);
	if (err) {
		fprintf(stderr, "%s\n", error_text(err));
		error_free(err);
		return 1;
	}
	return 0;
}
