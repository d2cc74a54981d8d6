/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the source room: the local transports and what they share.
 */
#ifndef IMAGE_SOURCE_PRIV_H
#define IMAGE_SOURCE_PRIV_H

#include "image/source/blob_range.h"
#include "image/source/tarball.h"

/*
 * The files of a layout, in a directory or an archive. find() gives ERR_NOT_FOUND for what is not there; the descriptor
 * in the range is the caller's to close if `owns_fds` says so.
 */
struct layout_store {
	struct error *(*find)(const struct layout_store *store, const char *name, struct blob_range *ret_range);
	bool owns_fds;
	int dirfd;		 /* of a directory */
	struct tarball *tarball; /* or the archive */
	const char *path;	 /* for messages; owned by the source */
};

/* What chooses one image of several, from the end of a local reference. */
enum selector_kind { SELECT_NONE, SELECT_NAME, SELECT_INDEX, SELECT_DIGEST };
struct selector {
	enum selector_kind kind;
	char *text;	      /* the name; for the others what was written */
	uint64_t index;	      /* SELECT_INDEX */
	struct digest digest; /* SELECT_DIGEST */
};

/**
 * local_open() - find the path in a reference like `PATH[:NAME|:@INDEX|@DIGEST]` and open it
 * @flags: of the open: O_RDONLY, or O_PATH | O_DIRECTORY
 *
 * The whole is taken as a path if it exists, then what stands before "@sha256:", then before each colon from the left.
 * Errors: those of opening the whole, if none of these exists.
 */
must_check struct error *local_open(const char *rest, int flags, char **ret_path, struct selector *ret_selector,
				    int *ret_fd);
void selector_clear(struct selector *selector);
#define cleanup_selector __attribute__((__cleanup__(selector_clear)))

must_check struct error *source_layout_open(const char *rest, const struct source_options *options,
					    struct source **ret_source);
/* source_layout_in_tarball(), source_docker_tarball() - the image in an archive; @tarball is taken, on failure too */
must_check struct error *source_layout_in_tarball(struct tarball *tarball, const char *path,
						  const struct selector *selector, const struct source_options *options,
						  struct source **ret_source);
/* source_archive_open() - an archive of either kind: what it holds decides, the transport's name only says what is
 * tried first */
must_check struct error *source_archive_open(const char *rest, bool is_docker, const struct source_options *options,
					     struct source **ret_source);
must_check struct error *source_docker_tarball(struct tarball *tarball, const struct selector *selector, const struct source_options *options,
					       struct source **ret_source);
must_check struct error *source_ocisif_open(const char *path, const struct source_options *options,
					    struct source **ret_source);

/* source_say_local() - all lines of a copy at once, for blobs that are read in place */
struct error *source_say_local(const struct source *source, const struct source_options *options);
/* source_take_manifest()/source_take_config() - put a document into @source: digest taken, bytes moved out of @bytes,
 * parsed */
must_check struct error *source_take_manifest(struct source *source, struct buf *bytes);
must_check struct error *source_take_config(struct source *source, struct buf *bytes);
/* source_release() - free the documents */
void source_release(struct source *source);

#endif
