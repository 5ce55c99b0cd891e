#include "lib/store/browse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/browse_seek.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* ---- words --------------------------------------------------------------- */

static const char *const orders[] = {
    [BROWSE_NEWEST] = "newest",
    [BROWSE_OLDEST] = "oldest",
    [BROWSE_ENDING] = "ending",
    [BROWSE_ENDED] = "ended",
};

static const char *const states[] = {
    [BROWSE_ANY] = "any",
    [BROWSE_GOOD] = "good",
    [BROWSE_EXPIRING] = "expiring",
    [BROWSE_EXPIRED] = "expired",
    [BROWSE_REVOKED] = "revoked",
    [BROWSE_HELD] = "held",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
word_of(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

const char *
browse_order_word(enum browse_order order)
{
	return orders[order];
}

int
browse_order_of(const char *word)
{
	return word_of(orders, COUNT(orders), word);
}

const char *
browse_state_word(enum browse_state state)
{
	return states[state];
}

int
browse_state_of(const char *word)
{
	return word_of(states, COUNT(states), word);
}

enum browse_state
browse_state_at(const struct record *r, int64_t now)
{
	if (r->status == STORE_REVOKED)
		return BROWSE_REVOKED;
	if (r->not_after < now)
		return BROWSE_EXPIRED;
	return r->status == STORE_HELD ? BROWSE_HELD : BROWSE_GOOD;
}

/* ---- cursors ------------------------------------------------------------- */

/* An order's letter, notAfter, id. */
static void
cursor_write(char out[BROWSE_CURSOR], enum browse_order order,
    const struct browse_at *at)
{
	(void)snprintf(out, BROWSE_CURSOR, "%c%llx.%llx",
	    orders[order][0] == 'e' ? (order == BROWSE_ENDING ? 'e' : 'd')
				    : orders[order][0],
	    (unsigned long long)at->end, (unsigned long long)at->id);
}

static bool
hex_number(int64_t *out, const char **text, char until)
{
	uint64_t n = 0;
	const char *p = *text;
	int digits = 0;

	for (; *p != until; p++, digits++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = *p != '\0' ? strchr(hex, *p) : NULL;

		if (at == NULL || digits == 16)
			return false;
		n = n << 4 | (uint64_t)(at - hex);
	}
	*out = (int64_t)n;
	*text = until != '\0' ? p + 1 : p;
	return digits > 0;
}

static int
cursor_read(
    struct browse_at *at, const struct browse_rules *rules, struct fail *why)
{
	char again[BROWSE_CURSOR];
	const char *p = rules->cursor + 1;
	bool by_end =
	    rules->order == BROWSE_ENDING || rules->order == BROWSE_ENDED;

	if (rules->cursor[0] != '\0' && hex_number(&at->end, &p, '.') &&
	    hex_number(&at->id, &p, '\0') && (by_end || at->end == 0)) {
		cursor_write(again, rules->order, at);
		if (strcmp(again, rules->cursor) == 0)
			return 0;
	}
	return fail(why, FAIL_MALFORMED, "cursor",
	    "the cursor is not one of a page in this order");
}

/* ---- one page ------------------------------------------------------------ */

static int
filter_check(const struct browse_filter *f, const struct browse_rules *rules,
    struct fail *why)
{
	const char *digits = f->fingerprint;

	if (rules->rows < 1 || rules->rows > BROWSE_MOST)
		return fail(why, FAIL_MALFORMED, "filter", "rows: 1 to %d",
		    BROWSE_MOST);
	if (digits != NULL &&
	    (strlen(digits) < 1 || strlen(digits) > 64 ||
		strspn(digits, "0123456789abcdef") != strlen(digits)))
		return fail(why, FAIL_MALFORMED, "filter",
		    "fingerprint: 1 to 64 hex digits");
	return 0;
}

static void
page_end(struct browse_page *page, const struct browse_rules *rules,
    const struct browse_seek *s)
{
	struct browse_at at = s->at;

	if (page->rows > rules->rows) {
		record_free(&page->row[--page->rows]);
		at.id = page->row[page->rows - 1].id;
		at.end = s->by_end ? page->row[page->rows - 1].not_after : 0;
		page->more = true;
	} else if (!s->over) {
		page->more = page->searching = true;
	}
	if (page->more)
		cursor_write(page->next, rules->order, &at);
	page->looked = s->looked;
}

int
store_browse(struct store *store, struct browse_page *page,
    const struct browse_filter *filter, const struct browse_rules *rules,
    struct fail *why)
{
	struct browse_seek s;
	struct browse_at from;
	int rc;

	memset(page, 0, sizeof(*page));
	if (filter_check(filter, rules, why) != 0 ||
	    (rules->cursor != NULL && cursor_read(&from, rules, why) != 0))
		return -1;
	page->row = mem_new((rules->rows + 1) * sizeof(*page->row));
	seek_begin(&s, filter, rules, rules->cursor != NULL ? &from : NULL);
	rc = db_begin(&s.c, store->db, DB_SCAN, why);
	if (rc == 0) {
		rc = seek_run(&s, page, why);
		db_rollback(s.c);
	}
	seek_end(&s);
	if (rc == 0 && page->rows > 0)
		rc = db_sync(store->db, why);
	if (rc == 0)
		page_end(page, rules, &s);
	else
		browse_free(page);
	return rc;
}

void
browse_free(struct browse_page *page)
{
	for (size_t i = 0; i < page->rows; i++)
		record_free(&page->row[i]);
	free(page->row);
	memset(page, 0, sizeof(*page));
}
