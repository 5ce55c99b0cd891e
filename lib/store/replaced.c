#include "lib/store/replaced.h"

#include <stdlib.h>

#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* Pairs with their DER in memory at a time. */
#define PAGE 64

int
replaced_add(struct conn *c, const struct store_rules *rules, int64_t id,
    struct fail *why)
{
	bool row;

	if (rules->replaced == 0 || rules->renews == NULL)
		return 0;
	return db_query(c, SQL_REPLACED_INSERT, &row,
	    VALUES(value_number(id), value_number(rules->replaced),
		value_number(hash_head(rules->renews)),
		value_octets(rules->renews, SHA256_LEN)),
	    why);
}

struct page {
	struct replaced item[PAGE];
	size_t n;
	int64_t due, id; /* of the last */
};

static void
page_free(struct page *page)
{
	for (size_t i = 0; i < page->n; i++) {
		record_free(&page->item[i].old);
		record_free(&page->item[i].successor);
	}
	page->n = 0;
}

static int
cert_read_id(struct record *r, struct conn *c, int64_t id, struct fail *why)
{
	bool row;

	if (db_query(c, SQL_CERT_ID, &row, VALUES(value_number(id)), why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_BROKEN, "db-corrupt",
		    "certificate number %lld is not there", (long long)id);
	record_read(r, c, SQL_CERT_ID);
	return 0;
}

static int
page_fill(struct page *page, struct conn *c, const int64_t old[PAGE],
    struct fail *why)
{
	for (size_t i = 0; i < page->n; i++)
		if (cert_read_id(&page->item[i].old, c, old[i], why) != 0 ||
		    cert_read_id(&page->item[i].successor, c, page->item[i].id,
			why) != 0)
			return -1;
	return 0;
}

static int
page_read(struct page *page, struct store *store, int64_t now, struct fail *why)
{
	const enum sql q = SQL_REPLACED_DUE;
	int64_t old[PAGE];
	struct conn *c;
	bool row;
	int rc;

	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = db_query(c, q, &row,
	    VALUES(value_number(page->due), value_number(page->id),
		value_number(now), value_number(PAGE)),
	    why);
	for (; rc == 0 && row && page->n < PAGE;
	     rc = db_step(c, q, &row, why)) {
		page->due = db_number(c, q, 0);
		page->id = db_number(c, q, 1);
		old[page->n] = db_number(c, q, 2);
		page->item[page->n++] = (struct replaced){.id = page->id};
	}
	if (rc == 0)
		rc = page_fill(page, c, old, why);
	db_rollback(c);
	return rc;
}

int
store_replaced_each(struct store *store, int64_t now,
    int (*each)(const struct replaced *replaced, void *arg), void *arg,
    struct fail *why)
{
	struct page *page = mem_new(sizeof(*page));
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		rc = page_read(page, store, now, why);
		more = page->n == PAGE;
		for (size_t i = 0; i < page->n && rc == 0; i++)
			rc = each(&page->item[i], arg);
		page_free(page);
	}
	free(page);
	return rc;
}

/* Looked up first: of most there is nothing to write. */
static int
due_find(
    bool *later, struct store *store, int64_t id, int64_t due, struct fail *why)
{
	const enum sql q = SQL_REPLACED_FIND;
	struct conn *c;
	bool row;
	int rc;

	*later = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, VALUES(value_number(id)), why);
	if (rc == 0 && row)
		*later = db_number(c, q, 0) > due;
	db_rollback(c);
	return rc;
}

struct statement {
	enum sql q;
	const struct value *values;
	size_t n;
};

static int
write_statement(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct statement *s = arg;
	bool row;

	(void)keep;
	return db_query(c, s->q, &row, s->values, s->n, why);
}

static int
write_one(struct store *store, enum sql q, const struct value *values, size_t n,
    struct fail *why)
{
	struct statement s = {q, values, n};

	return db_write(store->db, false, write_statement, &s, why);
}

int
store_replaced_due(struct store *store, bool *changed, int64_t id, int64_t due,
    struct fail *why)
{
	int rc = due_find(changed, store, id, due, why);

	if (rc == 0 && *changed)
		rc = write_one(store, SQL_REPLACED_SOONER,
		    VALUES(value_number(due), value_number(id)), why);
	return rc;
}

int
store_replaced_drop(struct store *store, int64_t id, struct fail *why)
{
	return write_one(
	    store, SQL_REPLACED_DROP, VALUES(value_number(id)), why);
}
