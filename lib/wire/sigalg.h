/*
 * sigalg - signature algorithms: ECDSA (RFC 5758, 3.2), RSA PKCS#1 v1.5 and
 * PSS (RFC 4055), Ed25519 and Ed448 (RFC 8410), with SHA-256, -384, -512 only.
 * Pure.
 */
#ifndef MICROCA_SIGALG_H
#define MICROCA_SIGALG_H

#include "lib/wire/pubkey.h"

struct sigalg {
	enum pubkey_type key;
	int hash; /* NID_sha256 …; NID_undef for EdDSA */
	bool pss;
	int salt; /* octets, PSS */
};

/*
 * Read an AlgorithmIdentifier (the whole element) that goes with a key of type
 * `key`.  PSS: MGF1 with the same hash, a salt of 1 octet to the hash's length,
 * trailer 1.  Fails: FAIL_MALFORMED "weak-hash" (MD2, MD4, MD5, SHA-1), "pop"
 * (id-alg-noSignature proves nothing), "sigalg".
 */
MUST_CHECK int sigalg_read(struct sigalg *alg, struct span algorithm,
    enum pubkey_type key, struct fail *why);

/* Is `signature` (a BIT STRING's octets) that of `key` over `data`?  ECDSA: two
 * positive INTEGERs in DER, nothing else. */
MUST_CHECK bool sigalg_verify(const struct sigalg *alg, EVP_PKEY *key,
    struct span data, struct span signature);

#endif
