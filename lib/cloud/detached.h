/*
 * detached - a signature over a text that travels beside it: JSON Web Signature
 * in compact form with the payload left out (RFC 7515, appendix F; RFC 7518).
 *
 *	BASE64URL(header) ".." BASE64URL(signature)
 *
 * The header has `alg` and `x5t#S256`, the SHA-256 of the signer's certificate.
 * ES256, ES384, ES512 by the curve, RS256 with RSA (PS256 is understood, too).
 * What a header calls critical is not understood here, so it is refused.
 */
#ifndef MICROCA_DETACHED_H
#define MICROCA_DETACHED_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

#define DETACHED_MAX 4096 /* octets of one */

/* `key` may be one that key_lend() made; `cert` is its certificate.  The caller
 * frees.  FAIL_CONFIG "key-type"; FAIL_BROKEN "sign". */
MUST_CHECK int detached_sign(char **text, struct span payload, EVP_PKEY *key,
    X509 *cert, struct fail *why);
/*
 * Is it by one of these certificates?  Their validity is for the caller to
 * have looked at.  FAIL_MALFORMED "signature" (it is none); FAIL_DENIED
 * "signer" (not one of them), "signature" (not over this payload).
 */
MUST_CHECK int detached_verify(const char *text, struct span payload,
    const STACK_OF(X509) * signers, struct fail *why);

#endif
