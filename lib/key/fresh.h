/*
 * fresh - a key pair made in memory, for serverkeygen (RFC 7030, 4.4).
 *
 * OpenSSL's generator makes it, no file and no token ever has it; freeing the
 * EVP_PKEY cleanses it.
 */
#ifndef MICROCA_FRESH_H
#define MICROCA_FRESH_H

#include <openssl/evp.h>

#include "lib/base/fail.h"

/* "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "ed25519",
 * "ed448".  The caller frees.  FAIL_BROKEN "openssl". */
MUST_CHECK int fresh_key(EVP_PKEY **key, const char *type, struct fail *why);

#endif
