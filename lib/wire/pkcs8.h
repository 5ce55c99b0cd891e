/*
 * pkcs8 - a private key as PrivateKeyInfo (RFC 5208, 5; RFC 5958, version 1:
 * no attributes, no public key beside it).  Pure.
 *
 * Written octet by octet into memory of our own, for OpenSSL's encoders leave
 * copies behind in what they free.
 */
#ifndef MICROCA_PKCS8_H
#define MICROCA_PKCS8_H

#include "lib/wire/pubkey.h"

/*
 * Append the DER of `key`, whose public half is `public`: EC (RFC 5915, with
 * the point), RSA (RFC 8017, A.1.2), Ed25519 and Ed448 (RFC 8410, 7).  It is a
 * secret: bytes_wipe().  FAIL_BROKEN "openssl".
 */
MUST_CHECK int pkcs8_write(struct bytes *out, EVP_PKEY *key,
    const struct pubkey *public, struct fail *why);

#endif
