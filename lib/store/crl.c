#include "lib/store/crl.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

int
store_crl_last(struct store *store, struct store_crl *last, const char *issuer,
    struct fail *why)
{
	const enum sql q = SQL_CRL_LAST;
	struct conn *c;
	struct span der;
	bool row;
	int rc;

	memset(last, 0, sizeof(*last));
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, VALUES(value_text(issuer)), why);
	if (rc == 0 && row) {
		last->number = db_number(c, q, 0);
		der = db_octets(c, q, 1);
		bytes_add(&last->der, der.data, der.len);
	}
	db_rollback(c);
	if (rc == 0)
		rc = db_sync(store->db, why);
	if (rc != 0)
		store_crl_free(last);
	return rc;
}

void
store_crl_free(struct store_crl *crl)
{
	bytes_free(&crl->der);
	crl->number = 0;
}

struct adding {
	const char *issuer;
	int64_t after, number;
	struct span der;
	const struct audit *entry;
	bool taken;
};

static int
rows_add(struct conn *c, const struct adding *a, struct fail *why)
{
	const bool kept = c->driver->many;
	int64_t now_us = when_now_us();
	char *text;
	bool row;
	int rc = db_query(c, SQL_CRL_PUT, &row,
	    VALUES(value_text(a->issuer), value_number(a->number),
		kept ? value_octets(a->der.data, a->der.len)
		     : value_text(NULL)),
	    why);

	if (rc != 0)
		return -1;
	text = audit_text(a->entry, now_us);
	rc = audit_add(c, a->entry, text, now_us, why);
	free(text);
	return rc;
}

static int
add(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct adding *a = arg;
	int64_t last;
	bool row;

	if (db_query(c, SQL_CRL_NUMBER, &row, VALUES(value_text(a->issuer)),
		why) != 0)
		return -1;
	last = row ? db_number(c, SQL_CRL_NUMBER, 0) : 0;
	a->taken = *keep = last == a->after && a->number > last;
	return a->taken ? rows_add(c, a, why) : 0;
}

int
store_crl_add(struct store *store, bool *taken, const char *issuer,
    int64_t after, int64_t number, struct span der, const struct audit *entry,
    struct fail *why)
{
	struct adding a = {issuer, after, number, der, entry, false};
	int rc = db_write(store->db, true, add, &a, why);

	*taken = rc == 0 && a.taken;
	return rc;
}
