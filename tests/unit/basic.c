/* basic, onetime: what a client may put into Authorization. */
#include <stdlib.h>
#include <string.h>

#include "lib/wire/basic.h"
#include "lib/wire/onetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

/* "Basic " and the base64 of `text`. */
static char *
header_of(struct span text)
{
	struct bytes b = {0};

	bytes_adds(&b, "Basic ");
	base64_write(&b, text, 0);
	b.data[b.len - 1] = '\0'; /* the final LF */
	return (char *)b.data;
}

static void
a_name_and_a_password_are_cut_at_the_first_colon(void **state)
{
	static const struct {
		const char *text, *name, *password;
	} row[] = {
	    {"pump-1:secret", "pump-1", "secret"}, {"a:", "a", ""},
	    {"a:b:c", "a", "b:c"},
	    {"Aladdin:open sesame", "Aladdin", "open sesame"},
	    {"test:123\xc2\xa3", "test", "123\xc2\xa3"}, /* RFC 7617, 2.1 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *header = header_of(span_str(row[i].text));
		struct basic basic;

		basic_read(&basic, header);
		assert_int_equal(basic.state, BASIC_GIVEN);
		assert_string_equal(basic.name, row[i].name);
		assert_string_equal(basic.password, row[i].password);
		basic_wipe(&basic);
		assert_int_equal(basic.name[0], 0);
		assert_int_equal(basic.password[0], 0);
		free(header);
	}
}

static void
what_is_not_one_name_and_password_is_bad(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} row[] = {
	    {"nocolon", 7}, {"", 0}, {":secret", 7}, {":", 1}, {"a:b\0c", 5},
	    {"a\0:b", 4}, {"a\n:b", 4}, {"a:b\r", 4}, {"a\x7f:b", 4},
	    {"a\xc2\x85:b", 5},                /* C1 */
	    {"a\xff:b", 4}, {"a:\xc0\x80", 4}, /* overlong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *header = header_of(
		    (struct span){(const uint8_t *)row[i].text, row[i].len});
		struct basic basic;

		basic_read(&basic, header);
		if (basic.state != BASIC_BAD)
			fail_msg("row %zu was taken", i);
		assert_string_equal(basic.name, "");
		assert_string_equal(basic.password, "");
		free(header);
	}
}

static void
the_header_is_read_strictly(void **state)
{
	static const struct {
		const char *header;
		enum basic_state state;
	} row[] = {
	    {NULL, BASIC_NONE},
	    {"Basic YTpi", BASIC_GIVEN},
	    {"basic YTpi", BASIC_GIVEN},
	    {"BASIC   YTpi", BASIC_GIVEN},
	    {" Basic YTpi \t", BASIC_GIVEN},
	    {"", BASIC_BAD},
	    {"Basic", BASIC_BAD},
	    {"Basic ", BASIC_BAD},
	    {"BasicYTpi", BASIC_BAD},
	    {"Basic\tYTpi", BASIC_BAD},
	    {"Basics YTpi", BASIC_BAD},
	    {"Bearer YTpi", BASIC_BAD},
	    {"Digest username=\"a\"", BASIC_BAD},
	    {"Basic YT pi", BASIC_BAD},
	    {"Basic YTpi, Basic YTpi", BASIC_BAD},
	    {"Basic YTpi,", BASIC_BAD},
	    {"Basic YTp", BASIC_BAD},
	    {"Basic YTpiYw", BASIC_BAD},
	    {"Basic YTpiYx==", BASIC_BAD}, /* bits left over */
	    {"Basic YTpi!", BASIC_BAD},
	    {"Basic YT-_", BASIC_BAD},
	    {"Basic realm=\"x\"", BASIC_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct basic basic;

		basic_read(&basic, row[i].header);
		if (basic.state != row[i].state)
			fail_msg("\"%s\" is %d", row[i].header, basic.state);
	}
}

static void
what_is_too_long_is_bad(void **state)
{
	static const struct {
		size_t name, password;
		enum basic_state state;
	} row[] = {
	    {BASIC_NAME_MAX, BASIC_PASSWORD_MAX, BASIC_GIVEN},
	    {BASIC_NAME_MAX + 1, 1, BASIC_BAD},
	    {1, BASIC_PASSWORD_MAX + 1, BASIC_BAD},
	    {1, 32768, BASIC_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bytes text = {0};
		struct basic basic;
		char *header;

		for (size_t n = 0; n < row[i].name; n++)
			bytes_addc(&text, 'n');
		bytes_addc(&text, ':');
		for (size_t n = 0; n < row[i].password; n++)
			bytes_addc(&text, 'p');
		header = header_of(span_of(&text));
		basic_read(&basic, header);
		assert_int_equal(basic.state, row[i].state);
		free(header);
		bytes_free(&text);
	}
}

static void
a_secret_is_read_as_it_was_written(void **state)
{
	static const struct {
		uint8_t octets[ONETIME_LEN];
		const char *text;
	} row[] = {
	    {{0}, "00000-00000-00000-00000-000000"},
	    {{[15] = 1}, "00000-00000-00000-00000-000001"},
	    {{0x80}, "40000-00000-00000-00000-000000"},
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff},
		"7ZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZZ"},
	    {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba,
		 0x98, 0x76, 0x54, 0x32, 0x10},
		"014D2-PF2DB-SQQZX-Q5TK1-V58CGG"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t back[ONETIME_LEN];
		char text[ONETIME_TEXT];

		onetime_write(text, row[i].octets);
		assert_string_equal(text, row[i].text);
		assert_true(onetime_read(back, span_str(text)));
		assert_memory_equal(back, row[i].octets, ONETIME_LEN);
	}
}

static void
a_secret_is_read_as_people_type_it(void **state)
{
	static const char *const same[] = {"014D2-PF2DB-SQQZX-Q5TK1-V58CGG",
	    "014d2-pf2db-sqqzx-q5tk1-v58cgg", "014D2PF2DBSQQZXQ5TK1V58CGG",
	    "O14D2 PF2DB SQQZX Q5TKI V58CGG", "oL4d2pf2dbsqqzxq5tkl-v58cgg"};
	static const char *const none[] = {"", "-", "014D2PF2DBSQQZXQ5TK1V58CG",
	    "014D2PF2DBSQQZXQ5TK1V58CGG0", "814D2PF2DBSQQZXQ5TK1V58CGG",
	    "U14D2PF2DBSQQZXQ5TK1V58CGG", "014D2_PF2DBSQQZXQ5TK1V58CGG",
	    "hunter2"};
	static const uint8_t zero[ONETIME_LEN];
	uint8_t first[ONETIME_LEN], got[ONETIME_LEN];

	(void)state;
	assert_true(onetime_read(first, span_str(same[0])));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(onetime_read(got, span_str(same[i])));
		assert_memory_equal(got, first, ONETIME_LEN);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (onetime_read(got, span_str(none[i])))
			fail_msg("\"%s\" was taken", none[i]);
		assert_memory_equal(got, zero, ONETIME_LEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_and_a_password_are_cut_at_the_first_colon),
	    cmocka_unit_test(what_is_not_one_name_and_password_is_bad),
	    cmocka_unit_test(the_header_is_read_strictly),
	    cmocka_unit_test(what_is_too_long_is_bad),
	    cmocka_unit_test(a_secret_is_read_as_it_was_written),
	    cmocka_unit_test(a_secret_is_read_as_people_type_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
