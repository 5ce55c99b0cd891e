/*
 * fields - names and values of a query or a form
 * (application/x-www-form-urlencoded, as the URL standard has it).  Pure.
 */
#ifndef MICROCA_FIELDS_H
#define MICROCA_FIELDS_H

#include "lib/base/bytes.h"

#define FIELDS_MOST 32
#define FIELD_MAX 512 /* octets of a value */

struct fields {
	struct field {
		char *name, *value;
	} item[FIELDS_MOST];
	size_t n;
};

/*
 * Strict: each % with two digits, UTF-8 without control characters, no name
 * twice, none without a name; values that are empty count as not there.
 * fields_free() also after a failure.  FAIL_MALFORMED "query".
 */
MUST_CHECK int fields_read(
    struct fields *f, const char *text, struct fail *why);
/* The same out of the texts, numbers and truths of one JSON object.
 * FAIL_MALFORMED "json", "query". */
MUST_CHECK int fields_read_json(
    struct fields *f, const char *text, struct fail *why);
void fields_free(struct fields *f); /* contents, then zero */

const char *field_of(const struct fields *f, const char *name); /* or NULL */
/* Is each name one of these (NULL-terminated)?  FAIL_MALFORMED "query". */
MUST_CHECK int fields_known(
    const struct fields *f, const char *const *names, struct fail *why);

/* Append "&name=value", percent-encoded, "?" at the beginning; nothing when
 * value is NULL or "". */
void field_write(struct bytes *out, const char *name, const char *value);

#endif
