#include "lib/base/when.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
when_now_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t
when_now(void)
{
	return when_now_us() / 1000000;
}

double
when_clock(void)
{
	return (double)clock_us(CLOCK_MONOTONIC) / 1e6;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, with
 * the year beginning in March so that the leap day is its last. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void
when_split(struct when_parts *parts, int64_t when)
{
	int64_t days = when / 86400, rest = when % 86400;
	int64_t era, doe, yoe, doy, mp;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	parts->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	parts->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	parts->year = (int)(yoe + era * 400 + (parts->month <= 2 ? 1 : 0));
	parts->hour = (int)(rest / 3600);
	parts->minute = (int)(rest / 60 % 60);
	parts->second = (int)(rest % 60);
}

int64_t
when_join(const struct when_parts *p)
{
	return days_of(p->year, p->month, p->day) * 86400 + p->hour * 3600 +
	       p->minute * 60 + p->second;
}

void
when_write(char out[WHEN_LEN], int64_t when)
{
	struct when_parts p;
	char text[80];

	when_split(&p, when);
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    p.year, p.month, p.day, p.hour, p.minute, p.second);
	memcpy(out, text, WHEN_LEN - 1);
	out[WHEN_LEN - 1] = '\0';
}

/* A template: 'd' takes a digit, anything else stands for itself. */
static bool
digits_by(int *out, const char *text, const char *shape)
{
	static const int width[] = {4, 2, 2, 2, 2, 2};
	int field = 0, used = 0;

	if (strlen(text) != strlen(shape))
		return false;
	memset(out, 0, 6 * sizeof(*out));
	for (; *text != '\0'; text++, shape++) {
		if (*shape != 'd') {
			if (*text != *shape)
				return false;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		out[field] = out[field] * 10 + (*text - '0');
		if (++used == width[field]) {
			field++;
			used = 0;
		}
	}
	return true;
}

int
when_read(int64_t *when, const char *text, struct fail *why)
{
	int f[6];
	struct when_parts p, again;

	if (digits_by(f, text, "dddddddd")) {
		f[3] = 23;
		f[4] = f[5] = 59;
	} else if (!digits_by(f, text, "dddd-dd-ddTdd:dd:ddZ") &&
		   !digits_by(f, text, "ddddddddddddddZ")) {
		goto bad;
	}
	p = (struct when_parts){f[0], f[1], f[2], f[3], f[4], f[5]};
	if (p.year < 1 || p.month < 1 || p.month > 12 || p.day < 1 ||
	    p.hour > 23 || p.minute > 59 || p.second > 59)
		goto bad;
	*when = when_join(&p);
	/* A 31st of June would come back as the 1st of July. */
	when_split(&again, *when);
	if (again.day != p.day)
		goto bad;
	return 0;
bad:
	return fail(why, FAIL_MALFORMED, "time",
	    "not a time: wanted YYYY-MM-DDTHH:MM:SSZ, YYYYMMDDHHMMSSZ or "
	    "YYYYMMDD");
}

/* Sum of number-unit pairs; the factor of a unit is 0 when there is none. */
static bool
units_read(int64_t *sum, const char *text, int64_t (*factor)(char))
{
	int64_t n;

	*sum = 0;
	if (*text == '\0')
		return false;
	while (*text != '\0') {
		if (*text < '0' || *text > '9')
			return false;
		for (n = 0; *text >= '0' && *text <= '9'; text++) {
			n = n * 10 + (*text - '0');
			if (n > INT32_MAX)
				return false;
		}
		if (factor(*text) == 0)
			return false;
		*sum += n * factor(*text);
		if (*text != '\0')
			text++;
		if (*sum > (int64_t)1 << 50)
			return false;
	}
	return true;
}

static int64_t
duration_factor(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	case 'y':
		return 365 * (int64_t)86400;
	default:
		return 0;
	}
}

int
duration_read(int64_t *seconds, const char *text, struct fail *why)
{
	if (strcmp(text, "0") == 0) {
		*seconds = 0;
		return 0;
	}
	if (!units_read(seconds, text, duration_factor))
		return fail(why, FAIL_MALFORMED, "duration",
		    "not a duration: wanted a number and s, m, h, d, w or y, "
		    "as in \"90d\"");
	return 0;
}

static int64_t
size_factor(char unit)
{
	switch (unit) {
	case '\0':
		return 1;
	case 'k':
		return 1024;
	case 'M':
		return 1024 * 1024;
	case 'G':
		return (int64_t)1024 * 1024 * 1024;
	default:
		return 0;
	}
}

int
size_read(int64_t *octets, const char *text, struct fail *why)
{
	if (!units_read(octets, text, size_factor))
		return fail(why, FAIL_MALFORMED, "size",
		    "not a size: wanted a number and k, M or G, as in "
		    "\"64k\"");
	return 0;
}
