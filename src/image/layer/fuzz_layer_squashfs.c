/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over a squashfs layer: all entries and contents of an arbitrary image, up to a bound on both. */
#include "image/layer/layer_squashfs.h"

#include "base/io.h"

#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error *walk(int fd, size_t size)
{
	enum { ENTRIES_MAX = 2000, SLICES_MAX = 2000 };
	cleanup_with(layer_squashfs_free) struct layer_squashfs *w = NULL;
	struct layer_input input = { 0 };
	unsigned int n_slices = 0;

	TRY(layer_squashfs_open(fd, size, &w));
	input = layer_squashfs_input(w);
	for (int i = 0; i < ENTRIES_MAX; i++) {
		const struct tar_entry *entry = NULL;
		struct tar_slice slice = { 0 };

		TRY(input.next(input.ctx, &entry));
		if (!entry)
			return NULL;
		if (strlen(entry->name) > TAR_PATH_MAX + strlen("/.wh..wh..opq") || entry->mode > 07777)
			abort();
		do
			TRY(input.read(input.ctx, &slice));
		while (slice.size > 0 && n_slices++ < SLICES_MAX);
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_fd int fd = memfd_create("layer", MFD_CLOEXEC);
	struct error *err = NULL;

	if (fd < 0)
		return 0;
	err = io_pwrite_all(fd, data, size, 0);
	if (!err)
		err = walk(fd, size);
	error_free(err);
	return 0;
}
