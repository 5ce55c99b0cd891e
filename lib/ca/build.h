/*
 * build - a grant made into a certificate, ready to be signed (RFC 5280, 4).
 */
#ifndef MICROCA_BUILD_H
#define MICROCA_BUILD_H

#include "lib/ca/policy.h"

#define SERIAL_LEN 20

/* 4 octets of Unix time in units of 2 s, 16 random octets; top bit clear. */
MUST_CHECK int build_serial(
    uint8_t serial[SERIAL_LEN], int64_t now, struct fail *why);

/* A profile's URL with %k replaced by the issuer's KEYID; appended. */
void build_url(struct bytes *out, const char *url, const char *keyid);
/* RFC 5280, 4.2.1.2 (1): SHA-1 of the key's BIT STRING content. */
#define SKI_LEN 20
void build_ski(uint8_t ski[SKI_LEN], const struct pubkey *key);
/* What a CA certificate's path length is here: the grant's, but below the
 * issuer's own (RFC 5280, 4.2.1.9); -1: no limit. */
#define PATH_LENGTH_MOST 127
int64_t build_path_length(
    const struct authority *authority, const struct grant *grant);

/*
 * Everything but the signature.  Validity: from now - backdate to the
 * profile's end, both held inside the issuer's as the profile says.  The
 * subjectPublicKeyInfo is the CSR's own bytes, but that an RSA key gets the NULL
 * parameters of RFC 3279, 2.3.1.  Fails: FAIL_DENIED "validity"
 * (outlives the issuer with "refuse"); FAIL_BROKEN "build".
 */
MUST_CHECK int build_cert(X509 **cert, const struct authority *authority,
    const struct grant *grant, const uint8_t serial[SERIAL_LEN], int64_t now,
    struct fail *why);

#endif
