/*
 * certsonly - the certs-only CMC Simple PKI Response (RFC 7030, 4.1.3, 4.2.3;
 * RFC 5272, 4.1; RFC 5652, 5.1).  Written: DER, version 1, no eContent, no
 * crls.  Read: what other servers send besides, but DER only.  Pure.
 */
#ifndef MICROCA_CERTSONLY_H
#define MICROCA_CERTSONLY_H

#include "lib/base/bytes.h"

/* Append the response's DER, the certificates in the order given (a bag is a
 * SET OF; readers take any order, and ours goes from issuer to root). */
void certsonly_write(struct bytes *out, const struct span *certs, size_t n);

#define CERTSONLY_MAX 32

/*
 * The certificates (whole elements in `der`, not looked into) of a SignedData
 * without signers.  Any version, digestAlgorithms, an empty eContent and crls
 * are let pass; other kinds of certificates, content, signers, no certificate
 * or too many are not.  FAIL_MALFORMED "certs-only".
 */
MUST_CHECK int certsonly_read(struct span certs[CERTSONLY_MAX], size_t *n,
    struct span der, struct fail *why);

#endif
