/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Typed reading of OCI documents. A member that is absent or null is "none"; one of another type is ERR_CORRUPT, as a
 * decoder with fixed types would say. @where names the place in errors ("image config", "layer 3").
 */
#ifndef FORMATS_OCI_PRIV_H
#define FORMATS_OCI_PRIV_H

#include "formats/oci/oci.h"

/* oci_get_str() - owned copy of a string member; NULL if absent or empty */
must_check struct error *oci_get_str(const struct jv *object, const char *key, const char *where, char **ret_text);
/* oci_get_strings() - append the items of a list of strings */
must_check struct error *oci_get_strings(const struct jv *object, const char *key, const char *where, struct strv *out);
/* oci_get_object(), oci_get_array() - borrowed member, NULL if absent */
must_check struct error *oci_get_object(const struct jv *object, const char *key, const char *where,
					struct jv **ret_value);
must_check struct error *oci_get_array(const struct jv *object, const char *key, const char *where,
				       struct jv **ret_value);
/* oci_parse_digest() - strict; NULL @text is a missing digest; ERR_UNSUPPORTED for algorithms other than sha256 */
must_check struct error *oci_parse_digest(const char *text, const char *where, struct digest *ret_digest);
must_check struct error *oci_parse_platform(const struct jv *object, const char *where,
					    struct oci_platform *ret_platform);

#endif
