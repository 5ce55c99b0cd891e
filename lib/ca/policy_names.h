/*
 * policy_names - which subject and which subjectAltName a request gets.
 *
 * Inner part of policy, which says the rules.  Pure.
 */
#ifndef MICROCA_POLICY_NAMES_H
#define MICROCA_POLICY_NAMES_H

#include "lib/ca/policy.h"

/* How the requester's names are bound (enum names). */
int policy_names_of(const struct identity *who);

/* "certificate" or "secret": what was shown; static. */
const char *policy_shown(const struct identity *who);

/* The subject by the profile's rules, in their order, the request's own octets
 * where it brings a value.  The caller frees. */
MUST_CHECK int policy_subject(X509_NAME **subject,
    const struct profile *profile, const struct identity *who,
    const struct csr *csr, struct fail *why);
/* The same for the alternative names; NULL: none. */
MUST_CHECK int policy_san(GENERAL_NAMES **san, const struct profile *profile,
    const struct identity *who, const struct csr *csr, struct fail *why);

/* RFC 7030, 3.5: challengePassword and TLS session, as the endpoint's pop_link
 * wants it: "pop-link". */
MUST_CHECK int policy_link(
    const struct request *rq, const struct csr *csr, struct fail *why);

/* What a one-time secret opens names its device: "name-policy". */
MUST_CHECK int policy_secret(
    const struct grant *grant, const struct identity *who, struct fail *why);

/* RFC 7030, 4.2.2: the certificate shown is one of the profile's, and its
 * names are those asked for.  "reenroll-issuer", "reenroll-name". */
MUST_CHECK int policy_renewal_names(const struct profile *profile,
    const struct identity *who, const struct csr *csr, struct fail *why);

#endif
