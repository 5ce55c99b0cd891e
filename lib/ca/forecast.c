#include "lib/ca/forecast.h"

#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define MONTH (30 * DAY)

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

void
forecast_cert(
    struct forecast *f, int64_t not_before, int64_t not_after, int64_t issued)
{
	int64_t renewal = not_before + (not_after - not_before) / 3 * 2;

	f->live++;
	if (issued > f->now - MONTH)
		f->month++;
	if (renewal < f->now)
		f->late++;
	else if (renewal < f->until)
		f->hour[(renewal - f->now) / HOUR]++;
}

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

int64_t
forecast_full(int64_t now, int64_t octets, double per_day)
{
	double days;

	if (per_day <= 0)
		return 0;
	days = octets > 0 ? (double)octets / per_day : 0;
	return days < 365000 ? now + (int64_t)(days * (double)DAY) : 0;
}
