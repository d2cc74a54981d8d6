/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main() for fuzz targets in builds without libFuzzer: replay DIRECTORY runs the target on every file of the directory
 * (seeds and past crashes), then on damaged variants of each: cut short, and with single bytes changed. A crash, a
 * sanitizer's report or a hang is the failure. The variants are the same in every run.
 */
#include "base/fs.h"
#include "base/io.h"

#include <dirent.h>
#include <stdio.h>

#define SEED_MAX (64 * 1024 * 1024)
#define N_CUTS 16
#define N_CHANGES 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target sees a copy of exact size, so that a sanitizer notices the first byte too many. */
static void run_on(const char *data, size_t size)
{
	uint8_t *copy = xmalloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_variants(struct buf *seed)
{
	for (size_t i = 0; i < N_CUTS; i++)
		run_on(seed->data, seed->len / N_CUTS * i);
	for (size_t i = 0; i < N_CHANGES; i++) {
		/* Headers lie at the start: half of the changes go to the first 256 bytes. */
		size_t reach = i % 2 && seed->len > 256 ? 256 : seed->len;
		size_t at = reach * (i / 2) / (N_CHANGES / 2);
		char saved = seed->data[at];

		seed->data[at] = (char)(saved ^ (i % 4 < 2 ? 0x80 : 0xff));
		run_on(seed->data, seed->len);
		seed->data[at] = saved;
	}
}

static struct error *replay_file(int dirfd, const char *name)
{
	cleanup_buf struct buf seed = { 0 };

	TRY(fs_read_file(dirfd, name, SEED_MAX, &seed));
	run_on(buf_str(&seed), seed.len);
	if (seed.len)
		run_variants(&seed);
	return NULL;
}

static struct error *replay_directory(const char *path, size_t *ret_n)
{
	int dirfd;

	TRY(fs_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &dirfd));

	DIR *dir = fdopendir(dirfd);
	struct error *err = NULL;

	if (!dir)
		return error_sys(errno, "read %s", path);
	for (const struct dirent *entry = readdir(dir); entry && !err; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		err = replay_file(dirfd, entry->d_name);
		++*ret_n;
	}
	(void)closedir(dir);
	return err;
}

int main(int argc, char **argv)
{
	size_t n = 0;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: replay DIRECTORY\n");
		return 2;
	}

	cleanup_with(error_free) struct error *err = replay_directory(argv[1], &n);

	if (err)
		(void)fprintf(stderr, "%s\n", error_text(err));
	else if (n == 0)
		(void)fprintf(stderr, "%s holds no seeds\n", argv[1]);
	else
		(void)printf("%zu seeds\n", n);
	return err || n == 0 ? 1 : 0;
}
