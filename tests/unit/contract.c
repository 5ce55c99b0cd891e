/* contract: microca.cc/1 as JSON, both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cloud/contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define HEAD                                                                   \
	"{\"schema\":\"microca.cc/1\",\"edgeId\":\"e-1\",\"batchId\":\"b-1\"," \
	"\"sentAt\":\"2026-11-23T15:00:00Z\",\"items\":"
#define CERT                                                                   \
	"\"serial\":\"01A2\",\"issuer\":\"CN=Micro CA\",\"profile\":"          \
	"\"device\",\"notBefore\":\"2026-11-23T15:00:00Z\",\"notAfter\":"      \
	"\"2027-11-23T15:00:00Z\""
#define ISSUED                                                                 \
	"\"seq\":41,\"event\":\"issued\",\"deviceId\":\"sensor-1\","           \
	"\"certSha256\":\"" A "\"," CERT

static struct contract_batch *batch; /* too large for a stack */

static int
make(void **state)
{
	(void)state;
	batch = calloc(1, sizeof(*batch));
	return batch == NULL;
}

static int
end(void **state)
{
	(void)state;
	contract_batch_free(batch);
	free(batch);
	return 0;
}

/* ---- what an edge sends -------------------------------------------------- */

static struct wanted
device(const char *name, int64_t seq)
{
	struct wanted w = {.device = str_dup(name),
	    .edge = str_dup("e-1"),
	    .seq = seq,
	    .event = CLOUD_ISSUED,
	    .current = {A, str_dup("01A2"), str_dup("CN=Micro CA"),
		str_dup("device"), 1795446000, 1826982000}};

	return w;
}

static void
fill(struct contract_batch *b)
{
	b->edge = str_dup("e-1");
	b->batch = str_dup("b-1");
	b->sent = 1795446000;
}

static void
what_is_written_is_this(void **state)
{
	char *text;

	(void)state;
	fill(batch);
	batch->items[0] = device("sensor-1", 41);
	batch->n = 1;
	text = contract_batch_write(batch);
	assert_string_equal(text,
	    HEAD "[{\"seq\":41,\"event\":\"issued\",\"deviceId\":\"sensor-1\","
		 "\"certSha256\":\"" A "\",\"serial\":\"01A2\","
		 "\"issuer\":\"CN=Micro CA\","
		 "\"notBefore\":\"2026-11-23T15:00:00Z\","
		 "\"notAfter\":\"2027-11-23T15:00:00Z\","
		 "\"profile\":\"device\",\"site\":null,\"replaces\":null,"
		 "\"revocation\":null}]}");
	free(text);
}

static void
same_cert(const struct cloud_cert *a, const struct cloud_cert *b)
{
	assert_string_equal(a->sha256, b->sha256);
	if (b->serial == NULL) {
		assert_null(a->serial);
		return;
	}
	assert_string_equal(a->serial, b->serial);
	assert_string_equal(a->issuer, b->issuer);
	assert_string_equal(a->profile, b->profile);
	assert_int_equal(a->not_before, b->not_before);
	assert_int_equal(a->not_after, b->not_after);
}

/* Written, read, and the same again. */
static void
round_trip(struct wanted w, const char *event)
{
	char *text, *want = str_fmt("\"event\":\"%s\"", event);
	struct fail why = {0};
	struct wanted *r;

	fill(batch);
	batch->items[0] = w;
	batch->n = 1;
	text = contract_batch_write(batch);
	assert_non_null(strstr(text, want));
	free(batch->edge);
	free(batch->batch);
	memset(batch, 0, sizeof(*batch));
	assert_int_equal(contract_batch_read(batch, text, &why), 0);
	assert_int_equal(batch->n, 1);
	assert_string_equal(batch->bad[0].text, "");
	r = &batch->items[0];
	assert_string_equal(r->device, w.device);
	assert_string_equal(r->edge, "e-1");
	assert_int_equal(r->seq, w.seq);
	assert_int_equal(r->state, w.state);
	assert_int_equal(r->reason, w.reason);
	assert_int_equal(r->revoked, w.revoked);
	same_cert(&r->current, &w.current);
	same_cert(&r->previous, &w.previous);
	assert_true((r->site == NULL) == (w.site == NULL));
	free(text);
	free(want);
	contract_batch_free(batch);
	wanted_free(&w);
}

static void
every_state_comes_back_as_it_was(void **state)
{
	struct wanted w = device("sensor-1", 41);

	(void)state;
	round_trip(w, "issued");
	w = device("a:b.c+d%e_f#g*h?i!(j),k=l@m;n$o'p", 4503599627370495);
	w.event = CLOUD_RENEWED;
	w.site = str_dup("Halle 7, Süd");
	w.previous = (struct cloud_cert){B, str_dup("FF"), str_dup("CN=Old CA"),
	    str_dup("device"), 1795446000, 1826982000};
	round_trip(w, "renewed");
	w = device("sensor-2", 42);
	w.state = CLOUD_REVOKED;
	w.event = CLOUD_REVOCATION;
	w.reason = 1;
	w.revoked = 1795446000;
	round_trip(w, "revoked");
}

static void
a_good_certificate_is_not_told_as_revoked(void **state)
{
	struct wanted w = device("sensor-1", 43);

	(void)state;
	w.event = CLOUD_REVOCATION; /* of the one before it */
	round_trip(w, "renewed");
}

static void
bad_items_are_told_one_by_one(void **state)
{
	static const struct {
		const char *item, *what;
	} rows[] = {
	    {"{}", "certSha256"},
	    {"7", "the item"},
	    {"[]", "the item"},
	    {"{\"seq\":0,"
	     "\"certSha256\":\"" A "\"}",
		"seq"},
	    {"{\"seq\":-1,\"certSha256\":\"" A "\"}", "seq"},
	    {"{\"seq\":1.5,\"certSha256\":\"" A "\"}", "seq"},
	    {"{\"seq\":\"41\",\"certSha256\":\"" A "\"}", "seq"},
	    {"{\"seq\":4503599627370496,\"certSha256\":\"" A "\"}", "seq"},
	    {"{\"seq\":41,\"certSha256\":\"AA\"}", "certSha256"},
	    {"{\"seq\":41,\"certSha256\":\"" A "A\"}", "certSha256"},
	    {"{\"seq\":41,\"certSha256\":\"G" A "\"}", "certSha256"},
	    {"{\"seq\":41,\"certSha256\":\"" A "\"}", "deviceId"},
	    {"{\"seq\":41,\"certSha256\":\"" A "\",\"deviceId\":\"a/b\"}",
		"deviceId"},
	    {"{\"seq\":41,\"certSha256\":\"" A "\",\"deviceId\":\"a b\"}",
		"deviceId"},
	    {"{\"seq\":41,\"certSha256\":\"" A "\",\"deviceId\":\"\"}",
		"deviceId"},
	    {"{\"seq\":41,\"certSha256\":\"" A "\",\"deviceId\":\"é\"}",
		"deviceId"},
	    {"{\"seq\":41,\"certSha256\":\"" A
	     "\",\"deviceId\":\"a\",\"event\":\"deleted\"}",
		"event"},
	    {"{" ISSUED ",\"site\":7}", "site"},
	    {"{" ISSUED ",\"site\":\"a\\nb\"}", "site"},
	    {"{" ISSUED ",\"site\":\"\"}", "site"},
	    {"{" ISSUED ",\"replaces\":\"AA\"}", "replaces"},
	    {"{" ISSUED ",\"replaces\":\"" A "\"}", "replaces"},
	    {"{" ISSUED ",\"replaces\":\"" B "\",\"previous\":{}}", "serial"},
	    {"{" ISSUED ",\"replaces\":\"" B "\",\"previous\":7}", "previous"},
	    {"{" ISSUED ",\"previous\":{" CERT "}}", "previous"},
	    {"{" ISSUED ",\"revocation\":{\"time\":\"2026-11-23T15:00:00Z\","
	     "\"reason\":\"keyCompromise\"}}",
		"revocation"},
	};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = str_fmt(HEAD "[%s,{" ISSUED "}]}", rows[i].item);

		assert_int_equal(contract_batch_read(batch, text, &why), 0);
		assert_int_equal(batch->n, 2);
		assert_int_equal(batch->bad[0].kind, FAIL_MALFORMED);
		assert_string_equal(batch->bad[0].reason, "bad-item");
		if (strstr(batch->bad[0].text, rows[i].what) == NULL) {
			(void)fprintf(stderr, "%s: %s\n", rows[i].item,
			    batch->bad[0].text);
			assert_true(false);
		}
		/* The other one is well. */
		assert_int_equal(batch->bad[1].kind, FAIL_NONE);
		free(text);
		contract_batch_free(batch);
	}
}

/* ISSUED with one of its members changed. */
static void
members_of_a_certificate_are_strict(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"\"01A2\"", "\"1A2\""},
	    {"\"01A2\"", "\"01a2\""},
	    {"\"01A2\"", "\"-01A2\""},
	    {"\"01A2\"", "\"\""},
	    {"\"01A2\"", "null"},
	    {"\"CN=Micro CA\"", "\"CN=\\u0007\""},
	    {"\"CN=Micro CA\"", "\"CN=\\u202e\""},
	    {"\"CN=Micro CA\"", "[]"},
	    {"\"device\"", "\"../device\""},
	    {"\"device\"", "\"\""},
	    {"\"2027-11-23T15:00:00Z\"", "\"20271123150000Z\""},
	    {"\"2027-11-23T15:00:00Z\"", "\"99991231\""},
	    {"\"2027-11-23T15:00:00Z\"", "\"2027-11-23T15:00:00+01:00\""},
	    {"\"2027-11-23T15:00:00Z\"", "\"2027-02-30T15:00:00Z\""},
	    {"\"2027-11-23T15:00:00Z\"", "1826982000"},
	    /* it ends before it begins */
	    {"\"2027-11-23T15:00:00Z\"", "\"2026-11-23T14:59:59Z\""},
	};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		static const char whole[] = HEAD "[{" ISSUED "}]}";
		const char *at = strstr(whole, rows[i].from);
		char *text = str_fmt("%.*s%s%s", (int)(at - whole), whole,
		    rows[i].to, at + strlen(rows[i].from));

		assert_int_equal(contract_batch_read(batch, text, &why), 0);
		if (batch->bad[0].kind != FAIL_MALFORMED)
			(void)fprintf(stderr, "%s\n", text);
		assert_int_equal(batch->bad[0].kind, FAIL_MALFORMED);
		free(text);
		contract_batch_free(batch);
	}
}

static void
the_envelope_is_strict(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
	    {"", "json"},
	    {"{", "json"},
	    {"nonsense", "json"},
	    {"{\"a\":1,\"a\":2}", "json"},
	    {"\xff", "json"},
	    {"[]", "schema"},
	    {"{}", "schema"},
	    {HEAD "7}", "schema"},
	    {HEAD "[]}", "schema"},
	    {HEAD "{}}", "schema"},
	    {"{\"schema\":\"microca.cc/2\",\"edgeId\":\"e-1\",\"batchId\":"
	     "\"b\",\"sentAt\":\"2026-11-23T15:00:00Z\",\"items\":[{}]}",
		"schema"},
	    {"{\"schema\":\"microca.cc/1\",\"edgeId\":\"e/1\",\"batchId\":"
	     "\"b\",\"sentAt\":\"2026-11-23T15:00:00Z\",\"items\":[{}]}",
		"schema"},
	    {"{\"schema\":\"microca.cc/1\",\"edgeId\":\"e\",\"batchId\":"
	     "\"a b\",\"sentAt\":\"2026-11-23T15:00:00Z\",\"items\":[{}]}",
		"schema"},
	    {"{\"schema\":\"microca.cc/1\",\"edgeId\":\"e\",\"batchId\":"
	     "\"b\",\"sentAt\":\"yesterday\",\"items\":[{}]}",
		"schema"},
	};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    contract_batch_read(batch, rows[i].text, &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_string_equal(why.reason, rows[i].reason);
		assert_int_equal(batch->n, 0);
	}
}

static void
a_hundred_items_and_no_more(void **state)
{
	struct bytes text = {0};
	struct fail why = {0};

	(void)state;
	bytes_adds(&text, HEAD "[");
	for (int i = 0; i < CONTRACT_ITEMS; i++)
		bytes_addf(&text, "%s{" ISSUED "}", i > 0 ? "," : "");
	bytes_adds(&text, "]}");
	assert_int_equal(
	    contract_batch_read(batch, (char *)text.data, &why), 0);
	assert_int_equal(batch->n, CONTRACT_ITEMS);
	contract_batch_free(batch);
	text.len -= 2;
	bytes_adds(&text, ",{" ISSUED "}]}");
	assert_int_equal(
	    contract_batch_read(batch, (char *)text.data, &why), -1);
	assert_int_equal(why.kind, FAIL_SIZE);
	assert_string_equal(why.reason, "too-many");
	bytes_free(&text);
}

static void
what_is_not_known_is_passed_over(void **state)
{
	struct fail why = {0};

	(void)state;
	assert_int_equal(contract_batch_read(batch,
			     HEAD "[{" ISSUED ",\"colour\":\"blue\"}],"
				  "\"more\":[1,2]}",
			     &why),
	    0);
	assert_int_equal(batch->bad[0].kind, FAIL_NONE);
}

static void
thumbprints_are_taken_in_either_case(void **state)
{
	static const char text[] = HEAD "[{\"seq\":1,\"certSha256\":\""
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}";
	struct fail why = {0};

	(void)state;
	assert_int_equal(contract_batch_read(batch, text, &why), 0);
	assert_string_equal(batch->items[0].current.sha256, A);
}

/* ---- what it is answered ------------------------------------------------- */

static void
two_items(void)
{
	fill(batch);
	batch->items[0] = device("sensor-1", 41);
	batch->items[1] = device("sensor-2", 42);
	batch->n = 2;
}

static void
every_result_comes_back_as_it_was(void **state)
{
	static const struct {
		struct cloud_result sent;
		enum cloud_outcome outcome;
		enum fail_kind kind;
		const char *reason;
		int retry;
	} rows[] = {
	    {{CLOUD_APPLIED, {0}, ""}, CLOUD_APPLIED, FAIL_NONE, NULL, 0},
	    {{CLOUD_UNCHANGED, {0}, ""}, CLOUD_UNCHANGED, FAIL_NONE, NULL, 0},
	    {{CLOUD_SUPERSEDED, {0}, B}, CLOUD_SUPERSEDED, FAIL_NONE, NULL, 0},
	    {{CLOUD_DEFERRED, {FAIL_BUSY, "cloud-throttled", 17, "later", ""},
		 ""},
		CLOUD_DEFERRED, FAIL_BUSY, "cloud-deferred", 17},
	    {{CLOUD_UNKNOWN, {FAIL_BUSY, "cloud-net", 0, "cut", ""}, ""},
		CLOUD_DEFERRED, FAIL_BUSY, "cloud-deferred", 60},
	    {{CLOUD_REJECTED, {FAIL_MALFORMED, "bad-item", 0, "what", ""}, ""},
		CLOUD_REJECTED, FAIL_MALFORMED, "bad-item", 0},
	    {{CLOUD_REJECTED, {FAIL_DENIED, "id-not-allowed", 0, "not", ""},
		 ""},
		CLOUD_REJECTED, FAIL_DENIED, "id-not-allowed", 0},
	    {{CLOUD_REJECTED, {FAIL_DENIED, "cloud-foreign", 0, "other", ""},
		 ""},
		CLOUD_REJECTED, FAIL_DENIED, "cloud-foreign", 0},
	    {{CLOUD_REJECTED, {FAIL_DENIED, "what-else", 0, "hm", ""}, ""},
		CLOUD_REJECTED, FAIL_DENIED, "cloud-refused", 0},
	};
	struct cloud_result sent[2], got[2];
	struct fail why = {0};

	(void)state;
	two_items();
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text;

		sent[0] = rows[i].sent;
		sent[1] = rows[0].sent;
		text = contract_results_write(batch, sent);
		assert_int_equal(
		    contract_results_read(got, batch, text, &why), 0);
		assert_int_equal(got[0].outcome, rows[i].outcome);
		assert_int_equal(got[0].why.kind, rows[i].kind);
		if (rows[i].reason != NULL)
			assert_string_equal(got[0].why.reason, rows[i].reason);
		assert_int_equal(got[0].why.retry, rows[i].retry);
		assert_string_equal(got[0].there, rows[i].sent.there);
		assert_int_equal(got[1].outcome, CLOUD_APPLIED);
		free(text);
	}
}

static void
a_result_is_this(void **state)
{
	struct cloud_result r[2] = {{CLOUD_SUPERSEDED, {0}, B},
	    {CLOUD_REJECTED, {FAIL_DENIED, "cloud-foreign", 0, "not ours", ""},
		""}};
	char *text;

	(void)state;
	two_items();
	text = contract_results_write(batch, r);
	assert_string_equal(text,
	    "{\"batchId\":\"b-1\",\"results\":[{\"seq\":41,\"certSha256\":\"" A
	    "\",\"status\":\"superseded\",\"code\":null,\"detail\":null,"
	    "\"retryAfter\":null,\"current\":\"" B
	    "\"},{\"seq\":42,\"certSha256\":\"" A
	    "\",\"status\":\"rejected\",\"code\":\"foreign_identity\","
	    "\"detail\":\"not ours\",\"retryAfter\":null}]}");
	free(text);
}

#define RESULT(seq, sha, status)                                               \
	"{\"seq\":" seq ",\"certSha256\":\"" sha "\",\"status\":\"" status "\"}"
#define RESULTS "{\"batchId\":\"b-1\",\"results\":["

static void
what_an_answer_does_not_tell_is_not_known(void **state)
{
	static const struct {
		const char *text;
		enum cloud_outcome first, second;
	} rows[] = {
	    {RESULTS "]}", CLOUD_UNKNOWN, CLOUD_UNKNOWN},
	    {RESULTS RESULT("41", A, "applied") "]}", CLOUD_APPLIED,
		CLOUD_UNKNOWN},
	    /* another's seq, another's certificate, a status to come */
	    {RESULTS RESULT("40", A, "applied") "," RESULT(
		 "42", A, "applied") "]}",
		CLOUD_UNKNOWN, CLOUD_APPLIED},
	    {RESULTS RESULT("41", B, "applied") "," RESULT(
		 "42", A, "unchanged") "]}",
		CLOUD_UNKNOWN, CLOUD_UNCHANGED},
	    {RESULTS RESULT("41", A, "forgotten") "," RESULT(
		 "42", A, "applied") "]}",
		CLOUD_UNKNOWN, CLOUD_APPLIED},
	    {RESULTS "7,{}]}", CLOUD_UNKNOWN, CLOUD_UNKNOWN},
	    /* more than were asked for */
	    {RESULTS RESULT("41", A, "applied") "," RESULT(
		 "42", A, "applied") "," RESULT("43", A, "applied") "]}",
		CLOUD_APPLIED, CLOUD_APPLIED},
	};
	struct cloud_result got[2];
	struct fail why = {0};

	(void)state;
	two_items();
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    contract_results_read(got, batch, rows[i].text, &why), 0);
		assert_int_equal(got[0].outcome, rows[i].first);
		assert_int_equal(got[1].outcome, rows[i].second);
	}
}

static void
what_is_no_answer_leaves_all_unknown(void **state)
{
	static const char *const rows[] = {
	    "",
	    "<html>",
	    "{}",
	    "[]",
	    "{\"results\":[]}",
	    "{\"batchId\":\"b-2\",\"results\":[" RESULT(
		"41", A, "applied") "]}",
	    "{\"batchId\":\"b-1\",\"results\":{}}",
	};
	struct cloud_result got[2];
	struct fail why = {0};

	(void)state;
	two_items();
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    contract_results_read(got, batch, rows[i], &why), -1);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_int_equal(got[0].outcome, CLOUD_UNKNOWN);
		assert_int_equal(got[1].outcome, CLOUD_UNKNOWN);
	}
}

static void
a_refusal_comes_back_printable(void **state)
{
	struct fail why = {0};
	char detail[40], *text;

	(void)state;
	why =
	    (struct fail){FAIL_CONFLICT, "batch-reused", 0, "came before", ""};
	text = contract_error_write(&why, "0123456789abcdef");
	assert_string_equal(text,
	    "{\"error\":{\"code\":\"batch_reused\",\"message\":"
	    "\"came before\",\"request\":\"0123456789abcdef\"}}");
	contract_error_read(detail, sizeof(detail), text);
	assert_string_equal(detail, "batch_reused: came before");
	free(text);
	contract_error_read(detail, sizeof(detail),
	    "{\"error\":{\"code\":\"a\\nb\",\"message\":7}}");
	assert_string_equal(detail, "a\\x0ab");
	contract_error_read(detail, sizeof(detail), "<html>");
	assert_string_equal(detail, "");
	contract_error_read(detail, sizeof(detail), "{\"error\":\"x\"}");
	assert_string_equal(detail, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_written_is_this, make, end),
	    cmocka_unit_test_setup_teardown(
		every_state_comes_back_as_it_was, make, end),
	    cmocka_unit_test_setup_teardown(
		a_good_certificate_is_not_told_as_revoked, make, end),
	    cmocka_unit_test_setup_teardown(
		bad_items_are_told_one_by_one, make, end),
	    cmocka_unit_test_setup_teardown(
		members_of_a_certificate_are_strict, make, end),
	    cmocka_unit_test_setup_teardown(the_envelope_is_strict, make, end),
	    cmocka_unit_test_setup_teardown(
		a_hundred_items_and_no_more, make, end),
	    cmocka_unit_test_setup_teardown(
		what_is_not_known_is_passed_over, make, end),
	    cmocka_unit_test_setup_teardown(
		thumbprints_are_taken_in_either_case, make, end),
	    cmocka_unit_test_setup_teardown(
		every_result_comes_back_as_it_was, make, end),
	    cmocka_unit_test_setup_teardown(a_result_is_this, make, end),
	    cmocka_unit_test_setup_teardown(
		what_an_answer_does_not_tell_is_not_known, make, end),
	    cmocka_unit_test_setup_teardown(
		what_is_no_answer_leaves_all_unknown, make, end),
	    cmocka_unit_test_setup_teardown(
		a_refusal_comes_back_printable, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
