/* SPDX-License-Identifier: BSD-3-Clause */
/* Header and table of a SIF, and all that is printed of them. An object that passes the range check lies in the file.
 */
#include "formats/sif/sif.h"

#include "base/io.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct sif *sif, size_t size)
{
	cleanup_buf struct buf text = { 0 };

	sif_text_header(sif, &text);
	sif_text_list(sif, &text);
	for (size_t i = 0; i < sif->n_descrs; i++) {
		const struct sif_descr *d = &sif->descrs[i];
		const struct sif_descr *found = NULL;
		cleanup_with(error_free) struct error *outside = sif_object_range(sif, d);

		if (!outside && (d->offset > size || d->size > size - d->offset))
			abort();
		error_free(sif_find_id(sif, d->id, &found));
		sif_text_info(d, &text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_with(error_free) struct error *err = io_pwrite_all(fd, data, size, 0);

	if (!err)
		err = sif_load(fd, &sif);
	if (!err)
		look_at(sif, size);
	return 0;
}
