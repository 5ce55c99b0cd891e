/*
 * policy - what a requester may have of what it asked for.
 *
 * RFC 7030, 3.7: the CA's policy decides, never the request.  A struct grant is
 * that decision, and the only thing ca_issue() will sign.  Pure: no clock, no
 * store, no token.
 *
 * Names, by the rule that let the requester in:
 * own (default): CN, serialNumber, UID and emailAddress that the request brings
 *   are the identity's own; a CN may also be the serialNumber of an identity
 *   that has no CN (IEEE 802.1AR).  A certificate of the endpoint's own profile
 *   gets its very subject.  Every subjectAltName but an iPAddress is one of the
 *   identity's, or a dNSName or URI that equals its CN; addresses move, so the
 *   profile's rule alone decides about them.
 * pattern: a registration authority; the CN asked for is there and matches.
 * any: a registration authority without bounds but the profile's.
 * A one-time secret is "own" with its device's name for CN and serialNumber;
 *   what is granted has that name in one of them or in a dNSName.
 * What the profile fixes is the profile's, and bound by none of them.
 */
#ifndef MICROCA_POLICY_H
#define MICROCA_POLICY_H

#include "lib/base/verdicts.h"
#include "lib/ca/identity.h"

struct grant {
	const struct profile *profile; /* borrowed: lives as long as the ca */
	const struct csr *csr;         /* borrowed: hashes, key */
	char *requester;               /* who asked, as the audit names it */
	char *owner;                   /* who holds the name from now on */
	char *device;                  /* Azure device id, or NULL */
	X509_NAME *subject;
	GENERAL_NAMES *san;  /* NULL: no subjectAltName */
	int64_t path_length; /* of a CA: the lesser of profile's and request's;
	                        -1: no limit of their own */
	bool anew; /* the key is made here: no recorded answer is given again,
	              an earlier one is superseded */
	int approval; /* enum approval, the endpoint's */
	bool renewal;
	uint8_t renews[SHA256_LEN]; /* of the certificate renewed */
	/* From the request, for the record: */
	char *request, *operation, *endpoint, *peer;
	uint8_t client_sha256[SHA256_LEN];
	bool has_client, own_client; /* shown; and one of ours */
	/* Whose certificate that is: its next one's is the same. */
	uint8_t client_identity[SHA256_LEN];
	int64_t secret;   /* id of the one-time secret; 0: none */
	bool secret_used; /* … for an earlier answer */
};

/*
 * Decide what `who` gets for `csr` under rq->endpoint's profile.  A request
 * without a key (csr_read_unproven()) is judged but for that; it gets one that
 * profile_key_ok() takes before the grant is used.  The grant
 * keeps copies of all but `profile` and `csr`; the caller frees it.  At
 * "simplereenroll" the names are those of the certificate shown, or it fails
 * as policy_renewal() does, which must follow.  Fails:
 * FAIL_DENIED "profile-ca", "profile-ku", "profile-eku", "name-policy",
 * "ra-scope", "san-policy", "name-change"; FAIL_MALFORMED "dn-rule",
 * "csr-incomplete", "key-alg", "curve", "weak-key", "key-size", "ext",
 * "pop-link", "san-count", "dn-empty".
 */
MUST_CHECK int policy_grant(struct grant **grant, const struct identity *who,
    const struct request *rq, const char *operation, const struct csr *csr,
    struct fail *why);

/*
 * RFC 7030, 4.2.2: the same names as the certificate that `who` showed, in its
 * bytes; within the renewal window at `now`; key reuse by profile.  Fails:
 * FAIL_DENIED "reenroll-name", "reenroll-issuer", "window";
 * FAIL_MALFORMED "key-reuse".
 */
MUST_CHECK int policy_renewal(struct grant *grant, const struct identity *who,
    const struct csr *csr, int64_t now, struct fail *why);

/*
 * The same, with every rule looked at and its verdict added: nothing ends at
 * the first that says no.  *grant is NULL unless all said yes; it is for
 * showing what would be issued.
 */
void policy_explain(struct grant **grant, struct verdicts *v,
    const struct identity *who, const struct request *rq, const char *operation,
    const struct csr *csr);
/* policy_renewal() likewise; true: it is granted. */
bool policy_renewal_explain(struct grant *grant, struct verdicts *v,
    const struct identity *who, const struct csr *csr, int64_t now);

/* Is this request a renewal, at simpleenroll too?  An own certificate of the
 * profile that asks for its own subject is, and one that would get it: the
 * profile may complete or reorder what was asked. */
bool policy_is_renewal(const struct grant *grant, const struct identity *who,
    const struct csr *csr);

/* SHA-256 of the name that the grant's owner holds: the subject's, or that of
 * the subjectAltName as a set when the subject is empty. */
void grant_name_hash(uint8_t out[SHA256_LEN], const struct grant *grant);

void grant_free(struct grant *grant);

#endif
