/*
 * issuers_extra - which of the certificates that came with a chain lead from
 * one root to another (RFC 4210, 4.4; RFC 7030, 4.1.3).
 */
#ifndef MICROCA_ISSUERS_EXTRA_H
#define MICROCA_ISSUERS_EXTRA_H

#include "lib/ca/issuers.h"

/*
 * Of wish->extra: cross certificates between roots that are ours (the chain's,
 * those of the generations present) or that such a one leads to, and these
 * further roots.  The rest is nothing to us.  The caller frees.
 */
STACK_OF(X509) * issuers_extra(const struct issuers *present,
		     const struct issuer_wish *wish);

/* Does one of `extra` bind root's name and key under one of `trusted`
 * (NewWithOld)? */
bool issuers_led_to(
    X509 *root, const STACK_OF(X509) * trusted, const STACK_OF(X509) * extra);
/* The roots of all generations, and the further ones kept with them; NULL
 * gives none.  The caller frees. */
STACK_OF(X509) * issuers_roots(const struct issuers *issuers);

#endif
