#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/wire/der.h"
#include "lib/wire/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define CN "\x55\x04\x03"
#define SERIAL "\x55\x04\x05"
#define C_ "\x55\x04\x06"
#define OU "\x55\x04\x0b"
#define EMAIL "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
#define DC "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"

struct part {
	const char *oid;
	unsigned tag;
	const char *value;
	size_t len; /* 0: strlen */
};

static void
pair_put(struct bytes *out, const struct part *part)
{
	struct bytes pair = {0};
	struct span value = span_str(part->value);

	if (part->len != 0)
		value.len = part->len;
	der_put(&pair, DER_OID, span_str(part->oid));
	der_put(&pair, part->tag, value);
	der_put(out, DER_SEQUENCE, span_of(&pair));
	bytes_free(&pair);
}

static void
set_put(struct bytes *out, const struct part *part, size_t n)
{
	struct bytes set = {0};

	for (size_t i = 0; i < n; i++)
		pair_put(&set, &part[i]);
	der_put(out, DER_SET, span_of(&set));
	bytes_free(&set);
}

/* One RDN per part. */
static struct bytes
name_of(const struct part *part, size_t n)
{
	struct bytes rdns = {0}, der = {0};

	for (size_t i = 0; i < n; i++)
		set_put(&rdns, &part[i], 1);
	der_put(&der, DER_SEQUENCE, span_of(&rdns));
	bytes_free(&rdns);
	return der;
}

/* The reason word of reading `der`, "" when it is read. */
static const char *
reason_of(const struct bytes *der)
{
	struct fail why = {0};
	X509_NAME *name;

	if (name_read(&name, span_of(der), &why) == 0) {
		X509_NAME_free(name);
		return "";
	}
	assert_null(name);
	assert_int_equal(why.kind, FAIL_MALFORMED);
	assert_true(why.text[0] != '\0');
	return why.reason;
}

static void
values_are_judged_by_type_bounds_and_characters(void **state)
{
	static char a64[65], a65[66], e64[129], mail256[257];
	const struct {
		struct part part;
		const char *reason;
	} row[] = {
	    {{CN, DER_UTF8, "pump-7", 0}, ""},
	    {{CN, DER_PRINTABLE, "pump 7 (a)", 0}, ""},
	    {{CN, DER_UTF8, a64, 0}, ""},
	    {{CN, DER_UTF8, a65, 0}, "dn-length"},
	    {{CN, DER_UTF8, e64, 0}, ""},
	    {{CN, DER_UTF8, "\xf0\x9f\x94\xa7", 0}, ""},
	    {{CN, DER_UTF8, "", 0}, "dn-empty"},
	    {{CN, DER_UTF8, "  ", 0}, "dn-empty"},
	    {{CN, DER_UTF8, "\xe3\x80\x80\xc2\xa0", 0}, "dn-empty"},
	    {{CN, DER_UTF8, "a\0b", 3}, "dn-char"},
	    {{CN, DER_UTF8, "a\r\nb", 0}, "dn-char"},
	    {{CN, DER_UTF8, "\x1b[31m", 0}, "dn-char"},
	    {{CN, DER_UTF8, "a\x7f", 0}, "dn-char"},
	    {{CN, DER_UTF8, "a\xc2\x85", 0}, "dn-char"},
	    {{CN, DER_UTF8, "a\xe2\x80\xae", 0}, "dn-char"},
	    {{CN, DER_UTF8, "a\xe2\x80\x8b", 0}, "dn-char"},
	    {{CN, DER_UTF8,
		 "\xef\xbb\xbf"
		 "a",
		 0},
		"dn-char"},
	    {{CN, DER_UTF8, "a\xe2\x80\xa8", 0}, "dn-char"},
	    {{CN, DER_UTF8, "\xc0\xaf", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xe0\x80\xaf", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xed\xa0\x80", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xf8\x88\x80\x80\x80", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xf4\x90\x80\x80", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "a\xc3", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xef\xbf\xbe", 0}, "dn-utf8"},
	    {{CN, DER_UTF8, "\xef\xb7\x90", 0}, "dn-utf8"},
	    {{CN, DER_PRINTABLE, "a@b", 0}, "dn-string"},
	    {{CN, DER_PRINTABLE, "*", 0}, "dn-string"},
	    {{CN, DER_PRINTABLE, "a_b", 0}, "dn-string"},
	    {{CN, DER_PRINTABLE, "a\xe4", 0}, "dn-string"},
	    {{CN, DER_PRINTABLE, "a\n", 0}, "dn-char"},
	    {{CN, DER_T61, "abc", 0}, "dn-string"},
	    {{CN, DER_BMP, "\0a\0b", 4}, "dn-string"},
	    {{CN, DER_BMP, "\0a\0", 3}, "dn-string"},
	    {{CN, DER_UNIVERSAL, "\0\0\0a", 4}, "dn-string"},
	    {{CN, DER_IA5, "abc", 0}, "dn-type"},
	    {{CN, DER_INTEGER, "\x05", 0}, "dn-type"},
	    {{CN, DER_OCTETS, "abc", 0}, "dn-type"},
	    {{CN, DER_SEQUENCE, "", 0}, "dn-type"},
	    {{SERIAL, DER_PRINTABLE, "SN-0001", 0}, ""},
	    {{SERIAL, DER_PRINTABLE, a65, 0}, "dn-length"},
	    {{SERIAL, DER_UTF8, "SN-0001", 0}, "dn-type"},
	    {{C_, DER_PRINTABLE, "DE", 0}, ""},
	    {{C_, DER_PRINTABLE, "DEU", 0}, "dn-type"},
	    {{C_, DER_PRINTABLE, "de", 0}, "dn-type"},
	    {{C_, DER_PRINTABLE, "D1", 0}, "dn-type"},
	    {{C_, DER_PRINTABLE, "D", 0}, "dn-type"},
	    {{C_, DER_UTF8, "DE", 0}, "dn-type"},
	    {{EMAIL, DER_IA5, "a@b.example", 0}, ""},
	    {{EMAIL, DER_IA5, mail256, 0}, "dn-length"},
	    {{EMAIL, DER_IA5, "a\xe4@b.example", 0}, "dn-char"},
	    {{EMAIL, DER_UTF8, "a@b.example", 0}, "dn-type"},
	    {{DC, DER_IA5, "example", 0}, ""},
	    {{DC, DER_UTF8, "example", 0}, "dn-type"},
	    {{"\x55\x04\x29", DER_UTF8, "name", 0}, "dn-rule"},
	    {{"\x2a\x03\x04", DER_UTF8, "x", 0}, "dn-rule"},
	    {{"", DER_UTF8, "x", 0}, "der"},
	    {{"\x55\x80\x03", DER_UTF8, "x", 0}, "der"},
	};

	(void)state;
	memset(a64, 'a', 64);
	memset(a65, 'a', 65);
	memset(mail256, 'a', 256);
	for (int i = 0; i < 64; i++)
		memcpy(e64 + (size_t)2 * i, "\xc3\xa9", 2);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bytes der = name_of(&row[i].part, 1);
		const char *reason = reason_of(&der);

		if (strcmp(reason, row[i].reason) != 0)
			fail_msg("row %zu: \"%s\", wanted \"%s\"", i, reason,
			    row[i].reason);
		bytes_free(&der);
	}
}

static void
names_have_a_shape(void **state)
{
	static const struct part cn = {CN, DER_UTF8, "a", 0},
				 two[] = {{CN, DER_UTF8, "a", 0},
				     {CN, DER_UTF8, "b", 0}},
				 ous[] = {{OU, DER_UTF8, "a", 0},
				     {OU, DER_UTF8, "b", 0},
				     {DC, DER_IA5, "a", 0},
				     {DC, DER_IA5, "b", 0}},
				 multi[] = {{CN, DER_UTF8, "a", 0},
				     {SERIAL, DER_PRINTABLE, "1", 0}};
	struct part many[17];
	struct bytes der, rdns = {0};

	(void)state;
	der = name_of(NULL, 0);
	assert_string_equal(reason_of(&der), "");
	bytes_free(&der);
	der = name_of(two, 2);
	assert_string_equal(reason_of(&der), "dn-rule");
	bytes_free(&der);
	der = name_of(ous, 4);
	assert_string_equal(reason_of(&der), "");
	bytes_free(&der);
	for (int i = 0; i < 17; i++)
		many[i] = ous[0];
	der = name_of(many, 16);
	assert_string_equal(reason_of(&der), "");
	bytes_free(&der);
	der = name_of(many, 17);
	assert_string_equal(reason_of(&der), "dn-rule");
	bytes_free(&der);

	set_put(&rdns, multi, 2);
	der_put(&der, DER_SEQUENCE, span_of(&rdns));
	assert_string_equal(reason_of(&der), "dn-rule");
	bytes_free(&der);
	bytes_free(&rdns);
	set_put(&rdns, NULL, 0);
	der_put(&der, DER_SEQUENCE, span_of(&rdns));
	assert_string_equal(reason_of(&der), "dn-rule");
	bytes_free(&der);
	bytes_free(&rdns);

	der = name_of(&cn, 1);
	bytes_addc(&der, '\0');
	assert_string_equal(reason_of(&der), "der");
	for (size_t len = der.len - 2; len > 0; len--) {
		struct bytes cut = {0};

		bytes_add(&cut, der.data, len);
		assert_string_equal(reason_of(&cut), "der");
		bytes_free(&cut);
	}
	bytes_free(&der);
	bytes_adds(&der, "\x31");
	bytes_addc(&der, '\0');
	assert_string_equal(reason_of(&der), "der");
	bytes_free(&der);
}

static void
octet_changes_never_slip_through_as_other_bytes(void **state)
{
	static const struct part part[] = {{C_, DER_PRINTABLE, "DE", 0},
	    {CN, DER_UTF8, "pump-7", 0}, {SERIAL, DER_PRINTABLE, "X1", 0}};
	struct bytes der = name_of(part, 3);

	(void)state;
	for (size_t i = 0; i < der.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct fail why = {0};
			X509_NAME *name;
			const uint8_t *again;
			size_t len;

			der.data[i] ^= (uint8_t)(1u << bit);
			if (name_read(&name, span_of(&der), &why) == 0) {
				assert_true(
				    X509_NAME_get0_der(name, &again, &len));
				assert_int_equal(len, der.len);
				assert_memory_equal(again, der.data, len);
				X509_NAME_free(name);
			}
			der.data[i] ^= (uint8_t)(1u << bit);
		}
	}
	bytes_free(&der);
}

static X509_NAME *
name_must(const char *text)
{
	struct fail why = {0};
	X509_NAME *name;

	if (name_from_text(&name, text, &why) != 0)
		fail_msg("%s: %s: %s", text, why.reason, why.text);
	return name;
}

static void
text_forms_go_both_ways(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
	    {"CN=pump-7,O=Plant\\, North", NULL},
	    {"C=DE,ST=Bayern,L=M\xc3\xbcnchen,O=A,OU=B,OU=C,CN=x", NULL},
	    {" CN = a b , O = c ", "CN=a b,O=c"},
	    {"cn=a,SERIALNUMBER=1", "CN=a,serialNumber=1"},
	    {"CN=\\ a\\ ", "CN=\\ a\\ "},
	    {"CN=\\#a=b#c", "CN=\\#a=b#c"},
	    {"CN=a\\2Cb\\+\\\"\\\\\\<\\>\\;", "CN=a\\,b\\+\\\"\\\\\\<\\>\\;"},
	    {"CN=a\\C3\\A9", "CN=a\xc3\xa9"},
	    {"2.5.4.3=a", "CN=a"},
	    {"1.3.6.1.4.1.99999.7=a", "1.3.6.1.4.1.99999.7=a"},
	    {"2.5.4.41=a", "2.5.4.41=a"},
	    {"DC=example,DC=pump,emailAddress=a@b.example,street=x,UID=u,"
	     "title=t,GN=g,SN=s,dnQualifier=q,pseudonym=p,"
	     "organizationIdentifier=o",
		NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		X509_NAME *name = name_must(row[i].in), *again;
		char *text = name_text(name);

		assert_string_equal(
		    text, row[i].out != NULL ? row[i].out : row[i].in);
		again = name_must(text);
		assert_int_equal(X509_NAME_cmp(name, again), 0);
		X509_NAME_free(again);
		X509_NAME_free(name);
		free(text);
	}
}

static void
bad_texts_are_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} row[] = {
	    {"", "dn-rule"},
	    {"pump", "dn-rule"},
	    {"=x", "dn-rule"},
	    {"XX=x", "dn-rule"},
	    {"1.2.=x", "dn-rule"},
	    {"3.2.1=x", "dn-rule"},
	    {"CN=a,", "dn-rule"},
	    {"CN=a,CN=b", "dn-rule"},
	    {"CN=a+O=b", "dn-rule"},
	    {"CN=\"a\"", "dn-rule"},
	    {"CN=#0403", "dn-rule"},
	    {"CN=a\\", "dn-rule"},
	    {"CN=a\\g", "dn-rule"},
	    {"CN=a\\1", "dn-rule"},
	    {"CN=", "dn-empty"},
	    {"CN=,O=a", "dn-empty"},
	    {"CN=a\\00", "dn-char"},
	    {"CN=a\\C3", "dn-utf8"},
	    {"C=de", "dn-type"},
	    {"serialNumber=a@b", "dn-string"},
	    {"DC=\xc3\xa9", "dn-char"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fail why = {0};
		X509_NAME *name;

		assert_int_equal(name_from_text(&name, row[i].text, &why), -1);
		assert_null(name);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		if (strcmp(why.reason, row[i].reason) != 0)
			fail_msg(
			    "%s: %s: %s", row[i].text, why.reason, why.text);
	}
}

/* Names that only OpenSSL's lax reader takes. */
static X509_NAME *
name_lax(const struct part *part, size_t n)
{
	struct bytes der = name_of(part, n);
	const uint8_t *p = der.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.len);

	assert_non_null(name);
	bytes_free(&der);
	return name;
}

static void
text_of_foreign_names_is_escaped(void **state)
{
	static const struct part part[] = {{CN, DER_UTF8, "a\0b\n", 4},
	    {CN, DER_T61, "\xe4", 0}, {CN, DER_BMP, " \xae\0,", 4},
	    {CN, DER_BITS, "\0\xff\x01", 3}};
	X509_NAME *name = name_lax(part, 4);
	char *text = name_text(name);

	(void)state;
	assert_string_equal(text, "CN=a\\00b\\0A,CN=\xc3\xa4,"
				  "CN=\xe2\x82\xae\\,,CN=#ff01");
	free(text);
	X509_NAME_free(name);
	name = X509_NAME_new();
	text = name_text(name);
	assert_string_equal(text, "");
	free(text);
	X509_NAME_free(name);
}

static void
a_value_is_given_only_when_it_is_the_only_one(void **state)
{
	static const struct part zero = {CN, DER_UTF8, "a\0b", 3};
	X509_NAME *name = name_must("CN=a,OU=b,OU=c,O=\xc3\xa9");
	char *value = name_value(name, NID_commonName);

	(void)state;
	assert_string_equal(value, "a");
	free(value);
	value = name_value(name, NID_organizationName);
	assert_string_equal(value, "\xc3\xa9");
	free(value);
	assert_null(name_value(name, NID_organizationalUnitName));
	assert_null(name_value(name, NID_serialNumber));
	X509_NAME_free(name);
	name = name_lax(&zero, 1);
	assert_null(name_value(name, NID_commonName));
	X509_NAME_free(name);
}

static void
the_hash_is_equal_exactly_when_openssl_says_so(void **state)
{
	static const struct part one[][2] = {
	    {{CN, DER_UTF8, "Pump 7", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_PRINTABLE, "Pump 7", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8, "pUMP 7", 0}, {OU, DER_UTF8, "X", 0}},
	    {{CN, DER_UTF8, "  Pump   7 ", 0}, {OU, DER_PRINTABLE, "x", 0}},
	    {{CN, DER_UTF8, "Pump7", 0}, {OU, DER_UTF8, "x", 0}},
	    {{OU, DER_UTF8, "x", 0}, {CN, DER_UTF8, "Pump 7", 0}},
	    {{CN, DER_UTF8, "Pump 7x", 0}, {OU, DER_UTF8, "", 0}},
	    {{CN, DER_UTF8, "\xc3\xa9", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8, "\xc3\x89", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_T61, "\xe9", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_BMP, "\0P\0u\0m\0p\0 \0007", 12}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8, "a\tb", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8, "a b", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8,
		 "a\xc2\xa0"
		 "b",
		 0},
		{OU, DER_UTF8, "x", 0}},
	    {{CN, DER_BITS, "\0a b", 4}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_NUMERIC, "12", 0}, {OU, DER_UTF8, "x", 0}},
	    {{CN, DER_UTF8, "12", 0}, {OU, DER_UTF8, "x", 0}},
	    {{EMAIL, DER_IA5, "A@B.example", 0}, {DC, DER_IA5, "X", 0}},
	    {{EMAIL, DER_IA5, "a@b.example", 0}, {DC, DER_IA5, "x", 0}},
	};
	enum { N = sizeof(one) / sizeof(one[0]) };
	X509_NAME *name[2 * N + 1];
	uint8_t hash[2 * N + 1][SHA256_LEN];
	unsigned equal = 0;

	(void)state;
	for (int i = 0; i < N; i++) {
		name[i] = name_lax(one[i], 2);
		name[N + i] = name_lax(one[i], 1);
	}
	name[2 * N] = X509_NAME_new();
	for (int i = 0; i <= 2 * N; i++)
		name_hash(hash[i], name[i]);
	for (int i = 0; i <= 2 * N; i++) {
		for (int j = 0; j <= 2 * N; j++) {
			bool same = memcmp(hash[i], hash[j], SHA256_LEN) == 0;

			if (same != (X509_NAME_cmp(name[i], name[j]) == 0))
				fail_msg("names %d and %d", i, j);
			equal += same;
		}
	}
	assert_true(equal > 2 * N + 10);
	for (int i = 0; i <= 2 * N; i++)
		X509_NAME_free(name[i]);
}

/* Short random names over few letters, so that many are equal. */
static void
random_names_hash_as_openssl_compares(void **state)
{
	static const char letter[] = "aAbB  ";
	enum { N = 300 };
	X509_NAME *name[N];
	uint8_t hash[N][SHA256_LEN];
	uint32_t seed = 7;

	(void)state;
	for (int i = 0; i < N; i++) {
		char text[8] = "";
		struct part part = {CN, DER_UTF8, text, 0};

		for (unsigned k = 0; k <= (seed >> 9) % 5; k++) {
			seed = seed * 1103515245 + 12345;
			text[k] = letter[(seed >> 16) % 6];
		}
		part.tag = (seed & 256) != 0 ? DER_UTF8 : DER_PRINTABLE;
		name[i] = name_lax(&part, 1);
		name_hash(hash[i], name[i]);
		for (int j = 0; j <= i; j++)
			assert_int_equal(
			    memcmp(hash[i], hash[j], SHA256_LEN) == 0,
			    X509_NAME_cmp(name[i], name[j]) == 0);
	}
	for (int i = 0; i < N; i++)
		X509_NAME_free(name[i]);
}

static void
words_and_numbers_go_both_ways(void **state)
{
	int nid;

	(void)state;
	assert_int_equal(name_nid("CN"), NID_commonName);
	assert_int_equal(name_nid("SN"), NID_surname);
	assert_int_equal(name_nid("2.5.4.5"), NID_serialNumber);
	assert_string_equal(name_word(NID_serialNumber), "serialNumber");
	assert_string_equal(name_word(NID_pkcs9_emailAddress), "emailAddress");
	assert_int_equal(name_nid("nonsense"), NID_undef);
	assert_int_equal(name_nid("basicConstraints"), NID_undef);
	assert_int_equal(name_nid(""), NID_undef);
	assert_int_equal(name_nid("1..2"), NID_undef);
	nid = name_nid("1.3.6.1.4.1.99999.8");
	assert_int_not_equal(nid, NID_undef);
	assert_int_equal(name_nid("1.3.6.1.4.1.99999.8"), nid);
	assert_string_equal(name_word(nid), "1.3.6.1.4.1.99999.8");
}

static void
patterns_cover_the_whole_value(void **state)
{
	static const struct {
		const char *pattern, *value;
		bool match;
	} row[] = {
	    {"[A-Za-z0-9._-]+", "pump-7.a_b", true},
	    {"[A-Za-z0-9._-]+", "pump 7", false},
	    {"[A-Za-z0-9._-]+", "", false},
	    {"[A-Za-z0-9._-]+", NULL, false},
	    {"a|b", "a", true},
	    {"a|b", "ab", false},
	    {"a|b", "ax", false},
	    {"a|b", "xb", false},
	    {"a.*", "a\nb", true},
	    {"a", "a\n", false},
	    {"a\\|b", "a|b", true},
	    {"[])(]+", "])(", true},
	    {"[^])(]+", "ab", true},
	    {"[[:alpha:]]{2}", "ab", true},
	    {"[[:alpha:]]{2}", "a1", false},
	    {"(a)(b)?", "ab", true},
	    {"\\(a\\)", "(a)", true},
	    {"[A-Z]+", "\xc3\x89", false},
	    {"((a+)b*)+", "aabab", true},
	    {"([0-9a-f]{2}:){5}[0-9a-f]{2}", "00:1a:ff:00:00:01", true},
	    {"a{2,}", "aaa", true},
	};
	static const char *const bad[] = {"", "a)|(b", "a)|(b)", "(a", "a)",
	    "[a", "[[:alpha:]", "[[:nonsense:]]", "a\\", "(a)\\1", "*", "[]",
	    /* What the C library would write out without an end. */
	    "a++", "a*{2}", "a+++++++++++++++++++++++++++++++++++++",
	    "((a{255}){255}){255}", "(((((a+)+)+)+)+){255,}",
	    "((((((((((((((((((a))))))))))))))))))"};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fail why = {0};
		struct pattern *p;

		assert_int_equal(pattern_read(&p, row[i].pattern, &why), 0);
		if (pattern_match(p, row[i].value) != row[i].match)
			fail_msg("%s: %s", row[i].pattern, row[i].value);
		assert_string_equal(pattern_text(p), row[i].pattern);
		pattern_free(p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fail why = {0};
		struct pattern *p;

		if (pattern_read(&p, bad[i], &why) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_null(p);
	}
	pattern_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_judged_by_type_bounds_and_characters),
	    cmocka_unit_test(names_have_a_shape),
	    cmocka_unit_test(octet_changes_never_slip_through_as_other_bytes),
	    cmocka_unit_test(text_forms_go_both_ways),
	    cmocka_unit_test(bad_texts_are_refused),
	    cmocka_unit_test(text_of_foreign_names_is_escaped),
	    cmocka_unit_test(a_value_is_given_only_when_it_is_the_only_one),
	    cmocka_unit_test(the_hash_is_equal_exactly_when_openssl_says_so),
	    cmocka_unit_test(random_names_hash_as_openssl_compares),
	    cmocka_unit_test(words_and_numbers_go_both_ways),
	    cmocka_unit_test(patterns_cover_the_whole_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
