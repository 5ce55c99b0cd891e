/*
 * Prometheus' text format: heads, values, labels; and who is local.  What
 * promtool makes of whole answers is in tests/op/metrics.sh.
 */
#include <string.h>

#include "lib/base/prom.h"
#include "lib/web/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static void
value_is(double value, const char *const *labels, const char *want)
{
	struct bytes out = {0};

	prom_value(&out, "x", value, labels);
	assert_string_equal((const char *)out.data, want);
	bytes_free(&out);
}

static void
a_head_is_two_lines(void **state)
{
	struct bytes out = {0};

	(void)state;
	prom_head(&out, "x_total", "counter", "All of it.");
	assert_string_equal((const char *)out.data,
	    "# HELP x_total All of it.\n# TYPE x_total counter\n");
	bytes_free(&out);
}

static void
values_are_exact(void **state)
{
	(void)state;
	value_is(0, NULL, "x 0\n");
	value_is(1796047004, NULL, "x 1796047004\n");
	value_is(999999999999999, NULL, "x 999999999999999\n");
	value_is(0.0005, NULL, "x 0.0005\n");
	value_is(-1.25, NULL, "x -1.25\n");
}

static void
labels_may_hold_anything(void **state)
{
	(void)state;
	value_is(1, PROM_LABELS("a", "b", "c", "d"), "x{a=\"b\",c=\"d\"} 1\n");
	value_is(
	    1, PROM_LABELS("a", "q\"b\\s\nn"), "x{a=\"q\\\"b\\\\s\\nn\"} 1\n");
	value_is(1, PROM_LABELS("a", "", "c", "d"), "x{c=\"d\"} 1\n");
	value_is(1, PROM_LABELS("a", ""), "x 1\n");
}

static void
who_is_on_the_machine(void **state)
{
	static const struct {
		const char *env[4];
		bool local;
	} rows[] = {
	    {{NULL}, false},
	    {{"REMOTE_ADDR=127.0.0.1"}, true},
	    {{"REMOTE_ADDR=127.8.9.10"}, true},
	    {{"REMOTE_ADDR=::1"}, true},
	    {{"REMOTE_ADDR=::FFFF:127.0.0.1"}, true},
	    {{"REMOTE_ADDR=128.0.0.1"}, false},
	    {{"REMOTE_ADDR=127."}, false},
	    {{"REMOTE_ADDR=127.0.0.1x"}, false},
	    {{"REMOTE_ADDR=::ffff:192.0.2.1"}, false},
	    {{"REMOTE_ADDR=127.0.0.1", "REMOTE_ADDR=192.0.2.1"}, false},
	    {{"REMOTE_ADDR=127.0.0.1", "HTTP_FORWARDED=for=x"}, false},
	    {{"REMOTE_ADDR=127.0.0.1", "HTTP_X_FORWARDED_FOR=::1"}, true},
	    {{"REMOTE_ADDR=127.0.0.1",
		 "HTTP_X_FORWARDED_FOR=127.0.0.1,\t::1 , 127.0.0.2"},
		true},
	    {{"REMOTE_ADDR=127.0.0.1",
		 "HTTP_X_FORWARDED_FOR=127.0.0.1, 192.0.2.1"},
		false},
	    {{"REMOTE_ADDR=127.0.0.1", "HTTP_X_FORWARDED_FOR=127.0.0.1,"},
		false},
	    {{"REMOTE_ADDR=127.0.0.1",
		 "HTTP_X_FORWARDED_FOR=127.0.0.1 192.0.2.1"},
		false},
	    {{"REMOTE_ADDR=127.0.0.1", "HTTP_X_FORWARDED_FOR=,"}, false},
	    {{"REMOTE_ADDR=192.0.2.1", "HTTP_X_FORWARDED_FOR=127.0.0.1"},
		false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (local_is((char *const *)rows[i].env) != rows[i].local)
			fail_msg("row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_head_is_two_lines),
	    cmocka_unit_test(values_are_exact),
	    cmocka_unit_test(labels_may_hold_anything),
	    cmocka_unit_test(who_is_on_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
