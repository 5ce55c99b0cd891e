/*
 * forecast - what ends when, and what there will be to renew.  Pure.
 *
 * Everything that has an end is put on one list.  Certificates of devices are
 * counted: each is expected to be renewed when two thirds of its life are gone,
 * as est-client and most others do, so that the busiest hour can be compared
 * with what the token signs.
 */
#ifndef MICROCA_FORECAST_H
#define MICROCA_FORECAST_H

#include "lib/base/bytes.h"

/* One thing that ends. */
struct forecast_item {
	int64_t when;
	const char *kind; /* static: "issuer", "crl", "own", "disk", … */
	char *what;       /* what ends, and what to do */
	bool alarm;       /* nothing mends it by itself */
};

/* forecast_free(). */
struct forecast {
	int64_t now, until;
	struct forecast_item *item; /* forecast_sort(): the soonest first */
	size_t items, room;
	uint32_t *hour; /* renewals in each hour from now on */
	size_t hours;
	int64_t late;  /* live, and past two thirds already */
	int64_t live;  /* certificates in all */
	int64_t month; /* issued in the last 30 days */
};

void forecast_begin(struct forecast *f, int64_t now, int64_t days);
void forecast_free(struct forecast *f);
/* Takes `what` over.  Left out when it is after the last day looked at. */
void forecast_add(
    struct forecast *f, int64_t when, const char *kind, bool alarm, char *what);
/* A certificate that is live. */
void forecast_cert(
    struct forecast *f, int64_t not_before, int64_t not_after, int64_t issued);
void forecast_sort(struct forecast *f);

/* The busiest hour: when it begins, and how many renewals; 0: none. */
uint32_t forecast_peak(const struct forecast *f, int64_t *begin);
/* Renewals until the last day looked at. */
int64_t forecast_renewals(const struct forecast *f);
/* When so many free octets are used up, at so many a day; 0: never, or not
 * within a thousand years. */
int64_t forecast_full(int64_t now, int64_t octets, double per_day);

#endif
