/*
 * crls - revocation lists: one for each key that issued, published in
 * public/crl/KEYID.crl (RFC 5280, 5).
 *
 * A list is made anew when what it names has changed, when half of its time is
 * over, or when asked for; it holds everything revoked or held that had not
 * ended when the one before it was made (RFC 5280, 3.3).  Its number follows
 * the clock in microseconds and is above that of the one published and of the
 * last that the store knows, so no restored backup brings it back, and of two
 * nodes with one key each makes it on the other's; what one made the others
 * publish.  A clock that is behind the newest issuance makes none.  nextUpdate
 * does not go back either, but for one that a wrong clock put more than two
 * periods ahead.
 */
#ifndef MICROCA_CRLS_H
#define MICROCA_CRLS_H

#include "lib/ca/ca.h"

#define CRLS_LIST_MAX ((size_t)256 * 1024 * 1024) /* octets */

/* Of one key.  Borrowed while it is told. */
struct crls_state {
	const char *keyid;
	const char *path;
	int64_t number, this_update, next_update; /* 0: none published */
	size_t entries;                           /* of one made now */
	bool made;
	struct fail why; /* not made although it should be */
};

struct crls_wish {
	bool force;            /* although nothing changed */
	const char *requester; /* for the audit */
};

/*
 * Look after all of them; needs CA_STORE | CA_KEY.  `each` hears of every key
 * that is not past its end; each list is recorded before it is published.  Fails with the
 * first failure, after all were tried: FAIL_BUSY ("token-…", "db-…", "clock",
 * "locked"), FAIL_CONFIG "issuer-cert" (no cRLSign), FAIL_BROKEN.
 */
MUST_CHECK int crls_make(struct ca *ca, const struct crls_wish *wish,
    int64_t now, void (*each)(const struct crls_state *state, void *arg),
    void *arg, struct fail *why);

/* ---- what is published (crls_state.c) ---- */

/* By the file alone, of which little is read; all 0 when there is none.
 * FAIL_BROKEN when it is none of ours. */
MUST_CHECK int crls_read(struct crls_state *state,
    const struct settings *settings, const char *keyid, struct fail *why);
/* Are lists asked for here?  A profile names a place of them, or `microca crl`
 * has run. */
bool crls_wanted(const struct settings *settings);
/* Of every key that has issued and goes on, the first that has something:
 * FAIL_BUSY "crl-absent", "crl-ended", "crl-due" (three quarters of its time
 * are over); crls_read()'s. */
MUST_CHECK int crls_health(const struct settings *settings,
    const struct issuers *all, int64_t now, struct fail *why);

/* A list in DER, when that key signed it; NULL: it is not to be believed.
 * X509_CRL_free(). */
X509_CRL *crls_of_key(struct span der, EVP_PKEY *key);
/* The one that is published of this issuer's key; NULL: likewise, or it is not
 * there. */
X509_CRL *crls_signed(
    const struct settings *settings, const struct issuer *issuer);

/* ---- was an older database put back? (crls_ahead.c) ---- */

/*
 * A list is recorded before it is published: one that its key signed, with a
 * higher number than the store's, tells of a database that is behind.
 */
struct crls_ahead {
	char keyid[2 * 64 + 1]; /* "": none is */
	int64_t number, known;  /* of the list, the store's */
};
/* The first of this CA's that is so.  A store that knows of no list of a key is
 * not judged by it: it may come from before numbers were kept.  As
 * store_crl_last(), issuers_present(); FAIL_BROKEN "file". */
MUST_CHECK int crls_ahead(struct crls_ahead *ahead,
    const struct settings *settings, struct store *store, struct fail *why);
/* The store's number goes on from that of the list, with a record that says so;
 * nothing when it is not behind. */
MUST_CHECK int crls_go_on(struct store *store, const struct crls_state *list,
    const char *requester, struct fail *why);

/* public/crl/KEYID.crl; the caller frees. */
char *crls_path(const struct settings *settings, const char *keyid);

#endif
