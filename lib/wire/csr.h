/*
 * csr - PKCS#10 certification requests (RFC 2986, 2985, 5967; RFC 7030, 4.2.1)
 *
 * A struct csr exists only when every check passed: DER by our own walk, one
 * object, version 0, an acceptable key and signature algorithm, possession
 * proven, attributes and extensions sane, names sane.  Whether its wishes are
 * granted is policy's business.  Pure.
 */
#ifndef MICROCA_CSR_H
#define MICROCA_CSR_H

#include <openssl/x509v3.h>

#include "lib/base/bytes.h"
#include "lib/wire/pubkey.h"

#define CSR_MAX_EKU 16

/* An extension that the request asks for and csr_read() has no field for. */
struct csr_extension {
	struct span oid; /* content octets */
	bool critical;
};

struct csr {
	struct bytes der;
	uint8_t sha256[SHA256_LEN]; /* of der */
	X509_NAME *subject;         /* may have no entries */
	struct span subject_der;    /* in der */
	GENERAL_NAMES *san;         /* NULL: none asked */
	struct pubkey key;          /* spans in der */
	int hash;                   /* NID_sha256 …; NID_undef for EdDSA */
	/* challengePassword, UTF-8, or NULL.  A secret.  No NUL is in it, but
	 * control characters may be (RFC 9148, A.2 has some). */
	char *challenge;
	bool attributes_absent; /* RFC 2986 wants the field; it was missing */

	/* What extensionRequest asks for. */
	bool has_key_usage;
	unsigned key_usage; /* X509v3 KU_* bits, as X509_get_key_usage() */
	size_t ext_key_usages;
	struct span ext_key_usage[CSR_MAX_EKU]; /* OID content octets */
	bool has_basic;
	bool ca;
	int64_t path_length;       /* -1: none */
	bool has_name_constraints; /* or policyConstraints, … */
	bool has_change_subject;   /* RFC 6402, 2.8 */

	/* RFC 7030, 4.4.1: how a key made here is to be encrypted, in der; read
	 * by csr_read_unproven() alone.  NULL data: not there. */
	struct span decrypt_key;        /* DecryptKeyIdentifier's octets */
	struct span asymmetric_key;     /* AsymmetricDecryptKeyIdentifier's */
	struct span smime_capabilities; /* content of the SEQUENCE */
	struct bytes made;              /* csr_key_give()'s */

	size_t unknowns; /* extensions that we do not know */
	struct csr_extension *unknown;
};

/*
 * The DER out of a request's body: base64 (RFC 8951, 3).  With `lenient` also
 * PEM armour (RFC 7468, 7) and bare DER.  FAIL_MALFORMED "base64",
 * "body-empty".
 */
MUST_CHECK int csr_body_read(
    struct bytes *der, struct span body, bool lenient, struct fail *why);

/*
 * Read and check, any octets of any length.  `der` is copied.  Checks, in this
 * order, and what they fail with (FAIL_MALFORMED unless said):
 *   syntax      "der", "der-trailing", "not-csr"
 *   version     "csr-version"
 *   algorithms  "key-alg", "weak-hash", "pop" (id-alg-noSignature), "sigalg"
 *   key         "curve", "key", "weak-key", "key-size"
 *   possession  "pop"
 *   attributes  "csr-attrs"
 *   names       "dn-…"
 *   extensions  "ext-dup", "ext", "ext-critical", "der", "san-…", "dn-…"
 * and FAIL_BROKEN "openssl".  Decisions where the standards leave room:
 * - RFC 2986, 4.1: a missing attributes field is accepted and noted; the order
 *   of the attributes is not checked, since widespread writers do not sort.
 * - RFC 2985, 5.4.2: attributes that we do not know are ignored, up to 64.
 *   Microsoft's own extension request is refused: one way in is enough.
 * - X.690, 11.5: a DEFAULT that is encoded (critical FALSE, cA FALSE) is "der".
 */
MUST_CHECK int csr_read(struct csr **csr, struct span der, struct fail *why);
/*
 * The same for serverkeygen (RFC 7030, 4.4.1): key and signature are neither
 * judged nor believed, only that they are there; `key` is empty (its `evp`
 * NULL).  Fails as csr_read() but with none of what algorithms, key and
 * possession fail with; attributes too when those of RFC 7030, 4.4.1 are not
 * what they should be.
 */
MUST_CHECK int csr_read_unproven(
    struct csr **csr, struct span der, struct fail *why);
/* The key that was made here becomes the request's: `spki` is copied.  Fails
 * as pubkey_read(). */
MUST_CHECK int csr_key_give(
    struct csr *csr, struct span spki, struct fail *why);
void csr_free(struct csr *csr);

#endif
