/*
 * multipart - the two parts of a serverkeygen answer, multipart/mixed (RFC
 * 7030, 4.4.2; RFC 2046, 5.1).  Pure.
 *
 * Written: CR LF, no preamble or epilogue.  Read: parts in any order, CR LF or
 * LF, preamble and epilogue, a blank before the ";" of the media type, a quoted
 * boundary (RFC 7030, A.4 has all of that).
 */
#ifndef MICROCA_MULTIPART_H
#define MICROCA_MULTIPART_H

#include "lib/base/bytes.h"
#include "lib/wire/request.h"

#define MULTIPART_BOUNDARY_LEN 33 /* with its NUL */

struct multipart_part {
	const char *type;    /* "application/pkcs8" */
	struct span content; /* DER; base64 on the wire */
};

/*
 * Append `n` parts, each with Content-Type and Content-Transfer-Encoding:
 * base64.  `boundary` is what was made at random, for the response's own
 * Content-Type.
 */
void multipart_write(struct bytes *body, char boundary[MULTIPART_BOUNDARY_LEN],
    const struct multipart_part *parts, size_t n);

#define MULTIPART_PARTS 2

struct multipart_body {
	char *type;           /* as sent, without blanks at its ends */
	struct bytes content; /* decoded */
};

/*
 * Read exactly two parts.  `type` is the response's Content-Type; a part's
 * Content-Transfer-Encoding is not looked at (RFC 8951, 3: base64 whatever it
 * says).  The caller frees, after failures too; what was in it is wiped.
 * FAIL_MALFORMED "multipart"; "base64", "body-empty".
 */
MUST_CHECK int multipart_read(struct multipart_body parts[MULTIPART_PARTS],
    const char *type, struct span body, struct fail *why);
void multipart_free(struct multipart_body parts[MULTIPART_PARTS]);

/* A media type's parameter (unquoted), or NULL; media_type_is() is request.h's.
 * The caller frees. */
char *media_type_parameter(const char *type, const char *name);

#endif
