/*
 * audit_walk - what audit_verify()'s parts share: audit_verify.c has the walk,
 * the records and their certificates, audit_marks.c the signed heads and the
 * gaps that are known.  Internal to these two.
 *
 * What looks at something returns 0, or 1 when that ends the walk.
 */
#ifndef MICROCA_AUDIT_WALK_H
#define MICROCA_AUDIT_WALK_H

#include "lib/base/json.h"
#include "lib/ca/audit_verify.h"

struct span_of_records {
	int64_t lane, from, to;
	int64_t time; /* of the record that says so, Unix us */
};

struct walk {
	struct audit_report *report;
	struct store *store;
	struct fail *why;
	const struct audit_marks *marks;
	struct audit_mark mark; /* the next one */
	bool more;              /* … there is one */
	struct audit_mark *doubt;
	size_t doubts;
	struct span_of_records *gap;
	size_t gaps;
	/* Of this lane: how many were good, the last one's hash and
	 * certificate; what its last good head told of. */
	int64_t lane, seq, id, covered;
	uint8_t hash[SHA256_LEN];
	/* One lane, and no number of a certificate was left out: then each
	 * record's is the next. */
	bool dense;
	uint8_t *seen; /* a bit for each certificate that had its record */
	int64_t last;  /* certificate's number */
	struct {
		int64_t lane, records;
	} end[TRAIL_LANES];
	size_t lanes;
	struct audit_shelves *shelves;
	bool failed;
};

/* It ends here: what is wrong is this; or it cannot be told, see w->why. */
int walk_broken(struct walk *w, int64_t lane, int64_t seq, const char *text);
int walk_failed(struct walk *w);

/* audit_marks.c: a "gap" record. */
int walk_gap(struct walk *w, const struct trail_row *row, const struct json *j);
/* The next head of the lane, when there is one. */
int walk_mark_next(struct walk *w);
/* Those that tell of record `seq`, which was good, or of one before it. */
int walk_marks(struct walk *w, int64_t seq, const uint8_t hash[SHA256_LEN]);
/* The first head of something else than is here, unless a gap is known. */
void walk_settle(struct walk *w);

#endif
