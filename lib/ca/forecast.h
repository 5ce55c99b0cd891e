/*
 * forecast - what ends when, and what there will be to renew.  Pure.
 *
 * Everything that has an end is put on one list.  Certificates of devices are
 * counted: the newest of each name is expected to be renewed when two thirds of
 * its life are gone, as est-client and most others do, so that the busiest hour
 * can be compared with what the token signs.  16 to 32 octets a name.
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
	int64_t late; /* names: past two thirds already, and nothing newer */
	int64_t live; /* certificates in all */
	struct forecast_name *name; /* a table */
	size_t names, name_room;
};

void forecast_begin(struct forecast *f, int64_t now, int64_t days);
void forecast_free(struct forecast *f);
/* Takes `what` over.  Left out when it is after the last day looked at. */
void forecast_add(
    struct forecast *f, int64_t when, const char *kind, bool alarm, char *what);
/* A certificate that is live, in the order of issuance; `name`: a hash. */
void forecast_cert(struct forecast *f, const uint8_t name[SHA256_LEN],
    int64_t not_before, int64_t not_after);
void forecast_sort(struct forecast *f);

/* The busiest hour: when it begins, and how many renewals; 0: none. */
uint32_t forecast_peak(const struct forecast *f, int64_t *begin);
/* Renewals until the last day looked at. */
int64_t forecast_renewals(const struct forecast *f);
/* Adds "peak", an alarm, when the busiest hour has more of them than a token
 * signs that makes `rate` signatures a second; 0: not known. */
void forecast_strain(struct forecast *f, double rate);
/* Certificates a day, by those of `n` days from `begin` on, the last of which is
 * today; days before the first one do not count, less than one does not. */
double forecast_per_day(
    const int64_t *day, size_t n, int64_t begin, int64_t now);
/* When so many free octets are used up, at so many a day; 0: never, or not
 * within a thousand years. */
int64_t forecast_full(int64_t now, int64_t octets, double per_day);

#endif
