/*
 * est_answer - what an EST server's answer says: status, media type, base64,
 * certificates (RFC 7030, 4; RFC 8951, 3).  Pure.
 */
#ifndef MICROCA_EST_ANSWER_H
#define MICROCA_EST_ANSWER_H

#include "lib/net/http.h"

/* 0 for 200, else the failure that the status is, as est.h has them; 202 is
 * one only for enrolments (`may_wait`). */
MUST_CHECK int answer_status(
    const struct http_answer *answer, bool may_wait, struct fail *why);

/*
 * The DER of a 200's body that is of media type `type`; appended.  Content-
 * Transfer-Encoding is not looked at.  `lenient`: PEM and DER itself are taken
 * too.  FAIL_MALFORMED "up-type", "up-body".
 */
MUST_CHECK int answer_der(struct bytes *der, const struct http_answer *answer,
    const char *type, bool lenient, struct fail *why);

/* Is it a certs-only response by its smime-type, or does it not say?
 * FAIL_MALFORMED "up-type". */
MUST_CHECK int answer_certs_only(const char *type, struct fail *why);

/* All of a certs-only response, in its order; the caller frees.
 * FAIL_MALFORMED "up-body", "up-cert". */
MUST_CHECK int answer_certs(
    STACK_OF(X509) * *certs, struct span der, struct fail *why);

/*
 * Take the one that certifies `key` out of `certs`.  FAIL_MALFORMED "up-cert"
 * when none or more than one does.  The caller frees.
 */
MUST_CHECK int answer_leaf(
    X509 **leaf, STACK_OF(X509) * certs, EVP_PKEY *key, struct fail *why);

#endif
