/*
 * browse - certificates page by page, for people who look for one.
 *
 * Keyset pagination: a page begins behind the row that the one before ended
 * with, whatever was issued meanwhile.  No request costs more because there are
 * more certificates: exact keys go through an index, dates of issue are found
 * by bisection (ids are in order of issuance), ends through an index over
 * them; what no index knows (patterns, profile, endpoint) is looked for row by
 * row, for `patience` at most.  A page that ends so says it: `searching`, and
 * `next` goes on where it stopped.
 *
 * Each page is one read transaction on a connection that does not write.
 */
#ifndef MICROCA_BROWSE_H
#define MICROCA_BROWSE_H

#include "lib/store/store.h"

#define BROWSE_MOST 500       /* rows of a page */
#define BROWSE_CURSOR 64      /* octets of a cursor with its NUL */
#define BROWSE_PATIENCE 0.030 /* s */

enum browse_order {
	BROWSE_NEWEST, /* by time of issue */
	BROWSE_OLDEST,
	BROWSE_ENDING, /* by notAfter: who ends first, … */
	BROWSE_ENDED   /* … who ends last */
};
const char *browse_order_word(enum browse_order order); /* "newest", … */
int browse_order_of(const char *word);                  /* -1: none */

enum browse_state {
	BROWSE_ANY,
	BROWSE_GOOD,     /* neither revoked, held nor expired */
	BROWSE_EXPIRING, /* good, and ends within `within` */
	BROWSE_EXPIRED,  /* past its end, whatever else */
	BROWSE_REVOKED,
	BROWSE_HELD
};
const char *browse_state_word(enum browse_state state); /* "good", … */
int browse_state_of(const char *word);                  /* -1: none */
/* What one certificate is at `now`: GOOD, EXPIRED, REVOKED or HELD. */
enum browse_state browse_state_at(const struct record *r, int64_t now);

/* Borrowed; NULL and 0 mean "any". */
struct browse_filter {
	/* Over the text forms, letters of ASCII in either case: a part of it,
	 * or with `*` (any octets) or `?` (one character) the whole. */
	const char *subject, *san;
	const char *serial;      /* upper hex, exact */
	const char *fingerprint; /* lower hex, the first 1 to 64 digits */
	const char *profile, *endpoint, *device; /* exact */
	enum browse_state state;
	int64_t within;                    /* s, with BROWSE_EXPIRING */
	int64_t issued_from, issued_until; /* Unix s: from <= t < until */
	int64_t ends_from, ends_until;
};

struct browse_rules {
	enum browse_order order;
	const char *cursor; /* of the page before; NULL: the first page */
	size_t rows;        /* 1 to BROWSE_MOST */
	double patience;    /* s of searching; 0: BROWSE_PATIENCE */
	int64_t now;
};

/* browse_free(). */
struct browse_page {
	struct record *row; /* without DER */
	size_t rows;
	bool more;      /* `next` is set: there are more, or … */
	bool searching; /* … there may be: patience ended, not the search */
	char next[BROWSE_CURSOR];
	int64_t looked; /* rows looked at for this page */
};

/*
 * One page.  Fails: FAIL_MALFORMED "cursor" (not one of ours, or of another
 * order), "filter"; FAIL_BUSY "db-…".  Everything told is synced.
 */
MUST_CHECK int store_browse(struct store *store, struct browse_page *page,
    const struct browse_filter *filter, const struct browse_rules *rules,
    struct fail *why);
void browse_free(struct browse_page *page); /* contents, then zero */

/* One certificate with its DER by its whole fingerprint is store_find(). */

/*
 * What the audit says of one certificate, in the order of the records:
 * `record` is the row's exact JSON text.  At most `most` rows; `all` says
 * whether that was all.
 */
MUST_CHECK int store_history(struct store *store, const struct record *r,
    size_t most, bool *all,
    int (*each)(int64_t seq, const char *record, void *arg), void *arg,
    struct fail *why);

#endif
