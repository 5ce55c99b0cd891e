#include "tests/unit/made.h"

#include "lib/wire/csr.h"
#include "lib/wire/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define EXTENSION_REQUEST "1.2.840.113549.1.9.14"
#define MICROSOFT_REQUEST "1.3.6.1.4.1.311.2.1.14"
#define CHALLENGE "1.2.840.113549.1.9.7"
#define CHANGE_SUBJECT "1.3.6.1.5.5.7.7.36"
#define CRITICAL "0101ff"

static EVP_PKEY *p256;

static int
make_key(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	return p256 == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	return 0;
}

/* Attribute with the elements `values` in its SET. */
static void
put_attribute(struct bytes *out, const char *oid, struct span values)
{
	struct bytes b = {0};

	put_oid(&b, oid);
	der_put(&b, DER_SET, values);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

/* Extension; `flag` is hex of the critical field. */
static void
put_extension(
    struct bytes *out, const char *oid, const char *flag, const char *value)
{
	struct bytes b = {0}, v = {0};

	put_oid(&b, oid);
	put_hex(&b, flag);
	put_hex(&v, value);
	wrap(&v, DER_OCTETS);
	put_part(&b, &v);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

/* Frees `attributes`.  NULL: it must be accepted, and is returned. */
static struct csr *
judge(struct bytes *attributes, const char *reason, const char *what)
{
	struct bytes info = {0}, der = {0};
	struct csr *csr;
	struct fail why = {0};
	int rc;

	put_info(&info, SUBJECT_HEX, p256, span_of(attributes));
	put_signed(&der, span_of(&info), p256);
	rc = csr_read(&csr, span_of(&der), &why);
	if ((rc == 0) != (reason == NULL) ||
	    (rc < 0 && strcmp(why.reason, reason) != 0))
		fail_msg("%s: %d %s %s", what, rc, why.reason, why.text);
	bytes_free(&der);
	bytes_free(&info);
	bytes_free(attributes);
	return csr;
}

/* The same with an extensionRequest around `extensions`, which is freed. */
static struct csr *
judge_extensions(struct bytes *extensions, const char *reason, const char *what)
{
	struct bytes attributes = {0};

	wrap(extensions, DER_SEQUENCE);
	put_attribute(&attributes, EXTENSION_REQUEST, span_of(extensions));
	bytes_free(extensions);
	return judge(&attributes, reason, what);
}

#define KU "2.5.29.15"
#define EKU "2.5.29.37"
#define BASIC "2.5.29.19"
#define SAN "2.5.29.17"
#define SKI "2.5.29.14"
#define UNKNOWN "1.3.6.1.4.1.99999.7"

static void
each_extension_is_judged_alone(void **state)
{
	static const struct {
		const char *oid, *flag, *value, *reason;
	} rows[] = {
	    {KU, CRITICAL, "03020780", NULL},
	    {KU, "", "03020780", NULL},
	    {KU, "010100", "03020780", "der"}, /* DEFAULT encoded */
	    {KU, "010101", "03020780", "der"},
	    {KU, CRITICAL, "030100", "ext"}, /* no bit */
	    {KU, CRITICAL, "03020000", "ext"},
	    {KU, CRITICAL, "03020680", "ext"},   /* trailing zero bit */
	    {KU, CRITICAL, "0303078080", NULL},  /* nine bits */
	    {KU, CRITICAL, "0303064040", "ext"}, /* ten */
	    {KU, CRITICAL, "0303070080", NULL},
	    {KU, CRITICAL, "030405ffffe0", "ext"}, /* nineteen */
	    {KU, CRITICAL, "0500", "ext"},
	    {KU, CRITICAL, "", "ext"},
	    {KU, CRITICAL, "0302078000", "ext"}, /* after the value */
	    {KU, CRITICAL, "0303020780", "ext"},
	    {KU, CRITICAL, "2305030207800000", "ext"}, /* constructed */
	    {EKU, "", "300a06082b06010505070302", NULL},
	    {EKU, "", "3000", "ext"},
	    {EKU, "", "06082b06010505070302", "ext"},
	    {EKU, "", "301406082b0601050507030206082b06010505070302", "ext"},
	    {EKU, "", "3003020101", "ext"},
	    {BASIC, CRITICAL, "3000", NULL},
	    {BASIC, CRITICAL, "30030101ff", NULL},
	    {BASIC, CRITICAL, "30060101ff020100", NULL},
	    {BASIC, CRITICAL, "3003010100", "der"}, /* DEFAULT encoded */
	    {BASIC, CRITICAL, "3003020100", "ext"}, /* without cA */
	    {BASIC, CRITICAL, "30060101ff0201ff", "ext"},
	    {BASIC, CRITICAL, "300b0101ff0206010000000000", "ext"},
	    {BASIC, CRITICAL, "30080101ff0201000500", "ext"},
	    {BASIC, CRITICAL, "3003010101", "ext"},
	    {BASIC, CRITICAL, "0101ff", "ext"},
	    {SAN, "", "3003820161", NULL},
	    {SAN, CRITICAL, "3003820161", NULL},
	    {SAN, "", "3000", "san-count"},
	    {SAN, "", "300382012e", "san-syntax"},
	    {SAN, "", "300382016100", "ext"},
	    {SKI, "", "04020102", NULL},
	    {SKI, "", "0402010200", "ext"},
	    {SKI, "", "deadbeef", "ext"},
	    {SKI, CRITICAL, "04020102", "ext-critical"},
	    {"2.5.29.35", "", "3000", NULL},
	    {"2.5.29.35", CRITICAL, "3000", "ext-critical"},
	    {"2.5.29.31", CRITICAL, "3000", "ext-critical"},
	    {"2.5.29.32", CRITICAL, "3000", "ext-critical"},
	    {"2.5.29.56", CRITICAL, "0500", "ext-critical"},
	    {"1.3.6.1.5.5.7.1.1", CRITICAL, "3000", "ext-critical"},
	    {"1.3.6.1.5.5.7.1.24", CRITICAL, "3003020105", "ext-critical"},
	    {"1.3.6.1.5.5.7.48.1.5", CRITICAL, "0500", "ext-critical"},
	    {"2.5.29.30", CRITICAL, "3000", NULL},
	    {UNKNOWN, "", "0500", NULL},
	    {UNKNOWN, "", "78", "ext"},
	    {UNKNOWN, CRITICAL, "0500", "ext-critical"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes extensions = {0};
		char what[128];

		(void)snprintf(what, sizeof(what), "row %zu: %s %s", i,
		    rows[i].oid, rows[i].value);
		put_extension(
		    &extensions, rows[i].oid, rows[i].flag, rows[i].value);
		csr_free(judge_extensions(&extensions, rows[i].reason, what));
	}
}

static void
an_extension_may_be_there_once(void **state)
{
	static const struct {
		const char *oid, *value;
	} rows[] = {{SAN, "3003820161"}, {BASIC, "3000"}, {SKI, "0400"},
	    {UNKNOWN, "0500"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes extensions = {0};

		put_extension(&extensions, rows[i].oid, "", rows[i].value);
		put_extension(&extensions, KU, CRITICAL, "03020780");
		put_extension(&extensions, rows[i].oid, "", rows[i].value);
		judge_extensions(&extensions, "ext-dup", rows[i].oid);
	}
}

static void
extensions_have_their_three_fields(void **state)
{
	static const char *const rows[] = {
	    "0500",                        /* not a SEQUENCE */
	    "3000",                        /* no OID */
	    "30050603551d0f",              /* no value */
	    "30090603551d0f02020780",      /* value of another type */
	    "300a0603551d0f04000101ff",    /* critical comes last */
	    "300c0603551d0f0101ff04000500" /* a fourth field */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes extensions = {0};

		put_hex(&extensions, rows[i]);
		judge_extensions(&extensions, "ext", rows[i]);
	}
}

static void
extensions_are_counted(void **state)
{
	(void)state;
	for (int n = 64; n <= 65; n++) {
		struct bytes extensions = {0};
		struct csr *csr;

		for (int i = 0; i < n; i++) {
			char oid[32];

			(void)snprintf(oid, sizeof(oid), "1.2.3.%d", i);
			put_extension(&extensions, oid, "", "0500");
		}
		csr = judge_extensions(
		    &extensions, n == 64 ? NULL : "ext", "count");
		if (csr != NULL)
			assert_int_equal(csr->unknowns, 64);
		csr_free(csr);
	}
}

static void
purposes_are_counted(void **state)
{
	(void)state;
	for (int n = 16; n <= 17; n++) {
		struct bytes extensions = {0}, list = {0};
		struct csr *csr;
		char hex[512];

		for (int i = 0; i < n; i++) {
			char oid[32];

			(void)snprintf(oid, sizeof(oid), "1.2.3.%d", i);
			put_oid(&list, oid);
		}
		wrap(&list, DER_SEQUENCE);
		hex_write(hex, span_of(&list), false);
		bytes_free(&list);
		put_extension(&extensions, EKU, "", hex);
		csr = judge_extensions(
		    &extensions, n == 16 ? NULL : "ext", "count");
		if (csr != NULL)
			assert_int_equal(csr->ext_key_usages, 16);
		csr_free(csr);
	}
}

static void
what_is_asked_is_in_the_struct(void **state)
{
	struct bytes extensions = {0};
	struct csr *csr;
	char *san;

	(void)state;
	put_extension(&extensions, KU, CRITICAL, "0303070680");
	put_extension(&extensions, EKU, "", "300a06082b06010505070302");
	put_extension(&extensions, BASIC, CRITICAL, "30060101ff020103");
	put_extension(&extensions, SAN, "", "3003820161");
	put_extension(&extensions, SKI, "", "04020102");
	put_extension(&extensions, UNKNOWN, "", "0500");
	csr = judge_extensions(&extensions, NULL, "all");
	assert_true(csr->has_key_usage);
	assert_int_equal(
	    csr->key_usage, KU_KEY_CERT_SIGN | KU_CRL_SIGN | KU_DECIPHER_ONLY);
	assert_int_equal(csr->ext_key_usages, 1);
	assert_int_equal(csr->ext_key_usage[0].len, 8);
	assert_true(csr->has_basic);
	assert_true(csr->ca);
	assert_int_equal(csr->path_length, 3);
	assert_false(csr->has_name_constraints);
	assert_int_equal(csr->unknowns, 1);
	assert_false(csr->unknown[0].critical);
	san = san_text(csr->san);
	assert_string_equal(san, "DNS:a");
	free(san);
	csr_free(csr);
}

static void
constraints_are_noted(void **state)
{
	static const char *const oids[] = {
	    "2.5.29.30", "2.5.29.36", "2.5.29.33", "2.5.29.54"};

	(void)state;
	for (size_t i = 0; i < COUNT(oids); i++) {
		struct bytes extensions = {0};
		struct csr *csr;

		put_extension(&extensions, oids[i], CRITICAL, "3000");
		csr = judge_extensions(&extensions, NULL, oids[i]);
		assert_true(csr->has_name_constraints);
		csr_free(csr);
	}
}

static void
each_attribute_is_judged_alone(void **state)
{
	static const struct {
		const char *oid, *values, *reason;
	} rows[] = {
	    {EXTENSION_REQUEST, "", "csr-attrs"},
	    {EXTENSION_REQUEST, "3000", "csr-attrs"},
	    {EXTENSION_REQUEST, "0500", "csr-attrs"},
	    {EXTENSION_REQUEST, "30003000", "csr-attrs"},
	    {MICROSOFT_REQUEST, "300e300c0603551d0f040503020780", "der"},
	    {MICROSOFT_REQUEST, "300d300b0603551d0f040403020780", "csr-attrs"},
	    {MICROSOFT_REQUEST, "", "csr-attrs"},
	    {CHALLENGE, "13026162", NULL},
	    {CHALLENGE, "0c026162", NULL},
	    {CHALLENGE, "0c02c3a9", NULL},
	    {CHALLENGE, "", "csr-attrs"},
	    {CHALLENGE,
		"1301611301"
		"62",
		"csr-attrs"},
	    {CHALLENGE, "1300", "csr-attrs"},
	    {CHALLENGE, "0c00", "csr-attrs"},
	    {CHALLENGE, "16026162", "csr-attrs"}, /* IA5String */
	    {CHALLENGE, "14026162", "csr-attrs"}, /* T61String */
	    {CHALLENGE,
		"1e0200"
		"61",
		"csr-attrs"},
	    {CHALLENGE, "04026162", "csr-attrs"},
	    {CHALLENGE, "1302612a", "csr-attrs"}, /* "*" */
	    {CHALLENGE, "0c026100", "csr-attrs"}, /* NUL */
	    {CHALLENGE, "0c02610a", NULL},        /* RFC 9148, A.2 has U+0099 */
	    {CHALLENGE, "0c02c080", "csr-attrs"}, /* overlong */
	    {CHALLENGE, "0c03eda080", "csr-attrs"}, /* surrogate */
	    {CHALLENGE, "0c01c3", "csr-attrs"},
	    {CHANGE_SUBJECT, "3000", "csr-attrs"},
	    {CHANGE_SUBJECT,
		"3002"
		"3000",
		NULL},
	    {CHANGE_SUBJECT,
		"3005"
		"a103820161",
		NULL},
	    {CHANGE_SUBJECT,
		"3006"
		"300030003000",
		"csr-attrs"},
	    {CHANGE_SUBJECT, "0500", "csr-attrs"},
	    {"1.2.3.4", "0c0178", NULL},
	    {"1.2.3.4", "", NULL},
	    {"1.2.3.4", "010101", "der"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes attributes = {0}, values = {0};
		char what[128];

		(void)snprintf(what, sizeof(what), "row %zu: %s %s", i,
		    rows[i].oid, rows[i].values);
		put_hex(&values, rows[i].values);
		put_attribute(&attributes, rows[i].oid, span_of(&values));
		bytes_free(&values);
		csr_free(judge(&attributes, rows[i].reason, what));
	}
}

static void
known_attributes_are_there_once_and_others_at_will(void **state)
{
	struct bytes attributes = {0};

	(void)state;
	for (int i = 0; i < 2; i++)
		put_attribute(&attributes, CHALLENGE, span_str("\x13\x01x"));
	judge(&attributes, "csr-attrs", "two challengePasswords");
	for (int i = 0; i < 2; i++)
		put_attribute(&attributes, "1.2.3", span_str("\x13\x01x"));
	csr_free(judge(&attributes, NULL, "two unknown ones"));
}

static void
attributes_are_counted(void **state)
{
	(void)state;
	for (int n = 64; n <= 65; n++) {
		struct bytes attributes = {0};

		for (int i = 0; i < n; i++)
			put_attribute(
			    &attributes, "1.2.3", span_str("\x13\x01x"));
		csr_free(
		    judge(&attributes, n == 64 ? NULL : "csr-attrs", "count"));
	}
}

static void
attributes_have_two_fields(void **state)
{
	static const char *const rows[] = {"0500", "3000", "30020500",
	    "30040602"
	    "2a03",
	    "30060602"
	    "2a030500",
	    "3008"
	    "06022a03"
	    "3100"
	    "0500"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes attributes = {0};

		put_hex(&attributes, rows[i]);
		judge(&attributes, "csr-attrs", rows[i]);
	}
}

/* RFC 2985: 255 characters, not octets. */
static void
a_challenge_has_255_characters_at_most(void **state)
{
	(void)state;
	for (int n = 255; n <= 256; n++) {
		struct bytes attributes = {0}, value = {0};
		struct csr *csr;

		for (int i = 0; i < n; i++)
			bytes_adds(&value, "\xc3\xa9");
		wrap(&value, DER_UTF8);
		put_attribute(&attributes, CHALLENGE, span_of(&value));
		bytes_free(&value);
		csr =
		    judge(&attributes, n == 255 ? NULL : "csr-attrs", "length");
		if (csr != NULL)
			assert_int_equal(strlen(csr->challenge), 510);
		csr_free(csr);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_extension_is_judged_alone),
	    cmocka_unit_test(an_extension_may_be_there_once),
	    cmocka_unit_test(extensions_have_their_three_fields),
	    cmocka_unit_test(extensions_are_counted),
	    cmocka_unit_test(purposes_are_counted),
	    cmocka_unit_test(what_is_asked_is_in_the_struct),
	    cmocka_unit_test(constraints_are_noted),
	    cmocka_unit_test(each_attribute_is_judged_alone),
	    cmocka_unit_test(
		known_attributes_are_there_once_and_others_at_will),
	    cmocka_unit_test(attributes_are_counted),
	    cmocka_unit_test(attributes_have_two_fields),
	    cmocka_unit_test(a_challenge_has_255_characters_at_most),
	};

	return cmocka_run_group_tests_name("csrext", tests, make_key, free_key);
}
