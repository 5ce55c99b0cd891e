/*
 * trail - the audit chain, read.
 *
 * What is told is synced: it may leave the box.
 */
#ifndef MICROCA_TRAIL_H
#define MICROCA_TRAIL_H

#include "lib/store/store.h"

/* One row as it lies there; borrowed while it is told.  What repeats parts of
 * `record` (time, event, reason, serial) need not agree with it. */
struct trail_row {
	int64_t lane, seq;
	int64_t time; /* Unix us */
	const char *event, *reason, *serial;
	const char *record;
	uint8_t hash[SHA256_LEN];
};

/* The chain has lanes: SQLite one, number 0; PostgreSQL one for each node that
 * ever wrote.  Those there are, rising; and the one that `store` writes to. */
#define TRAIL_LANES 64
MUST_CHECK int store_trail_lanes(struct store *store, int64_t lane[TRAIL_LANES],
    size_t *n, struct fail *why);
int64_t store_lane(const struct store *store);

/* Rows of a lane behind number `after`, in order, to `each` until it returns non-zero;
 * it may use the store. */
MUST_CHECK int store_trail(struct store *store, int64_t lane, int64_t after,
    int (*each)(const struct trail_row *row, void *arg), void *arg,
    struct fail *why);
/* The number before the first row; 0 for a chain that is whole. */
MUST_CHECK int store_trail_before(
    struct store *store, int64_t lane, int64_t *before, struct fail *why);
/* The number before the first row at `when` (Unix us) or later. */
MUST_CHECK int store_trail_since(struct store *store, int64_t lane,
    int64_t *before, int64_t when, struct fail *why);
/* Record number `seq`, and its hash; NULL: there is none.  The caller frees. */
MUST_CHECK int store_trail_find(struct store *store, char **record,
    uint8_t hash[SHA256_LEN], int64_t lane, int64_t seq, struct fail *why);

/* How far it has come, in one moment. */
struct trail_end {
	int64_t seq; /* 0: nothing is there */
	uint8_t hash[SHA256_LEN];
	int64_t certificates; /* ever issued: the last one's number */
};
MUST_CHECK int store_trail_end(
    struct store *store, int64_t lane, struct trail_end *end, struct fail *why);

/* How many rows there are, and the last one's number: the same, unless numbers
 * were left out, as PostgreSQL's are by what was refused. */
MUST_CHECK int store_trail_certificates(struct store *store,
    int64_t *certificates, int64_t *last, struct fail *why);
/* All lanes in one moment. */
struct trail_ends {
	size_t n;
	int64_t lane[TRAIL_LANES];
	struct trail_end end[TRAIL_LANES];
	bool exact; /* no number of a certificate was left out */
};
MUST_CHECK int store_trail_ends(
    struct store *store, struct trail_ends *ends, struct fail *why);

/* What is said of a certificate, and what is recorded, in one moment. */
struct trail_standing {
	bool found; /* a certificate of that serial */
	enum store_status status;
	int reason;   /* enum store_reason */
	int64_t seq;  /* of the last record that changed it; 0: none */
	bool revokes; /* that one revokes or holds; else it releases */
	int why;      /* … for this reason; -1: none that we know */
};
MUST_CHECK int store_trail_standing(struct store *store,
    struct trail_standing *standing, const char *serial, struct fail *why);
/* The serials of all that are revoked or held, until `each` returns non-zero;
 * it may use the store. */
MUST_CHECK int store_trail_revoked(struct store *store,
    int (*each)(const char *serial, void *arg), void *arg, struct fail *why);

#endif
