/*
 * secret - one-time enrolment secrets: who may ask once without a certificate.
 *
 * What is kept of a secret is the SHA-256 of its octets, and it is found by
 * that alone: a wrong secret and an unknown device take the same way.  It is
 * bound to an endpoint and a device name, ends with its time or by revocation,
 * and is used up by the transaction that records the certificate it opened
 * (store_rules.secret), never by a request that failed.  An answer that is made
 * anew (store_rules.supersede) may take the place of the one it opened.
 */
#ifndef MICROCA_STORE_SECRET_H
#define MICROCA_STORE_SECRET_H

#include "lib/store/store.h"

/* One row.  Strings owned: secret_free(). */
struct secret {
	int64_t id;
	uint8_t hash[SHA256_LEN];
	char *endpoint, *device;
	int64_t created, expires;
	int64_t used, revoked;           /* Unix s; 0: not */
	uint8_t certificate[SHA256_LEN]; /* of what was issued, when used */
	char *made_by;
};
void secret_free(struct secret *s); /* contents, then zero */

#define SECRET_LIFE_MOST (366 * 86400) /* s: a year, whichever */

/* Its time has ended, or cannot be true: one that has more left than any is
 * given, and a day, was made by a clock that ran ahead, and would live for as
 * long as that did. */
bool secret_over(const struct secret *s, int64_t now);
/* "open", "used", "revoked", "expired" at `now`; static. */
const char *secret_status(const struct secret *s, int64_t now);

/*
 * All or none of `n` new ones: hash, endpoint, device and expires are the
 * caller's, id, created and made_by (by->requester) are filled in.  An unused
 * one of the same endpoint and device is revoked: there is one at a time.  One
 * audit row each, `by` completed with endpoint and text.  Synced.  Rows whose
 * time ended 30 days ago go, up to 1,000 at a time: the audit has them; so the
 * table holds those of the last year and a month, as a secret lives a year at
 * most.
 */
MUST_CHECK int store_secret_add(struct store *store, struct secret *s, size_t n,
    int64_t now, const struct audit *by, struct fail *why);

/* `found` false and 0 when there is none. */
MUST_CHECK int store_secret_find(struct store *store, struct secret *s,
    bool *found, const uint8_t hash[SHA256_LEN], struct fail *why);

/*
 * By id, or all of a device (id 0).  A used one loses its repeats; what was
 * issued stays.  `changed` counts them: 0 when they were revoked before.  One
 * audit row each.  FAIL_ABSENT "unknown-secret".
 */
MUST_CHECK int store_secret_revoke(struct store *store, int64_t *changed,
    int64_t id, const char *device, int64_t now, const struct audit *by,
    struct fail *why);

/* In the order they were made, until `each` returns non-zero; it may use the
 * store. */
MUST_CHECK int store_secret_list(struct store *store,
    int (*each)(const struct secret *s, void *arg), void *arg,
    struct fail *why);

#endif
