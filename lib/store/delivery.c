#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define PAGE 64

static int
confirm(struct conn *c, const char *device, int64_t seq, int64_t when,
    struct fail *why)
{
	bool row;

	return db_query(c, SQL_OUTBOX_CONFIRM, &row,
	    VALUES(value_number(when), value_text(device), value_number(seq)),
	    why);
}

static int
done_rows(struct conn *c, const struct outbox_settled *s, int64_t now,
    struct fail *why)
{
	bool row;

	if (confirm(c, s->device, s->seq, now, why) != 0)
		return -1;
	return db_query(c, SQL_DELIVERY_DONE, &row,
	    VALUES(
		value_text(s->device), value_number(s->seq), value_number(now)),
	    why);
}

static int
fail_rows(struct conn *c, const struct outbox_settled *s, int64_t now,
    struct fail *why)
{
	bool row, dead = s->end == OUTBOX_DEAD;

	return db_query(c, SQL_DELIVERY_FAIL, &row,
	    VALUES(value_text(s->device), value_number(dead ? 0 : s->next),
		value_number(dead ? now : 0), value_number(s->seq),
		value_text(s->reason), value_text(s->said)),
	    why);
}

struct settling {
	const struct outbox_settled *s;
	size_t n;
	int64_t now;
};

static int
settle_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct settling *x = arg;

	(void)keep;
	for (size_t i = 0; i < x->n; i++) {
		const struct outbox_settled *s = &x->s[i];

		if ((s->end == OUTBOX_DONE ? done_rows : fail_rows)(
			c, s, x->now, why) != 0)
			return -1;
		if (s->entry != NULL && audit_say(c, s->entry, why) != 0)
			return -1;
	}
	return 0;
}

int
store_outbox_settle(struct store *store, const struct outbox_settled *settled,
    size_t n, int64_t now, struct fail *why)
{
	struct settling x = {settled, n, now};

	return n == 0 ? 0 : db_write(store->db, true, settle_rows, &x, why);
}

/* ---- what the operator says ---------------------------------------------- */

static int
retry_one(int64_t *n, struct conn *c, const char *device, struct fail *why)
{
	const enum sql q = SQL_DELIVERY_FIND;
	bool row;

	if (db_query(c, q, &row, VALUES(value_text(device)), why) != 0)
		return -1;
	if (!row || db_number(c, q, 1) == 0)
		return fail(why, FAIL_ABSENT, "cloud-device",
		    "device \"%s\" has not failed", device);
	*n = 1;
	return db_query(
	    c, SQL_DELIVERY_RETRY, &row, VALUES(value_text(device)), why);
}

/* An operator's word about one device, or all. */
struct word {
	const char *device;
	const struct audit *entry;
	int64_t n, now;
};

static int
retry_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct word *w = arg;
	struct audit said = *w->entry;
	bool row;

	w->n = 0;
	if (w->device != NULL) {
		if (retry_one(&w->n, c, w->device, why) != 0)
			return -1;
	} else if (db_count(&w->n, c, SQL_DELIVERY_WAITING, NULL, 0, why) !=
		       0 ||
		   db_query(c, SQL_DELIVERY_RETRY_ALL, &row, NULL, 0, why) !=
		       0) {
		return -1;
	}
	said.count = w->n;
	*keep = w->n > 0;
	return *keep ? audit_say(c, &said, why) : 0;
}

int
store_outbox_retry(struct store *store, int64_t *n, const char *device,
    const struct audit *entry, struct fail *why)
{
	struct word w = {.device = device, .entry = entry};
	int rc = db_write(store->db, true, retry_rows, &w, why);

	*n = rc == 0 ? w.n : 0;
	return rc;
}

static int
drop_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const enum sql q = SQL_OUTBOX_NEWEST;
	const struct word *w = arg;
	const struct value device = value_text(w->device);
	bool row;

	(void)keep;
	if (db_query(c, q, &row, VALUES(device), why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "cloud-device",
		    "nothing is to be told of device \"%s\"", w->device);
	/* Negative: not told. */
	if (confirm(c, w->device, db_number(c, q, 0), -w->now, why) != 0 ||
	    db_query(c, SQL_DELIVERY_RETRY, &row, VALUES(device), why) != 0)
		return -1;
	return audit_say(c, w->entry, why);
}

int
store_outbox_drop(struct store *store, const char *device, int64_t now,
    const struct audit *entry, struct fail *why)
{
	struct word w = {.device = device, .entry = entry, .now = now};

	return db_write(store->db, true, drop_rows, &w, why);
}

/* ---- how things are ------------------------------------------------------ */

static int
oldest(int64_t *when, struct conn *c, struct fail *why)
{
	bool row;

	*when = 0;
	if (db_query(c, SQL_OUTBOX_OPEN, &row,
		VALUES(value_number(0), value_number(INT64_MAX),
		    value_number(INT64_MAX), value_number(1)),
		why) != 0)
		return -1;
	if (row)
		*when = db_number(c, SQL_OUTBOX_OPEN, 2);
	return 0;
}

int
store_outbox_state(
    struct store *store, struct outbox_state *state, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(state, 0, sizeof(*state));
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = db_count(&state->open, c, SQL_OUTBOX_COUNT, NULL, 0, why);
	if (rc == 0)
		rc = oldest(&state->oldest, c, why);
	if (rc == 0)
		rc = db_count(
		    &state->failed, c, SQL_DELIVERY_WAITING, NULL, 0, why);
	if (rc == 0)
		rc = db_count(&state->dead, c, SQL_DELIVERY_DEAD, NULL, 0, why);
	db_rollback(c);
	return rc;
}

struct held {
	char *device, *reason, *said;
	struct outbox_failed row;
};

static void
held_free(struct held *h)
{
	free(h->device);
	free(h->reason);
	free(h->said);
}

struct page {
	struct held row[PAGE];
	size_t n;
};

static void
held_read(struct conn *c, enum sql q, void *arg)
{
	struct page *page = arg;
	struct held *h = &page->row[page->n++];

	h->device = str_dup(db_text(c, q, 0));
	h->reason = str_dup(db_text(c, q, 4));
	h->said = str_dup(db_text(c, q, 5));
	h->row = (struct outbox_failed){h->device, h->reason, h->said,
	    (int)db_number(c, q, 1), db_number(c, q, 2), db_number(c, q, 3)};
}

int
store_outbox_failed(struct store *store,
    int (*each)(const struct outbox_failed *failed, void *arg), void *arg,
    struct fail *why)
{
	struct page *page = mem_new(sizeof(*page));
	char *after = str_dup("");
	bool stop = false;
	int rc;

	do {
		page->n = 0;
		rc = db_rows(store->db, DB_SCAN, SQL_DELIVERY_LIST,
		    VALUES(value_text(after), value_number(PAGE)), held_read,
		    page, why);
		for (size_t i = 0; i < page->n; i++) {
			stop = stop || each(&page->row[i].row, arg) != 0;
			if (i == page->n - 1) {
				free(after);
				after = str_dup(page->row[i].device);
			}
			held_free(&page->row[i]);
		}
	} while (rc == 0 && page->n == PAGE && !stop);
	free(after);
	free(page);
	return rc;
}
