#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/key/pkcs11uri.h"

#include <cmocka.h>

static void
a_full_uri_is_taken_apart(void **state)
{
	struct pkcs11uri *uri;
	struct fail why = {0};

	(void)state;
	assert_int_equal(
	    pkcs11uri_read(&uri,
		"pkcs11:token=My%20token;manufacturer=Some%20Corp;serial=0a1B;"
		"model=X%2f1;object=ca&key;id=%01%00%fFz;type=private"
		"?pin-source=file:/etc/a%20b/pin&module-path=/usr/lib/x.so"
		"&x-vendor=1&x-vendor=2",
		&why),
	    0);
	assert_string_equal(uri->token, "My token");
	assert_string_equal(uri->manufacturer, "Some Corp");
	assert_string_equal(uri->serial, "0a1B");
	assert_string_equal(uri->model, "X/1");
	assert_string_equal(uri->object, "ca&key");
	assert_int_equal(uri->id.len, 4);
	assert_memory_equal(uri->id.data, "\x01\x00\xffz", 4);
	assert_string_equal(uri->pin_file, "/etc/a b/pin");
	assert_string_equal(uri->module, "/usr/lib/x.so");
	pkcs11uri_free(uri);
}

static void
the_shortest_uris_are_taken(void **state)
{
	static const char *const good[] = {
	    "pkcs11:token=a;object=b",
	    "PKCS11:object=b;token=a",
	    "pkcs11:serial=1;id=%00",
	    "pkcs11:token=a;object=b?pin-source=file:///p",
	    "pkcs11:token=a;object=b?unknown=x",
	    "pkcs11:token=12345678901234567890123456789012;object=b",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct pkcs11uri *uri;
		struct fail why = {0};

		if (pkcs11uri_read(&uri, good[i], &why) != 0)
			fail_msg("%s: %s", good[i], why.text);
		if (uri->pin_file != NULL)
			assert_string_equal(uri->pin_file, "/p");
		pkcs11uri_free(uri);
	}
}

static void
anything_else_is_refused_with_its_rule(void **state)
{
	static const struct {
		const char *uri, *text;
	} bad[] = {
	    {"", "begins with pkcs11:"},
	    {"pkcs11", "begins with pkcs11:"},
	    {"file:/x", "begins with pkcs11:"},
	    {"pkcs11:", "name=value"},
	    {"pkcs11:token=a;object=b;", "name=value"},
	    {"pkcs11:;token=a;object=b", "name=value"},
	    {"pkcs11:token;object=b", "name=value"},
	    {"pkcs11:=a;object=b", "name=value"},
	    {"pkcs11:token=a;object=b?", "name=value"},
	    {"pkcs11:token=a;token=b;object=c", "token: appears twice"},
	    {"pkcs11:token=a;object=b;object=b", "object: appears twice"},
	    {"pkcs11:token=a;object=b?module-path=/x&module-path=/x",
		"module-path: appears twice"},
	    {"pkcs11:token=a;object=b;colour=red", "unknown path attribute"},
	    {"pkcs11:Token=a;object=b", "unknown path attribute"},
	    {"pkcs11:token=a;object=b;pin-source=file:/x",
		"unknown path attribute"},
	    {"pkcs11:token=a;object=b;slot-id=1", "slot numbers move"},
	    {"pkcs11:token=a;object=b;type=public", "only private"},
	    {"pkcs11:token=a;object=b?pin-value=SECRET", "PIN belongs"},
	    {"pkcs11:token=a;object=b?pin-source=file:/p&pin-value=SECRET",
		"PIN belongs"},
	    {"pkcs11:token=a;object=b?pin-source=|cat%20/SECRET", "only file:"},
	    {"pkcs11:token=a;object=b?pin-source=/p", "only file:"},
	    {"pkcs11:token=a;object=b?pin-source=file:p", "absolute"},
	    {"pkcs11:token=a;object=b?pin-source=file://host/p", "absolute"},
	    {"pkcs11:token=a;object=b?pin-source=file:/", "absolute"},
	    {"pkcs11:token=a;object=b?module-path=x.so", "absolute"},
	    {"pkcs11:token=a;object=b?module-name=x", "give module-path"},
	    {"pkcs11:token=a;object=b%", "bad %XX"},
	    {"pkcs11:token=a;object=b%0", "bad %XX"},
	    {"pkcs11:token=a;object=%zz", "bad %XX"},
	    {"pkcs11:token=a;object=a b", "must be written %XX"},
	    {"pkcs11:token=a;object=a/b", "must be written %XX"},
	    {"pkcs11:token=a;object=a#b", "must be written %XX"},
	    {"pkcs11:token=a;object=\xc3\xa4", "must be written %XX"},
	    {"pkcs11:token=a%00b;object=c", "NUL"},
	    {"pkcs11:token=;object=c", "empty"},
	    {"pkcs11:token=a;id=", "empty"},
	    {"pkcs11:token=123456789012345678901234567890123;object=c",
		"longer"},
	    {"pkcs11:serial=12345678901234567;object=c", "longer"},
	    {"pkcs11:object=c", "token or serial"},
	    {"pkcs11:model=x;object=c", "token or serial"},
	    {"pkcs11:token=a", "object or id"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pkcs11uri *uri;
		struct fail why = {0};

		if (pkcs11uri_read(&uri, bad[i].uri, &why) != -1)
			fail_msg("%s was taken", bad[i].uri);
		assert_null(uri);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "pkcs11-uri");
		if (strstr(why.text, bad[i].text) == NULL)
			fail_msg("%s: %s", bad[i].uri, why.text);
		/* RFC 7512, 6: no PIN in an error text. */
		assert_null(strstr(why.text, "SECRET"));
		assert_null(strstr(why.cause, "SECRET"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_uri_is_taken_apart),
	    cmocka_unit_test(the_shortest_uris_are_taken),
	    cmocka_unit_test(anything_else_is_refused_with_its_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
