/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths through two layers, both of the same hostile bytes: what the launcher reads of an image before anything is isolated. */
#include "runtime/fileserver/fileserver.h"

#include "base/io.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "/etc/passwd", "/hello", "/dir/link", "/absolute/er/file", "/loop/x", "/many/../dir/hard", "/" };
	cleanup_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct fileserver_layer layers[2] = { { .fd = fd, .size = size }, { .fd = fd, .size = size } };
	struct fileserver_options options = { .layers = layers, .n_layers = 2, .user_xattrs = true };
	cleanup_with(fileserver_free) struct fileserver *server = NULL;

	if (fd < 0)
		return 0;
	error_free(io_pwrite_all(fd, data, size, 0));
	error_free(fileserver_prepare(&options, &server));
	for (size_t i = 0; server && i < ARRAY_LEN(paths); i++) {
		cleanup_free char *text = NULL;
		cleanup_free char *resolved = NULL;
		size_t len;

		error_free(fileserver_read_file(server, paths[i], 65536, &text, &len));
		error_free(fileserver_resolve(server, paths[i], &resolved));
		if (resolved && resolved[0] != '/')
			abort();
	}
	return 0;
}
