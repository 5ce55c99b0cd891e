#include "lib/ca/forecast.h"

#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

void
forecast_begin(struct forecast *f, int64_t now, int64_t days)
{
	*f = (struct forecast){.now = now, .until = now + days * DAY};
	f->hours = (size_t)days * 24;
	f->hour = mem_new(f->hours * sizeof(*f->hour));
}

void
forecast_free(struct forecast *f)
{
	for (size_t i = 0; i < f->items; i++)
		free(f->item[i].what);
	free(f->item);
	free(f->hour);
	free(f->name);
	*f = (struct forecast){0};
}

void
forecast_add(
    struct forecast *f, int64_t when, const char *kind, bool alarm, char *what)
{
	if (when > f->until) {
		free(what);
		return;
	}
	if (f->items == f->room) {
		f->room = f->room == 0 ? 16 : 2 * f->room;
		f->item = mem_grow(f->item, f->room, sizeof(*f->item));
	}
	f->item[f->items++] = (struct forecast_item){when, kind, what, alarm};
}

/* ---- certificates --------------------------------------------------------- */

#define NEVER UINT32_MAX
#define LATE (UINT32_MAX - 1)

/* When its newest certificate is renewed: an hour, LATE, NEVER. */
struct forecast_name {
	uint64_t hash; /* 0: a free place */
	uint32_t hour;
};

static struct forecast_name *
place_of(const struct forecast *f, uint64_t hash)
{
	size_t i = (size_t)(hash >> 1) & (f->name_room - 1);

	while (f->name[i].hash != 0 && f->name[i].hash != hash)
		i = (i + 1) & (f->name_room - 1);
	return &f->name[i];
}

static void
names_grow(struct forecast *f)
{
	struct forecast_name *old = f->name;
	size_t n = f->name_room;

	f->name_room = n == 0 ? 1024 : 2 * n;
	f->name = mem_new(f->name_room * sizeof(*f->name));
	for (size_t i = 0; i < n; i++)
		if (old[i].hash != 0)
			*place_of(f, old[i].hash) = old[i];
	free(old);
}

static struct forecast_name *
name_of(struct forecast *f, const uint8_t name[SHA256_LEN])
{
	struct forecast_name *place;
	uint64_t hash;

	memcpy(&hash, name, sizeof(hash));
	hash |= 1; /* none is 0 */
	if (f->names >= f->name_room / 4 * 3)
		names_grow(f);
	place = place_of(f, hash);
	if (place->hash == 0) {
		*place = (struct forecast_name){hash, NEVER};
		f->names++;
	}
	return place;
}

static uint32_t
hour_of(const struct forecast *f, int64_t not_before, int64_t not_after)
{
	int64_t renewal = not_before + (not_after - not_before) / 3 * 2;

	if (renewal < f->now)
		return LATE;
	return renewal < f->until ? (uint32_t)((renewal - f->now) / HOUR)
	                          : NEVER;
}

static void
count(struct forecast *f, uint32_t hour, int more)
{
	if (hour == LATE)
		f->late += more;
	else if (hour != NEVER)
		f->hour[hour] += (uint32_t)more;
}

void
forecast_cert(struct forecast *f, const uint8_t name[SHA256_LEN],
    int64_t not_before, int64_t not_after)
{
	struct forecast_name *its = name_of(f, name);

	f->live++;
	count(f, its->hour, -1);
	its->hour = hour_of(f, not_before, not_after);
	count(f, its->hour, 1);
}

/* ---- what is told ----------------------------------------------------------- */

static int
sooner(const void *a, const void *b)
{
	const struct forecast_item *left = a, *right = b;

	if (left->when != right->when)
		return left->when < right->when ? -1 : 1;
	return strcmp(left->what, right->what);
}

void
forecast_sort(struct forecast *f)
{
	if (f->items > 1)
		qsort(f->item, f->items, sizeof(*f->item), sooner);
}

uint32_t
forecast_peak(const struct forecast *f, int64_t *begin)
{
	size_t most = 0;

	for (size_t i = 1; i < f->hours; i++)
		if (f->hour[i] > f->hour[most])
			most = i;
	*begin = f->now + (int64_t)most * HOUR;
	return f->hours > 0 ? f->hour[most] : 0;
}

int64_t
forecast_renewals(const struct forecast *f)
{
	int64_t sum = 0;

	for (size_t i = 0; i < f->hours; i++)
		sum += f->hour[i];
	return sum;
}

/* Who comes then is told to come later: nothing is lost but time. */
void
forecast_strain(struct forecast *f, double rate)
{
	int64_t begin;
	uint32_t peak = forecast_peak(f, &begin);

	if (rate > 0 && peak > rate * (double)HOUR)
		forecast_add(f, begin, "peak", true,
		    str_fmt("%u renewals in an hour, and the token signs %.0f: "
			    "they take %.1f hours",
			peak, rate * (double)HOUR, peak / rate / (double)HOUR));
}

double
forecast_per_day(const int64_t *day, size_t n, int64_t begin, int64_t now)
{
	int64_t sum = 0, since = now - DAY;

	for (size_t i = n; i > 0; i--) {
		sum += day[i - 1];
		if (day[i - 1] > 0 && begin + (int64_t)(i - 1) * DAY < since)
			since = begin + (int64_t)(i - 1) * DAY;
	}
	return (double)sum * (double)DAY / (double)(now - since);
}

int64_t
forecast_full(int64_t now, int64_t octets, double per_day)
{
	double days;

	if (per_day <= 0)
		return 0;
	days = octets > 0 ? (double)octets / per_day : 0;
	return days < 365000 ? now + (int64_t)(days * (double)DAY) : 0;
}
