#include "lib/store/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* Rows of one page: a device may have several. */
#define ROWS 400
/* s: nobody is made to wait for longer. */
#define WAIT_MOST 86400

static const char *const kind_words[] = {
    [OUTBOX_ENROLLED] = "enrolled",
    [OUTBOX_RENEWED] = "renewed",
    [OUTBOX_REVOKED] = "revoked",
};

/* Never below the clock: a database restored from a backup does not give out
 * a second time the numbers that it forgot.  Where many write, it is the
 * device's own last number that counts. */
static int
seq_next(int64_t *seq, struct conn *c, const char *device, int64_t now_us,
    struct fail *why)
{
	bool row;

	*seq = now_us;
	if (db_query(
		c, SQL_OUTBOX_LAST, &row, VALUES(value_text(device)), why) != 0)
		return -1;
	if (row && db_number(c, SQL_OUTBOX_LAST, 0) >= now_us)
		*seq = db_number(c, SQL_OUTBOX_LAST, 0) + 1;
	return 0;
}

int
outbox_add(struct conn *c, enum outbox_kind kind, const struct record *r,
    int64_t id, int64_t now_us, struct fail *why)
{
	int64_t seq;
	bool row;

	if (seq_next(&seq, c, r->device, now_us, why) != 0)
		return -1;
	return db_query(c, SQL_OUTBOX_INSERT, &row,
	    VALUES(value_number(seq), value_text(r->device),
		value_text(kind_words[kind]), value_number(id),
		value_octets(r->sha256, SHA256_LEN),
		value_number(now_us / 1000000)),
	    why);
}

static enum outbox_kind
kind_of(const char *word)
{
	for (int i = OUTBOX_ENROLLED; word != NULL && i < OUTBOX_REVOKED; i++)
		if (strcmp(kind_words[i], word) == 0)
			return (enum outbox_kind)i;
	return OUTBOX_REVOKED;
}

static void
device_free(struct outbox_device *d)
{
	free(d->device);
	for (size_t i = 0; i < d->goods; i++)
		record_free(&d->good[i]);
	record_free(&d->newest);
	memset(d, 0, sizeof(*d));
}

void
outbox_page_free(struct outbox_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		device_free(&page->item[i]);
	page->n = 0;
}

/* ---- one device ---------------------------------------------------------- */

static int
good_read(
    struct outbox_device *d, struct conn *c, int64_t now, struct fail *why)
{
	const enum sql q = SQL_CERT_DEVICE_GOOD;
	bool row;
	int rc = db_query(c, q, &row,
	    VALUES(value_text(d->device), value_number(now),
		value_number(OUTBOX_GOOD)),
	    why);

	for (; rc == 0 && row && d->goods < OUTBOX_GOOD;
	     rc = db_step(c, q, &row, why))
		record_read(&d->good[d->goods++], c, q);
	return rc;
}

static int
newest_read(struct outbox_device *d, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_CERT_DEVICE_LAST;
	bool row;

	if (db_query(c, q, &row, VALUES(value_text(d->device)), why) != 0)
		return -1;
	if (row)
		record_read(&d->newest, c, q);
	return 0;
}

static int
delivery_read(struct outbox_device *d, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_DELIVERY_FIND;
	bool row;

	if (db_query(c, q, &row, VALUES(value_text(d->device)), why) != 0)
		return -1;
	if (row) {
		d->confirmed = db_number(c, q, 0);
		d->tries = (int)db_number(c, q, 1);
	}
	return 0;
}

static int
row_read(struct outbox_device *d, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_OUTBOX_NEWEST;

	if (db_query(c, q, &d->open, VALUES(value_text(d->device)), why) != 0)
		return -1;
	if (d->open) {
		d->seq = db_number(c, q, 0);
		d->kind = kind_of(db_text(c, q, 1));
		return 0;
	}
	d->seq = d->confirmed;
	return 0;
}

/* The row first: what comes in between is then in the certificates, and not the
 * other way round, which would confirm a row whose certificate was not told. */
static int
device_read(
    struct outbox_device *d, struct conn *c, int64_t now, struct fail *why)
{
	if (delivery_read(d, c, why) != 0 || row_read(d, c, why) != 0 ||
	    good_read(d, c, now, why) != 0 || newest_read(d, c, why) != 0)
		return -1;
	if (!d->open && d->newest.status != STORE_GOOD)
		d->kind = OUTBOX_REVOKED;
	return 0;
}

/* ---- pages --------------------------------------------------------------- */

static bool
page_has(const struct outbox_page *page, const char *device)
{
	for (size_t i = 0; i < page->n; i++)
		if (strcmp(page->item[i].device, device) == 0)
			return true;
	return false;
}

/* The names alone: the statement's rows end with the next one's. */
static int
open_read(struct outbox_page *page, struct conn *c, int64_t after, int64_t now,
    struct fail *why)
{
	const enum sql q = SQL_OUTBOX_OPEN;
	bool row;
	int seen = 0;
	int rc = db_query(c, q, &row,
	    VALUES(value_number(after), value_number(now),
		value_number(now + WAIT_MOST), value_number(ROWS)),
	    why);

	for (; rc == 0 && row; rc = db_step(c, q, &row, why)) {
		const char *device = db_text(c, q, 1);

		if (!page_has(page, device)) {
			if (page->n == OUTBOX_PAGE) {
				page->more = true;
				return 0;
			}
			page->item[page->n++].device = str_dup(device);
		}
		page->last = db_number(c, q, 0);
		seen++;
	}
	page->more = seen == ROWS;
	return rc;
}

static int
names_read(struct outbox_page *page, struct conn *c, const char *after,
    struct fail *why)
{
	const enum sql q = SQL_CERT_DEVICES;
	bool row;
	int rc = db_query(c, q, &row,
	    VALUES(value_text(after), value_number(OUTBOX_PAGE)), why);

	for (; rc == 0 && row && page->n < OUTBOX_PAGE;
	     rc = db_step(c, q, &row, why))
		page->item[page->n++].device = str_dup(db_text(c, q, 0));
	page->more = page->n == OUTBOX_PAGE;
	return rc;
}

static int
page_fill(
    struct outbox_page *page, struct conn *c, int64_t now, struct fail *why)
{
	for (size_t i = 0; i < page->n; i++)
		if (device_read(&page->item[i], c, now, why) != 0)
			return -1;
	return 0;
}

/* Somebody else's rows may be committed and not yet on the disk. */
static int
page_end(struct store *store, struct outbox_page *page, struct conn *c, int rc,
    struct fail *why)
{
	db_rollback(c);
	if (rc == 0 && page->n > 0)
		rc = db_sync(store->db, why);
	if (rc != 0)
		outbox_page_free(page);
	return rc;
}

int
store_outbox_page(struct store *store, struct outbox_page *page, int64_t after,
    int64_t now, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(page, 0, sizeof(*page));
	page->last = after;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = open_read(page, c, after, now, why);
	if (rc == 0)
		rc = page_fill(page, c, now, why);
	return page_end(store, page, c, rc, why);
}

int
store_device_page(struct store *store, struct outbox_page *page,
    const char *after, int64_t now, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(page, 0, sizeof(*page));
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = names_read(page, c, after, why);
	if (rc == 0)
		rc = page_fill(page, c, now, why);
	return page_end(store, page, c, rc, why);
}

int
store_device_find(struct store *store, struct outbox_page *page,
    const char *device, int64_t now, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(page, 0, sizeof(*page));
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	page->n = 1;
	page->item[0].device = str_dup(device);
	rc = page_fill(page, c, now, why);
	if (rc == 0 && page->item[0].newest.id == 0)
		outbox_page_free(page);
	return page_end(store, page, c, rc, why);
}

/* ---- again --------------------------------------------------------------- */

struct again {
	const char *device;
	const struct audit *entry;
};

static int
again_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct again *a = arg;
	const struct audit *entry = a->entry;
	int64_t now_us = when_now_us();
	struct outbox_device d = {.device = (char *)a->device};
	char *text = audit_text(entry, now_us);
	int rc = newest_read(&d, c, why);

	(void)keep;
	if (rc == 0 && d.newest.id == 0)
		rc = fail(why, FAIL_ABSENT, "cloud-device",
		    "this CA never issued a certificate for device \"%s\"",
		    a->device);
	if (rc == 0)
		rc = outbox_add(c,
		    d.newest.status == STORE_GOOD ? OUTBOX_RENEWED
						  : OUTBOX_REVOKED,
		    &d.newest, d.newest.id, now_us, why);
	if (rc == 0)
		rc = audit_add(c, entry, text, now_us, why);
	record_free(&d.newest);
	free(text);
	return rc;
}

int
store_outbox_again(struct store *store, const char *device,
    const struct audit *entry, struct fail *why)
{
	struct again a = {device, entry};

	return db_write(store->db, true, again_rows, &a, why);
}
