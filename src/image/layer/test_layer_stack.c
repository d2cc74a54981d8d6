/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/layer/test_layer_stack.h"

#include "base/sha256.h"
#include "tests/testlib/fixture.h"

#include <stdio.h>

void stack_clear(struct stack *s)
{
	for (size_t i = 0; i < LAYERS_MAX; i++)
		buf_free(&s->layers[i]);
	buf_free(&s->listing);
	buf_free(&s->warnings);
}

struct buf *add_layer(struct stack *s)
{
	assert_true(s->n < LAYERS_MAX);
	return &s->layers[s->n++];
}

static void collect(void *ctx, enum log_level level, const char *text)
{
	assert_int_equal(level, LOG_WARNING);
	buf_appendf(ctx, "%s\n", text);
}

static struct error *read_layer(struct stack *s, size_t i, struct layer_rules *rules,
				struct error *(*use)(struct layer_rules *, const struct layer_input *))
{
	cleanup_tar_chunks struct tar_chunks chunks = { .bytes = &s->layers[i], .chunk = 1000 };
	struct tar_input input = tar_chunks_input(&chunks);
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);
	struct layer_input entries = layer_input_tar(tar);

	return use(rules, &entries);
}

static struct error *fill(struct stack *s, size_t i, struct layer_rules *rules)
{
	while (layer_rules_wants(rules)) {
		s->n_fills++;
		TRY(read_layer(s, i, rules, layer_rules_fill));
	}
	return NULL;
}

static struct error *apply_all(struct stack *s, struct layer_rules *rules)
{
	for (size_t i = s->n; i-- > 0;) {
		if (s->overlay_form && i + 1 < s->n) {
			if (!layer_rules_lacks(rules))
				break;
			layer_rules_older(rules);
		} else {
			TRY(read_layer(s, i, rules, layer_rules_apply));
		}
		TRY(fill(s, i, rules));
	}
	return layer_rules_finish(rules);
}

struct error *build(struct stack *s)
{
	struct squash_writer_options squash = { .codec = SQUASH_ZSTD, .block_size = BLOCK_SIZE, .n_workers = 1 };
	struct layer_options options = { .overlay_form = s->overlay_form,
					 .block_size = BLOCK_SIZE,
					 .sink = collect,
					 .sink_ctx = &s->warnings };
	cleanup_fd int fd = fixture_memory("", 0);
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(s->tree_limit);
	cleanup_with(squash_writer_free) struct squash_writer *writer = NULL;
	cleanup_with(layer_rules_free) struct layer_rules *rules = NULL;
	uint64_t size = 0;

	TRY(squash_writer_new(fd, 0, &squash, &writer));
	rules = layer_rules_new(tree, writer, &options);
	TRY(apply_all(s, rules));
	TRY(squash_writer_finish(writer, tree, &size));
	buf_clear(&s->listing);
	tree_dump(fd, 0, size, &s->listing);
	return NULL;
}

const char *listing(struct stack *s)
{
	assert_ok(build(s));
	return buf_str(&s->listing);
}

/* "N DIGEST": what a listing says of a file with this content */
static const char *content(const char *text)
{
	static char result[64];
	struct digest d = sha256_of(text, strlen(text));

	(void)snprintf(result, sizeof(result), " %zu %.12s", strlen(text), digest_hex(&d));
	return result;
}

void assert_file(const char *list, const char *path, const char *text)
{
	assert_line(list, path, content(text));
}
