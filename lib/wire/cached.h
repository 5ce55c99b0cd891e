/*
 * cached - does the client have it already?  Dates of HTTP and conditional
 * requests (RFC 9110, 5.6.7 and 13).  Pure.
 */
#ifndef MICROCA_CACHED_H
#define MICROCA_CACHED_H

#include <stdbool.h>
#include <stdint.h>

#define CACHED_DATE 30 /* "Tue, 24 Nov 2026 17:00:00 GMT" and a NUL */

/* Unix s, in English whatever the locale; years 1 to 9999. */
void cached_date(char out[CACHED_DATE], int64_t when);
/* Any of the three forms; false: a date of none of them. */
bool cached_date_read(int64_t *when, const char *text);

/* What a request says; borrowed, NULL: nothing. */
struct cached_ask {
	const char *none_match;     /* If-None-Match */
	const char *modified_since; /* If-Modified-Since */
};
/* Is what it has still this?  `etag` with its quotes, nothing but letters,
 * digits and dashes between them; `modified` Unix s, 0: not known. */
bool cached_still(
    const struct cached_ask *ask, const char *etag, int64_t modified);

#endif
