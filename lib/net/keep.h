/*
 * keep - one certificate that is kept: enrolled, renewed before its end,
 * swapped together with its key.  est-client's certificates and the CA's own
 * (design section 8) live by the same rules.
 *
 * A folder per certificate:
 *
 *	FOLDER/current  -> 000007      a link, replaced by rename(2)
 *	FOLDER/previous -> 000006
 *	FOLDER/000007/key.pem          or key.uri: one line, the PKCS#11 URI
 *	FOLDER/000007/cert.pem         the leaf
 *	FOLDER/000007/chain.pem        the leaf and what is above it, root last
 *	FOLDER/000008/key.pem, csr.der, since     the next pair, while it waits
 *	FOLDER/rejected/               the last certificate refused, and why
 *	FOLDER/status.json             what happened last (keep_status)
 *	FOLDER/lock
 *
 * So a pair changes as a whole or not at all, whatever is cut when; the pair
 * before it stays.  A key and a request that were made for an enrolment are
 * used again until it is answered (202 for days, lost answers), over restarts.
 */
#ifndef MICROCA_KEEP_H
#define MICROCA_KEEP_H

#include <openssl/x509v3.h>

#include "lib/base/bytes.h"
#include "lib/key/key.h"

/* The pair in use.  keep_pair_free(). */
struct keep_pair {
	char *folder;           /* FOLDER/000007 */
	char *key_place;        /* path of key.pem, or the URI */
	STACK_OF(X509) * chain; /* leaf first */
	X509 *leaf;             /* chain[0], borrowed */
	int64_t not_before, not_after;
};

/* How the next request is answered: an EST server, this CA itself. */
struct keep_source {
	/*
	 * Certify `csr` (DER).  `renews` is the pair in use, NULL the first time
	 * or when it has expired.  The leaf and whatever else came (the CAs of
	 * cacerts, so that a chain can be built) are the caller's; a leaf that
	 * comes with a failure goes to rejected/.  FAIL_PENDING with
	 * why->retry; FAIL_BUSY: try later; other kinds: refused.  A request
	 * counts as answered, and is made anew for the next try, when that
	 * failed with FAIL_DENIED other than "up-tls", "up-authz",
	 * "pin", "up-redirect", "up-auth", or with "up-cert".
	 */
	int (*certify)(void *arg, X509 **leaf, STACK_OF(X509) * *others,
	    struct span csr, const struct keep_pair *renews, struct fail *why);
	/* The server's wishes for the request (CsrAttrs DER), or NULL. */
	int (*attributes)(void *arg, struct bytes *der, struct fail *why);
	/* Use the new pair once before it is switched to, or NULL. */
	int (*probe)(void *arg, const struct keep_pair *next, struct fail *why);
	void *arg;
};

struct keep_plan {
	const char *folder;
	const char *name;   /* for messages: "device" */
	X509_NAME *subject; /* of the first request; a renewal keeps its own */
	GENERAL_NAMES *san; /* NULL: none */
	const char *key_type; /* as key_generate(); a csrattrs wish wins within
	                         what we can make */
	const EVP_MD *hash;   /* NULL: the key's own */
	/* Where keys are made: NULL is a file in the folder; else a PKCS#11 URI
	 * without object, or with one that gets "-000008" appended. */
	const char *key_uri;
	const char *module, *pin_file, *state;
	bool key_reuse;       /* renew with the same key */
	int64_t renew_before; /* s before notAfter; and/or … */
	int renew_percent;    /* … this much of the lifetime gone; 0: not */
	int64_t ask_again;    /* s: the most between two tries */
	const STACK_OF(X509) * anchors; /* the chain must end in one of them;
	                                   NULL: no chain is built */
	bool ca; /* a CA certificate is wanted, else an end
	                          entity's */
	/* More to check of a new chain (leaf first), or NULL; then what takes
	 * it into use besides the link, or NULL. */
	int (*accept)(void *arg, STACK_OF(X509) * chain, struct fail *why);
	int (*activate)(
	    void *arg, const struct keep_pair *pair, struct fail *why);
	void *arg;
	const char *const *hook; /* argv, NULL-terminated; NULL: none.  Run
	                            after the switch, without a shell */
};

enum keep_state {
	KEEP_NONE,    /* nothing yet, and nothing asked */
	KEEP_GOOD,    /* in use, not due */
	KEEP_DUE,     /* in use, to be renewed */
	KEEP_PENDING, /* a request waits for an approval */
	KEEP_RETRY,   /* the last try failed; another follows */
	KEEP_REFUSED, /* the last answer was no, or not usable */
	KEEP_EXPIRED  /* what is in use has ended */
};

/* What status.json holds, in its words.  keep_status_free(). */
struct keep_status {
	enum keep_state state;
	int64_t not_before, not_after, renew_at; /* of the pair in use, or 0 */
	char *subject, *serial, *fingerprint;    /* or NULL */
	int64_t tried, succeeded, next_try;      /* Unix s, or 0 */
	int64_t pending_since;
	int failures;          /* in a row */
	char *reason, *text;   /* of the last failure, or NULL */
	int life_left_percent; /* -1: no pair */
};

/* The pair in use; `pair` NULL and 0 when there is none.  FAIL_BROKEN. */
MUST_CHECK int keep_pair_read(
    struct keep_pair **pair, const char *folder, struct fail *why);
void keep_pair_free(struct keep_pair *pair);

/*
 * Do what is due now: enrol, poll, renew, or nothing.  `force`: although
 * nothing is due.  `changed`: a new pair is in use.  One process at a time a
 * folder (FAIL_BUSY "locked").  Backs off with jitter between tries: a call
 * before the time has come does nothing and says so in the status.  Fails:
 * FAIL_PENDING "up-pending", what the source says, FAIL_DENIED "up-cert" (the
 * certificate is in rejected/, all stays), FAIL_BROKEN "hook" (the new pair is
 * in use all the same).
 */
MUST_CHECK int keep_run(bool *changed, const struct keep_plan *plan,
    const struct keep_source *source, bool force, struct fail *why);

/* The request alone, to be carried elsewhere by hand (DER); the same one until
 * it is answered. */
MUST_CHECK int keep_csr(
    struct bytes *der, const struct keep_plan *plan, struct fail *why);
/* The waiting request once more, linked to a TLS connection: `binding` is the
 * text of challengePassword (RFC 7030, 3.5), the key the same.  For certify(),
 * which runs under the folder's lock. */
MUST_CHECK int keep_csr_bound(struct bytes *der, const struct keep_plan *plan,
    struct span csr, const char *binding, struct fail *why);
/* What came back by hand: the same checks, the same switch; but what is refused
 * leaves the request waiting for the right one.  FAIL_ABSENT "pair" when no
 * request waits. */
MUST_CHECK int keep_install(bool *changed, const struct keep_plan *plan,
    const STACK_OF(X509) * certs, struct fail *why);

MUST_CHECK int keep_status_read(
    struct keep_status *status, const struct keep_plan *plan, struct fail *why);
void keep_status_free(struct keep_status *status);
const char *keep_state_word(enum keep_state state);

#endif
