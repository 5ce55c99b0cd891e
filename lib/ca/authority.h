/*
 * authority - an issuing certificate and its chain, taken apart.
 *
 * Issuer first, a self-signed root last.  Which chains this CA has and which
 * of them issues: issuers.h.
 */
#ifndef MICROCA_AUTHORITY_H
#define MICROCA_AUTHORITY_H

#include "lib/ca/settings.h"
#include "lib/wire/above.h"
#include "lib/wire/cert.h"

/* Immutable once made, so requests share it without a lock. */
struct authority {
	STACK_OF(X509) * chain; /* issuer first, root last */
	X509 *issuer;           /* chain[0], borrowed */
	EVP_PKEY *key;          /* its public key, borrowed */
	struct cert *cert;      /* taken apart */
	char *keyid;            /* KEYID */
	/* While every certificate of the chain is valid, Unix s. */
	int64_t not_before, not_after;
	int64_t path_length; /* what the chain leaves below us; -1: no limit */
	bool constrained;    /* some certificate of the chain has name
	                          constraints */
	X509_EXTENSION *aki; /* for what we issue */
	uint8_t (*spki_sha256)[SHA256_LEN]; /* of each key of the chain */
	/* A CA above has revoked one of the chain; FAIL_NONE: none has. */
	struct fail revoked;
};

/*
 * Check, and take references: cA, keyCertSign, subject key identifier, each
 * certificate signed by the next, the last self-signed, path lengths kept, no
 * critical extension unknown, no SHA-1, no weak key.  Not the time, which
 * changes: authority_usable().  Fails: FAIL_CONFIG "issuer-cert".
 */
MUST_CHECK int authority_make(struct authority **authority,
    const STACK_OF(X509) * chain, struct fail *why);
/* What must hold for each certificate of it by itself: the same words. */
MUST_CHECK int authority_cert_ok(X509 *x509, struct fail *why);
void authority_free(struct authority *authority);
/* Look for it on the lists of the CAs above (NULL: there are none); before it is
 * shared. */
void authority_look_above(
    struct authority *authority, const struct above *above);
/* Valid at `now`?  FAIL_BUSY "issuer-revoked"; "issuer-time" after its end;
 * "clock" before its begin: a certificate from the future says that the clock is
 * wrong. */
MUST_CHECK int authority_usable(
    const struct authority *authority, int64_t now, struct fail *why);
/*
 * Can `profile` be issued under this authority?  Path length, EKU nesting, and with
 * "refuse" a validity that no day of the issuer's life has room for (what only
 * its last days have no room for is refused then).  FAIL_CONFIG "profile" with the profile's line.
 */
MUST_CHECK int authority_profile_ok(const struct authority *authority,
    const struct profile *profile, struct fail *why);
/* Name constraints of the whole chain (RFC 5280, 4.2.1.10), on the
 * certificate about to be signed.  FAIL_DENIED "name-constraint". */
MUST_CHECK int authority_names_ok(
    const struct authority *authority, X509 *cert, struct fail *why);

/* Is it the subject, or the key, of one of the chain's certificates? */
bool authority_has_name(
    const struct authority *authority, const X509_NAME *name);
bool authority_has_key(
    const struct authority *authority, const uint8_t spki_sha256[SHA256_LEN]);

#endif
