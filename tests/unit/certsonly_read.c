#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/wire/certsonly.h"
#include "lib/wire/der.h"

#include "tests/unit/madecert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define SIGNED_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define ENVELOPED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define CERT "\x30\x03\x02\x01\x00" /* looks like one from outside */
#define VERSION_1 "\x02\x01\x01"
#define NO_ALGORITHMS "\x31\x00"
#define PLAIN "\x30\x0b" DATA
#define CERTS "\xa0\x05" CERT
#define NO_SIGNERS "\x31\x00"

static const struct row {
	const char *what, *type, *fields;
	size_t len;
	int certs; /* -1: refused */
} rows[] = {
#define ROW(what, type, fields, certs)                                         \
	{                                                                      \
		what, type, fields, sizeof(fields) - 1, certs                  \
	}
    ROW("as we write it", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN CERTS NO_SIGNERS, 1),
    ROW("two certificates", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN "\xa0\x0a" CERT CERT NO_SIGNERS, 2),
    ROW("version 3", SIGNED_DATA,
	"\x02\x01\x03" NO_ALGORITHMS PLAIN CERTS NO_SIGNERS, 1),
    ROW("empty crls", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN CERTS "\xa1\x00" NO_SIGNERS, 1),
    ROW("empty eContent", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS "\x30\x0f" DATA
				"\xa0\x02\x04\x00" CERTS NO_SIGNERS,
	1),
    ROW("a digest algorithm", SIGNED_DATA,
	VERSION_1 "\x31\x04\x30\x02\x05\x00" PLAIN CERTS NO_SIGNERS, 1),
    ROW("content", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS "\x30\x10" DATA
				"\xa0\x03\x04\x01x" CERTS NO_SIGNERS,
	-1),
    ROW("no certificates field", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN NO_SIGNERS, -1),
    ROW("no certificate", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN "\xa0\x00" NO_SIGNERS, -1),
    ROW("an attribute certificate", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN "\xa0\x05\xa2\x03\x02\x01\x00" NO_SIGNERS,
	-1),
    ROW("a signer", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN CERTS "\x31\x02\x30\x00", -1),
    ROW("no signerInfos", SIGNED_DATA, VERSION_1 NO_ALGORITHMS PLAIN CERTS, -1),
    ROW("something after signerInfos", SIGNED_DATA,
	VERSION_1 NO_ALGORITHMS PLAIN CERTS NO_SIGNERS "\x05\x00", -1),
    ROW("version 0", SIGNED_DATA,
	"\x02\x01\x00" NO_ALGORITHMS PLAIN CERTS NO_SIGNERS, -1),
    ROW("no version", SIGNED_DATA, NO_ALGORITHMS PLAIN CERTS NO_SIGNERS, -1),
    ROW("EnvelopedData", ENVELOPED,
	VERSION_1 NO_ALGORITHMS PLAIN CERTS NO_SIGNERS, -1),
    ROW("nothing", SIGNED_DATA, "", -1),
};

static struct bytes
content_info(const struct row *row)
{
	struct bytes signed_data = {0}, info = {0}, der = {0};

	der_put(&signed_data, DER_SEQUENCE,
	    (struct span){(const uint8_t *)row->fields, row->len});
	bytes_add(&info, row->type, 11);
	der_put(&info, DER_CONTEXT_CONS(0), span_of(&signed_data));
	der_put(&der, DER_SEQUENCE, span_of(&info));
	bytes_free(&signed_data);
	bytes_free(&info);
	return der;
}

static int
count(struct span der)
{
	struct span certs[CERTSONLY_MAX];
	struct fail why = {0};
	size_t n;

	if (certsonly_read(certs, &n, der, &why) == 0)
		return (int)n;
	assert_string_equal(why.reason, "certs-only");
	return -1;
}

static void
what_other_servers_send_is_read_what_is_wrong_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes der = content_info(&rows[i]);

		if (count(span_of(&der)) != rows[i].certs)
			fail_msg("%s: %d", rows[i].what, count(span_of(&der)));
		bytes_addc(&der, '\0');
		if (count(span_of(&der)) != -1)
			fail_msg("%s, trailing octet: read", rows[i].what);
		bytes_free(&der);
	}
}

static struct bytes
vector(const char *name)
{
	const char *srcdir = getenv("SRCDIR");
	char *path = str_fmt("%s/tests/vectors/rfc7030/%s.b64",
	    srcdir != NULL ? srcdir : ".", name);
	struct bytes text = {0}, der = {0};
	struct fail why = {0};

	if (file_read(&text, path, 65536, &why) != 0 ||
	    base64_read(&der, span_of(&text), &why) != 0)
		fail_msg("%s: %s", path, why.text);
	bytes_free(&text);
	free(path);
	return der;
}

static void
the_examples_of_the_rfc_are_read(void **state)
{
	struct bytes roots = vector("A1-cacerts-response");
	struct bytes leaf = vector("A3-simpleenroll-response");

	(void)state;
	assert_int_equal(count(span_of(&roots)), 4);
	assert_int_equal(count(span_of(&leaf)), 1);
	for (size_t cut = 0; cut < roots.len; cut++)
		assert_int_equal(count((struct span){roots.data, cut}), -1);
	bytes_free(&roots);
	bytes_free(&leaf);
}

static void
what_is_written_is_read_up_to_the_bound(void **state)
{
	struct bytes cert = made_cert(&(struct made){.cn = "x", .serial = 1});
	struct span many[CERTSONLY_MAX + 1], got[CERTSONLY_MAX];
	struct fail why = {0};
	size_t n;

	(void)state;
	for (size_t i = 0; i <= CERTSONLY_MAX; i++)
		many[i] = span_of(&cert);
	for (size_t i = 1; i <= CERTSONLY_MAX + 1; i++) {
		struct bytes der = {0};

		certsonly_write(&der, many, i);
		assert_int_equal(
		    count(span_of(&der)), i <= CERTSONLY_MAX ? (int)i : -1);
		if (certsonly_read(got, &n, span_of(&der), &why) == 0)
			assert_true(span_equal(got[n - 1], span_of(&cert)));
		bytes_free(&der);
	}
	bytes_free(&cert);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		what_other_servers_send_is_read_what_is_wrong_is_not),
	    cmocka_unit_test(the_examples_of_the_rfc_are_read),
	    cmocka_unit_test(what_is_written_is_read_up_to_the_bound),
	};

	return cmocka_run_group_tests_name("certsonly_read", tests, NULL, NULL);
}
