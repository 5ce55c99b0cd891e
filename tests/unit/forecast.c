/* What ends when, by tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ca/forecast.h"

#include <cmocka.h>

#define NOW 1800000000
#define HOUR 3600
#define DAY (24 * HOUR)

static void
what_ends_first_stands_first(void **state)
{
	struct forecast f;

	(void)state;
	forecast_begin(&f, NOW, 10);
	forecast_add(&f, NOW + 9 * DAY, "crl", false, str_dup("b"));
	forecast_add(&f, NOW + DAY, "own", true, str_dup("c"));
	forecast_add(&f, NOW + 9 * DAY, "own", true, str_dup("a"));
	forecast_add(&f, NOW - DAY, "issuer", true, str_dup("over"));
	forecast_add(&f, NOW + 11 * DAY, "issuer", true, str_dup("too far"));
	forecast_sort(&f);
	assert_int_equal(f.items, 4);
	assert_string_equal(f.item[0].what, "over");
	assert_string_equal(f.item[1].what, "c");
	assert_string_equal(f.item[2].what, "a");
	assert_string_equal(f.item[3].what, "b");
	forecast_free(&f);
}

static void
renewals_are_counted_at_two_thirds_of_the_life(void **state)
{
	struct forecast f;
	int64_t begin;

	(void)state;
	forecast_begin(&f, NOW, 10);
	assert_int_equal(forecast_peak(&f, &begin), 0);
	/* Renewal in four days, and in four days and half an hour. */
	forecast_cert(&f, NOW, NOW + 6 * DAY, NOW);
	forecast_cert(
	    &f, NOW + HOUR / 2, NOW + HOUR / 2 + 6 * DAY, NOW - 31 * DAY);
	forecast_cert(&f, NOW, NOW + 9 * DAY, NOW - 29 * DAY);
	forecast_cert(&f, NOW, NOW + 3000 * DAY, NOW); /* after the last day */
	forecast_cert(&f, NOW - 9 * DAY, NOW + DAY, NOW); /* late */
	assert_int_equal(forecast_peak(&f, &begin), 2);
	assert_int_equal(begin, NOW + 4 * DAY);
	assert_int_equal(forecast_renewals(&f), 3);
	assert_int_equal(f.live, 5);
	assert_int_equal(f.late, 1);
	assert_int_equal(f.month, 4);
	forecast_free(&f);
}

static void
a_disk_is_full_when_its_rest_is_used_up(void **state)
{
	static const struct {
		int64_t octets;
		double per_day;
		int64_t when;
	} tries[] = {
	    {1000, 100, NOW + 10 * DAY},
	    {0, 100, NOW},
	    {-5, 100, NOW},
	    {1000, 0, 0},
	    {1000, -1, 0},
	    {INT64_MAX, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		assert_int_equal(
		    forecast_full(NOW, tries[i].octets, tries[i].per_day),
		    tries[i].when);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_ends_first_stands_first),
	    cmocka_unit_test(renewals_are_counted_at_two_thirds_of_the_life),
	    cmocka_unit_test(a_disk_is_full_when_its_rest_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
