#include "lib/store/browse_seek.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"

#define SLICE 512 /* rows looked at between two looks at the clock */

/* ---- what fits ----------------------------------------------------------- */

/* LIKE's form of a pattern: a part of the text, unless it has `*` or `?`. */
static char *
like_of(const char *pattern)
{
	struct bytes like = {0};
	bool whole;

	if (pattern == NULL)
		return NULL;
	whole = strpbrk(pattern, "*?") != NULL;
	bytes_adds(&like, whole ? "" : "%");
	for (; *pattern != '\0'; pattern++) {
		if (strchr("%_\\", *pattern) != NULL)
			bytes_addc(&like, '\\');
		bytes_addc(&like, *pattern == '*'   ? '%'
				  : *pattern == '?' ? '_'
						    : *pattern);
	}
	if (!whole)
		bytes_addc(&like, '%');
	return (char *)like.data;
}

static void
state_take(struct browse_seek *s, int64_t now)
{
	const struct browse_filter *f = s->filter;

	s->status = -1;
	s->ends_from = f->ends_from != 0 ? f->ends_from : INT64_MIN;
	s->ends_until = f->ends_until != 0 ? f->ends_until : INT64_MAX;
	if (f->state == BROWSE_REVOKED)
		s->status = STORE_REVOKED;
	if (f->state == BROWSE_HELD)
		s->status = STORE_HELD;
	if (f->state == BROWSE_GOOD || f->state == BROWSE_EXPIRING) {
		s->status = STORE_GOOD;
		if (s->ends_from < now)
			s->ends_from = now;
	}
	if (f->state == BROWSE_EXPIRING && s->ends_until > now + f->within)
		s->ends_until = now + f->within;
	if (f->state == BROWSE_EXPIRED && s->ends_until > now)
		s->ends_until = now;
}

/* Bounds of the whole hash for its first digits. */
static void
sha_take(struct browse_seek *s)
{
	const char *digits = s->filter->fingerprint;

	memset(s->sha_low, 0, SHA256_LEN);
	memset(s->sha_high, 0xff, SHA256_LEN);
	for (size_t i = 0; digits != NULL && digits[i] != '\0'; i++) {
		unsigned shift = i % 2 == 0 ? 4 : 0;
		unsigned d =
		    (unsigned)(digits[i] <= '9' ? digits[i] - '0'
						: digits[i] - 'a' + 10);

		s->sha_low[i / 2] = (uint8_t)(s->sha_low[i / 2] | d << shift);
		s->sha_high[i / 2] =
		    (uint8_t)(s->sha_high[i / 2] & ~((0xf ^ d) << shift));
	}
}

void
seek_begin(struct browse_seek *s, const struct browse_filter *filter,
    const struct browse_rules *rules, const struct browse_at *from)
{
	double patience =
	    rules->patience > 0 ? rules->patience : BROWSE_PATIENCE;

	memset(s, 0, sizeof(*s));
	s->filter = filter;
	s->want = rules->rows + 1;
	s->until = when_clock() + patience;
	s->down = rules->order == BROWSE_NEWEST || rules->order == BROWSE_ENDED;
	s->by_end =
	    rules->order == BROWSE_ENDING || rules->order == BROWSE_ENDED;
	state_take(s, rules->now);
	sha_take(s);
	s->issued_from =
	    filter->issued_from != 0 ? filter->issued_from : INT64_MIN;
	s->issued_until =
	    filter->issued_until != 0 ? filter->issued_until : INT64_MAX;
	s->subject = like_of(filter->subject);
	s->san = like_of(filter->san);
	s->low = 1;
	if (from != NULL)
		s->at = *from;
	else if (s->by_end)
		s->at.end = s->down ? s->ends_until : s->ends_from;
	else
		s->at.id = s->down ? INT64_MAX : 0;
}

void
seek_end(struct browse_seek *s)
{
	free(s->subject);
	free(s->san);
}

/* The parameters of FITS; what follows them is the statement's own. */
static void
values_fill(struct value v[SEEK_VALUES], const struct browse_seek *s)
{
	const struct browse_filter *f = s->filter;

	v[0] = value_number(s->ends_from);
	v[1] = value_number(s->ends_until);
	v[2] = value_number(s->issued_from);
	v[3] = value_number(s->issued_until);
	v[4] = value_number(s->status);
	v[5] = value_text(f->profile);
	v[6] = value_text(f->endpoint);
	v[7] = value_text(f->device);
	v[8] = value_text(f->serial);
	v[9] = value_octets(s->sha_low, SHA256_LEN);
	v[10] = value_octets(s->sha_high, SHA256_LEN);
	v[11] = value_text(s->subject);
	v[12] = value_text(s->san);
}

static int
rows_take(struct browse_seek *s, struct browse_page *page, enum sql q,
    const struct value *v, size_t n, struct fail *why)
{
	bool row;
	int rc = db_query(s->c, q, &row, v, n, why);

	for (; rc == 0 && row && page->rows < s->want;
	     rc = db_step(s->c, q, &row, why))
		record_read(&page->row[page->rows++], s->c, q);
	return rc;
}

int
seek_one(struct browse_seek *s, struct browse_page *page, int64_t id,
    struct fail *why)
{
	struct value v[SEEK_VALUES];

	values_fill(v, s);
	v[13] = value_number(id);
	s->looked++;
	return rows_take(s, page, SQL_BROWSE_ONE, v, 14, why);
}

bool
seek_goes_on(struct browse_seek *s, const struct browse_page *page)
{
	if (s->over || page->rows >= s->want)
		return false;
	return s->looked == 0 || when_clock() < s->until;
}

bool
seek_behind(const struct browse_seek *s, const struct browse_at *at)
{
	if (s->by_end && at->end != s->at.end)
		return s->down ? at->end < s->at.end : at->end > s->at.end;
	return s->down ? at->id < s->at.id : at->id > s->at.id;
}

/* ---- by id --------------------------------------------------------------- */

static int
slice_by_id(struct browse_seek *s, struct browse_page *page, struct fail *why)
{
	struct value v[SEEK_VALUES];
	int64_t low = s->low, high = s->high;

	if (s->down) {
		if (s->at.id <= high)
			high = s->at.id - 1;
		if (low <= high - SLICE)
			low = high - SLICE + 1;
	} else {
		if (s->at.id >= low)
			low = s->at.id + 1;
		if (high >= low + SLICE)
			high = low + SLICE - 1;
	}
	s->over = s->down ? low <= s->low : high >= s->high;
	if (low > high) {
		s->over = true;
		return 0;
	}
	values_fill(v, s);
	v[13] = value_number(low);
	v[14] = value_number(high);
	v[15] = value_number((int64_t)(s->want - page->rows));
	s->looked += high - low + 1;
	s->at.id = s->down ? low : high;
	return rows_take(
	    s, page, s->down ? SQL_BROWSE_DOWN : SQL_BROWSE_UP, v, 16, why);
}

/* ---- by end -------------------------------------------------------------- */

/* Where the slice behind s->at ends. */
static int
slice_far(struct browse_at *far, struct browse_seek *s, struct fail *why)
{
	const enum sql q = s->down ? SQL_BROWSE_FAR_DOWN : SQL_BROWSE_FAR_UP;
	bool row;

	if (db_query(s->c, q, &row,
		VALUES(value_number(s->at.end), value_number(s->at.id),
		    value_number(s->down ? s->ends_from : s->ends_until),
		    value_number(SLICE - 1)),
		why) != 0)
		return -1;
	s->over = !row;
	far->end = row       ? db_number(s->c, q, 0)
	           : s->down ? s->ends_from
	                     : s->ends_until;
	far->id = row ? db_number(s->c, q, 1) : 0;
	return 0;
}

static int
slice_by_end(struct browse_seek *s, struct browse_page *page, struct fail *why)
{
	struct value v[SEEK_VALUES];
	struct browse_at far;

	if (slice_far(&far, s, why) != 0)
		return -1;
	values_fill(v, s);
	v[13] = value_number(s->at.end);
	v[14] = value_number(s->at.id);
	v[15] = value_number(far.end);
	v[16] = value_number(far.id);
	v[17] = value_number((int64_t)(s->want - page->rows));
	s->looked += SLICE;
	s->at = far;
	return rows_take(s, page,
	    s->down ? SQL_BROWSE_END_DOWN : SQL_BROWSE_END_UP, v, 18, why);
}

/* ---- the whole ----------------------------------------------------------- */

int
seek_run(struct browse_seek *s, struct browse_page *page, struct fail *why)
{
	bool row, found;

	/* A statement that is not over holds the snapshot for all others. */
	if (db_query(s->c, SQL_VERSION_OF, &row, NULL, 0, why) != 0 ||
	    seek_issued(s, why) != 0 || seek_keys(s, page, &found, why) != 0)
		return -1;
	while (!found && seek_goes_on(s, page))
		if ((s->by_end ? slice_by_end(s, page, why)
			       : slice_by_id(s, page, why)) != 0)
			return -1;
	return 0;
}
