/*
 * chain - certificates in any order made into a chain.
 */
#ifndef MICROCA_CHAIN_H
#define MICROCA_CHAIN_H

#include "lib/wire/cert.h"

#define CHAIN_MAX 10 /* certificates */

/*
 * From the youngest certificate in `pool` that is for `key` up to a self-signed
 * root.  Where several lead on, a root of `roots` (NULL: any) is preferred, then
 * one that is no root, then any.  Signatures are verified, nothing else is checked.
 * The caller frees.  Fails: FAIL_DENIED "issuer-key" (none is for `key`),
 * "issuer-cert" (a link is missing; too long).
 */
MUST_CHECK int chain_sort(STACK_OF(X509) * *chain, const STACK_OF(X509) * pool,
    const EVP_PKEY *key, const STACK_OF(X509) * roots, struct fail *why);

/* What of `pool` is not in `chain`.  The caller frees. */
STACK_OF(X509) *
    chain_rest(const STACK_OF(X509) * pool, const STACK_OF(X509) * chain);

#endif
