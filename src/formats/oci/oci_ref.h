/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * References to images in registries: `[registry/]repository[:tag][@digest]` with Docker's defaults
 * (transports.md 1.3).
 */
#ifndef FORMATS_OCI_REF_H
#define FORMATS_OCI_REF_H

#include "base/digest.h"
#include "base/error.h"

struct oci_ref {
	char *registry;	  /* host[:port], "index.docker.io" for Docker Hub */
	char *repository; /* "library/ubuntu" */
	char *tag;	  /* "latest" by default; NULL if there is a digest, which makes a tag beside it meaningless */
	struct digest digest; /* text empty if none */
};

/**
 * oci_ref_parse() - parse a reference
 * @text: what follows "docker://"
 *
 * Errors: ERR_USAGE "could not parse reference: TEXT", the reference's wording; the hint says what is wrong with it.
 */
must_check struct error *oci_ref_parse(const char *text, struct oci_ref *ret_ref);
void oci_ref_clear(struct oci_ref *ref);
/* oci_ref_text() - "registry/repository:tag" or "registry/repository@digest"; caller frees */
char *oci_ref_text(const struct oci_ref *ref);

#endif
