/* What the audit says of one certificate. */
#include <stdlib.h>
#include <string.h>

#include "lib/store/browse.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define SECOND 1000000LL /* us */
#define AROUND 2000 /* issuances looked at for the one, from its second on */

struct telling {
	int (*each)(int64_t seq, const char *record, void *arg);
	void *arg;
	size_t left;
	bool stop;
};

/* False: nobody listens any more. */
static void
tell(struct telling *t, int64_t seq, const char *record)
{
	if (t->left == 0 || t->stop)
		return;
	t->left--;
	t->stop = t->each(seq, record, t->arg) != 0;
}

/* ---- lanes ----------------------------------------------------------------- */

int
audit_end(int64_t *seq, uint8_t hash[SHA256_LEN], bool *row, struct conn *c,
    int64_t lane, struct fail *why)
{
	const enum sql q = SQL_AUDIT_LAST;

	*seq = 0;
	memset(hash, 0, SHA256_LEN);
	if (db_query(c, q, row,
		VALUES(value_number(lane_low(lane)),
		    value_number(lane_high(lane))),
		why) != 0)
		return -1;
	if (*row) {
		*seq = seq_of(db_number(c, q, 0));
		hash_read(hash, c, q, 1);
	}
	return 0;
}

int
audit_lanes(int64_t lane[LANES], size_t *n, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_AUDIT_LANE;
	int64_t low = INT64_MIN;
	bool row;

	for (*n = 0; *n < LANES; (*n)++) {
		if (db_query(c, q, &row, VALUES(value_number(low)), why) != 0)
			return -1;
		if (!row)
			return 0;
		lane[*n] = lane_of(db_number(c, q, 0));
		low = lane_high(lane[*n]) + 1;
	}
	return 0;
}

int
audit_rows(int64_t *rows, struct conn *c, struct fail *why)
{
	int64_t lane[LANES], seq;
	uint8_t hash[SHA256_LEN];
	size_t n;
	bool row;

	*rows = 0;
	if (audit_lanes(lane, &n, c, why) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (audit_end(&seq, hash, &row, c, lane[i], why) != 0)
			return -1;
		*rows += seq;
	}
	return 0;
}

/* ---- when ------------------------------------------------------------------ */

/* By bisection. */
int
audit_first_at(
    int64_t *seq, struct conn *c, int64_t lane, int64_t when, struct fail *why)
{
	int64_t low = 1, high, middle;
	uint8_t hash[SHA256_LEN];
	bool row;

	if (audit_end(&high, hash, &row, c, lane, why) != 0)
		return -1;
	while (low <= high) {
		middle = low + (high - low) / 2;
		if (db_query(c, SQL_AUDIT_TIME, &row,
			VALUES(value_number(lane_key(lane, middle))), why) != 0)
			return -1;
		if (!row || db_number(c, SQL_AUDIT_TIME, 0) >= when)
			high = middle - 1;
		else
			low = middle + 1;
	}
	*seq = low;
	return 0;
}

/* In one lane; `found` when it is there. */
static int
tell_issue_in(struct telling *t, bool *found, struct conn *c, int64_t lane,
    const struct record *r, struct fail *why)
{
	const enum sql q = SQL_AUDIT_ISSUE;
	int64_t first;
	bool row;
	int rc;

	/* The row was written when it had been signed. */
	if (audit_first_at(&first, c, lane, (r->issued - 60) * SECOND, why) !=
	    0)
		return -1;
	rc = db_query(c, q, &row,
	    VALUES(value_number(lane_key(lane, first)),
		value_number(lane_high(lane)), value_number(AROUND)),
	    why);
	for (; rc == 0 && row; rc = db_step(c, q, &row, why)) {
		const char *serial = db_text(c, q, 2);

		if (serial != NULL && strcmp(serial, r->serial) == 0) {
			tell(t, seq_of(db_number(c, q, 0)), db_text(c, q, 1));
			*found = true;
			break;
		}
	}
	return rc;
}

static int
tell_issue(
    struct telling *t, struct conn *c, const struct record *r, struct fail *why)
{
	int64_t lane[LANES];
	bool found = false;
	size_t n;
	int rc = audit_lanes(lane, &n, c, why);

	for (size_t i = 0; rc == 0 && i < n && !found; i++)
		rc = tell_issue_in(t, &found, c, lane[i], r, why);
	return rc;
}

static int
tell_later(
    struct telling *t, struct conn *c, const struct record *r, struct fail *why)
{
	const enum sql q = SQL_AUDIT_SERIAL;
	bool row;
	int rc = db_query(c, q, &row,
	    VALUES(value_text(r->serial), value_number((int64_t)t->left + 1)),
	    why);

	for (; rc == 0 && row; rc = db_step(c, q, &row, why)) {
		if (t->left == 0)
			t->stop = true;
		tell(t, seq_of(db_number(c, q, 0)), db_text(c, q, 1));
	}
	return rc;
}

int
store_history(struct store *store, const struct record *r, size_t most,
    bool *all, int (*each)(int64_t seq, const char *record, void *arg),
    void *arg, struct fail *why)
{
	struct telling t = {.each = each, .arg = arg, .left = most};
	struct conn *c;
	bool row;
	int rc;

	*all = false;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	if ((rc = db_query(c, SQL_VERSION_OF, &row, NULL, 0, why)) == 0)
		rc = tell_issue(&t, c, r, why);
	if (rc == 0)
		rc = tell_later(&t, c, r, why);
	db_rollback(c);
	*all = !t.stop;
	return rc;
}
