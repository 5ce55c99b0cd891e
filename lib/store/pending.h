/*
 * pending - requests that wait until somebody approves of them.
 *
 * A row is one request, known by its request key: endpoint, operation, client
 * and the octets of the CSR, so that another client's same CSR is another row.
 * It is open until approved or denied; an approved one becomes issued in the
 * transaction that records its certificate (store_rules.approval), and only
 * there.  Each state but "expired" lasts for `keep` seconds from its beginning
 * and means nothing after; the row is removed 30 days later.  The audit tells
 * of every step: "pending", "approve", "deny", "issue", "expire".
 */
#ifndef MICROCA_STORE_PENDING_H
#define MICROCA_STORE_PENDING_H

#include "lib/store/store.h"

#define PENDING_MOST 10000 /* open ones in all */

enum pending_state {
	PENDING_OPEN,
	PENDING_APPROVED,
	PENDING_DENIED,
	PENDING_ISSUED,
	PENDING_EXPIRED /* neither denied nor issued in time */
};
const char *pending_state_word(enum pending_state state);

/* One row.  Strings and DER owned: pending_free(). */
struct pending {
	int64_t id;
	enum pending_state state;
	int64_t created, changed, expires; /* Unix s; changed: to this state */
	uint8_t request_key[SHA256_LEN], csr_sha256[SHA256_LEN];
	bool has_client;
	uint8_t client_sha256[SHA256_LEN]; /* of the certificate shown */
	uint8_t certificate[SHA256_LEN];   /* of what was issued */
	char *request;                     /* id of the first request */
	char *endpoint, *operation, *profile;
	char *requester; /* who asked */
	char *holder;    /* on whose account it is counted */
	char *subject, *san, *peer;
	char *decider, *note; /* who decided, and what was said with it */
	struct bytes csr;     /* DER */
	struct bytes der;     /* of the certificate issued: see below */
};
void pending_free(struct pending *p); /* contents, then zero */

struct pending_rules {
	int64_t now;
	int64_t keep;  /* s */
	int most;      /* open ones of one holder */
	bool anew;     /* answers are made anew (serverkeygen), … */
	int64_t again; /* … for so many s after the first without asking */
	/* What would be issued, but for what only the token knows, and how: who
	 * would be refused is not made to wait, and a decision is about this
	 * profile, subject and subjectAltName alone.  NULL: not looked at. */
	const struct record *wanted;
	const struct store_rules *issue;
};

/*
 * What is known of the request `asked`; a new open row when that is nothing
 * any more, or about something else than what is wanted by now.  `row` is given and, when its state is PENDING_ISSUED, has the
 * certificate in `der`: one that is revoked or at its end counts as nothing,
 * and one made anew does after `again`.
 * All synced.  `asked` needs no id, state or times, `entry` ("pending") is
 * completed by the caller and used for a new row alone.  Fails: FAIL_LIMIT
 * "pending-limit"; FAIL_BUSY "disk-full", "db-…"; with `wanted` as store_issue()
 * does.
 */
MUST_CHECK int store_pending_take(struct store *store, struct pending *row,
    const struct pending *asked, const struct pending_rules *rules,
    const struct audit *entry, struct fail *why);

/*
 * Approve or deny number `id`, synced; `keep` seconds from now.  The other
 * decision may still be taken while nothing is issued; the same one again is
 * harmless: `changed` false.  `entry`: "approve" or "deny", its requester
 * becomes the row's decider, its text the row's note; the rest is filled in
 * from the row.  Fails: FAIL_ABSENT "unknown-request", "request-expired";
 * FAIL_DENIED "request-issued".
 */
MUST_CHECK int store_pending_decide(struct store *store, bool *changed,
    int64_t id, enum pending_state state, int64_t now, int64_t keep,
    const struct audit *entry, struct fail *why);

/* How many are open; PENDING_MOST at most. */
MUST_CHECK int store_pending_count(
    struct store *store, int64_t *open, int64_t now, struct fail *why);

/* NULL and 0 mean "any". */
struct pending_filter {
	const uint8_t *from, *to; /* bounds of the CSR's SHA-256, both in */
	const char *endpoint;
	bool all; /* those too that are denied, issued or expired */
	int64_t now;
};
/* In the order they came, their state as of `now`, without `der`, until `each`
 * returns non-zero; it may use the store. */
MUST_CHECK int store_pending_list(struct store *store,
    const struct pending_filter *filter,
    int (*each)(const struct pending *p, void *arg), void *arg,
    struct fail *why);

#endif
