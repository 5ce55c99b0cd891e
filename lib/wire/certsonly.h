/*
 * certsonly - the certs-only CMC Simple PKI Response (RFC 7030, 4.1.3, 4.2.3;
 * RFC 5272, 4.1; RFC 5652, 5.1): DER, version 1, no eContent, no crls.  Pure.
 */
#ifndef MICROCA_CERTSONLY_H
#define MICROCA_CERTSONLY_H

#include "lib/base/bytes.h"

/* Append the response's DER, the certificates in the order given (a bag is a
 * SET OF; readers take any order, and ours goes from issuer to root). */
void certsonly_write(struct bytes *out, const struct span *certs, size_t n);

#endif
