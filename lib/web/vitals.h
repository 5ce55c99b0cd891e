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

enum vitals {
	VITALS_OK,
	VITALS_DEGRADED, /* something needs a hand; certificates are issued */
	VITALS_DOWN      /* nothing can be issued */
};

/* The verdict; one line for each thing wrong is appended to `details`, and one
 * that says how many requests wait for approval. */
enum vitals vitals_of(struct bytes *details, const struct ca *ca, int64_t now);
const char *vitals_word(enum vitals v); /* "ok", "degraded", "down" */

#endif
