/*
 * A backup's manifest is taken whole or not at all: every part of it that is not
 * what manifest_write() writes is named in the refusal.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/ca/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static char *good; /* as it is written */

static int
good_make(void **state)
{
	struct manifest m = {.made = 1700000000,
	    .schema = 8,
	    .records = 7,
	    .certificates = 3,
	    .revoked = 1,
	    .outbox = 2,
	    .live = 2};
	struct bytes text = {0};
	uint8_t hash[SHA256_LEN];

	(void)state;
	memset(hash, 0x11, sizeof(hash));
	memcpy(m.hash, hash, sizeof(hash));
	m.program = str_dup("microca 0.1.0");
	manifest_add_issuer(&m, "ab12", "CN=CA", 1900000000);
	manifest_add_crl(&m, "ab12", 5, 1800000000);
	manifest_add_member(&m, MANIFEST_DATABASE, 4096, hash);
	manifest_add_member(&m, "issuer.pem", 700, hash);
	manifest_add_text(&m.left_out, "pin: a secret");
	manifest_add_text(&m.never, "the token's keys");
	manifest_write(&text, &m);
	manifest_free(&m);
	good = str_dup((const char *)text.data);
	bytes_free(&text);
	return 0;
}

static int
good_free(void **state)
{
	(void)state;
	free(good);
	return 0;
}

static void
what_is_written_is_read(void **state)
{
	struct manifest m;
	struct fail why = {0};
	struct bytes again = {0};

	(void)state;
	assert_int_equal(manifest_read(&m, span_str(good), &why), 0);
	assert_int_equal(m.records, 7);
	assert_int_equal(m.live, 2);
	assert_int_equal(m.issuer[0].not_after, 1900000000);
	assert_int_equal(m.crl[0].number, 5);
	assert_int_equal(manifest_member(&m, "issuer.pem")->size, 700);
	assert_null(manifest_member(&m, "pin"));
	manifest_write(&again, &m);
	assert_string_equal(again.data, good);
	bytes_free(&again);
	manifest_free(&m);
}

/* `good` with the first `from` replaced. */
static char *
with(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	if (at == NULL)
		fail_msg("%s is not in it:\n%s", from, good);
	return str_fmt(
	    "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void
what_is_not_ours_is_named(void **state)
{
	static const struct {
		const char *from, *to, *said;
	} rows[] = {
	    {"\"format\": \"", "\"format\": \"x", "another format"},
	    {"\"program\": \"microca 0.1.0\"", "\"program\": 1",
		"another format"},
	    {"\"version\": 1", "\"version\": 2", "a newer microca made it"},
	    {"\"made\": \"20", "\"made\": \"x", "a time is none"},
	    {"\"audit\": {", "\"other\": {", "its numbers are missing"},
	    {"\"rows\": {", "\"other\": {", "its numbers are missing"},
	    {"\"schema\": 8", "\"schema\": 0", "a number is none"},
	    {"\"schema\": 8", "\"schema\": \"8\"", "a number is none"},
	    {"\"records\": 7", "\"records\": -7", "a number is none"},
	    {"\"live\": 2", "\"live\": -1", "a number is none"},
	    {"\"outbox\": 2", "\"outbox\": 2.5", "a number is none"},
	    {"\"hash\": \"11", "\"hash\": \"1", "a hash is none"},
	    {"\"hash\": \"11", "\"hash\": \"xx", "a hash is none"},
	    {"\"issuers\": [", "\"others\": [", "a list is missing"},
	    {"\"not_in_it\": [", "\"other\": [", "a list is missing"},
	    {"\"key_id\": \"ab12\"", "\"key_id\": \"../x\"",
		"an issuer is none"},
	    {"\"key_id\": \"ab12\"", "\"key_id\": \"\"", "an issuer is none"},
	    {"\"subject\": \"CN=CA\"", "\"subject\": null",
		"an issuer is none"},
	    {"\"not_after\": \"2030", "\"not_after\": \"2030-13",
		"a time is none"},
	    {"\"number\": 5", "\"number\": -5", "a revocation list is none"},
	    {"\"next_update\": \"2027", "\"next_update\": \"x",
		"a time is none"},
	    {"\"name\": \"issuer.pem\"", "\"name\": \"../issuer.pem\"",
		"name is not allowed"},
	    {"\"name\": \"issuer.pem\"", "\"name\": \"/etc/passwd\"",
		"name is not allowed"},
	    {"\"name\": \"issuer.pem\"", "\"name\": \"" MANIFEST_NAME "\"",
		"name is not allowed"},
	    {"\"name\": \"issuer.pem\"", "\"name\": \"database\"",
		"a member is there twice"},
	    {"\"name\": \"database\"", "\"name\": \"other\"",
		"it names no database"},
	    {"\"size\": 700", "\"size\": -1", "a size is none"},
	    {"\"sha256\": \"11", "\"sha256\": \"1", "a hash is none"},
	    {"\"pin: a secret\"", "[]", "a text is none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = with(rows[i].from, rows[i].to);
		struct manifest m;
		struct fail why = {0};

		if (manifest_read(&m, span_str(text), &why) == 0)
			fail_msg("%s is taken", rows[i].to);
		if (why.kind != FAIL_MALFORMED ||
		    strstr(why.text, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].to, why.text);
		manifest_free(&m);
		free(text);
	}
}

static void
what_is_no_json_object_is_refused(void **state)
{
	static const char *const texts[] = {"", "[]", "1", "{", "{} x"};
	struct bytes large = {0}, nul = {0};
	struct manifest m;
	struct fail why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		why = (struct fail){0};
		assert_int_equal(
		    manifest_read(&m, span_str(texts[i]), &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		manifest_free(&m);
	}
	bytes_adds(&nul, good);
	nul.data[3] = '\0';
	for (size_t i = 0; i <= MANIFEST_MAX; i++)
		bytes_addc(&large, ' ');
	why = (struct fail){0};
	assert_int_equal(manifest_read(&m, span_of(&nul), &why), -1);
	assert_non_null(strstr(why.text, "it is no text"));
	assert_int_equal(manifest_read(&m, span_of(&large), &why), -1);
	assert_non_null(strstr(why.text, "it is no text"));
	bytes_free(&nul);
	bytes_free(&large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(what_is_not_ours_is_named),
	    cmocka_unit_test(what_is_no_json_object_is_refused),
	};

	return cmocka_run_group_tests(tests, good_make, good_free);
}
