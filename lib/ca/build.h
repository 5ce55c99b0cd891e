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

/*
 * Everything but the signature.  Validity: from now - backdate to the
 * profile's end, both held inside the issuer's as the profile says.  The
 * subjectPublicKeyInfo is the CSR's own bytes.  Fails: FAIL_DENIED "validity"
 * (outlives the issuer with "refuse"); FAIL_BROKEN "build".
 */
MUST_CHECK int build_cert(X509 **cert, const struct authority *authority,
    const struct grant *grant, const uint8_t serial[SERIAL_LEN], int64_t now,
    struct fail *why);

#endif
