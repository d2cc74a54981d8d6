/* SPDX-License-Identifier: BSD-3-Clause */
/* An archive from a stranger: the index, then both kinds of image in it, then every layer of what was found. */
#include "image/source/source_priv.h"

#include "base/io.h"

#include <sys/mman.h>

enum { LAYER_MAX = 1 << 20 };

static char os[] = "linux", arch[] = "amd64";

static void drop(struct error *err)
{
	error_free(err);
}

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	drop(io_pwrite_all(fd, data, size, 0));
	return fd;
}

static void read_image(struct source *source)
{
	for (size_t i = 0; source && i < source->manifest->n_layers; i++) {
		cleanup_with(blob_reader_close) struct blob_reader *reader = NULL;
		cleanup_buf struct buf out = { 0 };

		drop(source->open_blob(source, &source->manifest->layers[i], &reader));
		if (reader)
			drop(blob_reader_read_all(reader, LAYER_MAX, "layer", &out));
	}
	source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source_options options = { .platform = { .os = os, .architecture = arch },
						       .tmpdir = "/tmp" };
	static const struct selector none = { .kind = SELECT_NONE };

	for (int kind = 0; kind < 2; kind++) {
		struct tarball *tarball = NULL;
		struct source *source = NULL;

		drop(tarball_open(file_of(data, size), "x.tar", "/tmp", &tarball));
		if (!tarball)
			return 0;
		drop(kind ? source_docker_tarball(tarball, &none, &options, &source)
			  : source_layout_in_tarball(tarball, "x.tar", &none, &options, &source));
		read_image(source);
	}
	return 0;
}
