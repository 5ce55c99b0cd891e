#include <stdlib.h>
#include <string.h>

#include "lib/net/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct row {
	const char *header;
	enum challenge_scheme scheme;
	const char *realm;
} rows[] = {
    {"Basic realm=\"a\"", CHALLENGE_BASIC, "a"},
    {"basic", CHALLENGE_BASIC, NULL},
    {"BASIC realm=token", CHALLENGE_BASIC, "token"},
    {"Basic realm = \"with \\\"quotes\\\", and a comma\"", CHALLENGE_BASIC,
	"with \"quotes\", and a comma"},
    {"Negotiate, Basic realm=\"a\"", CHALLENGE_BASIC, "a"},
    {"Negotiate abc==, Basic realm=\"a\"", CHALLENGE_BASIC, "a"},
    {", ,Basic realm=\"a\",", CHALLENGE_BASIC, "a"},
    {"Basic realm=\"a\", realm=\"b\"", CHALLENGE_BASIC, "a"},
    {"Digest realm=\"d\", nonce=\"n\", algorithm=SHA-256", CHALLENGE_DIGEST,
	"d"},
    {"Digest realm=\"d\",nonce=\"n\",qop=\"auth,auth-int\","
     "algorithm=\"sha-256\", Basic realm=\"a\"",
	CHALLENGE_DIGEST, "d"},
    {"Basic realm=\"a\", Digest realm=\"d\", nonce=\"n\", "
     "algorithm=SHA-256-sess, qop=auth",
	CHALLENGE_DIGEST, "d"},
    {"Digest realm=\"m\", nonce=\"n\", algorithm=MD5, Digest realm=\"d\", "
     "nonce=\"n\", algorithm=SHA-256",
	CHALLENGE_DIGEST, "d"},
    {"Digest realm=\"m\", nonce=\"n\", algorithm=MD5, Basic realm=\"a\"",
	CHALLENGE_BASIC, "a"},
    {"Digest realm=\"d\", algorithm=SHA-256", CHALLENGE_NONE, NULL},
    {"Digest nonce=\"d\", algorithm=SHA-256", CHALLENGE_NONE, NULL},
    {"Digest realm=\"d\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int\"",
	CHALLENGE_NONE, NULL},
    {"Digest realm=\"d\", nonce=\"n\", algorithm=SHA-512-256", CHALLENGE_NONE,
	NULL},
    {"Digest realm=\"d\", nonce=\"n", CHALLENGE_NONE, NULL},
    {"NTLM", CHALLENGE_NONE, NULL},
    {"", CHALLENGE_NONE, NULL},
    {"\"Basic\"", CHALLENGE_NONE, NULL},
    {NULL, CHALLENGE_NONE, NULL},
};

static void
the_best_scheme_that_we_answer_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct challenge c = {0};
		struct fail why = {0};
		int rc = challenge_read(&c, rows[i].header, &why);

		if ((rc == 0) != (rows[i].scheme != CHALLENGE_NONE) ||
		    c.scheme != rows[i].scheme)
			fail_msg("%s: %d", rows[i].header, c.scheme);
		if (rows[i].realm != NULL)
			assert_string_equal(c.realm, rows[i].realm);
		if (rc != 0)
			assert_string_equal(why.reason, "up-auth");
		challenge_free(&c);
	}
}

static void
what_cannot_be_sent_is_refused(void **state)
{
	static const struct {
		const char *header, *user, *password;
		bool ok;
	} tries[] = {{"Basic", "", "pw", true}, {"Basic", "a:b", "pw", false},
	    {"Basic", "a", "p:w", true}, {"Basic", "a", "p\nw", false},
	    {"Basic", "a\r\nX: y", "pw", false},
	    {"Digest realm=\"d\", nonce=\"n\", algorithm=SHA-256", "a:b", "pw",
		true},
	    {"Digest realm=\"d\", nonce=\"n\", algorithm=SHA-256", "a\tb", "pw",
		false}};

	(void)state;
	for (size_t i = 0; i < COUNT(tries); i++) {
		struct challenge c = {0};
		struct bytes out = {0};
		struct fail why = {0};
		int rc;

		assert_int_equal(challenge_read(&c, tries[i].header, &why), 0);
		rc = challenge_answer(&out, &c, tries[i].user,
		    tries[i].password, "GET", "/x", &why);
		assert_int_equal(rc == 0, tries[i].ok);
		if (rc == 0)
			assert_null(strpbrk((char *)out.data, "\r\n"));
		else
			assert_int_equal(why.kind, FAIL_CONFIG);
		challenge_free(&c);
		bytes_wipe(&out);
	}
}

/* Whatever a server sends: no crash, and no line end in what we say. */
static void
mutations_are_survived(void **state)
{
	static const char base[] =
	    "Basic realm=\"a\\\"b\", Digest realm=\"d\", nonce=\"n\", "
	    "opaque=\"o\", qop=\"auth\", algorithm=SHA-256, stale=TRUE";
	static const char odd[] = "\",=\\ \tA;\x7f\xff";

	(void)state;
	for (size_t i = 0; i < sizeof(base) - 1; i++)
		for (size_t k = 0; k < sizeof(odd); k++) {
			char *header = mem_dup(base, sizeof(base) - 1);
			struct challenge c = {0};
			struct bytes out = {0};
			struct fail why = {0};

			header[i] = odd[k];
			if (challenge_read(&c, header, &why) == 0)
				assert_int_equal(challenge_answer(&out, &c, "u",
						     "p", "GET", "/x", &why),
				    0);
			challenge_free(&c);
			bytes_wipe(&out);
			free(header);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_best_scheme_that_we_answer_is_taken),
	    cmocka_unit_test(what_cannot_be_sent_is_refused),
	    cmocka_unit_test(mutations_are_survived),
	};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
