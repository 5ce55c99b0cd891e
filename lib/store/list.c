#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/internal.h"
#include "lib/store/rows.h"

/*
 * Certificates are read in slices of their id, so that no snapshot is held
 * while somebody looks at the output: it would keep the WAL from ending.
 */
#define SLICE 512
#define NEWEST 100000

struct slice {
	struct record row[SLICE];
	size_t n;
};

/* `*` and `?` to LIKE's; what LIKE would take as its own is escaped. */
static char *
like_of(const char *pattern)
{
	struct bytes like = {0};

	if (pattern == NULL)
		return NULL;
	bytes_adds(&like, "");
	for (; *pattern != '\0'; pattern++) {
		if (strchr("%_\\", *pattern) != NULL)
			bytes_addc(&like, '\\');
		bytes_addc(&like, *pattern == '*'   ? '%'
				  : *pattern == '?' ? '_'
						    : *pattern);
	}
	return (char *)like.data;
}

static void
slice_row(struct conn *c, enum sql q, void *arg)
{
	struct slice *s = arg;

	record_read(&s->row[s->n++], c, q);
}

static int
slice_read(struct slice *s, struct store *store, const char *like,
    const struct store_filter *f, int64_t after, struct fail *why)
{
	int rc;

	s->n = 0;
	rc = db_rows(store->db, DB_SCAN, SQL_CERT_LIST,
	    VALUES(value_number(after), value_number(after + SLICE),
		value_text(f->profile), value_text(f->endpoint),
		value_text(f->serial), value_text(like),
		value_number(f->expires_before), value_number(f->status),
		value_number(f->live ? f->now : -1)),
	    slice_row, s, why);
	return rc == 0 && s->n > 0 ? db_sync(store->db, why) : rc;
}

static int
last_of(int64_t *last, struct store *store, struct fail *why)
{
	struct conn *c;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_count(last, c, SQL_CERT_LAST, NULL, 0, why);
	db_rollback(c);
	return rc;
}

static int
list_all(struct store *store, const struct store_filter *f, const char *like,
    struct slice *s, int (*each)(const struct record *r, void *arg), void *arg,
    struct fail *why)
{
	int64_t last, after = 0, left = f->limit > 0 ? f->limit : INT64_MAX;
	int rc = last_of(&last, store, why);

	for (; rc == 0 && after < last && left > 0; after += SLICE) {
		rc = slice_read(s, store, like, f, after, why);
		for (size_t i = 0; i < s->n; i++) {
			if (rc == 0 && left > 0) {
				left--;
				if (each(&s->row[i], arg) != 0)
					left = 0;
			}
			record_free(&s->row[i]);
		}
	}
	return rc;
}

int
store_list(struct store *store, const struct store_filter *filter,
    int (*each)(const struct record *r, void *arg), void *arg, struct fail *why)
{
	struct slice *s = mem_new(sizeof(*s));
	char *like = like_of(filter->subject);
	int rc = list_all(store, filter, like, s, each, arg, why);

	free(like);
	free(s);
	return rc;
}

int
store_count(struct store *store, struct store_counts *counts, int64_t now,
    struct fail *why)
{
	struct conn *c;
	int rc;

	memset(counts, 0, sizeof(*counts));
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = db_count(&counts->certificates, c, SQL_CERT_COUNT, NULL, 0, why);
	if (rc == 0)
		rc = db_count(&counts->live, c, SQL_CERT_LIVE,
		    VALUES(value_number(now)), why);
	if (rc == 0)
		rc = db_count(
		    &counts->revoked, c, SQL_CERT_REVOKED, NULL, 0, why);
	if (rc == 0)
		rc = audit_rows(&counts->audit, c, why);
	if (rc == 0)
		rc = db_count(
		    &counts->outbox, c, SQL_OUTBOX_COUNT, NULL, 0, why);
	db_rollback(c);
	return rc;
}

static void
issuer_row(struct conn *c, enum sql q, void *arg)
{
	struct store_issuers *all = arg;

	(void)snprintf(all->keyid[all->n++], sizeof(all->keyid[0]), "%s",
	    db_text(c, q, 0));
}

int
store_issuers(struct store *store, struct store_issuers *issuers, int64_t now,
    struct fail *why)
{
	issuers->n = 0;
	return db_rows(store->db, DB_SCAN, SQL_CERT_ISSUERS,
	    VALUES(value_number(NEWEST), value_number(now),
		value_number(STORE_ISSUERS)),
	    issuer_row, issuers, why);
}
