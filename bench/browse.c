/*
 * browse - the first page of each filter, timed.
 *
 *	browse STORE [TIMES]
 *
 * STORE is sqlite:PATH, as tests/tools/fill makes it.  For each filter the
 * median and the worst of TIMES (21), and what the page says of itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/when.h"
#include "lib/store/browse.h"
#include "lib/store/census.h"

#define TIMES_MOST 1000

static const struct {
	const char *name;
	struct browse_filter filter;
	enum browse_order order;
} asked[] = {
    {"no filter", {0}, BROWSE_NEWEST},
    {"oldest first", {0}, BROWSE_OLDEST},
    {"who ends first", {0}, BROWSE_ENDING},
    {"who ends last", {0}, BROWSE_ENDED},
    {"subject, many", {.subject = "dev"}, BROWSE_NEWEST},
    {"subject, the oldest one", {.subject = "dev00001"}, BROWSE_NEWEST},
    {"subject, none", {.subject = "nobody"}, BROWSE_NEWEST},
    {"SAN, none", {.san = "nobody"}, BROWSE_NEWEST},
    {"serial, none", {.serial = "00FF"}, BROWSE_NEWEST},
    {"fingerprint, 1 digit", {.fingerprint = "a"}, BROWSE_NEWEST},
    {"fingerprint, 3 digits", {.fingerprint = "abc"}, BROWSE_NEWEST},
    {"fingerprint, 8 digits", {.fingerprint = "abcdef01"}, BROWSE_NEWEST},
    {"profile, none", {.profile = "none"}, BROWSE_NEWEST},
    {"endpoint, none", {.endpoint = "none"}, BROWSE_NEWEST},
    {"device", {.device = "dev00001"}, BROWSE_NEWEST},
    {"good", {.state = BROWSE_GOOD}, BROWSE_NEWEST},
    {"expiring, none", {.state = BROWSE_EXPIRING, .within = 86400},
	BROWSE_ENDING},
    {"expiring, all", {.state = BROWSE_EXPIRING, .within = 91 * 86400},
	BROWSE_ENDING},
    {"expired", {.state = BROWSE_EXPIRED}, BROWSE_ENDED},
    {"revoked", {.state = BROWSE_REVOKED}, BROWSE_NEWEST},
    {"held", {.state = BROWSE_HELD}, BROWSE_NEWEST},
    {"issued before any", {.issued_until = 1000000000}, BROWSE_NEWEST},
    {"ends after all", {.ends_from = 4000000000}, BROWSE_NEWEST},
};

static int
by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
must(int rc, const struct fail *why)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "browse: %s (%s)\n", why->text, why->cause);
	exit(1);
}

static void
one(struct store *store, size_t i, int times)
{
	static double took[TIMES_MOST];
	struct browse_rules rules = {
	    .order = asked[i].order, .rows = 50, .now = when_now()};
	struct browse_page page = {0};
	struct fail why = {0};

	for (int n = 0; n < times; n++) {
		double began = when_clock();

		browse_free(&page);
		must(store_browse(store, &page, &asked[i].filter, &rules, &why),
		    &why);
		took[n] = (when_clock() - began) * 1000;
	}
	qsort(took, (size_t)times, sizeof(*took), by_time);
	printf("%-26s %7.2f %7.2f ms  %3zu rows of %7lld%s\n", asked[i].name,
	    took[times / 2], took[times - 1], page.rows, (long long)page.looked,
	    page.searching ? ", goes on" : "");
	browse_free(&page);
}

int
main(int argc, char **argv)
{
	int times = argc > 2 ? atoi(argv[2]) : 21;
	struct store *store;
	struct census census;
	struct fail why = {0};
	double began;

	if (argc < 2 || times < 1 || times > TIMES_MOST) {
		(void)fprintf(stderr, "usage: browse STORE [TIMES]\n");
		return 2;
	}
	must(store_open(&store, argv[1], false, 4, 0, &why), &why);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		one(store, i, times);
	began = when_clock();
	must(store_census(store, &census, when_now(), &why), &why);
	printf("%-26s %7.0f ms, of %lld\n", "the census",
	    (when_clock() - began) * 1000, (long long)census.certificates);
	store_free(store);
	return 0;
}
