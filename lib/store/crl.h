/*
 * crl - the revocation list of each key that was made last.
 *
 * Its number is here whoever made it, so that of two that make one at the same
 * time one is first, and the other looks again: numbers rise for all nodes
 * together, and each list follows one that its maker has seen.  Where nodes share
 * the store the list itself is here too, for all of them to publish.
 */
#ifndef MICROCA_STORE_CRL_H
#define MICROCA_STORE_CRL_H

#include "lib/store/store.h"

/* store_crl_free(). */
struct store_crl {
	int64_t number;   /* 0: none was made */
	struct bytes der; /* empty: it was not kept */
};

/* Of that key (KEYID); what is told is synced. */
MUST_CHECK int store_crl_last(struct store *store, struct store_crl *last,
    const char *issuer, struct fail *why);
void store_crl_free(struct store_crl *crl); /* contents, then zero */

/* Another of that key, which follows number `after`; recorded with `entry`,
 * synced.  `taken` false: somebody else's is there by now, and nothing was
 * written.  `der` is kept where nodes share the store. */
MUST_CHECK int store_crl_add(struct store *store, bool *taken,
    const char *issuer, int64_t after, int64_t number, struct span der,
    const struct audit *entry, struct fail *why);

#endif
