#include <stdlib.h>
#include <string.h>

#include "lib/wire/der.h"
#include "lib/wire/general.h"
#include "lib/wire/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

struct one {
	unsigned tag;
	const char *content;
	size_t len; /* 0: strlen */
};

static struct bytes
san_of(const struct one *one, size_t n)
{
	struct bytes names = {0}, der = {0};

	for (size_t i = 0; i < n; i++) {
		struct span content = span_str(one[i].content);

		if (one[i].len != 0)
			content.len = one[i].len;
		der_put(&names, one[i].tag, content);
	}
	der_put(&der, DER_SEQUENCE, span_of(&names));
	bytes_free(&names);
	return der;
}

static const char *
reason_of(const struct bytes *der)
{
	struct fail why = {0};
	GENERAL_NAMES *san;

	if (san_read(&san, span_of(der), &why) == 0) {
		GENERAL_NAMES_free(san);
		return "";
	}
	assert_null(san);
	assert_int_equal(why.kind, FAIL_MALFORMED);
	return why.reason;
}

/* n times "a" before `rest`. */
static char *
long_text(size_t n, const char *rest)
{
	char *s = mem_new(n + strlen(rest) + 1);

	memset(s, 'a', n);
	memcpy(s + n, rest, strlen(rest));
	return s;
}

#define DNS(s)                                                                 \
	{                                                                      \
		GENERAL_DNS, s, 0                                              \
	}
#define MAIL(s)                                                                \
	{                                                                      \
		GENERAL_EMAIL, s, 0                                            \
	}
#define URI(s)                                                                 \
	{                                                                      \
		GENERAL_URI, s, 0                                              \
	}

static void
good_names_are_read(void **state)
{
	static const struct one good[] = {
	    DNS("a.example"),
	    DNS("localhost"),
	    DNS("A-1.Example.COM"),
	    DNS("1a.example"),
	    DNS("3com.example"),
	    DNS("*.a.example"),
	    DNS("xn--bcher-kva.example"),
	    DNS("192.0.2.1a"),
	    {GENERAL_IP, "\xc0\x00\x02\x01", 4},
	    {GENERAL_IP, "\0\0\0\0", 4},
	    {GENERAL_IP, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16},
	    MAIL("a@b.example"),
	    MAIL("first.last+tag@mail.b.example"),
	    URI("https://a.example/x?y=1#z"),
	    URI("https://a.example:8443"),
	    URI("https://192.0.2.1/"),
	    URI("https://[2001:db8::1]:443/a%20b"),
	    URI("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
	    URI("javascript:alert(1)"),
	    URI("coap+tcp://a.example"),
	    {GENERAL_RID, "\x2a\x03\x04", 0},
	    {GENERAL_DIRECTORY,
		"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03"
		"\x0c\x01"
		"a",
		0},
	    {GENERAL_OTHER,
		"\x06\x03\x2a\x03\x04\xa0\x03\x0c\x01"
		"a",
		0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct bytes der = san_of(&good[i], 1);
		const char *reason = reason_of(&der);

		if (*reason != '\0')
			fail_msg("row %zu: %s: %s", i, good[i].content, reason);
		bytes_free(&der);
	}
}

static void
bad_names_are_refused(void **state)
{
	static const struct one bad[] = {
	    DNS(""),
	    DNS(" "),
	    DNS("a b"),
	    DNS("a..example"),
	    DNS(".example"),
	    DNS("a.example."),
	    DNS("a_b.example"),
	    DNS("-a.example"),
	    DNS("a-.example"),
	    DNS("a.*.example"),
	    DNS("a*.example"),
	    DNS("*a.example"),
	    DNS("*"),
	    DNS("*.example"),
	    DNS("*.*.example"),
	    DNS("192.0.2.1"),
	    DNS("a.1"),
	    DNS("2001:db8::1"),
	    DNS("a.example:443"),
	    DNS("https://a.example"),
	    DNS("a.example\n"),
	    DNS("\xe9.example"),
	    DNS("\xc3\xa9.example"),
	    DNS("ab--c.example"),
	    DNS("xn--.example"),
	    {GENERAL_DNS, "a.example\0.b", 12},
	    {0xa2,
		"\x16\x01"
		"a",
		0},
	    {GENERAL_IP, "", 0},
	    {GENERAL_IP, "\xc0\x00\x02\x01\x05", 5},
	    {GENERAL_IP, "\xc0\x00\x02\x01\xff\xff\xff\x01", 8},
	    MAIL(""),
	    MAIL("a"),
	    MAIL("@b.example"),
	    MAIL("a@"),
	    MAIL("a@b@c.example"),
	    MAIL("a b@c.example"),
	    MAIL(".a@c.example"),
	    MAIL("a..b@c.example"),
	    MAIL("a.@c.example"),
	    MAIL("\"a\"@c.example"),
	    MAIL("a@[192.0.2.1]"),
	    MAIL("a@*.c.example"),
	    MAIL("A <a@c.example>"),
	    MAIL("\xc3\xa9@c.example"),
	    URI(""),
	    URI("/relative"),
	    URI("a.example"),
	    URI("//a.example/"),
	    URI("1a:b"),
	    URI("a:"),
	    URI("https://"),
	    URI("https:///x"),
	    URI("file:///etc/passwd"),
	    URI("https://user@a.example/"),
	    URI("https://user:pw@a.example/"),
	    URI("https://a.example:/"),
	    URI("https://a.example:65536/"),
	    URI("https://a.example:1x/"),
	    URI("https://[::1"),
	    URI("https://[::1]x/"),
	    URI("https://[fe80::1%25eth0]/"),
	    URI("https://*.a.example/"),
	    URI("https://999.0.2.1/"),
	    URI("https://a_b.example/"),
	    URI("https://a%2eexample/"),
	    URI("https://a.example/a b"),
	    URI("https://a.example/%zz"),
	    URI("https://a.example/%4"),
	    URI("https://a.example/#a#b"),
	    URI("https://a.example/<x>"),
	    URI("https://a.example/\n"),
	    URI("https://a.example/\xc3\xa9"),
	    {GENERAL_URI, "urn:a\0b", 7},
	    {GENERAL_RID, "", 0},
	    {GENERAL_RID, "\x2a\x80\x03", 0},
	    {0xa3, "\x30\x00", 2},
	    {0xa5,
		"\xa1\x03\x0c\x01"
		"a",
		0},
	    {0x83, "a", 0},
	    {0x8a, "a", 0},
	    {0x16, "a.example", 0},
	    {GENERAL_DIRECTORY, "\x30\x00", 2},
	    {GENERAL_DIRECTORY,
		"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03"
		"\x0c\x01\x07",
		0},
	    {GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x03\x0c\x01\x07", 0},
	    {GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x03\x0c\x01\xff", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes der = san_of(&bad[i], 1);
		const char *reason = reason_of(&der);

		if (strcmp(reason, "san-syntax") != 0)
			fail_msg(
			    "row %zu: %s: \"%s\"", i, bad[i].content, reason);
		bytes_free(&der);
	}
}

static void
lengths_have_bounds(void **state)
{
	static const struct {
		unsigned tag;
		const char *before;
		size_t n;
		const char *rest;
		bool good;
	} row[] = {
	    {GENERAL_DNS, "", 63, ".example", true},
	    {GENERAL_DNS, "", 64, ".example", false},
	    {GENERAL_EMAIL, "", 64, "@b.example", true},
	    {GENERAL_EMAIL, "", 65, "@b.example", false},
	    {GENERAL_EMAIL, "", 300, "@b.example", false},
	    {GENERAL_URI, "urn:x:", 2042, "", true},
	    {GENERAL_URI, "urn:x:", 2043, "", false},
	};
	struct bytes host = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *tail = long_text(row[i].n, row[i].rest);
		char *text = str_fmt("%s%s", row[i].before, tail);
		const struct one one = {row[i].tag, text, 0};
		struct bytes der = san_of(&one, 1);

		assert_string_equal(
		    reason_of(&der), row[i].good ? "" : "san-syntax");
		bytes_free(&der);
		free(text);
		free(tail);
	}
	for (int i = 0; i < 126; i++)
		bytes_adds(&host, "a.");
	bytes_adds(&host, "a");
	assert_int_equal(host.len, 253);
	assert_true(general_host_ok(span_of(&host), false));
	bytes_addc(&host, 'a');
	assert_false(general_host_ok(span_of(&host), false));
	bytes_free(&host);
}

static void
der_around_the_names_is_strict(void **state)
{
	static const struct one good = DNS("a.example");
	static const struct one other[] = {
	    {GENERAL_OTHER, "\x06\x03\x2a\x03\x04", 0},
	    {GENERAL_OTHER,
		"\x06\x03\x2a\x03\x04\x0c\x01"
		"a",
		0},
	    {GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x00", 7},
	    {GENERAL_OTHER,
		"\x06\x03\x2a\x03\x04\xa0\x03\x0c\x02"
		"a",
		0},
	    {GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x03\x01\x01\x01", 0},
	};
	struct bytes der = san_of(&good, 1);

	(void)state;
	bytes_addc(&der, '\0');
	assert_string_equal(reason_of(&der), "der");
	for (der.len -= 2; der.len > 0; der.len--)
		assert_string_equal(reason_of(&der), "der");
	bytes_free(&der);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		der = san_of(&other[i], 1);
		assert_string_equal(reason_of(&der), "der");
		bytes_free(&der);
	}
}

static void
one_to_a_hundred_names(void **state)
{
	struct one many[101];
	char *text[101];
	struct bytes der = san_of(NULL, 0);

	(void)state;
	assert_string_equal(reason_of(&der), "san-count");
	bytes_free(&der);
	for (int i = 0; i < 101; i++) {
		text[i] = str_fmt("h%d.example", i);
		many[i] = (struct one){GENERAL_DNS, text[i], 0};
	}
	der = san_of(many, 100);
	assert_string_equal(reason_of(&der), "");
	bytes_free(&der);
	der = san_of(many, 101);
	assert_string_equal(reason_of(&der), "san-count");
	bytes_free(&der);
	for (int i = 0; i < 101; i++)
		free(text[i]);
}

static GENERAL_NAMES *
san_must(const char *const *text)
{
	struct fail why = {0};
	GENERAL_NAMES *san = NULL;

	for (; *text != NULL; text++)
		if (san_add_text(&san, *text, &why) != 0)
			fail_msg("%s: %s", *text, why.text);
	return san;
}

static void
a_name_given_twice_is_kept_once(void **state)
{
	static const struct one twice[] = {DNS("a.example"), DNS("b.example"),
	    DNS("A.Example"), {GENERAL_URI, "urn:a:b", 0},
	    {GENERAL_URI, "urn:a:B", 0}, DNS("a.example"),
	    {GENERAL_URI, "urn:a:b", 0}};
	const char *const added[] = {
	    "DNS:a.example", "dns:A.EXAMPLE", "IP:192.0.2.1", NULL};
	struct bytes der = san_of(twice, 7);
	struct fail why = {0};
	GENERAL_NAMES *san;
	char *text;

	(void)state;
	assert_int_equal(san_read(&san, span_of(&der), &why), 0);
	text = san_text(san);
	assert_string_equal(
	    text, "DNS:a.example, DNS:b.example, URI:urn:a:b, URI:urn:a:B");
	free(text);
	GENERAL_NAMES_free(san);
	bytes_free(&der);
	san = san_must(added);
	text = san_text(san);
	assert_string_equal(text, "DNS:a.example, IP:192.0.2.1");
	free(text);
	GENERAL_NAMES_free(san);
}

static void
text_forms_are_read_with_the_same_checks(void **state)
{
	const char *const all[] = {"DNS:*.a.example", "IP:192.0.2.1",
	    "IP:2001:db8::1", "email:a@b.example", "URI:urn:a:b,c",
	    "RID:1.2.3.4", NULL};
	static const char *const bad[] = {"", "a.example", "DNS:", "DNS:a b",
	    "IP:192.0.2", "IP:", "IP:192.0.2.1/24", "email:a", "URI:/x",
	    "RID:x", "RID:1.2.", "dirName:CN=a", "DNS"};
	GENERAL_NAMES *san = san_must(all);
	char *text = san_text(san);

	(void)state;
	assert_string_equal(text,
	    "DNS:*.a.example, IP:192.0.2.1, IP:2001:db8::1, "
	    "email:a@b.example, URI:urn:a:b\\x2cc, RID:1.2.3.4");
	free(text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fail why = {0};

		assert_int_equal(san_add_text(&san, bad[i], &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_string_equal(why.reason, "san-syntax");
	}
	assert_int_equal(sk_GENERAL_NAME_num(san), 6);
	GENERAL_NAMES_free(san);
	text = san_text(NULL);
	assert_string_equal(text, "");
	free(text);
}

/* As OpenSSL reads it, whatever san_read() says. */
static GENERAL_NAMES *
san_lax(const struct one *one, size_t n)
{
	struct bytes der = san_of(one, n);
	const uint8_t *p = der.data;
	GENERAL_NAMES *san = d2i_GENERAL_NAMES(NULL, &p, (long)der.len);

	assert_non_null(san);
	bytes_free(&der);
	return san;
}

static void
values_and_types_have_text_forms(void **state)
{
	static const struct {
		struct one one;
		const char *type, *value;
	} row[] = {
	    {DNS("a.example"), "dns", "a.example"},
	    {{GENERAL_DNS, "a\0b", 3}, "dns", NULL},
	    {MAIL("a@b.example"), "email", "a@b.example"},
	    {URI("urn:a:b"), "uri", "urn:a:b"},
	    {{GENERAL_IP, "\x0a\0\0\x01", 4}, "ip", "10.0.0.1"},
	    {{GENERAL_IP, "\x0a\0\0", 3}, "ip", NULL},
	    {{GENERAL_RID, "\x2a\x03\x04", 0}, "rid", "1.2.3.4"},
	    {{GENERAL_DIRECTORY,
		 "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03"
		 "\x0c\x01"
		 "a",
		 0},
		"dirname", "CN=a"},
	    {{GENERAL_OTHER,
		 "\x06\x03\x2a\x03\x04\xa0\x03\x0c\x01"
		 "a",
		 0},
		"othername", "1.2.3.4:a"},
	    {{GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x03\x0c\x01#", 0},
		"othername", "1.2.3.4:#0c0123"},
	    {{GENERAL_OTHER, "\x06\x03\x2a\x03\x04\xa0\x03\x04\x01\xff", 0},
		"othername", "1.2.3.4:#0401ff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		GENERAL_NAMES *san = san_lax(&row[i].one, 1);
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, 0);
		char *value = san_value(name);

		assert_string_equal(san_type(name), row[i].type);
		if (row[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, row[i].value);
		free(value);
		GENERAL_NAMES_free(san);
	}
}

static void
text_of_foreign_names_fakes_no_other(void **state)
{
	static const struct one one[] = {
	    DNS("a, DNS:b\n\xff\\"), {GENERAL_DNS, "a\0b", 3}};
	GENERAL_NAMES *san = san_lax(one, 2);
	char *text = san_text(san);

	(void)state;
	assert_string_equal(text, "DNS:a\\x2c DNS:b\\x0a\\xff\\x5c, DNS:?");
	free(text);
	GENERAL_NAMES_free(san);
}

static void
sets_are_compared_without_order(void **state)
{
	const char *const ab[] = {"DNS:a.example", "IP:192.0.2.1", NULL},
			  *const ba[] = {"IP:192.0.2.1", "DNS:A.example", NULL},
			  *const a[] = {"DNS:a.example", NULL},
			  *const mail[] = {"email:a@a.example", NULL},
			  *const upper[] = {"email:A@a.example", NULL};
	GENERAL_NAMES *one = san_must(ab), *two = san_must(ba),
		      *three = san_must(a), *four = san_must(mail),
		      *five = san_must(upper);

	(void)state;
	assert_true(san_equal(one, two));
	assert_false(san_equal(one, three));
	assert_false(san_equal(three, one));
	assert_false(san_equal(four, five));
	assert_true(san_equal(NULL, NULL));
	assert_false(san_equal(one, NULL));
	assert_false(san_equal(NULL, one));
	GENERAL_NAMES_free(one);
	GENERAL_NAMES_free(two);
	GENERAL_NAMES_free(three);
	GENERAL_NAMES_free(four);
	GENERAL_NAMES_free(five);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_names_are_read),
	    cmocka_unit_test(bad_names_are_refused),
	    cmocka_unit_test(lengths_have_bounds),
	    cmocka_unit_test(der_around_the_names_is_strict),
	    cmocka_unit_test(one_to_a_hundred_names),
	    cmocka_unit_test(a_name_given_twice_is_kept_once),
	    cmocka_unit_test(text_forms_are_read_with_the_same_checks),
	    cmocka_unit_test(values_and_types_have_text_forms),
	    cmocka_unit_test(text_of_foreign_names_fakes_no_other),
	    cmocka_unit_test(sets_are_compared_without_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
