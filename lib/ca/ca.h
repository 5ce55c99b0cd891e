/*
 * ca - the issuing CA: settings, profiles, authority, key, store in one.
 *
 * A struct ca is one reading of the configuration; a reload opens a new one
 * that shares key, store and slots with the old, which goes when its last
 * request is done.
 */
#ifndef MICROCA_CA_H
#define MICROCA_CA_H

#include "lib/ca/authority.h"
#include "lib/ca/settings.h"
#include "lib/key/key.h"
#include "lib/key/slot.h"
#include "lib/store/store.h"

struct identity_cache;

/* What a program needs; cacerts and csrattrs need none of it. */
enum ca_need { CA_STORE = 1, CA_KEY = 2 };

struct ca {
	struct settings *settings;   /* owned; so are all below unless shared */
	struct authority *authority; /* NULL: none installed yet */
	struct fail authority_why;   /* why it is NULL */
	struct identity_cache *identities;
	struct key *key;     /* shared; NULL without CA_KEY */
	struct store *store; /* shared; NULL without CA_STORE */
	struct slots *slots; /* shared; NULL without CA_KEY */
	unsigned refs;       /* ca_hold(), ca_drop() */
	unsigned need;       /* enum ca_need bits */
};

/*
 * Open from a configuration file (NULL: the default).  `old` is a running
 * struct ca to take key, store and slots from, or NULL.  A token or an issuer
 * that is not there yet does not fail: requests do, until it is.  Fails:
 * FAIL_CONFIG, FAIL_BUSY (store).
 */
MUST_CHECK int ca_open(struct ca **ca, const char *conf, unsigned need,
    struct ca *old, struct fail *why);
struct ca *ca_hold(struct ca *ca);
void ca_drop(struct ca *ca); /* NULL is fine */

#endif
