/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The word that names an image on a command line: a transport and what it is to fetch (transports.md 1.1, 1.2).
 * Splitting never fails; what the parts mean is up to each transport.
 */
#ifndef FORMATS_URI_H
#define FORMATS_URI_H

#include "base/error.h"

enum uri_transport {
	URI_PLAIN,   /* no known scheme: a path for actions */
	URI_UNKNOWN, /* scheme://, but none that anybody knows */
	URI_DOCKER,
	URI_DOCKER_ARCHIVE,
	URI_DOCKER_DAEMON,
	URI_OCI,
	URI_OCI_ARCHIVE,
	URI_OCI_SIF,
	URI_LIBRARY,
	URI_SHUB,
	URI_ORAS,
	URI_HTTP,
	URI_HTTPS,
	URI_INSTANCE,
};

struct uri {
	enum uri_transport transport;
	char *scheme; /* as typed; "" for a plain word */
	char *rest;   /* what follows the colon; the whole word if it is plain */
};

void uri_split(const char *text, struct uri *ret_uri);
void uri_clear(struct uri *uri);
#define cleanup_uri __attribute__((__cleanup__(uri_clear)))

/**
 * uri_output_name() - name of the file that a pull writes when it was told none
 * @suffix: "sif" or "oci.sif"; http and https keep the name that they have
 *
 * Errors: ERR_USAGE if the reference has no last component.
 */
must_check struct error *uri_output_name(const struct uri *uri, const char *suffix, char **ret_name);

/* uri_local_path() - the path in the rest of a local transport: without one leading "//"; borrowed from @rest */
const char *uri_local_path(const char *rest);

#endif
