/*
 * responder - who signs what is said of certificates (RFC 6960, 4.2.2.2).
 *
 * The CA's key never does on line: each issuing key certifies a responder,
 * for id-kp-OCSPSigning alone and a short time (id-pkix-ocsp-nocheck: nobody
 * asks for its own status).  state/ocsp/KEYID.pem holds the certificate and,
 * unless ocsp.key says where it is, its private key; 0600, replaced as one, so
 * both are always of a kind.  `microca ocsp` issues and renews.
 */
#ifndef MICROCA_RESPONDER_H
#define MICROCA_RESPONDER_H

#include "lib/ca/ca.h"

#define RESPONDER_KEY "p256" /* of keys that we make */

/* Of one issuing key. */
struct responder {
	X509 *cert;      /* NULL: … */
	struct fail why; /* … why there is none */
	int64_t not_before, not_after;
	struct key *key; /* NULL after responder_read() */
	EVP_PKEY *lent;  /* under the ca's lock */
};

/* One profile, "ocsp-responder", for the responder of KEYID.  The subject is
 * responder_name().  profiles_free(). */
MUST_CHECK int responder_profile(struct profiles **profiles,
    const struct settings *s, const char *keyid, struct fail *why);
char *responder_name(const char *keyid); /* the CN; the caller frees */

char *responders_folder(const struct settings *s);
char *responder_path(const struct settings *s, const char *keyid);
/* Where the private key is; `path` is responder_path().  Borrowed. */
struct key_place responder_place(const struct settings *s, const char *path);
/* The certificate alone, issued by `issuer`.  FAIL_ABSENT, FAIL_BROKEN
 * "responder".  responder_free() in any case. */
MUST_CHECK int responder_read(struct responder *r, const struct settings *s,
    const struct issuer *issuer, struct fail *why);
void responder_free(struct responder *r); /* contents */

/* For all of ca->issuers; a failure is the responder's. */
void responders_open(struct ca *ca, int64_t now);
void responders_free(struct ca *ca);
/* Is it valid at `now`, is its key there, and its own?  `key` is borrowed from
 * it.  FAIL_BUSY: responder_valid()'s, responder_fits()'s, "token-…". */
MUST_CHECK int responder_ready(EVP_PKEY **key, struct ca *ca,
    struct responder *r, int64_t now, struct fail *why);

/* ---- what is wrong with it (responder_state.c) ---- */

/* Is certificate status asked for here?  A profile names a place of it, or
 * `microca ocsp` has run. */
bool responders_wanted(const struct settings *s);
/* FAIL_BUSY "responder-absent", "responder-ended". */
MUST_CHECK int responder_valid(
    const struct responder *r, int64_t now, struct fail *why);
/* What the record says of it: nobody asks for its status, so we do.  One that
 * the store does not know is as it is.  FAIL_BUSY "responder-revoked", "db-…". */
MUST_CHECK int responder_standing(const struct responder *r,
    struct store *store, const struct issuer *issuer, struct fail *why);
/* The public half of its key.  FAIL_BUSY "responder-key". */
MUST_CHECK int responder_fits(
    const struct responder *r, const EVP_PKEY *public, struct fail *why);
/* FAIL_BUSY "responder-due": that was long ago, three quarters are over. */
MUST_CHECK int responder_renewed(
    const struct responder *r, int64_t now, struct fail *why);
/* All of this by the files and the key, which is waited for `wait` s at most. */
MUST_CHECK int responder_check(const struct settings *s,
    const struct issuer *issuer, double wait, int64_t now, struct fail *why);

#endif
