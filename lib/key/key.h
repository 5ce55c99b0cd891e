/*
 * key - a private key in a PKCS#11 token (libp11) or a PEM file.
 *
 * What is signed is verified with the key's public half before anybody gets
 * it.  A token may vanish and come back: signers hold a read lock, the one
 * reopener the write lock, and no EVP_PKEY is used across a close.  A PIN that
 * the token refused is not tried again, by any process or for another key of
 * it, until its file or the token changes.  Opening happens under a lock file with retries and a deadline.
 * The token should hold nothing but this CA's keys.
 */
#ifndef MICROCA_KEY_H
#define MICROCA_KEY_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

/* Where a key is.  Strings are borrowed during the call and copied. */
struct key_place {
	const char *uri;      /* "pkcs11:…", or a PEM file's path */
	const char *module;   /* PKCS#11 module, when the URI names none */
	const char *pin_file; /* when the URI names none; may be NULL */
	const char *state;    /* folder for the lock file and the PIN's mark */
};

struct key; /* thread-safe */

/*
 * A handle; opening starts at once in the background and goes on by itself
 * (back-off 0.5 s to 30 s) until the token is there and a first signature is
 * verified.  A module that does not come back for 60 s ends the process.  Not
 * to be used across a fork.  Fails only for what waiting cannot mend:
 * FAIL_CONFIG "pkcs11-uri", "pkcs11-module", "pkcs11-state", "file-mode" (a
 * PIN or PEM file's).
 */
MUST_CHECK int key_open(
    struct key **key, const struct key_place *place, struct fail *why);
/* Wait until it is usable, `wait` s at most, and no longer than waiting may
 * help.  FAIL_BUSY "token-absent", "token-pin", "token-key", "token-module",
 * "token-session"; FAIL_BROKEN "sign-check". */
MUST_CHECK int key_ready(struct key *key, double wait, struct fail *why);
/* An opening that runs is waited for, `wait` s at most; a back-off between two
 * is not. */
void key_settle(struct key *key, double wait);
/* The configuration changed: drain, close, open the new place; nothing when
 * it is the old one and usable.  FAIL_CONFIG as key_open(): all stays. */
MUST_CHECK int key_move(
    struct key *key, const struct key_place *place, struct fail *why);
void key_free(struct key *key);
/* A PEM file: worth a warning. */
bool key_is_file(const struct key *key);

/*
 * Sign, then verify the signature with the public half.  The hash: SHA-256
 * but SHA-384 for P-384, SHA-512 for P-521, unless `hash` names one; none for
 * EdDSA.  A token error makes one reopen and one more try.  Fails: FAIL_BUSY
 * with the words of key_ready(); FAIL_BROKEN "sign-check", and the key is
 * taken out of use until the next reopen; FAIL_BROKEN "sign" when what is to be
 * signed has no encoding.
 */
MUST_CHECK int key_sign_cert(
    struct key *key, X509 *cert, const EVP_MD *hash, struct fail *why);
MUST_CHECK int key_sign_req(
    struct key *key, X509_REQ *req, const EVP_MD *hash, struct fail *why);
/* The signature over any octets, appended; in the form that X.509 has. */
MUST_CHECK int key_sign_octets(struct bytes *signature, struct key *key,
    struct span in, const EVP_MD *hash, struct fail *why);
/* The hash of a signature when none is named; NULL: the scheme's own. */
const EVP_MD *key_hash(const EVP_PKEY *public);

/*
 * An EVP_PKEY for a TLS handshake, RSA or EC: each signature is made as above,
 * so nothing is locked between them and the token may come and go.  The caller
 * frees it, before `key`.  As key_ready(key, 0); FAIL_CONFIG "key-type".
 */
MUST_CHECK int key_lend(EVP_PKEY **lent, struct key *key, struct fail *why);
/* Why its last signature failed, told once; 0: it did not. */
MUST_CHECK int key_lent_state(EVP_PKEY *lent, struct fail *why);

/* A copy of the public half, the caller frees.  As key_ready(key, 0). */
MUST_CHECK int key_public(
    EVP_PKEY **key_out, struct key *key, struct fail *why);
/* What is wrong now, for health: 0 and FAIL_NONE when the key is usable. */
MUST_CHECK int key_state(struct key *key, struct fail *why);

/*
 * Make a key pair where `place` says: in the token (C_GenerateKeyPair;
 * sensitive, not extractable; a first signature is made) or a new PEM file of
 * mode 0600.  `type`: "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096".
 * An existing key of that name is never replaced: FAIL_DENIED "key-exists".  A
 * type that the token does not make or use: FAIL_CONFIG "key-type".
 */
MUST_CHECK int key_generate(
    const struct key_place *place, const char *type, struct fail *why);

/* No core dumps, no /proc/PID/mem for others: call before any PIN is read. */
void key_harden_process(void);

#endif
