/* Which libraries nsswitch.conf(5) has for hosts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/net/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static int
loaded(const char *text)
{
	char path[] = "/tmp/microca-names.XXXXXX";
	struct fail why = {0};
	int fd = mkstemp(path), n;

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(file_write(path, span_str(text), 0600, &why), 0);
	n = names_load(path);
	(void)unlink(path);
	return n;
}

static void
services_of_hosts_are_loaded(void **state)
{
	(void)state;
	assert_int_equal(loaded("hosts: files\n"), 1);
	assert_int_equal(loaded("passwd: none\nhosts:\tfiles   dns\n"), 2);
	assert_int_equal(loaded(" hosts:files # dns"), 1);
	assert_int_equal(loaded("hosts: files [!UNAVAIL = dns] none dns\n"), 2);
}

static void
nothing_else_is(void **state)
{
	(void)state;
	assert_int_equal(names_load("/nonexistent"), 0);
	assert_int_equal(loaded(""), 0);
	assert_int_equal(loaded("passwd: files\n#hosts: files\n"), 0);
	assert_int_equal(loaded("hosts: none ../../../tmp/x/files \n"), 0);
	assert_int_equal(loaded("hosts: [files dns\n"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(services_of_hosts_are_loaded),
	    cmocka_unit_test(nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
