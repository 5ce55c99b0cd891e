#include <stdlib.h>
#include <string.h>

#include "lib/wire/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define ENV(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

static void
a_variable_is_found_by_its_whole_name(void **state)
{
	char *const *env = ENV("AB=1", "A=2", "EMPTY=", "B=3", "B=4", "C",
	    "D=", "D=5", "HTTP_X=6");
	bool twice = true;

	(void)state;
	assert_string_equal(env_find(env, "A", &twice), "2");
	assert_false(twice);
	assert_string_equal(env_find(env, "AB", NULL), "1");
	assert_string_equal(env_find(env, "B", &twice), "3");
	assert_true(twice);
	assert_null(env_find(env, "EMPTY", &twice));
	assert_false(twice);
	assert_null(env_find(env, "D", &twice));
	assert_true(twice);
	assert_null(env_find(env, "C", &twice));
	assert_null(env_find(env, "X", &twice));
	assert_false(twice);
}

static void
the_route_is_zero_or_one_label_and_the_operation(void **state)
{
#define EST "/.well-known/est/"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	static const struct {
		const char *path, *label; /* NULL: no route */
	} row[] = {
	    {EST "cacerts", ""},
	    {EST "device/cacerts", "device"},
	    {EST "a.b_c-D9/cacerts", "a.b_c-D9"},
	    {EST A32 A32 "/cacerts", A32 A32},
	    {EST "-rf/cacerts", "-rf"},
	    {EST A32 A32 "a/cacerts", NULL},
	    {"", NULL},
	    {"/", NULL},
	    {"*", NULL},
	    {"cacerts", NULL},
	    {EST, NULL},
	    {"/.well-known/est", NULL},
	    {"/.well-known/estcacerts", NULL},
	    {"/.well-known/EST/cacerts", NULL},
	    {EST "simpleenroll", NULL},
	    {EST "CAcerts", NULL},
	    {EST "cacerts/", NULL},
	    {EST "cacerts/x", NULL},
	    {EST "cacerts/cacerts", NULL},
	    {EST "simpleenroll/cacerts", NULL},
	    {EST "csrattrs/cacerts", NULL},
	    {EST "cacerts?x", NULL},
	    {EST "cacerts#x", NULL},
	    {EST "/cacerts", NULL},
	    {"//.well-known//est/cacerts", NULL},
	    {"/.well-known//est/cacerts", NULL},
	    {EST "./cacerts", NULL},
	    {EST "../cacerts", NULL},
	    {EST "../est/cacerts", NULL},
	    {EST "a/../b/cacerts", NULL},
	    {EST "a/b/cacerts", NULL},
	    {EST "a%2fcacerts", NULL},
	    {EST "%2e%2e/cacerts", NULL},
	    {EST "a%00b/cacerts", NULL},
	    {EST "cacert%73", NULL},
	    {"/%2ewell-known/est/cacerts", NULL},
	    {EST "\xc3\xa9/cacerts", NULL},
	    {EST "a b/cacerts", NULL},
	    {EST "a\n/cacerts", NULL},
	    {EST "a\\b/cacerts", NULL},
	    {EST "device", NULL},
	    {EST "cacertsx", NULL},
	    {EST "xcacerts", NULL},
	    {"http://h" EST "cacerts", NULL},
	    {"/prefix" EST "cacerts", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char label[65] = "x";
		bool good = request_route(label, row[i].path, "cacerts");

		if (good != (row[i].label != NULL))
			fail_msg("%s", row[i].path);
		assert_string_equal(label, good ? row[i].label : label);
	}
}

static void
the_path_is_the_raw_one(void **state)
{
	const struct {
		char *const *env;
		const char *path;
	} row[] = {
	    {ENV("REQUEST_URI=/a/b"), "/a/b"},
	    {ENV("REQUEST_URI=/a%2fb?x=/c"), "/a%2fb"},
	    {ENV("REQUEST_URI=/a?b?c", "SCRIPT_NAME=/x"), "/a"},
	    {ENV("REQUEST_URI=?x"), ""},
	    {ENV("REQUEST_URI=", "SCRIPT_NAME=/x"), "/x"},
	    {ENV("SCRIPT_NAME=/a", "PATH_INFO=/b"), "/a/b"},
	    {ENV("PATH_INFO=/b"), "/b"},
	    {ENV("HTTP_REQUEST_URI=/a"), NULL},
	    {ENV(NULL), NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bytes path = {0};

		assert_int_equal(
		    request_path(&path, row[i].env), row[i].path != NULL);
		if (row[i].path != NULL)
			assert_string_equal((char *)path.data, row[i].path);
		bytes_free(&path);
	}
}

static void
the_length_is_decimal_or_not_said(void **state)
{
	static const struct {
		const char *text;
		int64_t length; /* -2: refused */
	} row[] = {
	    {"", -1},
	    {"-1", -1},
	    {"0", 0},
	    {"5", 5},
	    {"007", 7},
	    {"65536", 65536},
	    {"999999999999999999", 999999999999999999},
	    {"9999999999999999999", -2},
	    {"99999999999999999999", -2},
	    {"18446744073709551617", -2},
	    {"-2", -2},
	    {"-", -2},
	    {"+5", -2},
	    {"0x10", -2},
	    {"1e3", -2},
	    {" 5", -2},
	    {"5 ", -2},
	    {"5, 5", -2},
	    {"5,6", -2},
	    {"5.0", -2},
	};
	struct fail why = {0};
	int64_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *text = str_fmt("CONTENT_LENGTH=%s", row[i].text);
		int rc = request_length(&length, ENV(text), &why);

		if (rc != (row[i].length == -2 ? -1 : 0))
			fail_msg("\"%s\"", row[i].text);
		if (rc == 0)
			assert_int_equal(length, row[i].length);
		else
			assert_string_equal(why.reason, "length");
		free(text);
	}
	assert_int_equal(request_length(&length, ENV("A=1"), &why), 0);
	assert_int_equal(length, -1);
	assert_int_equal(request_length(&length,
			     ENV("CONTENT_LENGTH=5", "CONTENT_LENGTH=6"), &why),
	    -1);
	assert_int_equal(request_length(&length,
			     ENV("CONTENT_LENGTH=", "CONTENT_LENGTH=6"), &why),
	    -1);
}

static void
the_media_type_is_compared_whole(void **state)
{
	static const struct {
		const char *value;
		bool good;
	} row[] = {
	    {"application/pkcs10", true},
	    {"Application/PKCS10", true},
	    {"APPLICATION/PKCS10 ; charset=utf-8", true},
	    {"application/pkcs10;", true},
	    {"application/pkcs10; a=\"b,c\"", true},
	    {"application/pkcs10; a=\"b\\\"c,\"", true},
	    {" application/pkcs10 ", true},
	    {NULL, false},
	    {"", false},
	    {"application/pkcs10x", false},
	    {"application/pkcs1", false},
	    {"xapplication/pkcs10", false},
	    {"application/pkcs10,application/json", false},
	    {"application/pkcs10, application/pkcs10", false},
	    {"application/pkcs10; a=b, application/json", false},
	    {"application/pkcs10; a=\"b", false},
	    {"application/pkcs10; a=b\nX: y", false},
	    {"application/pkcs10 application/json", false},
	    {"text/plain", false},
	    {"application/ pkcs10", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (media_type_is(row[i].value, "application/pkcs10") !=
		    row[i].good)
			fail_msg("%s", row[i].value);
}

static void
a_request_gives_back_what_it_owns(void **state)
{
	struct request rq = {0};

	(void)state;
	bytes_adds(&rq.body, "body");
	bytes_adds(&rq.client_cert, "cert");
	request_free(&rq);
	assert_null(rq.body.data);
	assert_null(rq.client_cert.data);
	request_free(&rq);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_variable_is_found_by_its_whole_name),
	    cmocka_unit_test(the_route_is_zero_or_one_label_and_the_operation),
	    cmocka_unit_test(the_path_is_the_raw_one),
	    cmocka_unit_test(the_length_is_decimal_or_not_said),
	    cmocka_unit_test(the_media_type_is_compared_whole),
	    cmocka_unit_test(a_request_gives_back_what_it_owns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
