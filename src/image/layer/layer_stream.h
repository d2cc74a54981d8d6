/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer as a stream of plain tar bytes. One thread reads and inflates the blob, a second one digests the plain bytes, and the
 * caller parses them; between them lies a fixed ring of buffers, so memory is bounded and a slow reader slows the rest down.
 * Where no thread can be had (RLIMIT_NPROC, a cgroup's pids limit) the caller's thread does all three.
 */
#ifndef IMAGE_LAYER_STREAM_H
#define IMAGE_LAYER_STREAM_H

#include "formats/tar/tar.h"
#include "image/source/source.h"

#define LAYER_PLAIN_MAX (UINT64_C(1) << 40) /* bytes of one layer's tar: 1 TiB, ten times what any registry takes in */

struct layer_stream;

/**
 * layer_stream_open() - start reading a layer
 * @source, @desc: borrowed until the stream is closed; open_blob() is called from the stream's thread
 * @diff_id: digest that the plain bytes must have; NULL: not checked
 */
struct layer_stream *layer_stream_open(struct source *source, const struct oci_desc *desc, const struct digest *diff_id);
/* layer_stream_input() - the plain bytes, as the tar reader takes them; valid until the stream is closed */
struct tar_input layer_stream_input(struct layer_stream *s);
/**
 * layer_stream_finish() - after the input gave its end: check the diffID
 *
 * Errors: ERR_CORRUPT "layer <digest>: uncompressed digest is <digest>, the image config says <digest>".
 */
must_check struct error *layer_stream_finish(struct layer_stream *s);
/* layer_stream_stored() - stored bytes read so far; any thread */
uint64_t layer_stream_stored(const struct layer_stream *s);
void layer_stream_close(struct layer_stream *s); /* stops the threads; also half-way */
DEFINE_CLEANUP(struct layer_stream *, layer_stream_close)

#endif
