#include <stdio.h>
#include <stdlib.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* In slices, so that no snapshot is held while a list is written. */
#define SLICE 4096

struct slice {
	struct store_revoked row[SLICE];
	char *serial[SLICE];
	size_t n;
	int64_t last;
	char after[128]; /* serial */
};

static void
slice_free(struct slice *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->serial[i]);
	s->n = 0;
}

static void
row_read(struct conn *c, enum sql q, void *arg)
{
	struct slice *s = arg;
	struct store_revoked *r = &s->row[s->n];

	s->last = db_number(c, q, 0);
	s->serial[s->n] = str_dup(db_text(c, q, 1));
	r->serial = s->serial[s->n];
	r->revoked = db_number(c, q, 2);
	r->reason = db_number(c, q, 4) == STORE_HELD ? REASON_HOLD
	                                             : (int)db_number(c, q, 3);
	r->not_after = db_number(c, q, 5);
	r->invalid = db_number(c, q, 6);
	s->n++;
}

/* What a restored backup knows of them is that they are revoked, not when they
 * end. */
static void
forgotten_row(struct conn *c, enum sql q, void *arg)
{
	struct slice *s = arg;

	s->serial[s->n] = str_dup(db_text(c, q, 0));
	s->row[s->n] = (struct store_revoked){.serial = s->serial[s->n],
	    .revoked = db_number(c, q, 1),
	    .not_after = WHEN_FOREVER,
	    .reason = (int)db_number(c, q, 2),
	    .invalid = db_number(c, q, 3)};
	s->n++;
}

static int
forgotten_read(
    struct slice *s, struct store *store, const char *issuer, struct fail *why)
{
	int rc = db_rows(store->db, DB_SCAN, SQL_FORGOTTEN_LIST,
	    VALUES(
		value_text(issuer), value_text(s->after), value_number(SLICE)),
	    forgotten_row, s, why);

	if (s->n > 0)
		(void)snprintf(
		    s->after, sizeof(s->after), "%s", s->serial[s->n - 1]);
	return rc;
}

static int
slice_read(struct slice *s, struct store *store, const char *issuer,
    int64_t since, struct fail *why)
{
	return db_rows(store->db, DB_SCAN, SQL_CERT_REVOKED_LIST,
	    VALUES(value_text(issuer), value_number(s->last),
		value_number(since), value_number(SLICE)),
	    row_read, s, why);
}

int
store_revoked_each(struct store *store, const char *issuer, int64_t since,
    int (*each)(const struct store_revoked *r, void *arg), void *arg,
    struct fail *why)
{
	struct slice *s = mem_new(sizeof(*s));
	bool more, known = true;
	int rc = 0;

	while (rc == 0) {
		rc = known ? slice_read(s, store, issuer, since, why)
		           : forgotten_read(s, store, issuer, why);
		more = s->n == SLICE;
		for (size_t i = 0; i < s->n && rc == 0; i++)
			rc = each(&s->row[i], arg);
		slice_free(s);
		if (!more && !known)
			break;
		known = known && more;
	}
	free(s);
	return rc == 0 ? db_sync(store->db, why) : rc;
}
