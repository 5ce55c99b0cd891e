/* checkpoint, detached, headfile, batches, devicelock: what a connector keeps
 * of its edges. */
#include <fcntl.h>
#include <stdio.h>

#include "lib/base/json.h"
#include "lib/cloud/batches.h"
#include "lib/cloud/checkpoint.h"
#include "lib/cloud/detached.h"
#include "lib/cloud/devicelock.h"
#include "lib/cloud/headfile.h"
#include "tests/unit/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"
#define TIME "\"time\":\"2026-11-23T15:00:00Z\""
#define NOW 1795446000

static int
make(void **state)
{
	(void)state;
	return mkdtemp(pki_folder) == NULL;
}

static int
end(void **state)
{
	char *command = str_fmt("rm -rf %s", pki_folder);
	int rc = system(command);

	(void)state;
	free(command);
	return rc;
}

/* ---- signatures ---------------------------------------------------------- */

static void
what_is_signed_is_verified(void **state)
{
	static const struct {
		const char *kind, *alg;
	} rows[] = {
	    {"P-256", "ES256"},
	    {"P-384", "ES384"},
	    {"P-521", "ES512"},
	    {"RSA", "RS256"},
	};
	EVP_PKEY *other_key = pki_key();
	X509 *other = pki_ca("CN=Other", other_key, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *key =
		    i < 3 ? EVP_EC_gen(rows[i].kind) : EVP_RSA_gen(2048);
		X509 *cert = pki_ca("CN=CA", key, NULL, NULL);
		STACK_OF(X509) *signers = pki_chain(other, cert, NULL);
		STACK_OF(X509) *strangers = pki_chain(other, NULL, NULL);
		struct fail why = {0};
		char *jws;

		assert_int_equal(
		    detached_sign(&jws, span_str("text"), key, cert, &why), 0);
		assert_non_null(strstr(jws, ".."));
		assert_int_equal(
		    detached_verify(jws, span_str("text"), signers, &why), 0);
		assert_int_equal(
		    detached_verify(jws, span_str("texT"), signers, &why), -1);
		assert_string_equal(why.reason, "signature");
		assert_int_equal(why.kind, FAIL_DENIED);
		assert_int_equal(
		    detached_verify(jws, span_str("text"), strangers, &why),
		    -1);
		assert_string_equal(why.reason, "signer");
		/* one bit of it */
		jws[strlen(jws) - 3] = jws[strlen(jws) - 3] == 'A' ? 'B' : 'A';
		assert_int_equal(
		    detached_verify(jws, span_str("text"), signers, &why), -1);
		free(jws);
		sk_X509_pop_free(signers, X509_free);
		sk_X509_pop_free(strangers, X509_free);
		X509_free(cert);
		EVP_PKEY_free(key);
	}
	X509_free(other);
	EVP_PKEY_free(other_key);
}

static void
what_is_no_signature_is_refused(void **state)
{
	static const char *const rows[] = {
	    "",
	    ".",
	    "..",
	    "a..b",
	    "e30..AAAA",             /* {} */
	    "eyJhbGciOiJub25lIn0..", /* {"alg":"none"} */
	    "eyJhbGciOiJub25lIn0..AAAA",
	    "eyJhbGciOiJFUzI1NiJ9.dGV4dA.AAAA", /* with a payload */
	    "eyJhbGciOiJFUzI1NiJ9..AA=A",
	    "eyJhbGciOiJFUzI1NiJ9..A\nAAA",
	    /* {"alg":"ES256","x5t#S256":"x","crit":["b64"],"b64":false} */
	    "eyJhbGciOiJFUzI1NiIsIng1dCNTMjU2IjoieCIsImNyaXQiOlsiYjY0Il0sImI2N"
	    "CI6ZmFsc2V9..AAAA",
	};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    detached_verify(rows[i], span_str("text"), NULL, &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_string_equal(why.reason, "signature");
	}
}

/* The header says HS256, or ES256 of an RSA key. */
static void
the_key_says_which_algorithm(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = pki_key();
	X509 *cert = pki_ca("CN=CA", rsa, NULL, NULL);
	STACK_OF(X509) *signers = pki_chain(cert, NULL, NULL);
	struct fail why = {0};
	char *jws;

	(void)state;
	/* An EC key signs in the name of the RSA certificate. */
	assert_int_equal(
	    detached_sign(&jws, span_str("text"), ec, cert, &why), 0);
	assert_int_equal(
	    detached_verify(jws, span_str("text"), signers, &why), -1);
	assert_string_equal(why.reason, "signature");
	assert_int_equal(why.kind, FAIL_DENIED);
	free(jws);
	sk_X509_pop_free(signers, X509_free);
	X509_free(cert);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

/* ---- heads --------------------------------------------------------------- */

/* "0:41:H1 1:7:H2" */
static void
head(struct checkpoint *cp, const char *lanes)
{
	memset(cp, 0, sizeof(*cp));
	cp->edge = str_dup("plant-7-a");
	cp->time = NOW;
	while (*lanes != '\0') {
		struct checkpoint_lane *lane = &cp->lane[cp->n++];
		int lane_no, seq, hash, used;

		must(sscanf(lanes, "%d:%d:%d %n", &lane_no, &seq, &hash,
			 &used) == 3,
		    lanes);
		lane->lane = lane_no;
		lane->seq = seq;
		(void)strcpy(lane->hash, hash == 1 ? H1 : H2);
		lanes += used;
	}
	cp->head = checkpoint_head(cp);
}

static void
a_head_is_this(void **state)
{
	struct checkpoint cp, again;
	struct fail why = {0};
	char *text;

	(void)state;
	head(&cp, "0:41:1 3:7:2 ");
	assert_string_equal(cp.head,
	    "{\"edge\":\"plant-7-a\"," TIME ",\"lanes\":[{\"lane\":0,"
	    "\"seq\":41,\"hash\":\"" H1 "\"},{\"lane\":3,\"seq\":7,"
	    "\"hash\":\"" H2 "\"}]}");
	text = checkpoint_write(cp.head, "a..b");
	assert_int_equal(checkpoint_read(&again, text, &why), 0);
	assert_string_equal(again.head, cp.head);
	assert_string_equal(again.signature, "a..b");
	assert_string_equal(again.edge, "plant-7-a");
	assert_int_equal(again.time, NOW);
	assert_int_equal(again.n, 2);
	assert_int_equal(again.lane[1].lane, 3);
	assert_int_equal(again.lane[1].seq, 7);
	assert_string_equal(again.lane[1].hash, H2);
	free(text);
	checkpoint_free(&cp);
	checkpoint_free(&again);
}

static void
what_is_no_head_is_refused(void **state)
{
#define LANE "{\"lane\":0,\"seq\":1,\"hash\":\"" H1 "\"}"
	static const char *const heads[] = {
	    "",
	    "7",
	    "{}",
	    "{\"edge\":\"a b\"," TIME ",\"lanes\":[" LANE "]}",
	    "{\"edge\":\"e\",\"lanes\":[" LANE "]}",
	    "{\"edge\":\"e\",\"time\":\"99991231\",\"lanes\":[" LANE "]}",
	    "{\"edge\":\"e\"," TIME "}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":{}}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[7]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[" LANE "," LANE "]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[{\"lane\":-1,\"seq\":1,"
	    "\"hash\":\"" H1 "\"}]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[{\"lane\":0,\"seq\":-1,"
	    "\"hash\":\"" H1 "\"}]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[{\"lane\":0,\"seq\":1,"
	    "\"hash\":\"11\"}]}",
	    "{\"edge\":\"e\"," TIME ",\"lanes\":[{\"lane\":0,\"seq\":1}]}",
	};
	struct checkpoint cp;
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		char *text = checkpoint_write(heads[i], "a..b");

		assert_int_equal(checkpoint_read(&cp, text, &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		free(text);
	}
	assert_int_equal(checkpoint_read(&cp, "{}", &why), -1);
	assert_string_equal(why.reason, "schema");
	assert_int_equal(
	    checkpoint_read(&cp, "{\"schema\":\"microca.head/1\"}", &why), -1);
	assert_string_equal(why.reason, "schema");
}

static void
a_head_goes_on_or_back(void **state)
{
	static const struct {
		const char *before, *after;
		enum checkpoint_step step;
		const char *said;
	} rows[] = {
	    {"0:41:1 ", "0:41:1 ", CHECKPOINT_SAME, ""},
	    {"0:41:1 ", "0:42:2 ", CHECKPOINT_ON, ""},
	    {"0:41:1 ", "0:41:1 1:0:2 ", CHECKPOINT_ON, ""},
	    {"0:41:1 ", "0:40:2 ", CHECKPOINT_BACK, "lane 0: 40 after 41"},
	    {"0:41:1 ", "0:41:2 ", CHECKPOINT_FORK,
		"lane 0: another hash at 41"},
	    {"0:41:1 1:7:1 ", "0:42:1 ", CHECKPOINT_BACK,
		"lane 1: no more, after 7"},
	    {"0:41:1 1:7:1 ", "0:42:1 1:6:1 ", CHECKPOINT_BACK,
		"lane 1: 6 after 7"},
	    {"0:41:1 1:7:1 ", "0:42:2 1:7:1 ", CHECKPOINT_ON, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct checkpoint before, after;
		char text[128];

		head(&before, rows[i].before);
		head(&after, rows[i].after);
		assert_int_equal(
		    checkpoint_step(text, &before, &after), rows[i].step);
		assert_string_equal(text, rows[i].said);
		checkpoint_free(&before);
		checkpoint_free(&after);
	}
}

/* ---- the file of heads --------------------------------------------------- */

static char *
lines(void)
{
	char *path = pki_path("heads/plant-7-a");
	struct bytes text = {0};
	struct fail why = {0};

	must(file_read(&text, path, 64 << 20, &why) == 0, path);
	free(path);
	return (char *)text.data;
}

static size_t
count(const char *part)
{
	char *text = lines();
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
		n++;
	free(text);
	return n;
}

/* "added", "same", or the reason. */
static const char *
add(const char *lanes)
{
	struct checkpoint cp;
	struct fail why = {0};
	bool added;
	int rc;

	head(&cp, lanes);
	rc = headfile_add(&added, pki_folder, &cp, true, NOW, &why);
	checkpoint_free(&cp);
	if (rc == 0)
		return added ? "added" : "same";
	assert_int_equal(why.kind, FAIL_CONFLICT);
	return why.reason;
}

static void
heads_are_kept_and_what_goes_back_is_marked(void **state)
{
	(void)state;
	assert_string_equal(add("0:41:1 "), "added");
	assert_string_equal(add("0:41:1 "), "same");
	assert_string_equal(add("0:57:2 "), "added");
	assert_int_equal(count("\n"), 2);
	/* a mark for each head that went back, once */
	assert_string_equal(add("0:41:1 "), "head-back");
	assert_string_equal(add("0:41:1 "), "head-back");
	assert_int_equal(count("\"head-back\""), 1);
	assert_string_equal(add("0:42:1 "), "head-back");
	assert_int_equal(count("\"head-back\""), 2);
	assert_string_equal(add("0:57:1 "), "head-fork");
	assert_int_equal(count("\"head-fork\""), 1);
	assert_int_equal(count("lane 0: another hash at 57"), 1);
	/* what was the last one still is */
	assert_string_equal(add("0:57:2 "), "same");
	assert_string_equal(add("0:58:1 "), "added");
	assert_int_equal(count("\"accepted\""), 3);
	assert_int_equal(count("\n"), 6);
}

static void
append(const char *text)
{
	char *path = pki_path("heads/plant-7-a");
	int fd = open(path, O_WRONLY | O_APPEND);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	    path);
	(void)close(fd);
	free(path);
}

static void
a_line_that_was_cut_counts_for_nothing(void **state)
{
	char *text;

	(void)state;
	append("{\"at\":\"2026-11-23T15:00:00Z\",\"result\":\"acc");
	assert_string_equal(add("0:57:2 "), "head-back");
	assert_string_equal(add("0:59:1 "), "added");
	text = lines();
	assert_non_null(strstr(text, "\"acc\n{"));
	assert_string_equal(text + strlen(text) - 2, "}\n");
	free(text);
	assert_string_equal(add("0:58:1 "), "head-back");
}

/* So many marks that the last head is far from the end. */
static void
the_last_head_is_found_before_any_number_of_marks(void **state)
{
	(void)state;
	for (int i = 0; i < 900; i++) {
		char *line =
		    str_fmt("{\"result\":\"head-back\",\"x\":\"%0999d\"}\n", i);

		append(line);
		free(line);
	}
	assert_string_equal(add("0:58:1 "), "head-back");
	assert_string_equal(add("0:59:1 "), "same");
}

/* ---- batches, locks ------------------------------------------------------ */

static int
note(const char *batch, const char *body, struct fail *why)
{
	return batches_note(pki_folder, "e-1", batch, span_str(body), why);
}

static void
an_id_is_for_one_body(void **state)
{
	struct fail why = {0};
	char id[20];

	(void)state;
	assert_int_equal(note("b", "one", &why), 0);
	assert_int_equal(note("b", "one", &why), 0);
	assert_int_equal(note("b", "two", &why), -1);
	assert_int_equal(why.kind, FAIL_CONFLICT);
	assert_string_equal(why.reason, "batch-reused");
	assert_int_equal(note("b2", "two", &why), 0);
	for (int i = 0; i < BATCHES_KEPT - 2; i++) {
		(void)snprintf(id, sizeof(id), "id-%d", i);
		assert_int_equal(note(id, "x", &why), 0);
	}
	/* the last ones are known … */
	assert_int_equal(note("b", "two", &why), -1);
	/* … of a file that stays small. */
	for (int i = 0; i < 5 * BATCHES_KEPT; i++) {
		(void)snprintf(id, sizeof(id), "more-%d", i);
		assert_int_equal(note(id, "x", &why), 0);
	}
	assert_int_equal(note("b", "two", &why), 0);
	assert_int_equal(note(id, "y", &why), -1);
}

static void
a_file_of_batches_may_be_damaged(void **state)
{
	struct fail why = {0};

	(void)state;
	pki_file("batches/e-1", span_str("b xyz\nid 0123"), 0600);
	assert_int_equal(note("b", "two", &why), 0);
	assert_int_equal(note("b", "one", &why), -1);
}

static void
a_device_is_one_s_at_a_time(void **state)
{
	const char *both[] = {"a", "b"}, *b[] = {"b"}, *c[] = {"c"};
	struct fail why = {0};
	int first, second, third;

	(void)state;
	assert_int_equal(
	    devicelock_take(&first, pki_folder, both, 2, 0, &why), 0);
	assert_int_equal(
	    devicelock_take(&second, pki_folder, b, 1, 0.05, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "device-busy");
	assert_int_equal(second, -1);
	assert_int_equal(devicelock_take(&third, pki_folder, c, 1, 0, &why), 0);
	(void)close(first);
	assert_int_equal(
	    devicelock_take(&second, pki_folder, b, 1, 0, &why), 0);
	(void)close(second);
	(void)close(third);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_signed_is_verified),
	    cmocka_unit_test(what_is_no_signature_is_refused),
	    cmocka_unit_test(the_key_says_which_algorithm),
	    cmocka_unit_test(a_head_is_this),
	    cmocka_unit_test(what_is_no_head_is_refused),
	    cmocka_unit_test(a_head_goes_on_or_back),
	    cmocka_unit_test(heads_are_kept_and_what_goes_back_is_marked),
	    cmocka_unit_test(a_line_that_was_cut_counts_for_nothing),
	    cmocka_unit_test(the_last_head_is_found_before_any_number_of_marks),
	    cmocka_unit_test(an_id_is_for_one_body),
	    cmocka_unit_test(a_file_of_batches_may_be_damaged),
	    cmocka_unit_test(a_device_is_one_s_at_a_time),
	};

	return cmocka_run_group_tests(tests, make, end);
}
