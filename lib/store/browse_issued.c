#include "lib/store/browse_seek.h"

/* A clock that was put back may have numbered a few out of their order; the
 * rows' own times decide. */
#define OUT_OF_ORDER 3600 /* s */

static int
last_id(int64_t *id, struct conn *c, struct fail *why)
{
	const enum sql q = SQL_CERT_LAST;
	bool row;

	if (db_query(c, q, &row, NULL, 0, why) != 0)
		return -1;
	*id = row ? db_number(c, q, 0) : 0;
	return 0;
}

int
issued_first(int64_t *id, struct conn *c, int64_t when, struct fail *why)
{
	const enum sql q = SQL_BROWSE_ISSUED;
	int64_t low = 1, high, middle;
	bool row;

	if (last_id(&high, c, why) != 0)
		return -1;
	/* The answer is in low..high + 1. */
	while (low <= high) {
		middle = low + (high - low) / 2;
		if (db_query(c, q, &row, VALUES(value_number(middle)), why) !=
		    0)
			return -1;
		if (!row || db_number(c, q, 1) >= when)
			high = middle - 1;
		else
			low = db_number(c, q, 0) + 1;
	}
	*id = low;
	return 0;
}

int
seek_issued(struct browse_seek *s, struct fail *why)
{
	const struct browse_filter *f = s->filter;
	int64_t first;

	if (last_id(&s->high, s->c, why) != 0)
		return -1;
	if (f->issued_from != 0) {
		if (issued_first(
			&first, s->c, f->issued_from - OUT_OF_ORDER, why) != 0)
			return -1;
		s->low = first;
	}
	if (f->issued_until != 0) {
		if (issued_first(
			&first, s->c, f->issued_until + OUT_OF_ORDER, why) != 0)
			return -1;
		if (first - 1 < s->high)
			s->high = first - 1;
	}
	return 0;
}
