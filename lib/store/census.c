#include "lib/store/census.h"

#include <string.h>

#include "lib/store/browse_seek.h"
#include "lib/store/internal.h"
#include "lib/store/pending.h"
#include "lib/store/rows.h"

#define DAY 86400

static int
ends(
    int64_t *out, struct conn *c, int64_t from, int64_t until, struct fail *why)
{
	return db_count(out, c, SQL_CENSUS_ENDS,
	    VALUES(value_number(from), value_number(until)), why);
}

static int
count_days(struct census *t, struct conn *c, struct fail *why)
{
	int64_t before, id;

	t->day_begin = t->when - t->when % DAY - (CENSUS_DAYS - 1) * DAY;
	if (issued_first(&before, c, t->day_begin, why) != 0)
		return -1;
	for (int i = 0; i < CENSUS_DAYS; i++) {
		if (issued_first(&id, c, t->day_begin + (i + 1) * DAY, why) !=
		    0)
			return -1;
		t->day[i] = id > before ? id - before : 0;
		before = id;
	}
	return 0;
}

static int
count_weeks(struct census *t, struct conn *c, struct fail *why)
{
	const int64_t week = 7 * DAY;

	for (int i = 0; i < CENSUS_WEEKS; i++) {
		if (ends(&t->week[i], c, t->when + i * week,
			t->when + (i + 1) * week, why) != 0)
			return -1;
		t->good += t->week[i];
	}
	if (ends(&t->later, c, t->when + CENSUS_WEEKS * week, INT64_MAX, why) !=
	    0)
		return -1;
	t->good += t->later;
	return 0;
}

static int
count_states(struct census *t, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_CENSUS_STATUS;
	int64_t held_over;
	bool row;

	if (db_query(c, q, &row, VALUES(value_number(t->when)), why) != 0)
		return -1;
	t->revoked = db_number(c, q, 0);
	t->held = db_number(c, q, 1);
	held_over = db_number(c, q, 2);
	if (ends(&t->expired, c, INT64_MIN, t->when, why) != 0)
		return -1;
	t->certificates = t->good + t->expired + t->revoked + t->held;
	t->expired += held_over;
	t->held -= held_over;
	return 0;
}

static int
count_rest(struct census *t, struct conn *c, struct fail *why)
{
	if (audit_rows(&t->audit, c, why) != 0 ||
	    db_count(&t->retired, c, SQL_RETIRED_SUM, NULL, 0, why) != 0 ||
	    db_count(&t->outbox, c, SQL_OUTBOX_COUNT, NULL, 0, why) != 0 ||
	    db_count(&t->dead, c, SQL_DELIVERY_DEAD, NULL, 0, why) != 0)
		return -1;
	return db_count(&t->pending, c, SQL_PENDING_OPEN,
	    VALUES(value_number(t->when), value_number(PENDING_MOST)), why);
}

int
store_census(
    struct store *store, struct census *census, int64_t now, struct fail *why)
{
	struct conn *c;
	bool row;
	int rc;

	memset(census, 0, sizeof(*census));
	census->when = now;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	/* It holds the snapshot that all below count in. */
	rc = db_query(c, SQL_VERSION_OF, &row, NULL, 0, why);
	if (rc == 0 && (count_weeks(census, c, why) != 0 ||
			   count_states(census, c, why) != 0 ||
			   count_days(census, c, why) != 0 ||
			   count_rest(census, c, why) != 0))
		rc = -1;
	db_rollback(c);
	return rc;
}
