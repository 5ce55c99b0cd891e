/*
 * pubkey - subjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC 5480, 3279, 8410):
 * strict reading and the tests that say a key is worth certifying.  Pure.
 */
#ifndef MICROCA_PUBKEY_H
#define MICROCA_PUBKEY_H

#include <openssl/evp.h>

#include "lib/base/bytes.h"

enum pubkey_type { PUBKEY_EC, PUBKEY_RSA, PUBKEY_ED25519, PUBKEY_ED448 };

struct pubkey {
	enum pubkey_type type;
	int curve;             /* NID of an EC key's named curve, else 0 */
	int bits;              /* field or modulus */
	EVP_PKEY *evp;         /* owned; built with EVP_PKEY_fromdata */
	struct span spki;      /* borrowed: the SubjectPublicKeyInfo's DER */
	struct span algorithm; /* borrowed: its AlgorithmIdentifier's DER */
	struct span key;       /* borrowed: octets of its BIT STRING */
	uint8_t sha256[SHA256_LEN]; /* of spki */
};

/*
 * The key's type alone, from its algorithm's OID: who checks a signature's
 * algorithm needs it before the key is looked at.  Fails: FAIL_MALFORMED
 * "der", "key-alg".
 */
MUST_CHECK int pubkey_type_read(
    enum pubkey_type *type, struct span spki, struct fail *why);
/*
 * Read and judge.  EC: a named curve (P-256, P-384, P-521), uncompressed point
 * on it.  RSA: NULL parameters, 2048 to 8192 bits, modulus odd and sound as
 * weakrsa.h has it, exponent odd, 65537 <= e < 2^256.  Ed25519, Ed448: no
 * parameters.  Sizes are judged before any arithmetic.  `spki` must outlive
 * the result.  Fails: FAIL_MALFORMED "der", "key-alg", "curve", "key",
 * "weak-key", "key-size"; FAIL_BROKEN "openssl".
 */
MUST_CHECK int pubkey_read(
    struct pubkey *key, struct span spki, struct fail *why);
void pubkey_free(struct pubkey *key); /* not the struct itself */
/* "EC P-256", "RSA 2048", "Ed25519": static or in `out`. */
const char *pubkey_text(const struct pubkey *key, char out[32]);

#endif
