/* Conditional requests: dates of HTTP in each of their forms, and who has what
 * already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/wire/cached.h"

#include <cmocka.h>

#define WHEN INT64_C(784111777) /* the example of RFC 9110, 5.6.7 */

static void
a_date_is_written_as_the_rfc_has_it(void **state)
{
	static const struct {
		int64_t when;
		const char *text;
	} cases[] = {{WHEN, "Sun, 06 Nov 1994 08:49:37 GMT"},
	    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
	    {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
	    {1796047555, "Mon, 30 Nov 2026 14:05:55 GMT"},
	    {4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
	    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"}};
	char text[CACHED_DATE];
	int64_t when;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cached_date(text, cases[i].when);
		assert_string_equal(text, cases[i].text);
		assert_true(cached_date_read(&when, text));
		assert_int_equal(when, cases[i].when);
	}
}

static void
all_three_forms_are_read_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int64_t when; /* -1: none */
	} cases[] = {{"Sunday, 06-Nov-94 08:49:37 GMT", WHEN},
	    {"Sun Nov  6 08:49:37 1994", WHEN},
	    {"Monday, 30-Nov-26 14:05:55 GMT", 1796047555},
	    {"Sun, 06 Nov 1994 08:49:37 GMT+1", -1},
	    {"Sun, 06 Nov 1994 08:49:37", -1},
	    {"Sun, 06 Nov 1994 08:49:37 CET", -1},
	    {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
	    {"Sun, 32 Nov 1994 08:49:37 GMT", -1},
	    {"Sun, 06 Nvo 1994 08:49:37 GMT", -1},
	    {"Sun, 06 ovD 1994 08:49:37 GMT", -1},
	    {"Sun, -6 Nov 1994 08:49:37 GMT", -1}, {"yesterday", -1}, {"", -1},
	    {",", -1}, {"1994-11-06T08:49:37Z", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t when = -1;
		bool read = cached_date_read(&when, cases[i].text);

		if (read != (cases[i].when >= 0))
			fail_msg("%s", cases[i].text);
		assert_int_equal(when, cases[i].when);
	}
}

static void
who_has_it_is_told_by_tag_or_else_by_date(void **state)
{
	static const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";
	static const char *earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
	const struct {
		const char *none_match, *since;
		int64_t modified;
		bool still;
	} cases[] = {{NULL, NULL, WHEN, false}, {"\"a-1\"", NULL, WHEN, true},
	    {"W/\"a-1\"", NULL, 0, true}, {"\"x\", \"a-1\"", NULL, 0, true},
	    {"*", NULL, 0, true}, {"\"a-11\"", NULL, 0, false},
	    {"a-1", NULL, 0, false}, {"", NULL, 0, false},
	    {NULL, date, WHEN, true}, {NULL, earlier, WHEN, false},
	    {NULL, date, WHEN + 1, false}, {NULL, date, 0, false},
	    {NULL, "rubbish", WHEN, false}, {"\"x\"", date, WHEN, false},
	    {"\"a-1\"", earlier, WHEN, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cached_ask ask = {
		    cases[i].none_match, cases[i].since};

		if (cached_still(&ask, "\"a-1\"", cases[i].modified) !=
		    cases[i].still)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_date_is_written_as_the_rfc_has_it),
	    cmocka_unit_test(all_three_forms_are_read_and_nothing_else),
	    cmocka_unit_test(who_has_it_is_told_by_tag_or_else_by_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
