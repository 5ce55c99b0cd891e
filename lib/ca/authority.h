/*
 * authority - the issuing certificate and its chain.
 *
 * state/issuer.pem holds our issuing certificate and all above it, issuer
 * first, a self-signed root last.  public/chain.pem is its published copy
 * (cacerts), public/client-ca-NAME.pem an endpoint's client CAs.
 */
#ifndef MICROCA_AUTHORITY_H
#define MICROCA_AUTHORITY_H

#include "lib/ca/settings.h"
#include "lib/wire/cert.h"

struct authority {
	STACK_OF(X509) * chain; /* issuer first, root last */
	X509 *issuer;           /* chain[0], borrowed */
	EVP_PKEY *key;          /* its public key, borrowed */
	struct cert *cert;      /* taken apart */
	char *keyid;            /* KEYID */
	int64_t not_before, not_after;
	int64_t path_length; /* -1: no limit */
	bool constrained;    /* some certificate of the chain has name
	                          constraints */
	X509_EXTENSION *aki; /* for what we issue */
};

/*
 * Read, and check: cA, keyCertSign, subject key identifier, each certificate
 * signed by the next, the last self-signed, no critical extension unknown, no
 * SHA-1.  Not the time, which changes: authority_usable().  Fails: FAIL_BUSY
 * "issuer-absent", FAIL_CONFIG "issuer-cert".
 */
MUST_CHECK int authority_read(
    struct authority **authority, const char *path, struct fail *why);
void authority_free(struct authority *authority);
/* Valid at `now`?  FAIL_BUSY "issuer-time", "clock". */
MUST_CHECK int authority_usable(
    const struct authority *authority, int64_t now, struct fail *why);
/*
 * Can `profile` be issued under this authority?  Path length, EKU nesting,
 * validity with "refuse".  FAIL_CONFIG "profile" with the profile's line.
 */
MUST_CHECK int authority_profile_ok(const struct authority *authority,
    const struct profile *profile, struct fail *why);
/* Name constraints of the whole chain (RFC 5280, 4.2.1.10), on the
 * certificate about to be signed.  FAIL_DENIED "name-constraint". */
MUST_CHECK int authority_names_ok(
    const struct authority *authority, X509 *cert, struct fail *why);

/*
 * Make a checked chain the CA's own: state/issuer.pem, then public/chain.pem
 * and every endpoint's client-CA bundle.
 */
MUST_CHECK int authority_install(
    const struct settings *settings, STACK_OF(X509) * chain, struct fail *why);
MUST_CHECK int authority_publish(
    const struct settings *settings, STACK_OF(X509) * chain, struct fail *why);

#endif
