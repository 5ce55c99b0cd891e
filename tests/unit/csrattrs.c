#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define EC "1.2.840.10045.2.1"
#define P256 "1.2.840.10045.3.1.7"
#define P384 "1.3.132.0.34"
#define P521 "1.3.132.0.35"
#define RSA "1.2.840.113549.1.1.1"
#define SAN "2.5.29.17"

static struct bytes
vector(const char *name)
{
	const char *srcdir = getenv("SRCDIR");
	char *path = str_fmt("%s/tests/vectors/rfc9908/%s.b64",
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
equals_vector(const char *name, const struct csrattrs *wish)
{
	struct bytes want = vector(name), der = {0};

	csrattrs_write(&der, wish);
	if (!span_equal(span_of(&der), span_of(&want))) {
		char *hex = mem_new(2 * der.len + 1);

		hex_write(hex, span_of(&der), false);
		fail_msg("%s: %s", name, hex);
	}
	bytes_free(&der);
	bytes_free(&want);
}

static const struct csrattrs_rdn rdns[] = {
    {"2.5.4.3", NULL, false},
    {"2.5.4.11", "myDept", false},
    {"2.5.4.11", "myGroup", false},
};
static const struct csrattrs_extension template_extensions[] = {
    {SAN, false, DER_LITERAL("\x30\x14\x82\x10www.myServer.com\x87\x00")},
    {"2.5.29.15", true, DER_LITERAL("\x03\x02\x03\x88")},
    {"2.5.29.37", false, {NULL, 0}},
};

static void
the_printed_examples_come_out_octet_by_octet(void **state)
{
	static const struct csrattrs_extension
	    acp = {SAN, true,
		DER_LITERAL("\x30\x49\xa0\x47\x06\x08\x2b\x06\x01\x05\x05"
			    "\x07\x08\x0a\xa0\x3b\x16\x39"
			    "rfc8994+fd739fc23c3440112233445500000000+"
			    "@acp.example.com")},
	    mail = {
		SAN, false, DER_LITERAL("\x30\x14\x81\x12potato@example.com")};
	const struct csrattrs s51 = {.classic = true,
				  .extension = &acp,
				  .extensions = 1},
			      s53 = {.classic = true,
				  .challenge_password = true,
				  .key_oid = EC,
				  .curve_oid = P521,
				  .extension = &mail,
				  .extensions = 1,
				  .sigalg_oid = "1.2.840.10045.4.3.4"},
			      s54 = {.classic = true,
				  .challenge_password = true,
				  .key_oid = RSA,
				  .rsa_bits = 4096,
				  .sigalg_oid = "1.2.840.113549.1.1.11"};

	(void)state;
	equals_vector("S5.1-acp-san", &s51);
	equals_vector("S5.3-as-described-selfmade", &s53);
	equals_vector("S5.4-rsa4096", &s54);
}

/* RFC 9908, 5.2, 5.5 and 5.6 list OIDs beside ours, which are attributes that
 * this CA asks nobody for: cut them out of the example. */
static void
examples_without_foreign_attributes(void **state)
{
	static const struct {
		const char *name, *curve, *sigalg, *foreign;
	} row[] = {
	    {"S5.2-rfc7030-corrected", P384, "1.2.840.10045.4.3.3",
		"06072b060101010116"},
	    {"S5.5-p384", P384, "1.2.840.10045.4.3.3", "0603550405"},
	    {"S5.6-p521", P521, "1.2.840.10045.4.3.4",
		"06092a864886f70d010914060a0992268993f22c6401050603550405"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct csrattrs wish = {.classic = true,
		    .challenge_password = true,
		    .key_oid = EC,
		    .curve_oid = row[i].curve,
		    .sigalg_oid = row[i].sigalg};
		struct bytes want = vector(row[i].name), cut = {0}, der = {0},
			     foreign = {0};
		uint8_t *at;

		assert_true(hex_read(&foreign, row[i].foreign));
		at = memmem(want.data, want.len, foreign.data, foreign.len);
		assert_non_null(at);
		bytes_add(&cut, want.data + 2, (size_t)(at - want.data) - 2);
		bytes_add(&cut, at + foreign.len,
		    (size_t)(want.data + want.len - at) - foreign.len);
		want.len = 0;
		der_put(&want, DER_SEQUENCE, span_of(&cut));
		csrattrs_write(&der, &wish);
		assert_true(span_equal(span_of(&der), span_of(&want)));
		bytes_free(&want);
		bytes_free(&cut);
		bytes_free(&der);
		bytes_free(&foreign);
	}
}

static void
templates_come_out_octet_by_octet(void **state)
{
	const struct csrattrs minimal = {.template = true},
			      whole = {.template = true,
				  .key_oid = EC,
				  .curve_oid = P256,
				  .rdn = rdns,
				  .rdns = 3,
				  .extension = template_extensions,
				  .extensions = 3};

	(void)state;
	equals_vector("template-minimal-selfmade", &minimal);
	equals_vector("S3.4-template-selfmade", &whole);
}

static void
nothing_to_say_is_nothing(void **state)
{
	const struct csrattrs classic = {.classic = true}, none = {0},
			      filled = {.classic = true,
				  .extension = &template_extensions[2],
				  .extensions = 1};
	struct bytes der = {0};

	(void)state;
	csrattrs_write(&der, &classic);
	csrattrs_write(&der, &none);
	csrattrs_write(&der, &filled);
	assert_int_equal(der.len, 0);
}

static struct bytes
written(const struct csrattrs *wish)
{
	struct bytes der = {0};

	csrattrs_write(&der, wish);
	assert_true(der_deep_ok(span_of(&der), 16));
	return der;
}

static bool
has(const struct bytes *der, const char *hex)
{
	struct bytes part = {0};
	bool found;

	assert_true(hex_read(&part, hex));
	found = memmem(der->data, der->len, part.data, part.len) != NULL;
	bytes_free(&part);
	return found;
}

/* Octets of the two kinds of extension request. */
#define REQUEST "06092a864886f70d01090e"
#define TEMPLATE "060b2a864886f70d010910023e"

static void
only_one_kind_of_extension_request_is_in_a_template(void **state)
{
	struct csrattrs wish = {.template = true,
	    .extension = template_extensions,
	    .extensions = 2};
	struct bytes der = written(&wish);

	(void)state;
	assert_true(has(&der, REQUEST));
	assert_false(has(&der, TEMPLATE));
	bytes_free(&der);
	wish.extensions = 3;
	der = written(&wish);
	assert_false(has(&der, REQUEST));
	assert_true(has(&der, TEMPLATE));
	bytes_free(&der);
	/* RFC 9908, 4: both forms together; the old one has no empty values. */
	wish.classic = true;
	der = written(&wish);
	assert_true(has(&der, REQUEST));
	assert_true(has(&der, TEMPLATE));
	assert_false(has(&der, "3005060355042"
			       "5"));
	bytes_free(&der);
}

static void
a_key_type_alone_has_an_empty_set(void **state)
{
	const struct csrattrs ec = {.classic = true, .key_oid = EC},
			      rsa = {.classic = true, .key_oid = RSA},
			      ed = {.classic = true, .key_oid = "1.3.101.112"};
	struct bytes der = written(&ec);

	(void)state;
	assert_true(has(&der, "06072a8648ce3d02013100"));
	bytes_free(&der);
	der = written(&rsa);
	assert_true(has(&der, "06092a864886f70d0101013100"));
	bytes_free(&der);
	der = written(&ed);
	assert_true(has(&der, "06032b65703100"));
	bytes_free(&der);
}

static void
an_rsa_template_has_a_placeholder_of_the_size(void **state)
{
	struct csrattrs wish = {
	    .template = true, .key_oid = RSA, .rsa_bits = 3072};
	struct bytes der = written(&wish);

	(void)state;
	/* BIT STRING, SEQUENCE, INTEGER of 385 octets, MSB alone set. */
	assert_true(has(&der, "0382018f003082018a0282018100800000"));
	assert_true(has(&der, "0000010203010001"));
	bytes_free(&der);
	wish.rsa_bits = 0;
	der = written(&wish);
	assert_true(has(&der, "a00f300d06092a864886f70d0101010500a100"));
	bytes_free(&der);
}

static void
values_take_their_string_type(void **state)
{
	static const struct csrattrs_rdn rdn[] = {
	    {"2.5.4.6", "DE", true}, {"2.5.4.10", "\xc3\xa9", false}};
	const struct csrattrs wish = {.template = true, .rdn = rdn, .rdns = 2};
	struct bytes der = written(&wish);

	(void)state;
	assert_true(has(&der, "310b3009060355040613024445"));
	assert_true(has(&der, "310b300906035504"
			      "0a0c02c3a9"));
	bytes_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_printed_examples_come_out_octet_by_octet),
	    cmocka_unit_test(examples_without_foreign_attributes),
	    cmocka_unit_test(templates_come_out_octet_by_octet),
	    cmocka_unit_test(nothing_to_say_is_nothing),
	    cmocka_unit_test(
		only_one_kind_of_extension_request_is_in_a_template),
	    cmocka_unit_test(a_key_type_alone_has_an_empty_set),
	    cmocka_unit_test(an_rsa_template_has_a_placeholder_of_the_size),
	    cmocka_unit_test(values_take_their_string_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
