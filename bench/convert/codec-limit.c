/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the codecs alone need for a conversion: codec-limit URI SIF. CPU seconds, one thread, for: digest of the stored layers,
 * inflating them, digest of the plain bytes, zstd -3 of every data block of the squashfs in SIF (the result of the conversion; equal
 * blocks are stored once), digest of that squashfs. Prints "NAME SECONDS" lines and the sum as "limit".
 */
#include "base/io.h"
#include "base/sha256.h"
#include "formats/ocisif/ocisif.h"
#include "formats/squash/squash.h"
#include "image/source/source.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

enum { CHUNK = 1 << 20 };

static double cpu_now(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct times {
	double stored, inflate, plain, zstd, result;
	uint64_t plain_bytes, block_bytes;
};

static void inflate_all(const uint8_t *data, size_t size, struct sha256 *hash, struct times *times)
{
	static struct inflate_state s;
	static uint8_t out[CHUNK];

	isal_inflate_init(&s);
	s.crc_flag = ISAL_GZIP;
	s.next_in = (uint8_t *)(uintptr_t)data;
	s.avail_in = (uint32_t)size;
	while (s.block_state != ISAL_BLOCK_FINISH) {
		double start = cpu_now();
		size_t n = 0;

		s.next_out = out;
		s.avail_out = sizeof(out);
		if (isal_inflate(&s) < 0) {
			(void)fprintf(stderr, "a layer is no gzip\n");
			exit(1);
		}
		n = sizeof(out) - s.avail_out;
		times->inflate += cpu_now() - start;
		start = cpu_now();
		sha256_update(hash, out, n);
		times->plain += cpu_now() - start;
		times->plain_bytes += n;
	}
}

static struct error *time_layers(struct source *source, struct times *times)
{
	for (size_t i = 0; i < source->manifest->n_layers; i++) {
		const struct oci_desc *desc = &source->manifest->layers[i];
		cleanup_with(blob_reader_close) struct blob_reader *blob = NULL;
		cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
		cleanup_free uint8_t *data = xmalloc(desc->size + 1);
		size_t len = 0;
		size_t got = 0;
		double start = 0;

		TRY(source->open_blob(source, desc, &blob));
		do {
			TRY(blob->read(blob, data + len, desc->size + 1 - len, &got));
			len += got;
		} while (got > 0);
		start = cpu_now();
		(void)sha256_of(data, len);
		times->stored += cpu_now() - start;
		inflate_all(data, len, hash, times);
	}
	return NULL;
}

struct blocks {
	struct squash_block *items;
	size_t n, cap;
};

static struct error *add_blocks(struct squash *img, const struct squash_inode *inode, struct blocks *blocks)
{
	cleanup_with(squash_map_free) struct squash_map *map = NULL;

	TRY(squash_map_new(img, inode, &map));
	for (uint64_t i = 0; i < squash_map_count(map); i++) {
		struct squash_block block = { 0 };

		TRY(squash_map_block(map, i, &block));
		if (block.stored_size == 0)
			continue;
		GROW(blocks->items, blocks->n, blocks->cap);
		blocks->items[blocks->n++] = block;
	}
	return NULL;
}

static struct error *walk(struct squash *img, uint64_t ref, struct blocks *blocks)
{
	struct squash_inode inode = { 0 };
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;

	TRY(squash_inode_read(img, ref, &inode));
	if (S_ISREG(inode.mode))
		return add_blocks(img, &inode, blocks);
	if (!S_ISDIR(inode.mode))
		return NULL;
	TRY(squash_dir_read(img, &inode, &dir));
	for (size_t i = 0; i < squash_dir_count(dir); i++)
		TRY(walk(img, squash_dir_at(dir, i)->ref, blocks));
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct squash_block *)a)->start;
	uint64_t y = ((const struct squash_block *)b)->start;

	return x < y ? -1 : x > y;
}

static struct error *time_blocks(struct squash *img, struct times *times)
{
	const struct squash_super *super = squash_super(img);
	size_t room = ZSTD_compressBound(super->block_size);
	cleanup_with(squash_decoder_free) struct squash_decoder *decoder = NULL;
	cleanup_free void *scratch = xmalloc(super->block_size);
	cleanup_free void *plain = xmalloc(super->block_size);
	cleanup_free void *packed = xmalloc(room);
	struct blocks blocks = { 0 };
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	TRY(squash_decoder_new(super->codec, &decoder));
	TRY(walk(img, super->root_ref, &blocks));
	qsort(blocks.items, blocks.n, sizeof(*blocks.items), by_start);
	for (size_t i = 0; i < blocks.n; i++) {
		size_t size = 0;
		double start = 0;

		if (i > 0 && blocks.items[i].start == blocks.items[i - 1].start)
			continue;
		TRY(squash_block_load(img, decoder, &blocks.items[i], scratch, plain, &size));
		start = cpu_now();
		(void)ZSTD_compressCCtx(zstd, packed, room, plain, size, 3);
		times->zstd += cpu_now() - start;
		times->block_bytes += size;
	}
	ZSTD_freeCCtx(zstd);
	free(blocks.items);
	return NULL;
}

static struct error *time_result(const struct ocisif *sif, struct times *times)
{
	cleanup_free uint8_t *buf = xmalloc(CHUNK);
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();

	for (uint64_t at = 0; at < sif->layers[0].size;) {
		size_t got = 0;
		double start = 0;

		TRY(io_pread(sif->fd, buf, CHUNK, sif->layers[0].offset + at, &got));
		if (got == 0)
			break;
		start = cpu_now();
		sha256_update(hash, buf, got);
		times->result += cpu_now() - start;
		at += got;
	}
	return NULL;
}

static struct error *run(const char *uri, const char *path, struct times *times)
{
	struct source_options from = { .platform = *oci_host_platform(), .tmpdir = "/tmp" };
	cleanup_with(source_close) struct source *source = NULL;
	cleanup_with(ocisif_close) struct ocisif *sif = NULL;
	cleanup_with(squash_free) struct squash *img = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(errno, "open %s", path);
	TRY(ocisif_open(fd, path, &sif));
	TRY(squash_open(sif->fd, sif->layers[0].offset, sif->layers[0].size, NULL, &img));
	TRY(source_open(uri, &from, NULL, &source));
	TRY(source->start(source));
	TRY(time_layers(source, times));
	TRY(time_blocks(img, times));
	return time_result(sif, times);
}

int main(int argc, char **argv)
{
	struct times t = { 0 };
	struct error *err = NULL;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s URI SIF\n", argv[0]);
		return 2;
	}
	err = run(argv[1], argv[2], &t);
	if (err) {
		(void)fprintf(stderr, "%s\n", error_text(err));
		return 1;
	}
	(void)printf("stored %.3f\ninflate %.3f\nplain %.3f\nzstd %.3f\nresult %.3f\nlimit %.3f\n", t.stored, t.inflate, t.plain,
		     t.zstd, t.result, t.stored + t.inflate + t.plain + t.zstd + t.result);
	(void)fprintf(stderr, "%llu MB plain, %llu MB in blocks\n", (unsigned long long)t.plain_bytes / 1000000,
		      (unsigned long long)t.block_bytes / 1000000);
	return 0;
}
