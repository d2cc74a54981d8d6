/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/layer/layer_stream.h"

#include "base/sha256.h"
#include "image/layer/layer_decode.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

/* Whole tar blocks, small enough that a buffer is still in the second-level cache when digest and parser come to it. */
enum { SLOT_SIZE = 256 << 10, N_SLOTS = 8 };

struct slot {
	uint8_t *data;
	size_t size;
};

struct layer_stream {
	struct source *source;
	const struct oci_desc *desc;
	struct digest diff_id;
	bool check;
	struct layer_decoder *decoder; /* of the inflating thread */
	struct sha256 *hash;	       /* of the digesting thread */
	uint64_t plain;
	_Atomic uint64_t stored;

	bool inflates_apart, digests_apart; /* there is such a thread */
	pthread_t inflater, digester;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Below the lock: */
	struct slot slots[N_SLOTS]; /* slot i % N_SLOTS holds buffer i */
	uint64_t n_made, n_digested, n_parsed;
	bool ended, stopped;
	struct error *error; /* after the last buffer made */
	bool holds;	     /* the caller has buffer n_parsed */
};

/* Fills the next slot, which nobody else looks at. Opens the blob at first. */
static struct error *make_slot(struct layer_stream *s, struct slot *slot)
{
	if (!s->decoder) {
		struct blob_reader *blob = NULL;

		TRY(s->source->open_blob(s->source, s->desc, &blob));
		s->decoder = layer_decoder_new(blob);
	}
	if (!slot->data)
		slot->data = xmalloc(SLOT_SIZE);
	TRY(layer_decoder_read(s->decoder, slot->data, SLOT_SIZE, &slot->size));
	atomic_store_explicit(&s->stored, layer_decoder_stored(s->decoder), memory_order_relaxed);
	s->plain += slot->size;
	if (s->plain > LAYER_PLAIN_MAX)
		return error_new(ERR_LIMIT, "it expands to more than %" PRIu64 " bytes", LAYER_PLAIN_MAX);
	return NULL;
}

static struct error *make_slot_named(struct layer_stream *s, struct slot *slot)
{
	TRY_CTX(make_slot(s, slot), "layer %s", s->desc->digest.text);
	return NULL;
}

/* One turn of the inflating side: wait for a free slot, fill it, publish it. False when there is no more to do. */
static bool make_next(struct layer_stream *s)
{
	struct slot *slot = NULL;
	struct error *err = NULL;
	bool go_on = true;

	pthread_mutex_lock(&s->lock);
	while (!s->stopped && (s->n_made - s->n_parsed == N_SLOTS || s->n_made - s->n_digested == N_SLOTS))
		pthread_cond_wait(&s->changed, &s->lock);
	go_on = !s->stopped && !s->ended;
	slot = &s->slots[s->n_made % N_SLOTS];
	pthread_mutex_unlock(&s->lock);
	if (!go_on)
		return false;

	err = make_slot_named(s, slot);
	if (!err && s->check && !s->digests_apart)
		sha256_update(s->hash, slot->data, slot->size);

	pthread_mutex_lock(&s->lock);
	s->error = err;
	s->ended = err || slot->size == 0;
	if (!s->ended) {
		s->n_made++;
		s->n_digested += s->digests_apart ? 0 : 1;
	}
	go_on = !s->ended;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return go_on;
}

static void *inflate_all(void *arg)
{
	while (make_next(arg))
		;
	return NULL;
}

static void *digest_all(void *arg)
{
	struct layer_stream *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		const struct slot *slot = &s->slots[s->n_digested % N_SLOTS];

		while (!s->stopped && !s->ended && s->n_digested == s->n_made)
			pthread_cond_wait(&s->changed, &s->lock);
		if (s->stopped || s->n_digested == s->n_made)
			break;
		pthread_mutex_unlock(&s->lock);
		sha256_update(s->hash, slot->data, slot->size);
		pthread_mutex_lock(&s->lock);
		s->n_digested++;
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct layer_stream *layer_stream_open(struct source *source, const struct oci_desc *desc, const struct digest *diff_id)
{
	struct layer_stream *s = xcalloc(1, sizeof(*s));

	s->source = source;
	s->desc = desc;
	s->check = diff_id != NULL;
	if (s->check)
		s->diff_id = *diff_id;
	s->hash = sha256_new();
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->digests_apart = s->check && pthread_create(&s->digester, NULL, digest_all, s) == 0;
	s->inflates_apart = pthread_create(&s->inflater, NULL, inflate_all, s) == 0;
	return s;
}

void layer_stream_close(struct layer_stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopped = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (s->inflates_apart)
		pthread_join(s->inflater, NULL);
	if (s->digests_apart)
		pthread_join(s->digester, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	layer_decoder_free(s->decoder);
	sha256_free(s->hash);
	error_free(s->error);
	for (size_t i = 0; i < N_SLOTS; i++)
		free(s->slots[i].data);
	free(s);
}

/* The caller is done with its buffer and wants the next. */
static struct error *next_slot(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct layer_stream *s = ctx;
	struct error *err = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->holds) {
		s->n_parsed++;
		s->holds = false;
		pthread_cond_broadcast(&s->changed);
	}
	while (!s->ended && s->n_parsed == s->n_made) {
		if (s->inflates_apart) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		(void)make_next(s);
		pthread_mutex_lock(&s->lock);
	}
	*ret_size = 0;
	if (s->n_parsed < s->n_made) {
		*ret_data = s->slots[s->n_parsed % N_SLOTS].data;
		*ret_size = s->slots[s->n_parsed % N_SLOTS].size;
		s->holds = true;
	} else {
		err = take_ptr(&s->error);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

struct tar_input layer_stream_input(struct layer_stream *s)
{
	return (struct tar_input){ .next = next_slot, .ctx = s };
}

struct error *layer_stream_finish(struct layer_stream *s)
{
	struct digest got = { 0 };

	if (!s->check)
		return NULL;
	pthread_mutex_lock(&s->lock);
	while (s->n_digested < s->n_made)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	got = sha256_digest(s->hash);
	if (!digest_eq(&got, &s->diff_id))
		return error_new(ERR_CORRUPT, "layer %s: uncompressed digest is %s, the image config says %s",
				 s->desc->digest.text, got.text, s->diff_id.text);
	return NULL;
}

uint64_t layer_stream_stored(const struct layer_stream *s)
{
	return atomic_load_explicit(&s->stored, memory_order_relaxed);
}
