/*
 * weakrsa - RSA moduli that others can factor.
 *
 * Factors below 2^16; primes so close that Fermat's method finds them (CVE-
 * 2022-26320); the fingerprint of Infineon's generator (ROCA, CVE-2017-15361);
 * a modulus that is itself a prime.  Not here: lists of known weak keys, and
 * factors shared with other keys.  Pure.
 */
#ifndef MICROCA_WEAKRSA_H
#define MICROCA_WEAKRSA_H

#include <openssl/bn.h>

#include "lib/base/fail.h"

#define WEAKRSA_MAX_BITS 8192

/*
 * Is `n`, odd and of at most WEAKRSA_MAX_BITS, sound?  The price is one modular
 * exponentiation.  Fails: FAIL_MALFORMED "weak-key"; FAIL_BROKEN "openssl".
 */
MUST_CHECK int weakrsa_check(const BIGNUM *n, struct fail *why);

#endif
