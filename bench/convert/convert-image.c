/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conversion alone, without cache and command line: convert-image URI OUT [keep].
 */
#include "image/convert/convert.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

static struct error *convert(const char *uri, const char *out, bool keep)
{
	struct source_options from = { .platform = *oci_host_platform(), .tmpdir = "/tmp", .sink = print };
	struct convert_options options = { .keep_layers = keep,
					   .squash = { .codec = SQUASH_ZSTD },
					   .user_agent = "bench",
					   .platform = oci_host_platform(),
					   .sink = print };
	cleanup_with(source_close) struct source *source = NULL;
	cleanup_fd int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_sys(errno, "open %s", out);
	TRY(source_open(uri, &from, NULL, &source));
	TRY(source->start(source));
	return convert_to_ocisif(source, &options, fd);
}

int main(int argc, char **argv)
{
	struct error *err = NULL;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: %s URI OUT [keep]\n", argv[0]);
		return 2;
	}
	err = convert(argv[1], argv[2], argc > 3 && strcmp(argv[3], "keep") == 0);
	if (!err)
		return 0;
	(void)fprintf(stderr, "%s\n", error_text(err));
	error_free(err);
	return 1;
}
