/*
 * ca - the issuing CA: settings, profiles, authority, key, store in one.
 *
 * A struct ca is one reading of the configuration; a reload opens a new one
 * that shares key, store and slots with the old, which goes when its last
 * request is done.
 */
#ifndef MICROCA_CA_H
#define MICROCA_CA_H

#include <pthread.h>

#include "lib/ca/issuers.h"
#include "lib/ca/settings.h"
#include "lib/key/key.h"
#include "lib/key/slot.h"
#include "lib/store/store.h"

struct attempts;
struct identity_cache;
struct ca_token; /* key and slots, counted: shared by readings */
struct ca_records;
struct ca_key; /* a generation's own key, counted likewise */

/* What a program needs; cacerts and csrattrs need none of it.  CA_KEY: it
 * issues, so it also identifies clients, and the profiles must fit the
 * issuer.  CA_RESPONDER: it answers OCSP requests (responder.h). */
enum ca_need { CA_STORE = 1, CA_KEY = 2, CA_RESPONDER = 4 };

/* A generation and what signs for it. */
struct signer {
	const struct issuer *issuer; /* borrowed from ca->issuers */
	struct key *key;    /* NULL without CA_KEY, after its end, or … */
	struct fail why;    /* … why it cannot be opened at all */
	struct ca_key *own; /* what counts `key`; NULL: it is ca.key's */
	EVP_PKEY *matched;  /* the key's public half, found to be the issuer's:
	                      under the ca's lock */
};

struct ca {
	struct settings *settings; /* owned; so are all below unless shared */
	struct issuers *issuers;   /* NULL: none installed yet */
	struct fail issuers_why;   /* why it is NULL */
	struct signer *signer;     /* of each of `issuers` */
	struct responder **responders;     /* of each of `issuers`; NULL without
	                                  CA_RESPONDER */
	struct identity_cache *identities; /* NULL without CA_KEY */
	struct attempts *attempts; /* NULL until a secret is shown: under the
	                              lock, see ca_attempts() */
	struct key *key;           /* ca.key's; shared; NULL without CA_KEY */
	struct store *store;       /* shared; NULL without CA_STORE */
	struct slots *slots;       /* shared; NULL without CA_KEY */
	unsigned refs;             /* ca_hold(), ca_drop() */
	unsigned need;             /* enum ca_need bits */

	struct { /* counter.h */
		pthread_mutex_t lock;
		unsigned opening; /* of the key, at the last look */
		bool doubt;       /* what was found then is not here */
	} counted;

	struct ca_token *token;     /* what counts `key` and `slots` */
	struct ca_records *records; /* what counts `store` */
	pthread_mutex_t lock;
};

/*
 * Open from a configuration file (NULL: the default).  `old` is a running
 * struct ca to take keys, store and slots from, or NULL.  A token or an issuer
 * that is not there yet does not fail: requests do, until it is.  ca.key that
 * is somewhere else now moves for the old struct ca too, once all else is
 * ready.  The keys of all generations are opened here, so that the switch from
 * one to the next costs nothing.  Fails: FAIL_CONFIG, "profile" among them (of
 * an endpoint, under the active or a staged issuer) and "owner" (the state
 * folder is another user's, and `need` is not 0); FAIL_BUSY (store).
 */
MUST_CHECK int ca_open(struct ca **ca, const char *conf, unsigned need,
    struct ca *old, struct fail *why);
struct ca *ca_hold(struct ca *ca);
void ca_drop(struct ca *ca); /* NULL is fine */

/*
 * What issues at `now`: the active generation.  When its key cannot be used,
 * the last one before it that is valid still and whose key can: certificates
 * of both are good, so that is better than none; the log says so.  A key that
 * nobody stands in for is no failure here: ca_key_ok() tells.  Borrowed from
 * the ca.  Fails: FAIL_BUSY "issuer-absent", "issuer-cert", "issuer-time",
 * "clock".
 */
MUST_CHECK int ca_signer(
    struct signer **signer, struct ca *ca, int64_t now, struct fail *why);
/*
 * Is the token's key the one in the issuing certificate?  `public` is the
 * token's public half now, the caller's to free.  Fails: FAIL_BUSY
 * "issuer-key", and as key_public().
 */
MUST_CHECK int ca_key_ok(
    EVP_PKEY **public, struct ca *ca, struct signer *signer, struct fail *why);
/* The counts of wrong secrets (attempts.h), opened when they are wanted for the
 * first time: no other request depends on them.  Borrowed.  FAIL_BUSY
 * "attempts". */
MUST_CHECK int ca_attempts(
    struct attempts **attempts, struct ca *ca, struct fail *why);
/* The active generation's chain at `now`, whatever its key; NULL: none. */
const struct authority *ca_authority(const struct ca *ca, int64_t now);

#endif
