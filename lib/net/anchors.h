/*
 * anchors - explicit trust anchors: first contact, and following a CA through
 * the change of its root (RFC 7030, 3.6.1, 4.1.1, 4.1.3; RFC 4210, 4.4).
 */
#ifndef MICROCA_ANCHORS_H
#define MICROCA_ANCHORS_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

/*
 * RFC 7030, 4.1.1: out of an unauthenticated cacerts answer, the one
 * self-signed root whose DER has this SHA-256.  FAIL_DENIED "pin".  The caller
 * frees.
 */
MUST_CHECK int anchors_pinned(STACK_OF(X509) * *anchors,
    const STACK_OF(X509) * cacerts, const uint8_t pin[SHA256_LEN],
    struct fail *why);
/* "sha256:HEX", colons between octets allowed.  FAIL_CONFIG "pin". */
MUST_CHECK int anchors_pin_read(
    uint8_t pin[SHA256_LEN], const char *text, struct fail *why);
/* Trust on first use, only by the operator's explicit word: the one root of
 * the answer.  FAIL_DENIED "pin" when it has none or more than one. */
MUST_CHECK int anchors_first(STACK_OF(X509) * *anchors,
    const STACK_OF(X509) * cacerts, struct fail *why);

/*
 * What is trusted after an authenticated cacerts answer: `anchors` and every
 * new root of the answer that an old one vouches for (NewWithOld, RFC 4210,
 * 4.4.3), while the old root is valid.  A root that nobody vouches for is
 * counted in `strangers`, and not trusted.  `changed`: there is a new one.
 */
MUST_CHECK int anchors_follow(STACK_OF(X509) * *followed, bool *changed,
    int *strangers, const STACK_OF(X509) * anchors,
    const STACK_OF(X509) * cacerts, int64_t now, struct fail *why);

/*
 * Leaf first, root last, out of whatever certificates there are; the end is
 * one of `anchors`.  Signatures, names and cA, not purposes.  FAIL_DENIED
 * "up-chain".  The caller frees.
 */
MUST_CHECK int anchors_chain(STACK_OF(X509) * *chain, X509 *leaf,
    const STACK_OF(X509) * pool, const STACK_OF(X509) * anchors,
    struct fail *why);

#endif
