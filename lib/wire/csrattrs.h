/*
 * csrattrs - what a request should hold (RFC 7030, 4.5.2 as RFC 8951, 4 has
 * it; the template of RFC 9908, 3.4).  Pure.
 */
#ifndef MICROCA_CSRATTRS_H
#define MICROCA_CSRATTRS_H

#include "lib/base/bytes.h"

struct csrattrs_rdn {
	const char *oid;   /* dotted */
	const char *value; /* UTF-8, or NULL: the client fills it in */
	bool printable;    /* PrintableString, else UTF8String */
};

struct csrattrs_extension {
	const char *oid; /* dotted */
	bool critical;
	struct span value; /* DER inside extnValue; data NULL: client fills */
};

/* What to say; zero and NULL mean "no wish". */
struct csrattrs {
	bool classic, template;  /* which of the two forms; both is allowed */
	bool challenge_password; /* RFC 7030, 4.5.2: linking is required */
	const char *key_oid;   /* "1.2.840.10045.2.1", "1.2.840.113549.1.1.1" */
	const char *curve_oid; /* for EC, or NULL: any curve */
	int rsa_bits;          /* for RSA, or 0: any size */
	const char *sigalg_oid;         /* "1.2.840.10045.4.3.2" */
	const struct csrattrs_rdn *rdn; /* template only */
	size_t rdns;
	const struct csrattrs_extension *extension;
	size_t extensions;
};

/*
 * Append the CsrAttrs DER; nothing when there is nothing to say (204).
 * challengePassword stands in the list itself with either form; extensions
 * without a value are in the template only.
 */
void csrattrs_write(struct bytes *der, const struct csrattrs *wish);

#endif
