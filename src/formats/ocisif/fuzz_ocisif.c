/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole OCI-SIF: table, root index, manifest, config. The layers of an image that opens lie in the file. */
#include "formats/ocisif/ocisif.h"

#include "base/io.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf blob = { 0 };
	cleanup_with(error_free) struct error *err = io_pwrite_all(fd, data, size, 0);

	if (!err)
		err = ocisif_open(take_fd(&fd), "fuzz", &img);
	if (err)
		return 0;
	for (size_t i = 0; i < img->n_layers; i++) {
		if (img->layers[i].offset > size || img->layers[i].size > size - img->layers[i].offset)
			abort();
	}
	err = ocisif_read_blob(img, &img->manifest_digest, size, &blob);
	if (err)
		abort();
	return 0;
}
