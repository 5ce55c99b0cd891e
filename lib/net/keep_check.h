/*
 * keep_check - is what came the certificate that was asked for?
 */
#ifndef MICROCA_KEEP_CHECK_H
#define MICROCA_KEEP_CHECK_H

#include "lib/net/keep.h"

/*
 * `leaf` for the request `csr`, and the chain above it out of `others`.
 * `renews`: the certificate in use, or NULL.  Refused: another key; a CA's
 * certificate for an end entity's and the other way round (a CA's must have cA
 * and keyCertSign); SHA-1 and MD5; a critical extension that nobody here knows;
 * expired, or not valid for more than five minutes yet; an end before that of
 * the certificate in use; another CN or serialNumber than was asked for, or
 * none of the subjectAltNames (other differences are a warning); a chain that
 * does not end in an anchor, or has something in it that is no CA or not
 * valid.  FAIL_DENIED "up-cert", "up-chain", and what plan->accept() says.
 * The caller frees the chain.
 */
MUST_CHECK int keep_check(STACK_OF(X509) * *chain, const struct keep_plan *plan,
    X509 *leaf, const STACK_OF(X509) * others, struct span csr, X509 *renews,
    int64_t now, struct fail *why);

#endif
