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

/* ---- reading: what a server wishes -------------------------------------- */

#define CSRATTRS_RDNS 16
#define CSRATTRS_EXTENSIONS 32

/* All spans are in the DER that was read. */
struct csrattrs_name {
	struct span oid;   /* content octets */
	unsigned tag;      /* of the value */
	struct span value; /* content; data NULL: the client fills it in */
};

struct csrattrs_wish {
	struct span oid;
	bool critical;
	struct span value; /* content of extnValue; data NULL: the client fills
	                      it in if it can */
};

struct csrattrs_wishes {
	/* RFC 9908, 3.4: out of a template.  Then names and extensions that are
	 * not listed are not wanted; otherwise all of this are hints. */
	bool template;
	bool challenge_password; /* RFC 7030, 3.5: linking is required */
	int key;                 /* NID_X9_62_id_ecPublicKey, NID_rsaEncryption,
	                 NID_ED25519, NID_ED448; NID_undef: no wish */
	int curve;               /* NID of P-256, P-384, P-521, or NID_undef */
	int rsa_bits;            /* 2048 to 8192, or 0 */
	int hash;     /* NID_sha256, NID_sha384, NID_sha512, or NID_undef */
	bool subject; /* the template prescribes the RDNs: */
	size_t names;
	struct csrattrs_name name[CSRATTRS_RDNS];
	size_t extensions;
	struct csrattrs_wish extension[CSRATTRS_EXTENSIONS];
};

/*
 * Read a CsrAttrs; `der` empty: no wishes.  A template rules alone (RFC 9908,
 * 4); only challengePassword counts beside it.  What is unknown is passed over
 * (RFC 7030, 4.5.2), also a hash or a bare curve that we would not take.  As
 * hints, because old servers send them: a bare curve, a bare OID inside
 * extensionRequest, extensionRequest without values.  Everything else that RFC
 * 9908 forbids is FAIL_MALFORMED "up-csrattrs"; a key that we do not make
 * (another curve, RSA below 2048 or above 8192 bits) FAIL_DENIED
 * "up-csrattrs".
 */
MUST_CHECK int csrattrs_read(
    struct csrattrs_wishes *wishes, struct span der, struct fail *why);

#endif
