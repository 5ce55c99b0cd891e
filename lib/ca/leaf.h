/*
 * leaf - a client certificate taken apart, and what it must be by itself
 * before any path is looked for (RFC 5280, 4; RFC 9608, 3).
 */
#ifndef MICROCA_LEAF_H
#define MICROCA_LEAF_H

#include "lib/ca/identity.h"
#include "lib/wire/cert.h"

struct leaf {
	struct cert *cert;
	X509 *x509;
	GENERAL_NAMES *san; /* NULL: none */
};

/*
 * Read and judge: version 3, no CA, no unknown critical extension, no weak
 * signature or key, good for TLS clients, one CN and one serialNumber at most.
 * Fails: FAIL_DENIED "client-cert", "client-isca", "client-usage",
 * "client-name".  leaf_free() also after a failure.
 */
MUST_CHECK int leaf_read(struct leaf *leaf, struct span der, struct fail *why);
void leaf_free(struct leaf *leaf);

/* Subject, or the SAN when that is empty, as text.  The caller frees. */
char *leaf_text(const struct leaf *leaf);
/* The owner of names given to a foreign certificate's holder: stable over its
 * renewals.  "foreign:" and the hex SHA-256 of issuer key and subject. */
char *leaf_owner(const struct leaf *leaf, const X509 *issuer);

#endif
