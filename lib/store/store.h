/*
 * store - every certificate ever issued, the audit chain, the outbox.
 *
 * Durable means synced before anybody hears of it: a verb that writes returns
 * when its rows are on the disk (refusals excepted).  SQLite is in WAL mode with
 * synchronous=NORMAL; the WAL is synced after COMMIT, outside the write lock,
 * so concurrent writers share one sync.  After a failed sync nothing is
 * released: the store is broken until it has reopened with a full checkpoint.
 *
 * Not in here: what may be issued.  All times Unix seconds.
 */
#ifndef MICROCA_STORE_H
#define MICROCA_STORE_H

#include "lib/base/bytes.h"
#include "lib/base/verdicts.h"
#include "lib/store/audit.h"

struct store; /* thread-safe: a pool of connections */

enum store_status { STORE_GOOD, STORE_REVOKED, STORE_HELD };

/* RFC 5280, 5.3.1. */
enum store_reason {
	REASON_UNSPECIFIED = 0,
	REASON_KEY_COMPROMISE = 1,
	REASON_CA_COMPROMISE = 2,
	REASON_AFFILIATION_CHANGED = 3,
	REASON_SUPERSEDED = 4,
	REASON_CESSATION = 5,
	REASON_HOLD = 6,
	REASON_PRIVILEGE_WITHDRAWN = 9
};
/* "keyCompromise", … and back; NULL, -1: no such reason. */
const char *store_reason_word(int reason);
int store_reason_of(const char *word);

/* One row.  Strings and DER owned: record_free(). */
struct record {
	int64_t id;
	char *serial;  /* upper hex */
	char *issuer;  /* KEYID, lower hex */
	char *subject; /* text, name_text() */
	char *san;     /* text, san_text() */
	struct bytes der;
	uint8_t sha256[SHA256_LEN];
	char *profile, *endpoint, *operation;
	char *requester; /* who asked */
	char *owner;     /* the identity that holds the name */
	char *device;    /* Azure device id, or NULL */
	uint8_t csr_sha256[SHA256_LEN], spki_sha256[SHA256_LEN];
	uint8_t subject_hash[SHA256_LEN]; /* grant_name_hash() */
	uint8_t request_key[SHA256_LEN];  /* endpoint, operation, client, CSR */
	int64_t not_before, not_after, issued;
	enum store_status status;
	int reason;      /* enum store_reason, when revoked */
	int64_t revoked; /* 0: not */
	int64_t invalid; /* when revoked: not to be trusted since; 0: unknown */
};
void record_free(struct record *r); /* contents, then zero */

/* "sqlite:PATH", "postgresql://…" (libpq's, without a password).  With `create`
 * an absent database is made, an empty one of PostgreSQL's filled, else
 * FAIL_CONFIG "db-missing".  Others: FAIL_CONFIG "db-url", "db-schema",
 * "db-unsafe", "file-mode"; FAIL_BUSY "db-corrupt", "db-write", "db-busy".  A
 * PostgreSQL that does not answer is no failure here but, without `create`, one
 * of each verb: FAIL_BUSY "db-down".  `connections`
 * is how many it may open at most; `reserve` octets of disk are kept free:
 * below, refusals are no longer recorded (only counted), below half of it
 * nothing is issued. */
MUST_CHECK int store_open(struct store **store, const char *url, bool create,
    unsigned connections, int64_t reserve, struct fail *why);
/* The same for node number `node` of those that share a PostgreSQL database:
 * its lane of the audit chain.  SQLite has none but 0. */
MUST_CHECK int store_open_node(struct store **store, const char *url, int node,
    bool create, unsigned connections, int64_t reserve, struct fail *why);
void store_free(struct store *store);
/* Fails with what health should say: FAIL_BUSY "disk-full" (already when only
 * refusals are no longer recorded: the text tells), "db-…". */
MUST_CHECK int store_state(struct store *store, struct fail *why);

/* Is `now` right, as far as the newest certificate tells?  FAIL_BUSY "clock",
 * "db-…". */
MUST_CHECK int store_clock(
    struct store *store, int64_t now, int64_t slack, struct fail *why);

/* How an issuance is judged inside its transaction. */
struct store_rules {
	int64_t now;
	int64_t repeat_window; /* s; 0: no repeats (answers are made anew) */
	int64_t clock_slack;   /* s: newest issued may be this far ahead */
	int max_live;          /* certificates of the subject; 0: no limit */
	/* s: serverkeygen's answer to the same request that is not older is
	 * revoked as superseded in the same transaction; 0: none */
	int64_t supersede;
	const uint8_t *superseded; /* its SHA-256; set by store_issue() */
	bool key_reuse;        /* may the owner's own earlier key come again? */
	bool key_shared;       /* … for another of its names? */
	const uint8_t *renews; /* SHA-256 of the certificate renewed, or NULL */
	const uint8_t
	    *client; /* of the own one shown, renewed or not; or NULL */
	/* Unix s: when `renews` is to be looked at, to be revoked as replaced
	 * (replaced.h), its end at the latest; 0: not at all */
	int64_t replaced;
	int64_t secret; /* id of the one-time secret shown: used up; 0: none */
	bool approval;  /* only what was approved of (pending.h) */
	int64_t approval_keep;  /* s that it is remembered then */
	bool approval_anew;     /* its answers are made anew, … */
	int64_t approval_again; /* … for so many s after the first */
};

/*
 * Repeat, clock, name-owner, key and quota looked up; then certificate row,
 * audit row, and outbox row when r->device is not NULL: one transaction, then
 * the sync.  A repeat leaves nothing behind and gives the recorded certificate
 * in `repeat` (else empty).  `entry` is completed by the caller but for its
 * time.  Fails: FAIL_DENIED "name-taken", "quota"; FAIL_MALFORMED
 * "key-reuse"; FAIL_BUSY "clock", "disk-full", "db-busy", "db-write",
 * FAIL_BROKEN "serial-clash" (the caller may try once more).  With `renews`
 * or `client` also FAIL_DENIED "client-unknown", "client-revoked"; that one does not count
 * towards the quota, and the outbox says "renewed".  With `secret`, which is
 * used up by the same transaction, also FAIL_ANONYMOUS "auth": it is not open
 * any more (secret.h).  With `approval` also FAIL_PENDING "approval" and
 * FAIL_DENIED "approval-denied"; who loses a race gets the winner's in
 * `repeat`.
 */
MUST_CHECK int store_issue(struct store *store, struct bytes *repeat,
    const struct record *r, const struct store_rules *rules,
    const struct audit *entry, struct fail *why);
/* How it would be judged: a verdict of each rule, nothing written.  `r` is what
 * is known before there is a certificate. */
MUST_CHECK int store_explain(struct store *store, struct verdicts *v,
    const struct record *r, const struct store_rules *rules, struct fail *why);
/* A request whose answer may be on record: by the CSR, the key in it and the
 * request key, still good at `now`, issued at `since` or later. */
struct store_repeat {
	const uint8_t *csr_sha256, *spki_sha256, *request_key;
	int64_t since, now;
};
/* That answer alone, before anything is signed: appended to `der`, and synced,
 * when there is one.  Never one of an answer that is made anew. */
MUST_CHECK int store_repeat_find(struct store *store, struct bytes *der,
    const struct store_repeat *asked, struct fail *why);

/* By the certificate's own SHA-256: `found` false and 0 when there is none.
 * What these two give may not be synced yet; it is once somebody has it. */
MUST_CHECK int store_find(struct store *store, struct record *r, bool *found,
    const uint8_t sha256[SHA256_LEN], struct fail *why);
/* The DER of `owner`'s good certificates of that name, to `each` until it
 * returns non-zero; 64 at most. */
MUST_CHECK int store_named(struct store *store,
    const uint8_t subject_hash[SHA256_LEN], const char *owner, int64_t now,
    int (*each)(struct span der, void *arg), void *arg, struct fail *why);
/* By serial, upper hex; the newest when several issuers used it. */
MUST_CHECK int store_find_serial(struct store *store, struct record *r,
    bool *found, const char *serial, struct fail *why);

/* What is to be said of one certificate. */
struct store_standing {
	enum store_status status;
	int reason; /* enum store_reason, when revoked or held */
	int64_t revoked, not_after;
};
/* By issuing key (KEYID) and serial, upper hex; what is told is synced. */
MUST_CHECK int store_standing(struct store *store,
    struct store_standing *standing, bool *found, const char *issuer,
    const char *serial, struct fail *why);

/* What a certificate is revoked for, and when. */
struct store_revocation {
	enum store_reason reason;
	int64_t when; /* now: RFC 5280, 5.3.2 wants no earlier one */
	int64_t
	    invalid; /* known or suspected since (5.3.2); 0: no word of it */
};
/*
 * Revoke: status, audit and (for one with a device) outbox row, one
 * transaction, synced.  Again with the same reason is harmless: `changed`
 * false, unless another `invalid` is given.  A hold may become any other, any
 * other may become keyCompromise or cACompromise (the date stays): else
 * FAIL_DENIED "revoked".  FAIL_ABSENT "unknown-serial".
 */
MUST_CHECK int store_revoke_one(struct store *store, bool *changed,
    const uint8_t sha256[SHA256_LEN], const struct store_revocation *revocation,
    const struct audit *entry, struct fail *why);
/* The same by serial; the newest when several issuers used it. */
MUST_CHECK int store_revoke(struct store *store, bool *changed,
    const char *serial, enum store_reason reason, int64_t when,
    const struct audit *entry, struct fail *why);

/* A hold ends and the certificate is good again, likewise.  One that is good is
 * left alone: `changed` false.  FAIL_DENIED "revoked": RFC 5280, 5.3.1 knows no
 * way back from anything else. */
MUST_CHECK int store_release(struct store *store, bool *changed,
    const uint8_t sha256[SHA256_LEN], const struct audit *entry,
    struct fail *why);

/* As store_revoke() for cessationOfOperation, of one that nobody received: what
 * it was issued for, `secret` (0: none) and an approval, is good for another.
 * One that is not good any more is left alone: `changed` false. */
MUST_CHECK int store_lost(struct store *store, bool *changed,
    const char *serial, int64_t secret, int64_t when, const struct audit *entry,
    struct fail *why);

/* One audit row.  `durable`: wait for the disk.  Refusals (event "refuse")
 * without an identity are coalesced beyond 60 a minute per reason and peer
 * network (refusals.h); while the disk is nearly full all are only counted. */
MUST_CHECK int store_audit(struct store *store, const struct audit *entry,
    bool durable, struct fail *why);

/* For `microca list`.  NULL, 0 and -1 mean "any". */
struct store_filter {
	const char *profile, *endpoint, *serial;
	/* Pattern over the whole text form: `*` any octets, `?` one character,
	 * nothing else special; letters of ASCII match in either case. */
	const char *subject;
	int64_t expires_before;
	int status; /* enum store_status, or -1 */
	bool live;  /* neither revoked nor expired */
	int64_t now;
	int64_t limit; /* 0: all */
};
/* Calls `each` in order of issuance until it returns non-zero.  Rows that come
 * meanwhile are left out; `each` may use the store. */
MUST_CHECK int store_list(struct store *store,
    const struct store_filter *filter,
    int (*each)(const struct record *r, void *arg), void *arg,
    struct fail *why);
/* The KEYIDs that signed the newest certificates that are good still: of the last
 * hundred thousand, STORE_ISSUERS at most. */
#define STORE_ISSUERS 256
struct store_issuers {
	char keyid[STORE_ISSUERS][2 * 32 + 1];
	size_t n;
};
MUST_CHECK int store_issuers(struct store *store, struct store_issuers *issuers,
    int64_t now, struct fail *why);

/* One revoked or held certificate, as a revocation list names it. */
struct store_revoked {
	const char *serial; /* upper hex */
	int64_t revoked, not_after;
	int64_t invalid; /* 0: unknown */
	int reason;      /* enum store_reason */
};
/* Those of one issuing key (KEYID) that end at `since` or later, in the order
 * of their issuance, until `each` returns non-zero, which is returned.  What is
 * told is synced. */
MUST_CHECK int store_revoked_each(struct store *store, const char *issuer,
    int64_t since, int (*each)(const struct store_revoked *r, void *arg),
    void *arg, struct fail *why);
struct store_counts {
	int64_t certificates, live, revoked, audit, outbox;
};
MUST_CHECK int store_count(struct store *store, struct store_counts *counts,
    int64_t now, struct fail *why);
#endif
