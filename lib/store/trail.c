#include "lib/store/trail.h"

#include <stdlib.h>
#include <string.h>

#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* Rows are copied page by page: `each` may use the store, and no snapshot keeps
 * the WAL from ending while somebody looks at the output. */
#define PAGE 256

struct page {
	struct trail_row row[PAGE];
	size_t n;
};

static void
page_clear(struct page *page)
{
	for (size_t i = 0; i < page->n; i++) {
		free((char *)page->row[i].event);
		free((char *)page->row[i].reason);
		free((char *)page->row[i].serial);
		free((char *)page->row[i].record);
	}
	page->n = 0;
}

static void
page_row(struct conn *c, enum sql q, void *arg)
{
	struct page *page = arg;
	struct trail_row *r = &page->row[page->n++];

	r->lane = lane_of(db_number(c, q, 0));
	r->seq = seq_of(db_number(c, q, 0));
	r->record = str_dup(db_text(c, q, 1));
	hash_read(r->hash, c, q, 2);
	r->time = db_number(c, q, 3);
	r->event = str_dup(db_text(c, q, 4));
	r->reason = str_dup(db_text(c, q, 5));
	r->serial = str_dup(db_text(c, q, 6));
}

static int
page_read(struct page *page, struct store *store, int64_t lane, int64_t after,
    struct fail *why)
{
	int rc;

	page->n = 0;
	rc = db_rows(store->db, DB_SCAN, SQL_AUDIT_LIST,
	    VALUES(value_number(after == INT64_MIN ? lane_low(lane)
						   : lane_key(lane, after) + 1),
		value_number(lane_high(lane)), value_number(PAGE)),
	    page_row, page, why);
	return rc == 0 && page->n > 0 ? db_sync(store->db, why) : rc;
}

int
store_trail(struct store *store, int64_t lane, int64_t after,
    int (*each)(const struct trail_row *row, void *arg), void *arg,
    struct fail *why)
{
	struct page *page = mem_new(sizeof(*page));
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		rc = page_read(page, store, lane, after, why);
		more = page->n == PAGE;
		for (size_t i = 0; rc == 0 && i < page->n; i++) {
			after = page->row[i].seq;
			if (each(&page->row[i], arg) != 0) {
				more = false;
				break;
			}
		}
		page_clear(page);
	}
	free(page);
	return rc;
}

/* ---- lanes ----------------------------------------------------------------- */

int64_t
store_lane(const struct store *store)
{
	return store->lane;
}

int
store_trail_lanes(
    struct store *store, int64_t lane[TRAIL_LANES], size_t *n, struct fail *why)
{
	struct conn *c;
	int rc;

	*n = 0;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = audit_lanes(lane, n, c, why);
	db_rollback(c);
	if (rc != 0)
		*n = 0;
	return rc;
}

static void
before_row(struct conn *c, enum sql q, void *arg)
{
	int64_t first = seq_of(db_number(c, q, 0));

	if (first < 1 && first > INT64_MIN)
		*(int64_t *)arg = first - 1;
}

int
store_trail_before(
    struct store *store, int64_t lane, int64_t *before, struct fail *why)
{
	*before = 0;
	return db_rows(store->db, DB_READ, SQL_AUDIT_FIRST,
	    VALUES(value_number(lane_low(lane)), value_number(lane_high(lane))),
	    before_row, before, why);
}

int
store_trail_since(struct store *store, int64_t lane, int64_t *before,
    int64_t when, struct fail *why)
{
	struct conn *c;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = audit_first_at(before, c, lane, when, why);
	(*before)--;
	db_rollback(c);
	return rc;
}

int
store_trail_find(struct store *store, char **record, uint8_t hash[SHA256_LEN],
    int64_t lane, int64_t seq, struct fail *why)
{
	const struct value key = value_number(lane_key(lane, seq));
	struct page page = {.n = 0};
	int rc;

	*record = NULL;
	rc = db_rows(store->db, DB_READ, SQL_AUDIT_LIST,
	    VALUES(key, key, value_number(1)), page_row, &page, why);
	if (rc == 0 && page.n > 0 && (rc = db_sync(store->db, why)) == 0) {
		*record = str_dup(page.row[0].record);
		memcpy(hash, page.row[0].hash, SHA256_LEN);
	}
	page_clear(&page);
	return rc;
}

int
store_trail_certificates(
    struct store *store, int64_t *certificates, int64_t *last, struct fail *why)
{
	int64_t retired = 0;
	struct conn *c;
	int rc = -1;

	*certificates = *last = 0;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	if (db_count(last, c, SQL_CERT_LAST, NULL, 0, why) == 0 &&
	    db_count(certificates, c, SQL_CERT_COUNT, NULL, 0, why) == 0)
		rc = db_count(&retired, c, SQL_ROWS_RETIRED, NULL, 0, why);
	*certificates += retired;
	db_rollback(c);
	return rc;
}

static int
end_read(struct trail_end *end, struct conn *c, int64_t lane, struct fail *why)
{
	bool row;

	if (audit_end(&end->seq, end->hash, &row, c, lane, why) != 0)
		return -1;
	return db_count(&end->certificates, c, SQL_CERT_LAST, NULL, 0, why);
}

int
store_trail_ends(struct store *store, struct trail_ends *ends, struct fail *why)
{
	struct conn *c;
	bool row;
	int rc;

	memset(ends, 0, sizeof(*ends));
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	/* It holds the snapshot. */
	rc = db_query(c, SQL_META_FIND, &row, VALUES(value_text(GAPS)), why);
	ends->exact = rc == 0 && !row && !c->driver->many;
	if (rc == 0)
		rc = db_query(c, SQL_VERSION_OF, &row, NULL, 0, why);
	if (rc == 0)
		rc = audit_lanes(ends->lane, &ends->n, c, why);
	for (size_t i = 0; rc == 0 && i < ends->n; i++)
		rc = end_read(&ends->end[i], c, ends->lane[i], why);
	db_rollback(c);
	/* There is one at least, empty or not. */
	if (rc == 0 && ends->n == 0)
		ends->lane[ends->n++] = store->lane;
	return rc == 0 ? db_sync(store->db, why) : rc;
}

int
store_trail_end(
    struct store *store, int64_t lane, struct trail_end *end, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(end, 0, sizeof(*end));
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = end_read(end, c, lane, why);
	db_rollback(c);
	return rc == 0 ? db_sync(store->db, why) : rc;
}

/* ---- what the chain says of certificates ------------------------------------- */

int
store_trail_standing(struct store *store, struct trail_standing *s,
    const char *serial, struct fail *why)
{
	const enum sql q = SQL_AUDIT_STANDING;
	enum sql of = SQL_CERT_STATUS;
	struct conn *c;
	bool row;
	int rc;

	*s = (struct trail_standing){.why = -1};
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, VALUES(value_text(serial)), why);
	if (rc == 0 && row) {
		const char *reason = db_text(c, q, 2);

		s->seq = seq_of(db_number(c, q, 0));
		s->revokes = strcmp(db_text(c, q, 1), "revoke") == 0;
		s->why = reason != NULL ? store_reason_of(reason) : -1;
	}
	if (rc == 0)
		rc =
		    db_query(c, of, &s->found, VALUES(value_text(serial)), why);
	if (rc == 0 && !s->found)
		rc = db_query(c, of = SQL_RETIRED_STATUS, &s->found,
		    VALUES(value_text(serial)), why);
	if (rc == 0 && s->found) {
		s->status = (enum store_status)db_number(c, of, 0);
		s->reason = (int)db_number(c, of, 1);
	}
	db_rollback(c);
	return rc;
}

struct serials {
	char *serial[PAGE];
	size_t n;
	char *issuer, *next; /* the last one's place: of the page before, … */
	int64_t id;          /* … and of this one, when it is full */
};

static void
serials_row(struct conn *c, enum sql q, void *arg)
{
	struct serials *s = arg;

	s->serial[s->n++] = str_dup(db_text(c, q, 2));
	if (s->n == PAGE) {
		s->next = str_dup(db_text(c, q, 0));
		s->id = db_number(c, q, 1);
	}
}

int
store_trail_revoked(struct store *store,
    int (*each)(const char *serial, void *arg), void *arg, struct fail *why)
{
	struct serials s = {.issuer = str_dup("")};
	bool stop = false;
	int rc;

	do {
		s.n = 0;
		rc = db_rows(store->db, DB_SCAN, SQL_CERT_OFF,
		    VALUES(value_text(s.issuer), value_number(s.id),
			value_number(PAGE)),
		    serials_row, &s, why);
		for (size_t i = 0; i < s.n; i++) {
			if (rc == 0 && !stop)
				stop = each(s.serial[i], arg) != 0;
			free(s.serial[i]);
		}
		if (s.next != NULL) {
			free(s.issuer);
			s.issuer = s.next;
			s.next = NULL;
		}
	} while (rc == 0 && s.n == PAGE && !stop);
	free(s.issuer);
	return rc;
}
