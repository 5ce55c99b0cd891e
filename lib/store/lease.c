/* Who may upload: one row of meta, "UNTIL HOLDER". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/internal.h"
#include "lib/store/outbox.h"
#include "lib/store/rows.h"

#define LEASE "uploader"

struct lease {
	const char *holder;
	int64_t now, until;
	bool taken;
};

static int
lease_read(int64_t *until, bool *own, struct conn *c, const char *holder,
    struct fail *why)
{
	const enum sql q = SQL_META_FIND;
	char *end;
	bool row;

	*until = 0;
	*own = false;
	if (db_query(c, q, &row, VALUES(value_text(LEASE)), why) != 0)
		return -1;
	if (row) {
		*until = strtoll(db_text(c, q, 0), &end, 10);
		*own = *end == ' ' && strcmp(end + 1, holder) == 0;
	}
	return 0;
}

static int
lease_take(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct lease *l = arg;
	int64_t until;
	char *text;
	bool own, row;
	int rc;

	if (lease_read(&until, &own, c, l->holder, why) != 0)
		return -1;
	l->taken = *keep = own || until <= l->now;
	if (!l->taken)
		return 0;
	text = str_fmt("%lld %s", (long long)l->until, l->holder);
	rc = db_query(c, SQL_META_PUT, &row,
	    VALUES(value_text(LEASE), value_text(text)), why);
	free(text);
	return rc;
}

int
store_lease(struct store *store, bool *taken, const char *holder, int64_t now,
    int64_t seconds, struct fail *why)
{
	struct lease l = {.holder = holder, .now = now, .until = now + seconds};
	int rc = db_write(store->db, true, lease_take, &l, why);

	*taken = rc == 0 && l.taken;
	return rc;
}

static int
lease_drop(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct lease *l = arg;
	int64_t until;
	bool row;

	if (lease_read(&until, keep, c, l->holder, why) != 0)
		return -1;
	return !*keep ? 0
	              : db_query(c, SQL_META_DROP, &row,
			    VALUES(value_text(LEASE)), why);
}

int
store_lease_end(struct store *store, const char *holder, struct fail *why)
{
	struct lease l = {.holder = holder};

	return db_write(store->db, false, lease_drop, &l, why);
}
