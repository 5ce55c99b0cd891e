/*
 * issuers - the generations of the issuing certificate, and their rollover.
 *
 * A generation is a chain (issuer first, root last), the key that goes with
 * it, the time from which it issues, and the certificates that lead clients
 * from an old root to a new one (RFC 7030, 4.1.3; RFC 4210, 4.4).  Past
 * generations stay: their certificates are valid, renewed and revoked.  One is
 * active.  A staged one is published already (cacerts, client-CA bundles) and
 * issues from its time on.
 *
 * Which one is active follows from the generations and the clock alone, and is
 * asked for each request: programs switch in the same second without a word
 * between them.  Nothing needs to run at that time.
 *
 * state/issuer.pem is the first generation, active from the beginning;
 * state/issuers/NOTBEFORE-SERIAL.pem is one more each.  A file is PEM, chain
 * first, and may begin with lines "Activate: RFC 3339 time" and "Key: URI or
 * path" (without: ca.key).  Each is written whole and renamed into place; what is
 * past its end goes to state/issuers/over, which issuers_promote() alone reads.
 *
 * Peers are generations of other nodes over the same store, copies of such files
 * in ca.peers.  They are trusted for clients and published, and issue nothing here.
 */
#ifndef MICROCA_ISSUERS_H
#define MICROCA_ISSUERS_H

#include "lib/ca/authority.h"

#define ISSUERS_MAX 8 /* kept at a time */

/* One generation; immutable. */
struct issuer {
	struct authority *authority; /* owned */
	STACK_OF(X509) * extra; /* further roots and cross certificates; may
	                           be empty */
	char *key;              /* PKCS#11 URI or PEM file; NULL: ca.key */
	int64_t activate;       /* Unix s; INT64_MIN: from the beginning */
	char *path;             /* its file */
	char *serial;           /* of the issuing certificate, upper hex */
};

/* In the order of activation; immutable, so requests share it. */
struct issuers {
	struct issuer **item;
	size_t n;              /* at least 1 */
	struct issuers *peers; /* of ca.peers, perhaps empty; NULL: no such
	                          folder is named */
	struct fail trouble; /* a file that was passed over; FAIL_NONE: none */
	struct fail above;   /* upstream_crls_read() */
};

enum issuer_state { ISSUER_PAST, ISSUER_ACTIVE, ISSUER_STAGED };

/*
 * All generations there are.  A file that is no sound generation is passed
 * over, said in `trouble`, as long as another is.  Fails: FAIL_BUSY
 * "issuer-absent" (none), FAIL_CONFIG "issuer-cert".
 */
MUST_CHECK int issuers_read(struct issuers **issuers,
    const struct settings *settings, struct fail *why);
void issuers_free(struct issuers *issuers);

/*
 * The generation that issues at `now`, Unix s: of those whose time has come
 * and that are valid the one that came last.  When none is valid, the last
 * whose time has come: authority_usable() says what is wrong.  Never NULL.
 */
const struct issuer *issuers_active(const struct issuers *issuers, int64_t now);
enum issuer_state issuers_state(
    const struct issuers *issuers, const struct issuer *issuer, int64_t now);
const char *issuer_state_word(enum issuer_state state);
/* The issuer of a certificate that names this KEYID: with one key in several
 * generations the one last active.  NULL: none. */
const struct issuer *issuers_by_keyid(
    const struct issuers *issuers, const char *keyid, int64_t now);
/* The same, else a peer's. */
const struct issuer *issuers_any_by_keyid(
    const struct issuers *issuers, const char *keyid, int64_t now);
/* By KEYID (when it names one only) or by serial; NULL: none. */
const struct issuer *issuers_find(
    const struct issuers *issuers, const char *keyid_or_serial);
/* Of any generation, a peer's too: authority_has_name(),
 * authority_has_key(). */
bool issuers_have_name(const struct issuers *issuers, const X509_NAME *name);
bool issuers_have_key(
    const struct issuers *issuers, const uint8_t spki_sha256[SHA256_LEN]);
/* The key's place: ca.key's module, PIN file and folder, the generation's URI.
 * Borrowed from both. */
struct key_place issuer_key_place(
    const struct issuer *issuer, const struct settings *settings);

/* ---- what is published (issuers_publish.c) ------------------------------ */

/*
 * What clients need to follow (cacerts, RFC 7030, 4.1.3): the issuing
 * certificates and those between, the active generation's first, the peers'
 * last, then cross certificates, then the roots; none twice.  The caller frees.
 */
STACK_OF(X509) * issuers_published(const struct issuers *issuers, int64_t now);
/*
 * public/chain.pem and every endpoint's client-CA bundle.  A bundle holds all
 * that is published when a rule takes our certificates, and the files of each
 * rule's foreign CA; without any rule ours, so that the web server has
 * something to start with.  Fails: FAIL_CONFIG (a rule's file), FAIL_BROKEN.
 */
MUST_CHECK int issuers_publish(const struct settings *settings,
    const struct issuers *issuers, int64_t now, struct fail *why);
/*
 * A certificate that binds one root's name and key under another root
 * (OldWithNew, NewWithOld: RFC 4210, 4.4), signature verified?  `roots` are
 * those it may connect.
 */
bool issuers_is_cross(X509 *cert, const STACK_OF(X509) * roots);

/* ---- taking a new one into use (issuers_stage.c) ------------------------ */

/* Told of each change before it is made, so that none is made that is not
 * recorded: non-zero, with `why` filled, and nothing is changed.  `text` is for
 * the audit. */
struct issuers_tell {
	int (*tell)(
	    void *arg, X509 *issuer, const char *text, struct fail *why);
	void *arg;
};

/* A generation to be.  All borrowed. */
struct issuer_wish {
	const STACK_OF(X509) * chain; /* issuer first, self-signed root last */
	const STACK_OF(X509) * extra; /* other certificates that came with it,
	                                 or NULL: of these the roots and cross
	                                 certificates that fit are kept */
	const STACK_OF(X509) * roots; /* roots that the configuration or the
	                                 operator names; NULL: none named */
	const EVP_PKEY *public;       /* of the key that shall sign */
	const char *key;              /* its URI or path; NULL: ca.key */
	int64_t activate; /* Unix s; ISSUER_DEFAULT: by ca.activate_after */
	struct issuers_tell tell; /* tell.tell NULL: nobody is told */
	bool force; /* shorter than the present one, narrower in names, a gap:
	               taken all the same */
};
#define ISSUER_DEFAULT INT64_MIN

/*
 * Would it do?  Sound (authority_make()), valid now, our key, fit for every
 * endpoint's profile; the root is one of `roots`, one that a generation has,
 * or one to which NewWithOld leads from these; without both of them (the very
 * first, by hand) the root is believed.  Not without `force`: an end before
 * the present one's, name constraints that the present one does not have,
 * an activation after the present one's end.  Never: one after its own end.
 *
 * Each refused with its own text: FAIL_CONFIG "issuer-cert", "profile";
 * FAIL_DENIED "issuer-key", "issuer-root", "issuer-shorter",
 * "issuer-constraints", "issuer-gap", "issuer-time", "issuer-revoked"; FAIL_BUSY "clock"
 * (not valid yet).  `present` may be NULL: there is none.
 */
MUST_CHECK int issuers_check(const struct settings *settings,
    const struct issuers *present, const struct issuer_wish *wish, int64_t now,
    struct fail *why);

/*
 * Check, tell, publish, then keep: in this order, so that whoever validates has
 * the new certificates before the first one is issued under them.  The very first
 * becomes active at once, and so does one whose predecessor is not valid any
 * more; ISSUER_DEFAULT is otherwise now + ca.activate_after, but at the
 * latest half-way to the present one's end and to its own.  `activate` says what
 * it became.  A generation that is there already is published again, no more;
 * that is no failure.  Fails: as issuers_check(); FAIL_DENIED "issuer-staged"
 * (another is staged: drop it first), "issuer-many"; FAIL_BUSY "locked".
 */
MUST_CHECK int issuers_stage(const struct settings *settings,
    const struct issuer_wish *wish, int64_t now, int64_t *activate,
    struct fail *why);

/* issuers_publish() of what there is, while nobody changes it; for other rules,
 * or files that were lost.  FAIL_BUSY "locked"; as issuers_read(). */
MUST_CHECK int issuers_republish(
    const struct settings *settings, int64_t now, struct fail *why);

/* What issuers_promote() found and did. */
struct promoted {
	X509 *active;   /* newly active since the last time, or NULL; owned */
	size_t dropped; /* generations that are over and gone, … */
	size_t back;    /* … and that came back */
};
/*
 * Tidy up: what is published is written anew in the order of now, generations
 * whose issuing certificate is past its end are dropped (nothing under it
 * validates any more), never the active one.  They are kept aside: a clock that
 * ran ahead must not cost anybody its issuer, so what is not past its end comes
 * back.  Harmless when there is nothing to do, and when it is never called.
 * `tell` may be NULL.  promoted_free() in any case.
 */
MUST_CHECK int issuers_promote(struct promoted *promoted,
    const struct settings *settings, const struct issuers_tell *tell,
    int64_t now, struct fail *why);
void promoted_free(struct promoted *promoted);

/* Take a staged generation back, by KEYID or serial, and publish.  Fails:
 * FAIL_ABSENT "issuer-unknown", FAIL_DENIED "issuer-inuse" (not staged, or to
 * begin within half a minute). */
MUST_CHECK int issuers_drop(const struct settings *settings,
    const char *keyid_or_serial, const struct issuers_tell *tell, int64_t now,
    struct fail *why);

#endif
