/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_tree.h"

#include "base/mem.h"
#include "formats/squash/squash_bytes.h"
#include "formats/squash/squash_format.h"
#include "formats/squash/squash_tree_priv.h"

#include <inttypes.h>
#include <stdalign.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define CHUNK_SIZE (64u << 10)
#define LIST_MAX 8u		/* so many children are looked through one by one */
#define TARGET_MAX 4095u	/* PATH_MAX with its NUL: a longer target can be neither made nor followed */
#define XATTR_NAME_LEN_MAX 255u /* XATTR_NAME_MAX of Linux */

/* Nodes, names and all else are cut from chunks and given back together: half the memory and time of single
 * allocations. */
struct chunk {
	struct chunk *next;
	size_t used;
	alignas(16) uint8_t bytes[];
};

struct squash_tree {
	struct squash_node root;
	struct chunk *chunks;
	size_t chunk_size; /* of the first chunk, which is being filled */
	uint64_t memory_used;
	uint64_t memory_limit;
	uint64_t seed; /* secret, so that no image can choose names that collide */
};

struct squash_tree *squash_tree_new(uint64_t memory_limit)
{
	struct squash_tree *tree = xcalloc(1, sizeof(*tree));

	tree->root.name = "";
	tree->root.mode = S_IFDIR | 0755;
	tree->memory_limit = memory_limit ? memory_limit : UINT64_MAX;
	if (getrandom(&tree->seed, sizeof(tree->seed), 0) != sizeof(tree->seed))
		tree->seed = (uint64_t)(uintptr_t)tree; /* randomised by the kernel too */
	return tree;
}

void squash_tree_free(struct squash_tree *tree)
{
	if (!tree)
		return;
	for (struct chunk *chunk = tree->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(tree);
}

/* Zeroed memory that lives as long as the tree. */
static struct error *take(struct squash_tree *tree, size_t size, void *ret_ptr)
{
	struct chunk *chunk = tree->chunks;

	size = (size + 7) & ~(size_t)7;
	if (!chunk || size > tree->chunk_size - chunk->used) {
		size_t wanted = size > CHUNK_SIZE / 4 ? size : CHUNK_SIZE;

		if (wanted > tree->memory_limit - tree->memory_used)
			return error_new(ERR_LIMIT, "the image's tree needs more than %" PRIu64 " bytes of memory",
					 tree->memory_limit);
		tree->memory_used += wanted;
		chunk = xcalloc(1, sizeof(*chunk) + wanted);
		if (wanted != CHUNK_SIZE && tree->chunks) {
			/* A chunk of its own, behind the one that is being filled. */
			chunk->next = tree->chunks->next;
			tree->chunks->next = chunk;
		} else {
			chunk->next = tree->chunks;
			tree->chunks = chunk;
			tree->chunk_size = wanted;
		}
	}

	void *ptr = chunk->bytes + chunk->used;

	chunk->used += size;
	memcpy(ret_ptr, &ptr, sizeof(ptr));
	return NULL;
}

static struct error *take_copy(struct squash_tree *tree, const void *data, size_t size, bool terminate, void *ret_ptr)
{
	uint8_t *copy = NULL;

	TRY(take(tree, size + (terminate ? 1 : 0), &copy));
	if (size)
		memcpy(copy, data, size);
	memcpy(ret_ptr, &copy, sizeof(copy));
	return NULL;
}

struct squash_node *squash_tree_root(struct squash_tree *tree)
{
	return &tree->root;
}

struct squash_node *squash_tree_children(const struct squash_node *dir)
{
	return dir->children ? dir->children->first : NULL;
}

static uint32_t hash_name(const struct squash_children *dir, const char *name, size_t name_len)
{
	return (uint32_t)squash_hash(dir->tree->seed, name, name_len);
}

static bool has_name(const struct squash_node *node, uint32_t hash, const char *name, size_t name_len)
{
	return node->hash == hash && node->name_len == name_len && !node->removed &&
	       memcmp(node->name, name, name_len) == 0;
}

struct squash_node *squash_tree_find(struct squash_node *node, const char *name, size_t name_len)
{
	const struct squash_children *dir = node->children;

	if (!dir)
		return NULL;

	uint32_t hash = hash_name(dir, name, name_len);

	if (!dir->buckets) {
		for (struct squash_node *child = dir->first; child; child = child->next_sibling)
			if (has_name(child, hash, name, name_len))
				return child;
		return NULL;
	}
	for (struct squash_node *child = dir->buckets[hash & (dir->n_buckets - 1)]; child; child = child->hash_next)
		if (has_name(child, hash, name, name_len))
			return child;
	return NULL;
}

static void hash_insert(struct squash_children *dir, struct squash_node *node)
{
	struct squash_node **bucket = &dir->buckets[node->hash & (dir->n_buckets - 1)];

	node->hash_next = *bucket;
	*bucket = node;
}

/* Doubles the table; the old one stays behind in its chunk, all old ones together no larger than the new one. */
static struct error *grow_buckets(struct squash_children *dir)
{
	struct squash_node **buckets = NULL;
	uint32_t n = dir->n_buckets ? dir->n_buckets * 2 : LIST_MAX * 4;

	TRY(take(dir->tree, n * sizeof(*buckets), &buckets));
	dir->buckets = buckets;
	dir->n_buckets = n;
	for (struct squash_node *child = dir->first; child; child = child->next_sibling)
		hash_insert(dir, child);
	return NULL;
}

static struct error *check_name(const char *name, size_t name_len)
{
	if (name_len == 0 || (name_len == 1 && name[0] == '.') || (name_len == 2 && name[0] == '.' && name[1] == '.'))
		return error_new(ERR_CORRUPT, "\"%.*s\" cannot be the name of a file", (int)name_len, name);
	if (name_len > SQUASH_NAME_MAX)
		return error_new(ERR_CORRUPT, "a file name of %zu bytes is too long (limit %d): %.32s...", name_len,
				 SQUASH_NAME_MAX, name);
	if (memchr(name, '/', name_len) || memchr(name, '\0', name_len))
		return error_new(ERR_CORRUPT, "a file name holds a slash or a zero byte: %.*s", (int)name_len, name);
	return NULL;
}

static struct error *make_dir(struct squash_tree *tree, struct squash_node *node)
{
	if (!node->children) {
		TRY(take(tree, sizeof(*node->children), &node->children));
		node->children->tree = tree;
	}
	return NULL;
}

struct error *squash_tree_add(struct squash_tree *tree, struct squash_node *parent, const char *name, size_t name_len,
			      struct squash_node **ret_node)
{
	struct squash_node *node = NULL;

	TRY(check_name(name, name_len));
	TRY(make_dir(tree, parent));

	struct squash_children *dir = parent->children;

	if (dir->n_children >= (dir->buckets ? dir->n_buckets : LIST_MAX))
		TRY(grow_buckets(dir));
	TRY(take(tree, sizeof(*node), &node));
	TRY(take_copy(tree, name, name_len, true, &node->name));
	node->name_len = (uint16_t)name_len;
	node->parent = parent;
	node->hash = hash_name(dir, name, name_len);
	node->next_sibling = dir->first;
	dir->first = node;
	dir->n_children++;
	if (dir->buckets)
		hash_insert(dir, node);
	*ret_node = node;
	return NULL;
}

struct error *squash_tree_set_target(struct squash_tree *tree, struct squash_node *node, const char *target)
{
	size_t len = strlen(target);

	if (len > TARGET_MAX)
		return error_new(ERR_LIMIT, "the target of a symbolic link has %zu bytes (limit %u)", len, TARGET_MAX);
	return take_copy(tree, target, len, true, &node->target);
}

static bool is_kept_prefix(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "security.", 9) == 0;
}

/* Index of the first attribute whose name is not below @name. */
static uint32_t xattr_place(const struct squash_node *node, const char *name)
{
	uint32_t low = 0;
	uint32_t high = node->n_xattrs;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strcmp(node->xattrs[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Opens a gap for one more item at @at. */
static struct error *xattr_insert(struct squash_tree *tree, struct squash_node *node, uint32_t at)
{
	struct squash_xattr *old = node->xattrs;
	uint32_t n = node->n_xattrs;

	if (n == SQUASH_XATTRS_MAX)
		return error_new(ERR_LIMIT, "a file has more than %d extended attributes", SQUASH_XATTRS_MAX);
	/* Room is a power of two: full exactly when the count is one. */
	if ((n & (n - 1)) == 0) {
		TRY(take(tree, (n ? (size_t)n * 2 : 1) * sizeof(*old), &node->xattrs));
		if (n)
			memcpy(node->xattrs, old, n * sizeof(*old));
	}
	memmove(node->xattrs + at + 1, node->xattrs + at, (n - at) * sizeof(*old));
	node->xattrs[at] = (struct squash_xattr){ 0 };
	node->n_xattrs++;
	return NULL;
}

struct error *squash_tree_set_xattr(struct squash_tree *tree, struct squash_node *node, const char *name,
				    const void *value, size_t size, bool *ret_kept)
{
	size_t name_len = strlen(name);
	void *value_copy = NULL;
	char *name_copy = NULL;

	if (ret_kept)
		*ret_kept = is_kept_prefix(name);
	if (!is_kept_prefix(name))
		return NULL;
	if (name_len > XATTR_NAME_LEN_MAX)
		return error_new(ERR_LIMIT, "the name of an extended attribute has %zu bytes (limit %u)", name_len,
				 XATTR_NAME_LEN_MAX);
	if (size > SQUASH_XATTR_VALUE_MAX)
		return error_new(ERR_LIMIT, "the extended attribute %s has %zu bytes (limit %d)", name, size,
				 SQUASH_XATTR_VALUE_MAX);

	uint32_t at = xattr_place(node, name);

	TRY(take_copy(tree, value, size, false, &value_copy));
	if (at == node->n_xattrs || strcmp(node->xattrs[at].name, name) != 0) {
		TRY(take_copy(tree, name, name_len, true, &name_copy));
		TRY(xattr_insert(tree, node, at));
		node->xattrs[at].name = name_copy;
	}
	node->xattrs[at].value = value_copy;
	node->xattrs[at].size = size;
	return NULL;
}

char *squash_tree_path(const struct squash_node *node)
{
	size_t len = 0;

	for (const struct squash_node *at = node; at->parent; at = at->parent)
		len += 1 + at->name_len;
	if (len == 0)
		return xstrdup("/");

	char *path = xmalloc(len + 1);

	path[len] = '\0';
	for (const struct squash_node *at = node; at->parent; at = at->parent) {
		len -= at->name_len;
		memcpy(path + len, at->name, at->name_len);
		path[--len] = '/';
	}
	return path;
}
