/*
 * browse_seek - how the rows of one page are found.  Internal to lib/store.
 */
#ifndef MICROCA_BROWSE_SEEK_H
#define MICROCA_BROWSE_SEEK_H

#include "lib/store/browse.h"
#include "lib/store/driver.h"

/* A place in an order: behind this one.  `end` is 0 in orders by issue. */
struct browse_at {
	int64_t end, id;
};

#define SEEK_VALUES 18

struct browse_seek {
	struct conn *c;
	const struct browse_filter *filter;
	size_t want;         /* rows, with one more than the page has */
	double until;        /* when_clock() */
	bool down;           /* the order descends */
	bool by_end;         /* … and is by notAfter */
	bool over;           /* there is nothing behind `at` */
	struct browse_at at; /* all up to here was looked at */
	int64_t looked;
	int64_t low, high; /* ids that may fit */
	int status;        /* of those that fit, -1: any */
	int64_t ends_from, ends_until, issued_from, issued_until;
	uint8_t sha_low[SHA256_LEN], sha_high[SHA256_LEN];
	char *subject, *san; /* LIKE's */
};

void seek_begin(struct browse_seek *s, const struct browse_filter *filter,
    const struct browse_rules *rules, const struct browse_at *from);
void seek_end(struct browse_seek *s);
/* Inside a read transaction: rows are put into `page`, `want` at most. */
MUST_CHECK int seek_run(
    struct browse_seek *s, struct browse_page *page, struct fail *why);

/* browse_find.c: the few rows that an index names for an exact key; `found`
 * false: there is no such key in the filter, or it names too many. */
MUST_CHECK int seek_keys(struct browse_seek *s, struct browse_page *page,
    bool *found, struct fail *why);
/* The ids of a page in work, looked up one after the other. */
MUST_CHECK int seek_one(struct browse_seek *s, struct browse_page *page,
    int64_t id, struct fail *why);
/* May another slice be looked at? */
bool seek_goes_on(struct browse_seek *s, const struct browse_page *page);
/* Is it behind s->at? */
bool seek_behind(const struct browse_seek *s, const struct browse_at *at);

/* browse_issued.c: the ids of those issued in the filter's time, at least.
 * There are none: low > high. */
MUST_CHECK int seek_issued(struct browse_seek *s, struct fail *why);
/* The first id that was issued at `when` or later; one past the last if none
 * was.  Also for counting. */
MUST_CHECK int issued_first(
    int64_t *id, struct conn *c, int64_t when, struct fail *why);

#endif
