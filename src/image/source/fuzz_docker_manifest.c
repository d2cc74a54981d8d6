/* SPDX-License-Identifier: BSD-3-Clause */
/* manifest.json of a docker-archive whose other members are fixed: a checksum of tar keeps no fuzzer from it. */
#include "image/source/source_priv.h"

#include "base/io.h"

#include <stdio.h>
#include <sys/mman.h>

static char os[] = "linux", arch[] = "amd64";

static const char config[] =
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
	"\"sha256:185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969\"]}}";

static void add(struct buf *tar, const char *name, char type, const char *link, const void *content, size_t size)
{
	char header[512] = { 0 };
	unsigned int sum = 0;

	(void)snprintf(header, 100, "%s", name);
	(void)snprintf(header + 124, 12, "%011o", (unsigned int)(size & 077777777));
	memset(header + 148, ' ', 8);
	header[156] = type;
	(void)snprintf(header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	buf_append(tar, header, sizeof(header));
	buf_append(tar, content, size);
	while (tar->len % 512)
		buf_append_char(tar, '\0');
}

static void drop(struct error *err)
{
	error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source_options options = { .platform = { .os = os, .architecture = arch },
						       .tmpdir = "/tmp" };
	static const struct selector choices[] = { { .kind = SELECT_NONE }, { .kind = SELECT_INDEX, .index = 1 } };
	cleanup_buf struct buf tar = { 0 };

	add(&tar, "c.json", '0', "", config, strlen(config));
	add(&tar, "l.tar", '0', "", "Hello", 5);
	add(&tar, "link.tar", '2', "l.tar", "", 0);
	add(&tar, "loop.tar", '2', "loop.tar", "", 0);
	add(&tar, "manifest.json", '0', "", data, size);
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct tarball *tarball = NULL;
		struct source *source = NULL;
		int fd = memfd_create("archive", MFD_CLOEXEC);

		if (fd < 0)
			abort();
		drop(io_pwrite_all(fd, tar.data, tar.len, 0));
		drop(tarball_open(fd, "x.tar", "/tmp", &tarball));
		if (tarball)
			drop(source_docker_tarball(tarball, &choices[i], &options, &source));
		source_close(source);
	}
	return 0;
}
