#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/wire/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define TYPE "multipart/mixed; boundary=b"
#define KEY "Content-Type: application/pkcs8\n\nAAAA\n"
#define CERT "Content-Type: application/pkcs7-mime\n\nAQID\n"

static const struct row {
	const char *what, *type, *body;
	const char *reason; /* NULL: read */
} rows[] = {
    {"LF", TYPE, "--b\n" KEY "--b\n" CERT "--b--\n", NULL},
    {"CR LF", TYPE,
	"--b\r\nContent-Type: application/pkcs8\r\n\r\nAAAA\r\n--b\r\n"
	"Content-Type: application/pkcs7-mime\r\n\r\nAQID\r\n--b--\r\n",
	NULL},
    {"no end of line at the end", TYPE, "--b\n" KEY "--b\n" CERT "--b--", NULL},
    {"preamble and epilogue", TYPE,
	"read --b this\n--b\n" KEY "--b\n" CERT "--b--\nthat is all\n--b\n",
	NULL},
    {"a blank before the semicolon, a quoted boundary",
	"Multipart/Mixed ; charset=x; Boundary=\"b\"",
	"--b\n" KEY "--b\n" CERT "--b--\n", NULL},
    {"blanks after a delimiter", TYPE, "--b \t\n" KEY "--b\n" CERT "--b-- \n",
	NULL},
    {"other headers, a Content-Length in a part", TYPE,
	"--b\nContent-Length: 4\n" KEY "--b\nX: y\n" CERT "--b--\n", NULL},
    {"a boundary with blanks", "multipart/mixed; boundary=\"a b\"",
	"--a b\n" KEY "--a b\n" CERT "--a b--\n", NULL},
    {"one part", TYPE, "--b\n" KEY "--b--\n", "multipart"},
    {"three parts", TYPE, "--b\n" KEY "--b\n" CERT "--b\n" CERT "--b--\n",
	"multipart"},
    {"no parts", TYPE, "--b--\n", "multipart"},
    {"nothing", TYPE, "", "multipart"},
    {"no last delimiter", TYPE, "--b\n" KEY "--b\n" CERT, "multipart"},
    {"no boundary", "multipart/mixed", "--b\n" KEY "--b\n" CERT "--b--\n",
	"multipart"},
    {"an empty boundary", "multipart/mixed; boundary=",
	"--\n" KEY "--\n" CERT "----\n", "multipart"},
    {"a boundary without its quote", "multipart/mixed; boundary=\"b",
	"--b\n" KEY "--b\n" CERT "--b--\n", "multipart"},
    {"another boundary", "multipart/mixed; boundary=c",
	"--b\n" KEY "--b\n" CERT "--b--\n", "multipart"},
    {"a longer boundary in the body", TYPE,
	"--bb\n" KEY "--bb\n" CERT "--bb--\n", "multipart"},
    {"not multipart/mixed", "multipart/alternative; boundary=b",
	"--b\n" KEY "--b\n" CERT "--b--\n", "multipart"},
    {"a part without type", TYPE, "--b\n\nAAAA\n--b\n" CERT "--b--\n",
	"multipart"},
    {"two types", TYPE, "--b\nContent-Type: a/b\n" KEY "--b\n" CERT "--b--\n",
	"multipart"},
    {"no blank line", TYPE,
	"--b\nContent-Type: application/pkcs8\n--b\n" CERT "--b--\n",
	"multipart"},
    {"an escape in a header", TYPE,
	"--b\nX: \033[2J\n" KEY "--b\n" CERT "--b--\n", "multipart"},
    {"not base64", TYPE,
	"--b\nContent-Type: application/pkcs8\n\nA*AA\n--b\n" CERT "--b--\n",
	"base64"},
    {"an empty part", TYPE,
	"--b\nContent-Type: application/pkcs8\n\n\n--b\n" CERT "--b--\n",
	"body-empty"},
};

static void
what_is_legal_is_read_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct multipart_body parts[MULTIPART_PARTS];
		struct fail why = {0};
		int rc =
		    multipart_read(parts, row->type, span_str(row->body), &why);

		if (rc == 0 ? row->reason != NULL
			    : row->reason == NULL ||
				  strcmp(why.reason, row->reason) != 0)
			fail_msg("%s: %d %s", row->what, rc, why.text);
		if (rc == 0) {
			assert_string_equal(parts[0].type, "application/pkcs8");
			assert_int_equal(parts[0].content.len, 3);
			assert_int_equal(parts[1].content.data[2], 3);
		}
		multipart_free(parts);
	}
}

static void
the_example_of_the_rfc_is_read(void **state)
{
	const char *srcdir = getenv("SRCDIR");
	char *path =
	    str_fmt("%s/tests/vectors/rfc7030/A4-serverkeygen-response."
		    "multipart",
		srcdir != NULL ? srcdir : ".");
	struct multipart_body parts[MULTIPART_PARTS];
	struct bytes body = {0};
	struct fail why = {0};

	(void)state;
	assert_int_equal(file_read(&body, path, 65536, &why), 0);
	if (multipart_read(parts,
		"multipart/mixed ; boundary=estServerExampleBoundary",
		span_of(&body), &why) != 0)
		fail_msg("%s", why.text);
	assert_true(media_type_is(parts[0].type, "application/pkcs8"));
	assert_true(media_type_is(parts[1].type, "application/pkcs7-mime"));
	assert_int_equal(parts[0].content.len, 1218);
	multipart_free(parts);
	for (size_t cut = 0; cut + 32 < body.len; cut++) {
		char *copy = mem_dup(body.data, cut);

		(void)!multipart_read(parts,
		    "multipart/mixed; boundary=estServerExampleBoundary",
		    (struct span){(uint8_t *)copy, cut}, &why);
		multipart_free(parts);
		free(copy);
	}
	bytes_free(&body);
	free(path);
}

static void
media_types_are_compared_without_their_parameters(void **state)
{
	static const char smime[] =
	    "application/pkcs7-mime; smime-type=certs-only";
	char *value;

	(void)state;
	assert_true(media_type_is(smime, "application/pkcs7-mime"));
	assert_true(
	    media_type_is("Application/CsrAttrs", "application/csrattrs"));
	assert_true(media_type_is("a/b ;c", "a/b"));
	assert_false(media_type_is("a/bc", "a/b"));
	assert_false(media_type_is("", "a/b"));
	value = media_type_parameter(smime, "smime-type");
	assert_string_equal(value, "certs-only");
	free(value);
	value = media_type_parameter("a/b;x=\"q\\\";y=1\" ; y=\"2\"", "y");
	assert_string_equal(value, "2");
	free(value);
	assert_null(media_type_parameter("a/b; xy=1", "y"));
	assert_null(media_type_parameter("a/b", "y"));
	assert_null(media_type_parameter("a/b; y", "y"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_legal_is_read_and_nothing_else),
	    cmocka_unit_test(the_example_of_the_rfc_is_read),
	    cmocka_unit_test(media_types_are_compared_without_their_parameters),
	};

	return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
