/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layer rules and squashfs writer over stacks of small layers. The input is a program, not a tar: every few bytes are an entry
 * with a type and names out of a few components, so that entries meet each other all the time. The image that comes out must be
 * readable from end to end, without a whiteout in it.
 */
#include "base/str.h"
#include "formats/squash/squash.h"
#include "image/layer/layer_rules.h"

#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRY_SIZE = 8, ENTRIES_MAX = 200, LAYERS_MAX = 6 };

/* The entries of one layer. */
struct program {
	const uint8_t *code;
	size_t n, at;
	struct tar_entry entry;
	char name[64], link[64], content[16];
	bool given;
};

static void put_path(const uint8_t *code, char *out, size_t room)
{
	static const char *const parts[] = { "a", "b", "c", "..", ".wh.a", ".wh..wh..opq", ".", "" };

	out[0] = '\0';
	for (int i = 0; i < 2; i++) {
		for (int shift = 0; shift < 8; shift += 4) {
			uint8_t part = code[i] >> shift & 15;

			if (part >= ARRAY_LEN(parts))
				continue;
			if (out[0] || part == 7)
				strncat(out, "/", room - strlen(out) - 1);
			strncat(out, parts[part], room - strlen(out) - 1);
		}
	}
}

static struct error *next(void *ctx, const struct tar_entry **ret_entry)
{
	struct program *p = ctx;
	const uint8_t *code = p->code + p->at * ENTRY_SIZE;
	static const struct tar_xattr xattr = { "user.x", "1", 1 };

	*ret_entry = NULL;
	if (p->at == p->n)
		return NULL;
	p->at++;
	put_path(code + 1, p->name, sizeof(p->name));
	put_path(code + 3, p->link, sizeof(p->link));
	p->entry = (struct tar_entry){ .type = (enum tar_type)(code[0] % 7), .name = p->name, .link = p->link };
	p->entry.mode = code[5] & 07777;
	p->entry.mtime = code[6];
	p->entry.xattrs = &xattr;
	p->entry.n_xattrs = code[0] >> 7;
	p->given = p->entry.type != TAR_FILE || code[7] == 0;
	if (!p->given) {
		memset(p->content, code[7], sizeof(p->content));
		p->entry.size = sizeof(p->content);
	}
	*ret_entry = &p->entry;
	return NULL;
}

static struct error *read_content(void *ctx, struct tar_slice *ret_slice)
{
	struct program *p = ctx;

	*ret_slice = (struct tar_slice){ 0 };
	if (!p->given)
		*ret_slice = (struct tar_slice){ .data = (const uint8_t *)p->content, .size = sizeof(p->content) };
	p->given = true;
	return NULL;
}

typedef struct error *use_fn(struct layer_rules *rules, const struct layer_input *input);

static struct error *use_layer(struct layer_rules *rules, struct program *p, use_fn *use)
{
	struct layer_input input = { .next = next, .read = read_content, .ctx = p };

	p->at = 0;
	return use(rules, &input);
}

static struct error *fill(struct layer_rules *rules, struct program *p)
{
	for (int turns = 0; layer_rules_wants(rules); turns++) {
		if (turns > LAYER_LINK_CHAIN_MAX + 1)
			abort(); /* must come to an end */
		TRY(use_layer(rules, p, layer_rules_fill));
	}
	return NULL;
}

static struct error *apply_all(struct layer_rules *rules, struct program *layers, size_t n, bool overlay_form)
{
	for (size_t i = n; i-- > 0;) {
		if (overlay_form && i + 1 < n) {
			if (!layer_rules_lacks(rules))
				break;
			layer_rules_older(rules);
		} else {
			TRY(use_layer(rules, &layers[i], layer_rules_apply));
		}
		TRY(fill(rules, &layers[i]));
	}
	return layer_rules_finish(rules);
}

static void must(struct error *err)
{
	if (err)
		abort();
}

static void check_tree(struct squash *img, uint64_t ref, int depth)
{
	struct squash_inode inode = { 0 };
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	char content[32];
	size_t got = 0;

	if (depth > 200)
		abort();
	must(squash_inode_read(img, ref, &inode));
	if (S_ISREG(inode.mode)) {
		must(squash_file_open(img, &inode, &file));
		must(squash_file_read(file, 0, content, sizeof(content), &got));
		if (got != inode.size || (got != 0 && got != 16))
			abort();
	}
	if (!S_ISDIR(inode.mode))
		return;
	must(squash_dir_read(img, &inode, &dir));
	for (size_t i = 0; i < squash_dir_count(dir); i++) {
		const struct squash_dirent *entry = squash_dir_at(dir, i);

		if (entry->name_len > 3 && memcmp(entry->name, ".wh.", 4) == 0)
			abort();
		check_tree(img, entry->ref, depth + 1);
	}
}

/* An error of rules or writer is fine; an image that cannot be read is not. */
static struct error *build(struct program *layers, size_t n, bool overlay_form, int fd)
{
	struct squash_writer_options squash = { .codec = SQUASH_LZ4, .block_size = 4096, .n_workers = 1 };
	struct layer_options options = { .overlay_form = overlay_form, .block_size = 4096 };
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(16 << 20);
	cleanup_with(squash_writer_free) struct squash_writer *writer = NULL;
	cleanup_with(layer_rules_free) struct layer_rules *rules = NULL;
	cleanup_with(squash_free) struct squash *img = NULL;
	uint64_t image_size = 0;

	TRY(squash_writer_new(fd, 0, &squash, &writer));
	rules = layer_rules_new(tree, writer, &options);
	TRY(apply_all(rules, layers, n, overlay_form));
	must(squash_writer_finish(writer, tree, &image_size));
	must(squash_open(fd, 0, image_size, NULL, &img));
	check_tree(img, squash_super(img)->root_ref, 0);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program layers[LAYERS_MAX] = { 0 };
	size_t n = 1;
	size_t n_entries = size > 1 ? (size - 1) / ENTRY_SIZE : 0;
	cleanup_fd int fd = -EBADF;

	if (n_entries == 0 || n_entries > ENTRIES_MAX)
		return 0;
	layers[0].code = data + 1;
	for (size_t i = 0; i < n_entries; i++) {
		const uint8_t *code = data + 1 + i * ENTRY_SIZE;

		if (code[0] % 8 == 7 && n < LAYERS_MAX) /* a new layer begins */
			layers[n++].code = code + ENTRY_SIZE;
		else
			layers[n - 1].n++;
	}
	fd = memfd_create("image", MFD_CLOEXEC);
	if (fd >= 0)
		error_free(build(layers, n, data[0] & 1, fd));
	return 0;
}
