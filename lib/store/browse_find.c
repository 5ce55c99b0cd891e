/* Rows that an index names for an exact key, and those that are revoked. */
#include <stdlib.h>
#include <string.h>

#include "lib/store/browse_seek.h"

#define KEYS 2000   /* that many rows of one key are sorted; more are scanned */
#define REVOKED 512 /* of one issuer, in one slice */

struct found {
	struct browse_at *at;
	size_t n, most;
};

static int
by_place(const void *a, const void *b)
{
	const struct browse_at *x = a, *y = b;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Those behind s->at, in their order, each looked at. */
static int
each_found(struct browse_seek *s, struct browse_page *page,
    const struct found *found, struct fail *why)
{
	qsort(found->at, found->n, sizeof(*found->at), by_place);
	for (size_t i = 0; i < found->n && page->rows < s->want; i++) {
		const struct browse_at *at =
		    &found->at[s->down ? found->n - 1 - i : i];

		if (!seek_behind(s, at) || at->id < s->low || at->id > s->high)
			continue;
		if (seek_one(s, page, at->id, why) != 0)
			return -1;
		s->at = *at;
		if (i % 64 == 63 && !seek_goes_on(s, page))
			return 0;
	}
	s->over = page->rows < s->want;
	return 0;
}

/* ---- exact keys ---------------------------------------------------------- */

static int
keys_take(struct browse_seek *s, struct found *f, enum sql q,
    const struct value *v, size_t n, struct fail *why)
{
	bool row;
	int rc = db_query(s->c, q, &row, v, n, why);

	for (; rc == 0 && row && f->n < f->most;
	     rc = db_step(s->c, q, &row, why)) {
		f->at[f->n].end = s->by_end ? db_number(s->c, q, 0) : 0;
		f->at[f->n++].id = db_number(s->c, q, 1);
	}
	return rc;
}

static int64_t
head_of(const uint8_t sha[SHA256_LEN])
{
	uint64_t head = 0;

	for (size_t i = 0; i < 8; i++)
		head = head << 8 | sha[i];
	return (int64_t)head;
}

/* Along which index, if any. */
static int
keys_find(struct browse_seek *s, struct found *f, bool *any, struct fail *why)
{
	const struct value most = value_number((int64_t)f->most);
	const struct value end = value_number(s->by_end);
	const struct browse_filter *filter = s->filter;

	*any = true;
	if (filter->serial != NULL)
		return keys_take(s, f, SQL_BROWSE_SERIAL,
		    VALUES(end, value_text(filter->serial), most), why);
	if (filter->fingerprint != NULL)
		return keys_take(s, f, SQL_BROWSE_SHA256,
		    VALUES(end, value_number(head_of(s->sha_low)),
			value_number(head_of(s->sha_high)), most),
		    why);
	if (filter->device != NULL)
		return keys_take(s, f, SQL_BROWSE_DEVICE,
		    VALUES(end, value_text(filter->device), most), why);
	if (!s->by_end && s->status < STORE_REVOKED &&
	    (s->ends_from != INT64_MIN || s->ends_until != INT64_MAX))
		return keys_take(s, f, SQL_BROWSE_ENDS,
		    VALUES(value_number(s->ends_from),
			value_number(s->ends_until), value_number(s->status),
			most),
		    why);
	*any = false;
	return 0;
}

/* ---- revoked and held ---------------------------------------------------- */

struct slice {
	struct found found;
	bool cut;     /* an issuer has more than was read: … */
	int64_t edge; /* … all is known up to here */
};

static int
slice_issuer(struct browse_seek *s, struct slice *x, const char *issuer,
    struct fail *why)
{
	const enum sql q =
	    s->down ? SQL_BROWSE_REVOKED_DOWN : SQL_BROWSE_REVOKED_UP;
	struct found *f = &x->found;
	int64_t low = s->low, high = s->high, id = 0;
	size_t n = 0;
	bool row;
	int rc;

	if (s->down && s->at.id <= high)
		high = s->at.id - 1;
	if (!s->down && s->at.id >= low)
		low = s->at.id + 1;
	f->at = mem_grow(f->at, f->n + REVOKED, sizeof(*f->at));
	rc = db_query(s->c, q, &row,
	    VALUES(value_text(issuer), value_number(low), value_number(high),
		value_number(REVOKED)),
	    why);
	for (; rc == 0 && row && n < REVOKED;
	     n++, rc = db_step(s->c, q, &row, why)) {
		id = db_number(s->c, q, 0);
		if (db_number(s->c, q, 1) == s->status)
			f->at[f->n++] = (struct browse_at){0, id};
	}
	s->looked += (int64_t)n;
	if (n == REVOKED &&
	    (!x->cut || (s->down ? id > x->edge : id < x->edge)))
		x->edge = id;
	x->cut = x->cut || n == REVOKED;
	return rc;
}

/* Of all issuers there are, whatever became of them. */
static int
slice_issuers(struct browse_seek *s, struct slice *x, struct fail *why)
{
	const enum sql q = SQL_BROWSE_ISSUER;
	char *issuer = str_dup("");
	bool row;
	int rc;

	while ((rc = db_query(
		    s->c, q, &row, VALUES(value_text(issuer)), why)) == 0 &&
	       row) {
		char *next = str_dup(db_text(s->c, q, 0));

		free(issuer);
		issuer = next;
		if ((rc = slice_issuer(s, x, issuer, why)) != 0)
			break;
	}
	free(issuer);
	return rc;
}

static int
slice_revoked(struct browse_seek *s, struct browse_page *page, struct fail *why)
{
	struct slice x = {0};
	size_t n = 0;
	int rc = slice_issuers(s, &x, why);

	/* What one issuer has beyond another's edge comes with the next. */
	for (size_t i = 0; x.cut && i < x.found.n; i++)
		if (s->down ? x.found.at[i].id >= x.edge
			    : x.found.at[i].id <= x.edge)
			x.found.at[n++] = x.found.at[i];
	if (x.cut)
		x.found.n = n;
	if (rc == 0 && x.found.n > 0)
		rc = each_found(s, page, &x.found, why);
	if (rc == 0 && page->rows < s->want && x.cut &&
	    (s->over || x.found.n == 0)) {
		s->over = false;
		s->at.id = x.edge;
	} else if (!x.cut && x.found.n == 0) {
		s->over = true;
	}
	free(x.found.at);
	return rc;
}

int
seek_keys(struct browse_seek *s, struct browse_page *page, bool *found,
    struct fail *why)
{
	struct found f = {.most = KEYS};
	bool any;
	int rc;

	f.at = mem_new(KEYS * sizeof(*f.at));
	rc = keys_find(s, &f, &any, why);
	*found = any && f.n < KEYS;
	if (rc == 0 && *found)
		rc = each_found(s, page, &f, why);
	free(f.at);
	if (rc != 0 || *found || s->status < STORE_REVOKED || s->by_end)
		return rc;
	*found = true;
	while (rc == 0 && seek_goes_on(s, page))
		rc = slice_revoked(s, page, why);
	return rc;
}
