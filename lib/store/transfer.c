#include "lib/store/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define PAGE 256   /* rows of one statement */
#define COLUMNS 32 /* of one table, at most */

/* The first columns are the key; a text begins behind "". */
static const struct table {
	const char *name;
	enum sql read, write, rows;
	int columns, keys;
	bool text;
} tables[] = {
    {"certificate", SQL_COPY_CERT, SQL_CERT_INSERT, SQL_CERT_COUNT, 29, 1, 0},
    {"audit", SQL_COPY_AUDIT, SQL_AUDIT_INSERT, SQL_ROWS_AUDIT, 7, 1, 0},
    {"outbox", SQL_COPY_OUTBOX, SQL_PUT_OUTBOX, SQL_ROWS_OUTBOX, 7, 1, 0},
    {"delivery", SQL_COPY_DELIVERY, SQL_PUT_DELIVERY, SQL_ROWS_DELIVERY, 9, 1,
	1},
    {"pending", SQL_COPY_PENDING, SQL_PENDING_INSERT, SQL_ROWS_PENDING, 22, 1,
	0},
    {"replaced", SQL_COPY_REPLACED, SQL_PUT_REPLACED, SQL_ROWS_REPLACED, 3, 1,
	0},
    {"forgotten", SQL_COPY_FORGOTTEN, SQL_FORGOTTEN_PUT, SQL_ROWS_FORGOTTEN, 5,
	2, 1},
    {"shelf", SQL_COPY_SHELF, SQL_SHELF_PUT, SQL_ROWS_SHELF, 7, 1, 0},
    {"retired", SQL_COPY_RETIRED, SQL_PUT_RETIRED, SQL_ROWS_RETIRED, 15, 1, 0},
    {"secret", SQL_COPY_SECRET, SQL_PUT_SECRET, SQL_ROWS_SECRET, 11, 1, 0},
    {"crl", SQL_COPY_CRL, SQL_CRL_PUT, SQL_ROWS_CRL, 3, 1, 1},
    {"meta", SQL_COPY_META, SQL_META_PUT, SQL_ROWS_META, 2, 1, 1},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- one table ------------------------------------------------------------- */

/* Behind which row the next page begins. */
struct place {
	int64_t number;
	char *text[2];
};

static void
place_set(struct place *at, const struct table *t, struct conn *c)
{
	if (!t->text)
		at->number = db_number(c, t->read, 0);
	for (int i = 0; t->text && i < t->keys; i++) {
		free(at->text[i]);
		at->text[i] = str_dup(db_text(c, t->read, i));
	}
}

static int
row_put(
    struct conn *to, struct conn *from, const struct table *t, struct fail *why)
{
	struct value v[COLUMNS];
	bool row;

	for (int i = 0; i < t->columns; i++)
		v[i] = from->driver->value(from, t->read, i);
	return db_query(to, t->write, &row, v, (size_t)t->columns, why);
}

static int
page_query(struct conn *from, const struct table *t, const struct place *at,
    bool *row, struct fail *why)
{
	struct value v[3];
	size_t n = 0;

	if (!t->text)
		v[n++] = value_number(at->number);
	for (int i = 0; t->text && i < t->keys; i++)
		v[n++] = value_text(at->text[i]);
	v[n++] = value_number(PAGE);
	return db_query(from, t->read, row, v, n, why);
}

static int
page_put(struct conn *to, struct conn *from, const struct table *t,
    struct place *at, int *n, struct fail *why)
{
	bool row;
	int rc = page_query(from, t, at, &row, why);

	for (*n = 0; rc == 0 && row && *n < PAGE; (*n)++) {
		rc = row_put(to, from, t, why);
		place_set(at, t, from);
		if (rc == 0)
			rc = db_step(from, t->read, &row, why);
	}
	return rc;
}

static int
table_put(
    struct db *to, struct conn *from, const struct table *t, struct fail *why)
{
	struct place at = {INT64_MIN, {str_dup(""), str_dup("")}};
	struct conn *c;
	int n = PAGE, rc = 0;

	while (rc == 0 && n == PAGE) {
		if ((rc = db_begin(&c, to, DB_WRITE, why)) != 0)
			break;
		rc = page_put(c, from, t, &at, &n, why);
		if (rc == 0)
			rc = db_commit(c, false, why);
		else
			db_rollback(c);
	}
	free(at.text[0]);
	free(at.text[1]);
	return rc;
}

/* ---- is it the same? --------------------------------------------------------- */

static int
differs(struct fail *why, const char *what, int64_t from, int64_t to)
{
	return fail(why, FAIL_CONFLICT, "db-copy",
	    "the copy is not the same: %s %lld, in the copy %lld", what,
	    (long long)from, (long long)to);
}

static int
rows_same(struct transfer *did, struct conn *from, struct conn *to,
    const struct table *t, struct fail *why)
{
	int64_t n, m;
	bool row;

	if (db_query(from, t->rows, &row, NULL, 0, why) != 0)
		return -1;
	n = db_number(from, t->rows, 0);
	if (db_query(to, t->rows, &row, NULL, 0, why) != 0)
		return -1;
	m = db_number(to, t->rows, 0);
	if (n != m)
		return differs(why, t->name, n, m);
	did->rows += n;
	if (t->read == SQL_COPY_CERT)
		did->certificates = n;
	if (t->read == SQL_COPY_AUDIT)
		did->records = n;
	return 0;
}

static int
ends_same(struct conn *from, struct conn *to, struct fail *why)
{
	int64_t lane[LANES], seq[2];
	uint8_t hash[2][SHA256_LEN];
	size_t n;
	bool row;

	if (audit_lanes(lane, &n, from, why) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (audit_end(&seq[0], hash[0], &row, from, lane[i], why) != 0)
			return -1;
		if (audit_end(&seq[1], hash[1], &row, to, lane[i], why) != 0)
			return -1;
		if (seq[0] != seq[1] ||
		    memcmp(hash[0], hash[1], SHA256_LEN) != 0)
			return differs(
			    why, "the audit ends with record", seq[0], seq[1]);
	}
	return 0;
}

static int
same(struct transfer *did, struct conn *from, struct db *db, struct fail *why)
{
	struct conn *to;
	int rc = db_begin(&to, db, DB_WRITE, why);

	if (rc != 0)
		return -1;
	for (size_t i = 0; i < TABLES && rc == 0; i++)
		rc = rows_same(did, from, to, &tables[i], why);
	if (rc == 0)
		rc = ends_same(from, to, why);
	db_rollback(to);
	return rc;
}

/* ---- the whole ---------------------------------------------------------------- */

struct mark {
	const char *version;
	bool over, gaps;
};

static int
mark_write(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct mark *m = arg;
	bool row;

	(void)keep;
	if (m->over &&
	    (db_query(c, SQL_NUMBERS_GO_ON, &row, NULL, 0, why) != 0 ||
		db_query(c, SQL_ANALYZE, &row, NULL, 0, why) != 0))
		return -1;
	if (m->gaps && db_query(c, SQL_META_PUT, &row,
			   VALUES(value_text(GAPS), value_text("1")), why) != 0)
		return -1;
	return db_query(c, SQL_META_PUT, &row,
	    VALUES(value_text("schema"), value_text(m->version)), why);
}

static int
copy(struct transfer *did, struct db *to, struct conn *from, struct fail *why)
{
	char version[16];
	struct mark half = {"0", false, false}, whole = {version, true, false};
	bool row;
	int rc;

	(void)snprintf(version, sizeof(version), "%d", SQL_VERSION);
	/* It holds the snapshot that all below is read from. */
	if (db_query(from, SQL_VERSION_OF, &row, NULL, 0, why) != 0 ||
	    db_write(to, true, mark_write, &half, why) != 0)
		return -1;
	rc = 0;
	for (size_t i = 0; i < TABLES && rc == 0; i++)
		rc = table_put(to, from, &tables[i], why);
	if (rc == 0)
		rc = same(did, from, to, why);
	if (rc == 0)
		rc = db_query(from, SQL_CERT_LAST, &row, NULL, 0, why);
	whole.gaps = rc == 0 && row &&
	             db_number(from, SQL_CERT_LAST, 0) != did->certificates;
	return rc == 0 ? db_write(to, true, mark_write, &whole, why) : -1;
}

int
store_version(struct store *store, int *version, struct fail *why)
{
	const enum sql q = SQL_VERSION_OF;
	struct conn *c;
	bool row;
	int rc;

	*version = 0;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, NULL, 0, why);
	if (rc == 0 && row)
		*version = (int)strtol(db_text(c, q, 0), NULL, 10);
	db_rollback(c);
	return rc;
}

int
store_upgrade(struct store **store, const char *url, int node, int *from,
    struct fail *why)
{
	const struct db_options o = {
	    .connections = 3, .lane = node, .grow = true, .was = from};

	*from = SQL_VERSION;
	return store_open_with(store, url, &o, 0, why);
}

/* Nothing of anybody's is written over. */
static int
target_open(struct store **to, const char *url, struct fail *why)
{
	const struct db_options o = {.create = true, .connections = 3};
	struct fail no = {0};

	if (store_open(to, url, false, 1, 0, &no) == 0) {
		int rc = store_state(*to, why);

		store_free(*to);
		*to = NULL;
		return rc != 0 ? rc
		               : fail(why, FAIL_CONFLICT, "db-exists",
				     "%s is a database already: a copy goes to "
				     "where none is",
				     url);
	}
	if (strcmp(no.reason, "db-missing") != 0) {
		*why = no;
		return -1;
	}
	return store_open_with(to, url, &o, 0, why);
}

int
store_transfer(
    struct store *from, const char *url, struct transfer *did, struct fail *why)
{
	struct store *to;
	struct conn *c;
	int rc;

	memset(did, 0, sizeof(*did));
	if (target_open(&to, url, why) != 0)
		return -1;
	rc = db_begin(&c, from->db, DB_SCAN, why);
	if (rc == 0) {
		rc = copy(did, to->db, c, why);
		db_rollback(c);
	}
	store_free(to);
	return rc;
}

int
transfer_file(struct store *from, const char *path, struct fail *why)
{
	struct transfer did;
	char *url = str_fmt("sqlite:%s", path);
	int rc = store_transfer(from, url, &did, why);

	free(url);
	return rc;
}
