/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_place.h"

#include "base/io.h"
#include "base/mem.h"
#include "formats/squash/squash_bytes.h"
#include "formats/squash/squash_format.h"

#define COMPARE_SIZE (64u << 10) /* bytes compared at a time */
#define CANDIDATES_MAX 16u /* files of one hash that are compared: an image may be made so that all of them collide */
#define BUCKETS_MIN 1024u

struct error *squash_placer_append(struct squash_placer *p, const void *data, size_t size)
{
	TRY_CTX(io_pwrite_all(p->fd, data, size, p->offset + p->pos), "write the squashfs image");
	p->pos += size;
	if (p->pos > p->pos_max)
		p->pos_max = p->pos;
	return NULL;
}

static void add_words(struct squash_extent *file, uint64_t n, uint32_t word)
{
	if (n > file->words_cap - file->n_words) {
		size_t wanted = file->n_words + (size_t)n;

		if (wanted < (size_t)file->words_cap * 2)
			wanted = (size_t)file->words_cap * 2;
		file->words = xreallocarray(file->words, wanted, sizeof(*file->words));
		file->words_cap = (uint32_t)wanted;
	}
	for (uint64_t i = 0; i < n; i++)
		file->words[file->n_words++] = word;
}

static uint32_t size_word(const struct squash_job *job)
{
	return (uint32_t)job->stored_size | (job->stored == job->data ? SQUASH_BLOCK_RAW : 0);
}

static struct error *place_block(struct squash_placer *p, const struct squash_job *job)
{
	struct squash_extent *file = job->file;

	add_words(file, job->n_holes, 0);
	if (file->start == 0)
		file->start = p->pos; /* never 0: the superblock is there */
	add_words(file, 1, size_word(job));
	file->hash = squash_hash(file->hash, &job->hash, sizeof(job->hash));
	return squash_placer_append(p, job->stored, job->stored_size);
}

static struct error *place_fragment(struct squash_placer *p, const struct squash_job *job)
{
	GROW(p->fragments, p->n_fragments, p->fragments_cap);
	p->fragments[p->n_fragments++] = (struct squash_fragment){ .start = p->pos, .word = size_word(job) };
	return squash_placer_append(p, job->stored, job->stored_size);
}

/* Both ranges were written a moment ago and come from the page cache. */
static struct error *equal_bytes(struct squash_placer *p, uint64_t a, uint64_t b, uint64_t size, bool *ret_equal)
{
	if (!p->compare)
		p->compare = xmalloc(2 * (size_t)COMPARE_SIZE);
	*ret_equal = true;
	for (uint64_t done = 0; done < size && *ret_equal;) {
		size_t n = size - done < COMPARE_SIZE ? (size_t)(size - done) : COMPARE_SIZE;
		size_t got_a;
		size_t got_b;

		TRY_CTX(io_pread(p->fd, p->compare, n, p->offset + a + done, &got_a), "read the squashfs image back");
		TRY_CTX(io_pread(p->fd, p->compare + COMPARE_SIZE, n, p->offset + b + done, &got_b),
			"read the squashfs image back");
		*ret_equal = got_a == n && got_b == n && memcmp(p->compare, p->compare + COMPARE_SIZE, n) == 0;
		done += n;
	}
	return NULL;
}

/* Equal stored blocks of equal sizes are equal contents: each block decodes by itself. */
static bool may_equal(const struct squash_extent *a, const struct squash_extent *b)
{
	return a->hash == b->hash && a->content.size == b->content.size && a->content.fragment == b->content.fragment &&
	       a->content.fragment_offset == b->content.fragment_offset && a->n_words == b->n_words &&
	       memcmp(a->words, b->words, a->n_words * sizeof(*a->words)) == 0;
}

static struct error *find_equal(struct squash_placer *p, const struct squash_extent *file,
				const struct squash_extent **ret_equal)
{
	unsigned int n_candidates = 0;

	*ret_equal = NULL;
	if (!p->buckets)
		return NULL;
	for (const struct squash_extent *other = p->buckets[file->hash & (p->n_buckets - 1)]; other;
	     other = other->hash_next) {
		bool equal = false;

		if (!may_equal(file, other))
			continue;
		if (++n_candidates > CANDIDATES_MAX)
			break;
		TRY(equal_bytes(p, file->start, other->start, p->pos - file->start, &equal));
		if (equal) {
			*ret_equal = other;
			break;
		}
	}
	return NULL;
}

static void insert(struct squash_placer *p, struct squash_extent *file)
{
	struct squash_extent **bucket = &p->buckets[file->hash & (p->n_buckets - 1)];

	file->hash_next = *bucket;
	*bucket = file;
}

static void remember(struct squash_placer *p, struct squash_extent *file)
{
	if (p->n_files >= p->n_buckets) {
		struct squash_extent **old = p->buckets;
		size_t n_old = p->n_buckets;

		p->n_buckets = n_old ? n_old * 2 : BUCKETS_MIN;
		p->buckets = xcalloc(p->n_buckets, sizeof(struct squash_extent *));
		for (size_t i = 0; i < n_old; i++) {
			for (struct squash_extent *at = old[i], *next; at; at = next) {
				next = at->hash_next;
				insert(p, at);
			}
		}
		free(old);
	}
	insert(p, file);
	p->n_files++;
}

static struct error *place_end(struct squash_placer *p, const struct squash_job *job)
{
	struct squash_extent *file = job->file;
	const struct squash_extent *equal = NULL;

	add_words(file, job->n_holes, 0);
	file->words = xreallocarray(file->words, file->n_words, sizeof(*file->words));
	file->words_cap = file->n_words;
	if (file->start == 0)
		return NULL; /* holes alone take no space */
	TRY(find_equal(p, file, &equal));
	if (!equal) {
		remember(p, file);
		return NULL;
	}
	/* Nothing came in between: a fragment block is queued behind the end of the file that fills it. */
	p->pos = file->start;
	file->same_as = equal;
	free(file->words);
	file->words = NULL;
	return NULL;
}

struct error *squash_placer_place(void *placer, const struct squash_job *job)
{
	switch (job->kind) {
	case SQUASH_JOB_BLOCK:
		return place_block(placer, job);
	case SQUASH_JOB_FRAGMENT:
		return place_fragment(placer, job);
	case SQUASH_JOB_END:
		return place_end(placer, job);
	}
	return error_new(ERR_INTERNAL, "unknown kind of job");
}

void squash_placer_release(struct squash_placer *p)
{
	free(p->fragments);
	free(p->buckets);
	free(p->compare);
}
