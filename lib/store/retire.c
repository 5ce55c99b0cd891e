#include "lib/store/retire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define PAGE 256
#define SECOND 1000000LL /* us */

/* ---- which -------------------------------------------------------------------- */

struct page {
	struct record row[PAGE];
	size_t n;
	int64_t end, id; /* the last one's place */
};

static void
page_row(struct conn *c, enum sql q, void *arg)
{
	struct page *page = arg;
	struct record *r = &page->row[page->n++];

	record_read(r, c, q);
	page->end = r->not_after;
	page->id = r->id;
}

/* No snapshot is held while files are written. */
static int
page_read(
    struct page *page, struct store *store, int64_t before, struct fail *why)
{
	int rc;

	page->n = 0;
	rc = db_rows(store->db, DB_SCAN, SQL_RETIRE_PICK,
	    VALUES(value_number(page->end), value_number(page->id),
		value_number(before), value_number(PAGE)),
	    page_row, page, why);
	return rc == 0 && page->n > 0 ? db_sync(store->db, why) : rc;
}

int
store_retire_pick(struct store *store, int64_t before,
    int (*each)(const struct record *r, void *arg), void *arg, struct fail *why)
{
	struct page *page = mem_new(sizeof(*page));
	bool more = true;
	int rc = 0;

	page->end = INT64_MIN;
	while (rc == 0 && more) {
		rc = page_read(page, store, before, why);
		more = page->n == PAGE;
		for (size_t i = 0; i < page->n; i++) {
			if (rc == 0 && each(&page->row[i], arg) != 0)
				rc = 1;
			record_free(&page->row[i]);
		}
	}
	free(page);
	return rc < 0 ? -1 : 0;
}

/* ---- shelves -------------------------------------------------------------------- */

static int
shelf_insert(struct shelf *s, struct conn *c, struct fail *why)
{
	bool row;

	if (db_query(c, SQL_SHELF_LAST, &row, NULL, 0, why) != 0)
		return -1;
	s->id = row ? db_number(c, SQL_SHELF_LAST, 0) + 1 : 1;
	return db_query(c, SQL_SHELF_PUT, &row,
	    VALUES(value_number(s->id), value_text(s->path),
		value_octets(s->sha256, SHA256_LEN),
		value_number(s->certificates), value_number(s->ended),
		value_number(s->made), value_number(s->done)),
	    why);
}

struct adding {
	struct shelf *shelf;
	const struct audit *entry;
};

static int
shelf_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct adding *a = arg;

	*keep = true;
	return shelf_insert(a->shelf, c, why) == 0 &&
	               audit_say(c, a->entry, why) == 0
	           ? 0
	           : -1;
}

int
store_shelf_add(struct store *store, struct shelf *shelf,
    const struct audit *entry, struct fail *why)
{
	struct adding a = {shelf, entry};

	return db_write(store->db, true, shelf_rows, &a, why);
}

static void
shelf_row(struct conn *c, enum sql q, void *arg)
{
	struct shelf *s = arg;

	s->id = db_number(c, q, 0);
	s->path = str_dup(db_text(c, q, 1));
	hash_read(s->sha256, c, q, 2);
	s->certificates = db_number(c, q, 3);
	s->ended = db_number(c, q, 4);
	s->made = db_number(c, q, 5);
	s->done = db_number(c, q, 6) != 0;
}

int
store_shelf_each(struct store *store,
    int (*each)(const struct shelf *shelf, void *arg), void *arg,
    struct fail *why)
{
	int64_t after = 0;
	bool more = true;

	while (more) {
		struct shelf s = {0};

		if (db_rows(store->db, DB_READ, SQL_SHELF_LIST,
			VALUES(value_number(after), value_number(1)), shelf_row,
			&s, why) != 0)
			return -1;
		after = s.id;
		more = s.path != NULL && each(&s, arg) == 0;
		free(s.path);
	}
	return 0;
}

static int
done_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const int64_t *id = arg;
	bool row;

	*keep = true;
	return db_query(
	    c, SQL_SHELF_DONE, &row, VALUES(value_number(*id)), why);
}

int
store_shelf_done(struct store *store, int64_t id, struct fail *why)
{
	return db_write(store->db, true, done_rows, &id, why);
}

/* ---- moved ------------------------------------------------------------------------ */

/* One that is another by now, or was moved before, is let be. */
static int
move(struct conn *c, size_t *moved, int64_t shelf, const struct retire_item *it,
    struct fail *why)
{
	bool row;

	if (db_query(c, SQL_RETIRE_IS, &row,
		VALUES(
		    value_number(it->id), value_octets(it->sha256, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!row)
		return 0;
	++*moved;
	if (db_query(c, SQL_RETIRE_KEEP, &row,
		VALUES(value_number(shelf), value_number(it->place),
		    value_number(it->id)),
		why) != 0)
		return -1;
	return db_query(
	    c, SQL_RETIRE_DROP, &row, VALUES(value_number(it->id)), why);
}

struct moving {
	int64_t shelf;
	const struct retire_item *item;
	size_t n, moved;
};

static int
move_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct moving *m = arg;
	int rc = 0;

	m->moved = 0;
	for (size_t i = 0; i < m->n && rc == 0; i++)
		rc = move(c, &m->moved, m->shelf, &m->item[i], why);
	*keep = m->moved > 0;
	return rc;
}

int
store_retire(struct store *store, size_t *moved, int64_t shelf,
    const struct retire_item *item, size_t n, struct fail *why)
{
	struct moving m = {shelf, item, n, 0};
	int rc = db_write(store->db, true, move_rows, &m, why);

	*moved = rc == 0 ? m.moved : 0;
	return rc;
}

struct tidying {
	int64_t before; /* us */
	bool more;
};

static int
told_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct tidying *t = arg;
	bool row;

	if (db_query(c, SQL_OUTBOX_FIRST_TOLD, &t->more,
		VALUES(value_number(t->before)), why) != 0)
		return -1;
	*keep = t->more;
	return !t->more
	           ? 0
	           : db_query(c, SQL_RETIRE_TOLD, &row,
			 VALUES(value_number(t->before), value_number(PAGE)),
			 why);
}

int
store_retire_told(
    struct store *store, bool *more, int64_t before, struct fail *why)
{
	struct tidying t = {before * SECOND, false};
	int rc = db_write(store->db, true, told_rows, &t, why);

	*more = rc == 0 && t.more;
	return rc;
}

/* ---- found --------------------------------------------------------------------------- */

static void
retired_row(struct conn *c, enum sql q, void *arg)
{
	struct retired *r = arg;

	r->id = db_number(c, q, 0);
	r->status = (enum store_status)db_number(c, q, 1);
	r->reason = (int)db_number(c, q, 2);
	r->revoked = db_number(c, q, 3);
	r->not_after = db_number(c, q, 4);
	hash_read(r->sha256, c, q, 5);
	(void)snprintf(r->issuer, sizeof(r->issuer), "%s", db_text(c, q, 6));
	r->place = db_number(c, q, 7);
	r->shelf = db_number(c, q, 8);
	(void)snprintf(r->path, sizeof(r->path), "%s", db_text(c, q, 9));
	hash_read(r->shelf_sha256, c, q, 10);
}

int
store_retired_find(struct store *store, struct retired *r, bool *found,
    const char *serial, struct fail *why)
{
	int rc;

	memset(r, 0, sizeof(*r));
	rc = db_rows(store->db, DB_READ, SQL_RETIRED_FIND,
	    VALUES(value_text(serial)), retired_row, r, why);
	*found = rc == 0 && r->shelf != 0;
	return rc;
}

static void
number_row(struct conn *c, enum sql q, void *arg)
{
	*(int64_t *)arg = db_number(c, q, 0);
}

int
store_retired_sum(struct store *store, int64_t *n, struct fail *why)
{
	*n = 0;
	return db_rows(
	    store->db, DB_SCAN, SQL_RETIRED_SUM, NULL, 0, number_row, n, why);
}

int
store_retired_count(
    struct store *store, int64_t *n, int64_t shelf, struct fail *why)
{
	*n = 0;
	return db_rows(store->db, DB_SCAN, SQL_RETIRED_COUNT,
	    VALUES(value_number(shelf)), number_row, n, why);
}

struct off_page {
	struct store_revoked row[PAGE];
	char *issuer[PAGE];
	size_t n;
	int64_t last;
};

static void
off_row(struct conn *c, enum sql q, void *arg)
{
	struct off_page *p = arg;
	bool held = db_number(c, q, 5) == STORE_HELD;

	p->last = db_number(c, q, 0);
	p->issuer[p->n] = str_dup(db_text(c, q, 2));
	p->row[p->n++] =
	    (struct store_revoked){.serial = str_dup(db_text(c, q, 1)),
		.revoked = db_number(c, q, 3),
		.not_after = db_number(c, q, 6),
		.reason = held ? REASON_HOLD : (int)db_number(c, q, 4)};
}

int
store_retired_off(struct store *store,
    int (*each)(const struct store_revoked *r, const char *issuer, void *arg),
    void *arg, struct fail *why)
{
	struct off_page *p = mem_new(sizeof(*p));
	bool stop = false;
	int rc;

	do {
		p->n = 0;
		rc = db_rows(store->db, DB_SCAN, SQL_RETIRED_OFF,
		    VALUES(value_number(p->last), value_number(PAGE)), off_row,
		    p, why);
		for (size_t i = 0; i < p->n; i++) {
			if (rc == 0 && !stop)
				stop = each(&p->row[i], p->issuer[i], arg) != 0;
			free((char *)p->row[i].serial);
			free(p->issuer[i]);
		}
	} while (rc == 0 && !stop && p->n == PAGE);
	free(p);
	return rc;
}
