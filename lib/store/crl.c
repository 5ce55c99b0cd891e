#include "lib/store/crl.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

static void
last_row(struct conn *c, enum sql q, void *arg)
{
	struct store_crl *last = arg;
	struct span der = db_octets(c, q, 1);

	last->number = db_number(c, q, 0);
	bytes_add(&last->der, der.data, der.len);
}

int
store_crl_last(struct store *store, struct store_crl *last, const char *issuer,
    struct fail *why)
{
	int rc;

	memset(last, 0, sizeof(*last));
	rc = db_rows(store->db, DB_READ, SQL_CRL_LAST,
	    VALUES(value_text(issuer)), last_row, last, why);
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
	bool row;

	if (db_query(c, SQL_CRL_PUT, &row,
		VALUES(value_text(a->issuer), value_number(a->number),
		    kept ? value_octets(a->der.data, a->der.len)
			 : value_text(NULL)),
		why) != 0)
		return -1;
	return audit_say(c, a->entry, why);
}

static int
add(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct adding *a = arg;
	int64_t last;

	if (db_count(&last, c, SQL_CRL_NUMBER, VALUES(value_text(a->issuer)),
		why) != 0)
		return -1;
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
