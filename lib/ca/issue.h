/*
 * issue - ca_issue(): from a grant to a certificate that is recorded.
 *
 * Clock guard, repeat, serial, build, name constraints, sign in the token,
 * verify, lint, then one transaction of certificate, audit and outbox rows,
 * committed and synced; only then released.  What was never recorded never
 * leaves.
 */
#ifndef MICROCA_ISSUE_H
#define MICROCA_ISSUE_H

#include "lib/ca/policy.h"

/*
 * All of it but the store: authority and clock, the request's key and name
 * not the CA's own, a place in the queue for the token, serial, build, name
 * constraints, signature, lint.  The caller frees.  Fails as below, without
 * what the store says.
 */
MUST_CHECK int ca_certify(struct cert **cert, struct ca *ca,
    const struct grant *grant, int64_t now, struct fail *why);

/*
 * The certificate's DER, appended to `der`: a new one, or the recorded one
 * when the same request was answered within the repeat window.  Fails:
 * FAIL_BUSY ("clock", "issuer-absent", "issuer-cert", "issuer-time",
 * "issuer-key", "token-…", "db-…", "disk-full", "random"), FAIL_DENIED
 * ("name-taken", "name-policy", "quota", "name-constraint", "validity"), FAIL_MALFORMED "key-reuse", FAIL_BROKEN ("lint", "sign-check",
 * "build"), FAIL_ANONYMOUS "auth": the secret was used for another request.
 * Where somebody has to approve first also what ca_approval() fails with.
 */
MUST_CHECK int ca_issue(struct bytes *der, struct ca *ca,
    const struct grant *grant, struct fail *why);

/* The same under that generation, whichever is active: for what belongs to a
 * key (a responder's certificate), asked for on this machine.  No approval, no
 * earlier answer. */
MUST_CHECK int ca_issue_under(struct bytes *der, struct ca *ca,
    struct signer *signer, const struct grant *grant, struct fail *why);

/* Endpoint, operation, whose client certificate or which secret, CSR: the same
 * request has the same answer, and the same row while it waits for approval. */
void ca_request_key(uint8_t key[SHA256_LEN], const struct grant *grant);

/* What is known of the certificate before there is one: names, hashes, who.
 * `r` is all zero; record_free(). */
void ca_wanted(struct record *r, const struct grant *grant);

/*
 * The certificate as it would be signed, but for the signature: key and names
 * not the CA's own, serial, build, name constraints.  The caller frees.  Fails
 * as ca_issue() does there.
 */
MUST_CHECK int ca_draft(X509 **x509, const struct ca *ca,
    const struct authority *authority, const struct grant *grant, int64_t now,
    struct fail *why);

/* How the store is to judge it; borrows from the grant. */
struct store_rules ca_rules(
    const struct ca *ca, const struct grant *grant, int64_t now);

/*
 * Nobody gets a name of the CA's own chain.  ca_issue() sees to it; asked
 * before policy, so that the answer does not depend on a profile's patterns.
 * Without an authority nothing is taken.  Fails: FAIL_DENIED "name-policy",
 * "san-policy".
 */
MUST_CHECK int ca_names_free(
    const struct ca *ca, const struct csr *csr, struct fail *why);

#endif
