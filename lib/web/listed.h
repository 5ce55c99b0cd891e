/*
 * listed - what is published without TLS: revocation lists under /crl/KEYID.crl
 * (RFC 5280, 4.2.1.13) and issuing certificates under /ca/KEYID.cer (RFC 5280,
 * 4.2.2.1), for whoever asks.
 *
 * A list is sent from its file in parts, so memory is the same whatever its
 * size, and one that is replaced meanwhile is sent to its end as it was.  Its
 * ETag is of the file, not of its octets: who has it is told so at the cost of
 * one fstat().
 */
#ifndef MICROCA_LISTED_H
#define MICROCA_LISTED_H

#include "lib/web/serve.h"

/* For struct operation. */
void listed_answer(
    void *own, struct ca *ca, const struct fail *trouble, struct edge *e);

#endif
