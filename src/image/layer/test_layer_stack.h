/* SPDX-License-Identifier: BSD-3-Clause */
/* Small stacks of tars through rules and writer; the squashfs that comes out is compared as text. Include after cmocka.h. */
#ifndef IMAGE_TEST_LAYER_STACK_H
#define IMAGE_TEST_LAYER_STACK_H

#include "image/layer/layer_rules.h"
#include "tests/testlib/tar_make.h"
#include "tests/testlib/tree_dump.h"

enum { LAYERS_MAX = 8, BLOCK_SIZE = 4096 };

/* A stack of layers, bottom first, and what became of it. */
struct stack {
	struct buf layers[LAYERS_MAX];
	size_t n;
	bool overlay_form; /* the top layer alone; the others are there for its hard links */
	uint64_t tree_limit;
	struct buf listing, warnings;
	unsigned int n_fills;
};

void stack_clear(struct stack *s);
#define cleanup_stack __attribute__((__cleanup__(stack_clear)))

/* add_layer() - the archive of a new layer, on top of the others */
struct buf *add_layer(struct stack *s);
/* build() - fill s->listing; listing() - the same where it must succeed */
must_check struct error *build(struct stack *s);
const char *listing(struct stack *s);
/* assert_file() - @path is a file with this content */
void assert_file(const char *list, const char *path, const char *text);

#endif
