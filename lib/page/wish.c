#include "lib/page/wish.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

static const char *const names[] = {"subject", "san", "serial", "fingerprint",
    "profile", "endpoint", "device", "state", "within", "issued_from",
    "issued_until", "ends_from", "ends_until", "order", "rows", "cursor", "go",
    NULL};

static int
bad(struct fail *why, const char *name, const char *want)
{
	return fail(why, FAIL_MALFORMED, "query", "%s: want %s", name, want);
}

static int
time_take(
    int64_t *out, const struct fields *q, const char *name, struct fail *why)
{
	const char *text = field_of(q, name);
	struct fail said = {0};
	char whole[WHEN_LEN];

	if (text == NULL)
		return 0;
	if (strlen(text) == 10) {
		memcpy(whole, text, 10);
		memcpy(whole + 10, "T00:00:00Z", 11);
		text = whole;
	}
	if (strlen(text) != WHEN_LEN - 1 || when_read(out, text, &said) != 0)
		return bad(why, name,
		    "a day like 2026-01-31, or 2026-01-31T12:00:00Z");
	return 0;
}

/* Hex digits alone, in one case; colons and blanks between them are fine. */
static int
hex_take(const char **out, char **own, const struct fields *q, const char *name,
    bool upper, struct fail *why)
{
	const char *text = field_of(q, name);
	char *to;

	if (text == NULL)
		return 0;
	*out = to = *own = str_dup(text);
	for (; *text != '\0'; text++) {
		int c = (unsigned char)*text;

		if (c == ':' || c == ' ')
			continue;
		if (!isxdigit(c))
			return bad(why, name, "hex digits");
		*to++ = (char)(upper ? toupper(c) : tolower(c));
	}
	*to = '\0';
	if (to == *own || to - *own > 64)
		return bad(why, name, "1 to 64 hex digits");
	return 0;
}

static int
serial_take(struct wish *w, const struct fields *q, struct fail *why)
{
	if (hex_take(&w->filter.serial, &w->own[0], q, "serial", true, why) !=
	    0)
		return -1;
	/* Whole octets, as they are kept. */
	if (w->own[0] != NULL && strlen(w->own[0]) % 2 != 0) {
		char *even = str_fmt("0%s", w->own[0]);

		free(w->own[0]);
		w->filter.serial = w->own[0] = even;
	}
	return 0;
}

static int
words_take(struct wish *w, const struct fields *q, struct fail *why)
{
	const char *state = field_of(q, "state"), *order = field_of(q, "order"),
		   *within = field_of(q, "within");
	struct fail said = {0};
	int n = state != NULL ? browse_state_of(state) : BROWSE_ANY;

	if (n < 0)
		return bad(why, "state",
		    "any, good, expiring, expired, revoked or held");
	w->filter.state = (enum browse_state)n;
	w->filter.within = WISH_WITHIN;
	if (within != NULL &&
	    (duration_read(&w->filter.within, within, &said) != 0 ||
		w->filter.within > WHEN_FOREVER / 2))
		return bad(why, "within", "a time like 30d");
	/* Who ends soon is looked for by the end. */
	n = order != NULL                        ? browse_order_of(order)
	    : w->filter.state == BROWSE_EXPIRING ? BROWSE_ENDING
	    : w->filter.state == BROWSE_EXPIRED  ? BROWSE_ENDED
	                                         : BROWSE_NEWEST;
	if (n < 0)
		return bad(why, "order", "newest, oldest, ending or ended");
	w->rules.order = (enum browse_order)n;
	return 0;
}

static int
rows_take(struct wish *w, const struct fields *q, struct fail *why)
{
	const char *rows = field_of(q, "rows"), *go = field_of(q, "go");

	w->rules.rows = WISH_ROWS;
	if (rows != NULL) {
		size_t len = strlen(rows);

		if (len > 3 || strspn(rows, "0123456789") != len)
			return bad(why, "rows", "a number, 1 to 500");
		w->rules.rows = (size_t)atoi(rows);
		if (w->rules.rows < 1 || w->rules.rows > BROWSE_MOST)
			return bad(why, "rows", "a number, 1 to 500");
	}
	if (go != NULL && strcmp(go, "on") != 0)
		return bad(why, "go", "on");
	w->rules.patience = go != NULL ? WISH_LONGER : 0;
	return 0;
}

int
wish_read(
    struct wish *w, const struct fields *query, int64_t now, struct fail *why)
{
	struct browse_filter *f = &w->filter;

	memset(w, 0, sizeof(*w));
	f->subject = field_of(query, "subject");
	f->san = field_of(query, "san");
	f->profile = field_of(query, "profile");
	f->endpoint = field_of(query, "endpoint");
	f->device = field_of(query, "device");
	w->rules.cursor = field_of(query, "cursor");
	w->rules.now = now;
	if (fields_known(query, names, why) != 0 ||
	    serial_take(w, query, why) != 0 ||
	    hex_take(&f->fingerprint, &w->own[1], query, "fingerprint", false,
		why) != 0 ||
	    time_take(&f->issued_from, query, "issued_from", why) != 0 ||
	    time_take(&f->issued_until, query, "issued_until", why) != 0 ||
	    time_take(&f->ends_from, query, "ends_from", why) != 0 ||
	    time_take(&f->ends_until, query, "ends_until", why) != 0 ||
	    words_take(w, query, why) != 0)
		return -1;
	return rows_take(w, query, why);
}

void
wish_free(struct wish *w)
{
	free(w->own[0]);
	free(w->own[1]);
}

void
wish_write(struct bytes *out, const struct fields *query, const char *cursor,
    bool longer)
{
	for (size_t i = 0; i < query->n; i++)
		if (strcmp(query->item[i].name, "cursor") != 0 &&
		    strcmp(query->item[i].name, "go") != 0)
			field_write(
			    out, query->item[i].name, query->item[i].value);
	field_write(out, "cursor", cursor);
	field_write(out, "go", longer ? "on" : NULL);
	if (out->len == 0)
		bytes_adds(out, "");
}
