#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/pending_row.h"
#include "lib/store/rows.h"

static bool
is_compromise(int reason)
{
	return reason == REASON_KEY_COMPROMISE ||
	       reason == REASON_CA_COMPROMISE;
}

/* RFC 5280, 5.3.1: a hold may become a revocation; and a revoked key may turn
 * out to be compromised, which keeps the date.  Nothing else changes. */
static int
revoke_judge(bool *change, const struct record *r,
    const struct store_revocation *v, struct fail *why)
{
	*change = false;
	if (r->status != STORE_GOOD && r->reason == (int)v->reason) {
		*change = v->invalid != 0 && v->invalid != r->invalid;
		return 0;
	}
	if (r->status == STORE_REVOKED &&
	    (!is_compromise((int)v->reason) ||
		r->reason == REASON_KEY_COMPROMISE))
		return fail(why, FAIL_DENIED, "revoked",
		    "certificate %s is already revoked: %s", r->serial,
		    store_reason_word(r->reason));
	*change = true;
	return 0;
}

static int
release_judge(bool *change, const struct record *r, struct fail *why)
{
	*change = r->status == STORE_HELD;
	/* RFC 5280, 5.3.1: removeFromCRL is for what was on hold. */
	if (r->status == STORE_REVOKED)
		return fail(why, FAIL_DENIED, "revoked",
		    "RFC 5280, 5.3.1: certificate %s is revoked for %s, and "
		    "only a hold can be released",
		    r->serial, store_reason_word(r->reason));
	return 0;
}

/* ---- the rows ------------------------------------------------------------ */

static int
change_rows(struct conn *c, const struct record *r, enum outbox_kind kind,
    const struct audit *entry, struct fail *why)
{
	int64_t now_us = when_now_us();
	char *text = audit_text(entry, now_us);
	int rc = audit_add(c, entry, text, now_us, why);

	if (rc == 0 && r->device != NULL)
		rc = outbox_add(c, kind, r, r->id, now_us, why);
	free(text);
	return rc;
}

int
revoke_rows(struct conn *c, const struct record *r,
    const struct store_revocation *v, const struct audit *entry,
    struct fail *why)
{
	bool hold = v->reason == REASON_HOLD, row;
	bool same = r->status == STORE_REVOKED || (hold && r->revoked != 0);

	if (db_query(c, SQL_CERT_REVOKE, &row,
		VALUES(value_number(hold ? STORE_HELD : STORE_REVOKED),
		    value_number(v->reason),
		    value_number(same ? r->revoked : v->when),
		    value_number(v->invalid != 0 ? v->invalid : r->invalid),
		    value_number(is_compromise((int)v->reason)),
		    value_number(r->id)),
		why) != 0)
		return -1;
	fault_point("revoke-row");
	return change_rows(c, r, OUTBOX_REVOKED, entry, why);
}

static int
release_rows(struct conn *c, const struct record *r, const struct audit *entry,
    struct fail *why)
{
	bool row;

	if (db_query(c, SQL_CERT_REVOKE, &row,
		VALUES(value_number(STORE_GOOD), value_number(0),
		    value_number(0), value_number(0), value_number(0),
		    value_number(r->id)),
		why) != 0)
		return -1;
	return change_rows(c, r, OUTBOX_RENEWED, entry, why);
}

/* ---- which one ----------------------------------------------------------- */

static int
serial_find(
    struct record *r, struct conn *c, const char *serial, struct fail *why)
{
	bool row;

	if (db_query(
		c, SQL_CERT_SERIAL, &row, VALUES(value_text(serial)), why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "unknown-serial",
		    "there is no certificate with serial %s", serial);
	record_read(r, c, SQL_CERT_SERIAL);
	return 0;
}

static int
hash_find(struct record *r, struct conn *c, const uint8_t sha256[SHA256_LEN],
    struct fail *why)
{
	bool row;

	if (db_query(c, SQL_CERT_SHA256, &row,
		VALUES(value_number(hash_head(sha256)),
		    value_octets(sha256, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "unknown-serial",
		    "there is no certificate with this fingerprint");
	record_read(r, c, SQL_CERT_SHA256);
	return 0;
}

/* ---- the transactions ---------------------------------------------------- */

/* One of the two says which; without `revocation` a hold ends. */
struct change {
	const char *serial;
	const uint8_t *sha256;
	const struct store_revocation *revocation;
	const struct audit *entry;
	bool made;
};

static int
change_make(struct conn *c, void *arg, bool *change, struct fail *why)
{
	struct change *of = arg;
	const struct store_revocation *v = of->revocation;
	struct record r = {0};
	int rc = of->serial != NULL ? serial_find(&r, c, of->serial, why)
	                            : hash_find(&r, c, of->sha256, why);

	if (rc == 0)
		rc = v != NULL ? revoke_judge(change, &r, v, why)
		               : release_judge(change, &r, why);
	if (rc == 0 && *change)
		rc = v != NULL ? revoke_rows(c, &r, v, of->entry, why)
		               : release_rows(c, &r, of->entry, why);
	record_free(&r);
	of->made = *change;
	return rc;
}

static int
change_commit(
    struct store *store, bool *changed, struct change *of, struct fail *why)
{
	int rc = db_write(store->db, true, change_make, of, why);

	*changed = rc == 0 && of->made;
	return rc;
}

static int
reason_ok(enum store_reason reason, struct fail *why)
{
	if (store_reason_word((int)reason) != NULL)
		return 0;
	return fail(why, FAIL_MALFORMED, "reason",
	    "RFC 5280, 5.3.1: %d is no reason to revoke", (int)reason);
}

int
store_revoke(struct store *store, bool *changed, const char *serial,
    enum store_reason reason, int64_t when, const struct audit *entry,
    struct fail *why)
{
	const struct store_revocation v = {.reason = reason, .when = when};
	struct change of = {.serial = serial, .revocation = &v, .entry = entry};

	*changed = false;
	if (reason_ok(reason, why) != 0)
		return -1;
	return change_commit(store, changed, &of, why);
}

int
store_revoke_one(struct store *store, bool *changed,
    const uint8_t sha256[SHA256_LEN], const struct store_revocation *revocation,
    const struct audit *entry, struct fail *why)
{
	struct change of = {
	    .sha256 = sha256, .revocation = revocation, .entry = entry};

	*changed = false;
	if (reason_ok(revocation->reason, why) != 0)
		return -1;
	return change_commit(store, changed, &of, why);
}

int
store_release(struct store *store, bool *changed,
    const uint8_t sha256[SHA256_LEN], const struct audit *entry,
    struct fail *why)
{
	struct change of = {.sha256 = sha256, .entry = entry};

	return change_commit(store, changed, &of, why);
}

/* ---- one that nobody received -------------------------------------------- */

static int
lost_rows(struct conn *c, const struct record *r, int64_t secret, int64_t when,
    const struct audit *entry, struct fail *why)
{
	const struct store_revocation v = {
	    .reason = REASON_CESSATION, .when = when};

	if (revoke_rows(c, r, &v, entry, why) != 0 ||
	    secret_give_back(c, secret, r, why) != 0)
		return -1;
	return pending_give_back(c, r, why);
}

struct loss {
	const char *serial;
	int64_t secret, when;
	const struct audit *entry;
	bool made;
};

static int
loss_make(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct loss *l = arg;
	struct record r = {0};
	int rc = serial_find(&r, c, l->serial, why);

	*keep = l->made = rc == 0 && r.status == STORE_GOOD;
	if (l->made)
		rc = lost_rows(c, &r, l->secret, l->when, l->entry, why);
	record_free(&r);
	return rc;
}

int
store_lost(struct store *store, bool *changed, const char *serial,
    int64_t secret, int64_t when, const struct audit *entry, struct fail *why)
{
	struct loss l = {serial, secret, when, entry, false};
	int rc = db_write(store->db, true, loss_make, &l, why);

	*changed = rc == 0 && l.made;
	return rc;
}
