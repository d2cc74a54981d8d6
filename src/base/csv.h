/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One record of comma-separated values as RFC 4180 and Go's encoding/csv read it: list flags and --mount are written
 * so. A field in quotes may hold commas, line ends and doubled quotes; a quote inside a field without quotes is an
 * error. What follows the first record is ignored. Error texts are those of Go, since the reference prints them.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/error.h"
#include "base/str.h"

/**
 * csv_read_record() - append the fields of the first record of @text to @fields
 * @fields: an empty @text adds nothing
 *
 * Errors: ERR_USAGE for misplaced quotes; then some fields may have been added.
 */
must_check struct error *csv_read_record(const char *text, struct strv *fields);
/* csv_read_next() - the same; *text moves behind the record, so that calls give one record after the other until no
 * field comes */
must_check struct error *csv_read_next(const char **text, struct strv *fields);

#endif
