/*
 * wish - which certificates a query asks for: the same words for pages, API
 * and exports.
 *
 * subject san serial fingerprint profile endpoint device; state ("good",
 * "expiring", "expired", "revoked", "held") and within ("30d"); issued_from
 * issued_until ends_from ends_until ("2026-01-31" or RFC 3339; until is not
 * within); order ("newest", "oldest", "ending", "ended"); rows; cursor; and
 * go=on: search for longer.
 */
#ifndef MICROCA_WISH_H
#define MICROCA_WISH_H

#include "lib/page/fields.h"
#include "lib/store/browse.h"

#define WISH_ROWS 50
#define WISH_WITHIN (30 * 86400)
#define WISH_LONGER 1.0 /* s */

/* Texts borrowed from the fields, but for `own`. */
struct wish {
	struct browse_filter filter;
	struct browse_rules rules;
	char *own[2]; /* serial and fingerprint in their strict forms */
};

/* FAIL_MALFORMED "query".  wish_free() also after a failure. */
MUST_CHECK int wish_read(
    struct wish *w, const struct fields *query, int64_t now, struct fail *why);
void wish_free(struct wish *w);
/* The query again, with another cursor (NULL: none). */
void wish_write(struct bytes *out, const struct fields *query,
    const char *cursor, bool longer);

#endif
