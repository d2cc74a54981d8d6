/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole of a small image: every directory, inode, link, attribute and the first bytes of every file. */
#include "formats/squash/squash.h"

#include "base/io.h"

#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INODES_MAX = 2000, /* directories may contain themselves */
	DEPTH_MAX = 16,
	READ_MAX = 64 << 10,
};

struct walk {
	struct squash *img;
	size_t n_inodes;
};

/* Errors are what a damaged image is expected to give. */
static bool good(struct error *err)
{
	bool is_good = !err;

	error_free(err);
	return is_good;
}

static void read_file(struct squash *img, const struct squash_inode *inode)
{
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	static char buf[READ_MAX];
	size_t n;

	if (!good(squash_file_open(img, inode, &file)))
		return;
	(void)good(squash_file_read(file, 0, buf, sizeof(buf), &n));
	(void)good(squash_file_read(file, inode->size - 1, buf, sizeof(buf), &n));
}

static void walk(struct walk *w, uint64_t ref, unsigned int depth)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	cleanup_free char *target = NULL;
	struct squash_inode inode;

	if (depth > DEPTH_MAX || ++w->n_inodes > INODES_MAX || !good(squash_inode_read(w->img, ref, &inode)))
		return;
	(void)good(squash_xattrs_read(w->img, &inode, &set));
	if (S_ISLNK(inode.mode))
		(void)good(squash_link_read(w->img, &inode, &target));
	if (S_ISREG(inode.mode))
		read_file(w->img, &inode);
	if (!S_ISDIR(inode.mode) || !good(squash_dir_read(w->img, &inode, &dir)))
		return;
	for (size_t i = 0; i < squash_dir_count(dir); i++) {
		const struct squash_dirent *e = squash_dir_at(dir, i);

		if (squash_dir_find(dir, e->name, e->name_len) != e)
			abort();
		walk(w, e->ref, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_with(squash_cache_free) struct squash_cache *cache = squash_cache_new(256 << 10);
	cleanup_with(squash_free) struct squash *img = NULL;
	cleanup_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct walk w = { 0 };

	if (fd < 0 || !good(io_pwrite_all(fd, data, size, 0)) || !good(squash_open(fd, 0, size, cache, &img)))
		return 0;
	w.img = img;
	walk(&w, squash_super(img)->root_ref, 0);
	return 0;
}
