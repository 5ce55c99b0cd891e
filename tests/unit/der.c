#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/wire/der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

/* Hex to octets that live until the next call. */
static struct span
hex(const char *text)
{
	static struct bytes b;

	bytes_free(&b);
	assert_true(hex_read(&b, text));
	return span_of(&b);
}

static void
one_element_is_taken_only_in_der_form(void **state)
{
	static const struct {
		const char *in;
		bool good;
		size_t content, rest;
	} rows[] = {
	    {"0500", true, 0, 0},
	    {"020105ff", true, 1, 1},
	    {"300302010005", true, 3, 1},
	    {"", false, 0, 0},
	    {"05", false, 0, 0},
	    {"0201", false, 0, 0},     /* truncated */
	    {"04800000", false, 0, 0}, /* indefinite length */
	    {"3080020100"
	     "0000",
		false, 0, 0},
	    {"048101aa", false, 0, 0}, /* non-minimal length */
	    {"04820001aa", false, 0, 0},
	    {"04ffffff", false, 0, 0},
	    {"0484ffffffff", false, 0, 0}, /* declared 4 GiB */
	    {"0488ffffffffffffffff", false, 0, 0},
	    {"048500000000010000", false, 0, 0},
	    {"0000", false, 0, 0},         /* end-of-contents */
	    {"1f8101020000", false, 0, 0}, /* high tag number */
	    {"2404040200aa", false, 0, 0}, /* constructed OCTET STRING */
	    {"2c0200aa", false, 0, 0},
	    {"1000", false, 0, 0}, /* primitive SEQUENCE */
	    {"1100", false, 0, 0},
	    {"8a00", true, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span in = hex(rows[i].in), before = in, content, whole;
		unsigned tag;
		bool good = der_next(&in, &tag, &content, &whole);

		if (good != rows[i].good)
			fail_msg("%s: %d", rows[i].in, good);
		if (good) {
			assert_int_equal(content.len, rows[i].content);
			assert_int_equal(in.len, rows[i].rest);
			assert_ptr_equal(whole.data, before.data);
			assert_int_equal(whole.len + in.len, before.len);
			assert_int_equal(tag, before.data[0]);
		} else {
			assert_ptr_equal(in.data, before.data);
			assert_int_equal(in.len, before.len);
		}
	}
}

static void
take_wants_its_tag(void **state)
{
	struct span in = hex("0500"), content;

	(void)state;
	assert_false(der_take(&in, DER_OID, &content, NULL));
	assert_int_equal(in.len, 2);
	assert_true(der_peek(in, DER_NULL));
	assert_true(der_take(&in, DER_NULL, &content, NULL));
	assert_false(der_peek(in, DER_NULL));
}

static void
contents_have_one_form(void **state)
{
	static const struct {
		bool (*ok)(struct span);
		const char *in;
		bool good;
	} rows[] = {
	    {der_integer_ok, "00", true},
	    {der_integer_ok, "ff", true},
	    {der_integer_ok, "0080", true},
	    {der_integer_ok, "ff7f", true},
	    {der_integer_ok, "", false},
	    {der_integer_ok, "0001", false},
	    {der_integer_ok, "ff80", false},
	    {der_boolean_ok, "00", true},
	    {der_boolean_ok, "ff", true},
	    {der_boolean_ok, "01", false},
	    {der_boolean_ok, "", false},
	    {der_boolean_ok, "ffff", false},
	    {der_oid_ok, "2a864886f70d", true},
	    {der_oid_ok, "550403", true},
	    {der_oid_ok, "", false},
	    {der_oid_ok, "2a80", false},
	    {der_oid_ok, "2a8003", false},
	    {der_oid_ok, "2a86", false},
	    {der_oid_ok, "69ffffffffffffffffffffffffffffffffffff7f", true},
	    {der_oid_ok, "69ffffffffffffffffffffffffffffffffffffff7f", false},
	    {der_bits_ok, "00", true},
	    {der_bits_ok, "0780", true},
	    {der_bits_ok, "0000", true},
	    {der_bits_ok, "", false},
	    {der_bits_ok, "01", false},
	    {der_bits_ok, "0881", false},
	    {der_bits_ok, "0781", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].ok(hex(rows[i].in)) != rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].in);
}

static void
an_oid_of_300_arcs_is_refused(void **state)
{
	uint8_t arcs[300];

	(void)state;
	memset(arcs, 1, sizeof(arcs));
	assert_false(der_oid_ok((struct span){arcs, sizeof(arcs)}));
	assert_true(der_oid_ok((struct span){arcs, 100}));
}

static void
small_integers_keep_their_sign(void **state)
{
	static const struct {
		const char *in;
		bool good;
		int64_t value;
	} rows[] = {
	    {"00", true, 0},
	    {"7f", true, 127},
	    {"0080", true, 128},
	    {"ff", true, -1},
	    {"8000000000000000", true, INT64_MIN},
	    {"7fffffffffffffff", true, INT64_MAX},
	    {"008000000000000000", false, 0},
	    {"0000", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = 0;
		bool good = der_small(hex(rows[i].in), &value);

		if (good != rows[i].good || value != rows[i].value)
			fail_msg("%s", rows[i].in);
	}
}

static void
everything_below_is_checked(void **state)
{
	static const struct {
		const char *in;
		bool good;
	} rows[] = {
	    {"3000", true}, {"300030", false}, /* trailing */
	    {"3003010101", false},             /* BOOLEAN 01 */
	    {"30040202000130", false},
	    {"300402020001", false}, /* padded INTEGER */
	    {"30020600", false},     /* empty OID */
	    {"3003050100", false},   /* NULL that is not */
	    {"30040302"
	     "0701",
		false},                 /* unused bits that are used */
	    {"3106020101020102", true}, /* SET in order */
	    {"3106020102020101", false},
	    {"3106020101020101", true},    /* equal ones */
	    {"3107020200ff020101", false}, /* longer first */
	    {"a00330010"
	     "0",
		false}, /* cut in the middle */
	    {"a0023000", true}, {"3005300330013000", false},
	    {"a003010102", false},
	    {"8003010102", true}, /* IMPLICIT: not ours to know */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (der_deep_ok(hex(rows[i].in), 8) != rows[i].good)
			fail_msg("%s", rows[i].in);
}

static void
nesting_is_bounded(void **state)
{
	struct bytes b = {0};

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct bytes outer = {0};

		der_put(&outer, DER_SEQUENCE, span_of(&b));
		bytes_free(&b);
		b = outer;
		if (i == 7)
			assert_true(der_deep_ok(span_of(&b), 8));
		if (i == 8)
			assert_false(der_deep_ok(span_of(&b), 8));
	}
	assert_false(der_deep_ok(span_of(&b), 64));
	bytes_free(&b);
}

static void
times_are_those_of_rfc_5280(void **state)
{
	static const struct {
		unsigned tag;
		const char *text, *when;
	} rows[] = {
	    {DER_UTCTIME, "260102030405Z", "2026-01-02T03:04:05Z"},
	    {DER_UTCTIME, "491231235959Z", "2049-12-31T23:59:59Z"},
	    {DER_UTCTIME, "500101000000Z", "1950-01-01T00:00:00Z"},
	    {DER_UTCTIME, "000229000000Z", "2000-02-29T00:00:00Z"},
	    {DER_GENERALIZEDTIME, "20500101000000Z", "2050-01-01T00:00:00Z"},
	    {DER_GENERALIZEDTIME, "99991231235959Z", "9999-12-31T23:59:59Z"},
	    {DER_GENERALIZEDTIME, "20491231235959Z", NULL},
	    {DER_GENERALIZEDTIME, "20500101000000.5Z", NULL},
	    {DER_GENERALIZEDTIME, "260102030405Z", NULL},
	    {DER_UTCTIME, "2601020304Z", NULL},
	    {DER_UTCTIME, "260102030405+", NULL},
	    {DER_UTCTIME, "260102030460Z", NULL},
	    {DER_UTCTIME, "260230030405Z", NULL},
	    {DER_UTCTIME, "261302030405Z", NULL},
	    {DER_UTCTIME, "260102240405Z", NULL},
	    {DER_UTCTIME, "2601a2030405Z", NULL},
	    {DER_UTCTIME, "", NULL},
	    {DER_IA5, "260102030405Z", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t when;
		char text[WHEN_LEN] = "";
		bool good =
		    der_time(rows[i].tag, span_str(rows[i].text), &when);

		if (good)
			when_write(text, when);
		if (good != (rows[i].when != NULL) ||
		    (good && strcmp(text, rows[i].when) != 0))
			fail_msg("%s: %s", rows[i].text, text);
	}
}

static void
what_is_put_can_be_taken(void **state)
{
	static const size_t lengths[] = {
	    0, 1, 127, 128, 255, 256, 65535, 65536};
	uint8_t *data = mem_new(65536);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bytes b = {0};
		struct span in, content;

		der_put(&b, DER_OCTETS, (struct span){data, lengths[i]});
		in = span_of(&b);
		assert_true(der_take(&in, DER_OCTETS, &content, NULL));
		assert_int_equal(content.len, lengths[i]);
		assert_int_equal(in.len, 0);
		bytes_free(&b);
	}
	free(data);
}

static void
dotted_oids_are_strict(void **state)
{
	static const struct {
		const char *dotted, *hex;
	} rows[] = {
	    {"2.5.4.3", "0603550403"},
	    {"1.2.840.113549.1.9.14", "06092a864886f70d01090e"},
	    {"2.25.340282366920938463463374607431768211455",
		"06146983ffffffffffffffffffffffffffffffffff7f"},
	    {"0.0", "060100"},
	    {"", NULL},
	    {"1", NULL},
	    {"1.", NULL},
	    {".1.2", NULL},
	    {"1..2", NULL},
	    {"1.40.1", NULL},
	    {"3.1", NULL},
	    {"1.02", NULL},
	    {"1 2 3", NULL},
	    {"1.2.x", NULL},
	    {"2.5.4.3\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = {0};
		bool good = der_put_oid(&b, rows[i].dotted);

		if (good != (rows[i].hex != NULL))
			fail_msg("%s", rows[i].dotted);
		if (good && !span_equal(span_of(&b), hex(rows[i].hex)))
			fail_msg("%s", rows[i].dotted);
		bytes_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_element_is_taken_only_in_der_form),
	    cmocka_unit_test(take_wants_its_tag),
	    cmocka_unit_test(contents_have_one_form),
	    cmocka_unit_test(an_oid_of_300_arcs_is_refused),
	    cmocka_unit_test(small_integers_keep_their_sign),
	    cmocka_unit_test(everything_below_is_checked),
	    cmocka_unit_test(nesting_is_bounded),
	    cmocka_unit_test(times_are_those_of_rfc_5280),
	    cmocka_unit_test(what_is_put_can_be_taken),
	    cmocka_unit_test(dotted_oids_are_strict),
	};

	return cmocka_run_group_tests_name("der", tests, NULL, NULL);
}
