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

#include "lib/ca/authority.h"
#include "lib/ca/settings.h"
#include "lib/key/key.h"
#include "lib/key/slot.h"
#include "lib/store/store.h"

struct attempts;
struct identity_cache;
struct ca_token; /* key and slots, counted: shared by readings */
struct ca_records;

/* What a program needs; cacerts and csrattrs need none of it.  CA_KEY: it
 * issues, so it also identifies clients, and the profiles must fit the
 * issuer. */
enum ca_need { CA_STORE = 1, CA_KEY = 2 };

struct ca {
	struct settings *settings;   /* owned; so are all below unless shared */
	struct authority *authority; /* NULL: none installed yet */
	struct fail authority_why;   /* why it is NULL */
	struct identity_cache *identities; /* NULL without CA_KEY */
	struct attempts *attempts; /* NULL when no endpoint takes secrets */
	struct key *key;           /* shared; NULL without CA_KEY */
	struct store *store;       /* shared; NULL without CA_STORE */
	struct slots *slots;       /* shared; NULL without CA_KEY */
	unsigned refs;             /* ca_hold(), ca_drop() */
	unsigned need;             /* enum ca_need bits */

	struct ca_token *token;     /* what counts `key` and `slots` */
	struct ca_records *records; /* what counts `store` */
	pthread_mutex_t lock;
	EVP_PKEY *matched; /* the key's public half, found to be the issuer's:
	                      under `lock` */
};

/*
 * Open from a configuration file (NULL: the default).  `old` is a running
 * struct ca to take key, store and slots from, or NULL.  A token or an issuer
 * that is not there yet does not fail: requests do, until it is.  A key that
 * is somewhere else now moves for the old struct ca too, once all else is
 * ready.  Fails: FAIL_CONFIG, "profile" among them; FAIL_BUSY (store).
 */
MUST_CHECK int ca_open(struct ca **ca, const char *conf, unsigned need,
    struct ca *old, struct fail *why);
struct ca *ca_hold(struct ca *ca);
void ca_drop(struct ca *ca); /* NULL is fine */

/*
 * Is the token's key the one in the issuing certificate?  `public` is the
 * token's public half now, the caller's to free.  Fails: FAIL_BUSY
 * "issuer-key", and as key_public().
 */
MUST_CHECK int ca_key_ok(EVP_PKEY **public, struct ca *ca, struct fail *why);

#endif
