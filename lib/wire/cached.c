#include "lib/wire/cached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

static const char *const days[] = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* ---- dates ------------------------------------------------------------------ */

void
cached_date(char out[CACHED_DATE], int64_t when)
{
	int64_t day = when / 86400 - (when % 86400 < 0 ? 1 : 0);
	struct when_parts p;
	char text[80];

	when_split(&p, when);
	(void)snprintf(text, sizeof(text),
	    "%s, %02d %.3s %04d %02d:%02d:%02d GMT", days[(day % 7 + 7) % 7],
	    p.day, months + 3 * (p.month - 1), p.year, p.hour, p.minute,
	    p.second);
	memcpy(out, text, CACHED_DATE - 1);
	out[CACHED_DATE - 1] = '\0';
}

static bool
parts_ok(struct when_parts *p, const char month[4])
{
	const char *at = strstr(months, month);

	if (at == NULL || (at - months) % 3 != 0)
		return false;
	p->month = (int)(at - months) / 3 + 1;
	return p->year > 0 && p->day >= 1 && p->day <= 31 && p->hour >= 0 &&
	       p->hour <= 23 && p->minute >= 0 && p->minute <= 59 &&
	       p->second >= 0 && p->second <= 60;
}

/* RFC 9110, 5.6.7: two digits that look more than 50 years ahead are past. */
static int
century(int year)
{
	struct when_parts now;

	when_split(&now, when_now());
	year += now.year / 100 * 100;
	return year > now.year + 50 ? year - 100 : year;
}

/* The forms of today, of RFC 850 and of asctime(). */
bool
cached_date_read(int64_t *when, const char *text)
{
	struct when_parts p = {0};
	char month[4] = "";
	const char *comma = strchr(text, ',');
	int end = 0;
	size_t len = strlen(text);

	if (comma == NULL)
		(void)sscanf(text,
		    "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d "
		    "%4d%n",
		    month, &p.day, &p.hour, &p.minute, &p.second, &p.year,
		    &end);
	else if (sscanf(comma, ", %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &p.day,
		     month, &p.year, &p.hour, &p.minute, &p.second, &end) < 6 &&
		 sscanf(comma, ", %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &p.day,
		     month, &p.year, &p.hour, &p.minute, &p.second, &end) == 6)
		p.year = century(p.year);
	if (end == 0 || (comma != NULL ? comma : text) + end != text + len ||
	    !parts_ok(&p, month))
		return false;
	*when = when_join(&p);
	return true;
}

/* ---- conditions --------------------------------------------------------------- */

bool
cached_still(const struct cached_ask *ask, const char *etag, int64_t modified)
{
	int64_t since;

	/* RFC 9110, 13.1.2: compared weakly, so W/ does not matter; 13.2.2: the
	 * date counts only when there is no ETag. */
	if (ask->none_match != NULL)
		return strcmp(ask->none_match, "*") == 0 ||
		       strstr(ask->none_match, etag) != NULL;
	return ask->modified_since != NULL && modified != 0 &&
	       cached_date_read(&since, ask->modified_since) &&
	       since >= modified;
}
