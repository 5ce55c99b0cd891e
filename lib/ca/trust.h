/*
 * trust - one `allow` rule's trust anchors: path validation of client
 * certificates (RFC 5280, 6).
 *
 * Anchors are the rule's issuer file, or our own issuing certificates, all that
 * are kept, and those of peers, which issue into the same store;
 * intermediates come from the rule's file alone, never from the client.  A
 * rule with a CRL file checks the leaf against it, unless the leaf has
 * noRevAvail (RFC 9608); the file is read anew when it changes, and one that is
 * absent, unreadable or too old lets nobody in.
 */
#ifndef MICROCA_TRUST_H
#define MICROCA_TRUST_H

#include "lib/ca/issuers.h"

struct trust; /* thread-safe */

/* `issuers` (copied) are for a rule that takes our own certificates; with
 * NULL such a rule trusts nobody.  FAIL_CONFIG for the rule's files. */
MUST_CHECK int trust_new(struct trust **trust, const struct allow *rule,
    const struct issuers *issuers, struct fail *why);
void trust_free(struct trust *trust);

/* Changes whenever the CRL file does: verdicts of another generation are
 * worth nothing. */
unsigned trust_generation(struct trust *trust);

/*
 * Is there a path to one of the anchors?  `until`: when the verdict ends with
 * the first certificate of the path or the CRL, Unix s.  `issuer` (may be NULL) is
 * the leaf's direct issuer, the caller's to free.  Fails: FAIL_DENIED
 * "client-untrusted", "client-expired", "client-notyet", "client-revoked",
 * "client-cert", "client-usage", "client-path"; FAIL_BUSY "client-crl".
 */
MUST_CHECK int trust_check(struct trust *trust, int64_t *until, X509 **issuer,
    X509 *leaf, struct fail *why);

#endif
