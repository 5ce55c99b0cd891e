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

/* `name`: 1 to 255. */
static void
cert(struct forecast *f, int name, int64_t from, int64_t to)
{
	uint8_t hash[SHA256_LEN] = {(uint8_t)(name << 1), 0xff, 3};

	forecast_cert(f, hash, from, to);
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
	cert(&f, 1, NOW, NOW + 6 * DAY);
	cert(&f, 2, NOW + HOUR / 2, NOW + HOUR / 2 + 6 * DAY);
	cert(&f, 3, NOW, NOW + 9 * DAY);
	cert(&f, 4, NOW, NOW + 3000 * DAY);    /* after the last day */
	cert(&f, 5, NOW - 9 * DAY, NOW + DAY); /* late */
	assert_int_equal(forecast_peak(&f, &begin), 2);
	assert_int_equal(begin, NOW + 4 * DAY);
	assert_int_equal(forecast_renewals(&f), 3);
	assert_int_equal(f.live, 5);
	assert_int_equal(f.late, 1);
	forecast_free(&f);
}

/* What was renewed already is not renewed again, though it still lives. */
static void
the_newest_of_a_name_is_renewed(void **state)
{
	struct forecast f;
	int64_t begin;

	(void)state;
	forecast_begin(&f, NOW, 10);
	cert(&f, 1, NOW - 9 * DAY, NOW + DAY); /* late, but for the next */
	cert(&f, 2, NOW, NOW + 6 * DAY);       /* likewise */
	assert_int_equal(f.late, 1);
	cert(&f, 1, NOW, NOW + 6 * DAY);
	cert(&f, 2, NOW, NOW + 9 * DAY);
	assert_int_equal(f.live, 4);
	assert_int_equal(f.late, 0);
	assert_int_equal(forecast_renewals(&f), 2);
	assert_int_equal(forecast_peak(&f, &begin), 1);
	cert(&f, 1, NOW - 9 * DAY, NOW + DAY);
	assert_int_equal(f.late, 1);
	assert_int_equal(forecast_renewals(&f), 1);
	forecast_free(&f);
}

static void
names_are_not_mixed_up_however_many(void **state)
{
	struct forecast f;
	uint8_t name[SHA256_LEN];

	(void)state;
	forecast_begin(&f, NOW, 10);
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 10000; i++) {
			sha256(name,
			    (struct span){(const uint8_t *)&i, sizeof(i)});
			forecast_cert(&f, name, NOW, NOW + 6 * DAY);
		}
	assert_int_equal(f.live, 20000);
	assert_int_equal(f.names, 10000);
	assert_int_equal(forecast_renewals(&f), 10000);
	forecast_free(&f);
}

static void
an_hour_above_the_tokens_rate_is_an_alarm(void **state)
{
	struct forecast f;

	(void)state;
	forecast_begin(&f, NOW, 10);
	forecast_strain(&f, 0.0001);
	assert_int_equal(f.items, 0); /* nothing to renew */
	for (int i = 1; i <= 72; i++)
		cert(&f, i, NOW, NOW + 6 * DAY);
	forecast_strain(&f, 0);
	forecast_strain(&f, 0.02);
	assert_int_equal(f.items, 0);
	forecast_strain(&f, 0.01);
	assert_int_equal(f.items, 1);
	assert_true(f.item[0].alarm);
	assert_int_equal(f.item[0].when, NOW + 4 * DAY);
	assert_string_equal(f.item[0].what,
	    "72 renewals in an hour, and the token signs 36: they take 2.0 "
	    "hours");
	forecast_free(&f);
}

static void
a_rate_is_of_the_days_since_the_first(void **state)
{
	static const struct {
		int64_t day[5];
		double rate;
	} tries[] = {
	    {{0, 0, 0, 0, 0}, 0},
	    {{90, 90, 90, 90, 90}, 100}, /* four days and a half */
	    {{0, 0, 0, 100, 50}, 100},
	    {{0, 0, 0, 0, 50}, 50}, /* half a day is taken for one */
	    {{45, 0, 0, 0, 0}, 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		assert_float_equal(forecast_per_day(tries[i].day, 5,
				       NOW - 4 * DAY - DAY / 2, NOW),
		    tries[i].rate, 0.001);
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
	    cmocka_unit_test(the_newest_of_a_name_is_renewed),
	    cmocka_unit_test(names_are_not_mixed_up_however_many),
	    cmocka_unit_test(an_hour_above_the_tokens_rate_is_an_alarm),
	    cmocka_unit_test(a_rate_is_of_the_days_since_the_first),
	    cmocka_unit_test(a_disk_is_full_when_its_rest_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
