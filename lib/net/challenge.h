/*
 * challenge - HTTP authentication as a server asks for it: Basic (RFC 7617)
 * and Digest with SHA-256 (RFC 7616).  Digest with MD5, NTLM and all others
 * are not answered.
 */
#ifndef MICROCA_CHALLENGE_H
#define MICROCA_CHALLENGE_H

#include "lib/base/bytes.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_DIGEST };

/* All zero: none yet.  challenge_free(). */
struct challenge {
	enum challenge_scheme scheme;
	bool stale;            /* RFC 7616, 3.3: only the nonce is old */
	bool session, has_qop; /* SHA-256-sess; qop="auth" offered */
	char *realm, *nonce, *opaque;
	unsigned count; /* of answers with this nonce */
};

/* The best of what WWW-Authenticate offers, Digest before Basic.  FAIL_DENIED
 * "up-auth" when there is none that is answered. */
MUST_CHECK int challenge_read(
    struct challenge *challenge, const char *header, struct fail *why);
void challenge_free(struct challenge *challenge);

/* The value for Authorization (a secret: bytes_wipe()).  FAIL_CONFIG
 * "up-auth" for a user name or password that the scheme cannot carry. */
MUST_CHECK int challenge_answer(struct bytes *out, struct challenge *challenge,
    const char *user, const char *password, const char *method,
    const char *path, struct fail *why);

#endif
