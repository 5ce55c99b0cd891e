/*
 * vitals - is this CA well?  What health answers.
 *
 * Looks at the issuer's time, the published chain, the disk, and the signs of
 * life of the signing programs (pulse.h), which tell of token and store.
 * Opens neither of these, nor the PIN file.  Where plain CGI is allowed a
 * program need not be running, and its silence says nothing.
 */
#ifndef MICROCA_VITALS_H
#define MICROCA_VITALS_H

#include "lib/ca/ca.h"
#include "lib/web/findings.h"

/* What is wrong is added, and how many requests wait for approval. */
void vitals_take(struct findings *f, const struct ca *ca, int64_t now);

#endif
