/*
 * assertion - how an application proves itself to Entra with its certificate:
 * a JSON Web Token (RFC 7523; RFC 7515) signed by the certificate's key.
 *
 * PS256 with x5t#S256, or RS256 with x5t for a token that makes no PSS.  RSA of
 * 2048 bits at least: Entra takes no other.
 */
#ifndef MICROCA_ASSERTION_H
#define MICROCA_ASSERTION_H

#include "lib/key/key.h"

struct assertion {
	const char *audience;  /* the token endpoint's URL */
	const char *client_id; /* the application */
	const char *algorithm; /* "PS256", "RS256" */
	X509 *cert;
	struct key *key; /* its key, ready */
	int64_t now;
};

/* Appended.  FAIL_CONFIG "cloud-credential" (not RSA, too short, not the
 * certificate's, the certificate's time is over); else as key_sign_cert(). */
MUST_CHECK int assertion_write(
    struct bytes *out, const struct assertion *assertion, struct fail *why);

#endif
