/*
 * revoke - the one act that ends a certificate before its time, and the one
 * that takes a hold back (RFC 5280, 5.3.1), for the tool and the inventory.
 *
 * Each is one transaction of the store with its audit row and, for a device,
 * the outbox row; it counts for renewals from its commit on.  No token is
 * needed: the next revocation list and the next OCSP answer tell of it.  What
 * this CA issued to a subordinate CA is revoked like any other.
 *
 * Not in here: the CA's own issuing certificates, which only their issuer
 * revokes ("own-issuer").
 */
#ifndef MICROCA_REVOKE_H
#define MICROCA_REVOKE_H

#include "lib/ca/ca.h"

/* What is to become of a certificate. */
struct revoke_wish {
	bool release; /* a hold ends; the two below do not count */
	enum store_reason reason;
	int64_t
	    invalid; /* RFC 5280, 5.3.2: misused since, perhaps; 0: no word */
};

/* A word of RFC 5280, 5.3.1; NULL means unspecified.  FAIL_MALFORMED "reason"
 * names them all. */
MUST_CHECK int revoke_reason(
    enum store_reason *reason, const char *word, struct fail *why);

/*
 * One certificate by its serial or its SHA-256 (64 digits): hex in either case,
 * ':' and ' ' are passed over.  record_free() in any case.  Fails:
 * FAIL_MALFORMED "serial"; FAIL_ABSENT "unknown-serial"; FAIL_DENIED
 * "own-issuer".
 */
MUST_CHECK int revoke_find(
    struct record *r, struct ca *ca, const char *text, struct fail *why);

/*
 * Do it.  `entry` says who and why; event, reason and what it says of the
 * certificate are filled in here.  The same again is harmless: `changed` false.
 * Fails: FAIL_MALFORMED "time" (`invalid` is before its notBefore or in the
 * future); FAIL_DENIED "own-issuer", "revoked"; and as store_revoke_one().
 */
MUST_CHECK int revoke_act(bool *changed, struct ca *ca, const struct record *r,
    const struct revoke_wish *wish, int64_t now, const struct audit *entry,
    struct fail *why);

/* May the wish be had, as far as the row tells: would anything change? */
bool revoke_would(const struct record *r, const struct revoke_wish *wish);

/* RFC 5280, 4.2.1.9: is it a CA's, so that all below it ends too? */
bool revoke_is_ca(const struct record *r);

/* RFC 9608: does it say that nobody need ask?  Then only we know of its end. */
bool revoke_is_unseen(const struct record *r);

/* Those that a pattern names and the wish would change. */
struct revoke_list {         /* revoke_list_free() */
	struct record *item; /* in the order of issuance, `most` of them */
	size_t n;
	int64_t all; /* how many there are */
};
struct revoke_pattern {
	const char *subject;            /* as in struct store_filter */
	const char *profile, *endpoint; /* NULL: any */
};
/* Expired ones are left out: there is nothing to end.  The filter's own
 * failures are the store's. */
MUST_CHECK int revoke_select(struct revoke_list *list, struct ca *ca,
    const struct revoke_pattern *pattern, const struct revoke_wish *wish,
    size_t most, int64_t now, struct fail *why);
void revoke_list_free(struct revoke_list *list); /* contents, then zero */

#endif
