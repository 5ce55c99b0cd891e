/*
 * census - how many certificates there are, by day of issue and week of end.
 *
 * Issued per day are two bisections over the ids; ends, states and backlogs
 * are counted along indexes.  With many rows that takes a while: count now and
 * then, keep the result, and say how old it is.
 */
#ifndef MICROCA_CENSUS_H
#define MICROCA_CENSUS_H

#include "lib/store/store.h"

#define CENSUS_DAYS 30
#define CENSUS_WEEKS 26

struct census {
	int64_t when; /* Unix s, of counting; days and weeks are UTC's */
	int64_t certificates; /* in the database */
	int64_t retired;      /* in files (retire.h) */
	int64_t good;         /* neither revoked, held nor expired */
	int64_t expired;      /* past their end, not revoked before */
	int64_t revoked, held;
	int64_t audit;            /* records of the chain */
	int64_t pending;          /* requests that wait for somebody */
	int64_t outbox;           /* still to be told to the cloud */
	int64_t dead;             /* devices that the cloud refuses */
	int64_t day[CENSUS_DAYS]; /* issued; the last is today … */
	int64_t day_begin;        /* … and the first begins here */
	/* Good ones that end in each of the next weeks: week[0] is the seven
	 * days from `when` on. */
	int64_t week[CENSUS_WEEKS];
	int64_t later; /* good ones that end after those */
};

MUST_CHECK int store_census(
    struct store *store, struct census *census, int64_t now, struct fail *why);

#endif
