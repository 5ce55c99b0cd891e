/* store/secret, attempts: one use each, whatever races; who must wait. */
#include "tests/unit/records.h"

#include <pthread.h>

#include "lib/ca/attempts.h"
#include "lib/ca/identity_secret.h"
#include "lib/store/secret.h"

static const struct audit by = {
    .event = "secret-add", .operation = "secret", .requester = "operator:x"};

/* A secret of that name's own hash; its id. */
static int64_t
secret_added_at(struct store *store, const char *endpoint, const char *device,
    const char *of, int64_t expires, int64_t now)
{
	struct secret s = {.expires = expires};
	struct fail why = {0};
	int64_t id;

	digest(s.hash, "secret", of);
	s.endpoint = str_dup(endpoint);
	s.device = str_dup(device);
	assert_int_equal(store_secret_add(store, &s, 1, now, &by, &why), 0);
	assert_int_equal(s.created, now);
	assert_string_equal(s.made_by, "operator:x");
	id = s.id;
	secret_free(&s);
	return id;
}

static int64_t
secret_added(struct store *store, const char *endpoint, const char *device,
    const char *of, int64_t expires)
{
	return secret_added_at(store, endpoint, device, of, expires, T0);
}

static void
status_is(struct store *store, const char *of, const char *status)
{
	uint8_t hash[SHA256_LEN];
	struct fail why = {0};
	struct secret s;
	bool found;

	digest(hash, "secret", of);
	assert_int_equal(store_secret_find(store, &s, &found, hash, &why), 0);
	assert_int_equal(found, status != NULL);
	if (found)
		assert_string_equal(secret_status(&s, T0), status);
	secret_free(&s);
}

/* Issue number `n` by that secret; the reason word, or NULL. */
static const char *
issue_by(struct store *store, int64_t secret, unsigned n, const char *subject,
    const char *key, struct bytes *repeat)
{
	struct store_rules rules = rules_at(T0);
	struct fail why = {0};
	struct record r;
	int rc;

	record_make(&r, n, "secret:device/x", subject, key);
	digest(r.request_key, "request", key);
	rules.secret = secret;
	rules.repeat_window = rules.now;
	rc = record_issue(store, repeat, &r, &rules, &why);
	record_free(&r);
	return rc == 0 ? NULL : why.reason;
}

static void
a_secret_is_found_by_its_hash_alone(void **state)
{
	struct store *store = store_made();

	(void)state;
	assert_int_equal(
	    secret_added(store, "device", "pump-1", "s1", T0 + DAY), 1);
	assert_int_equal(
	    secret_added(store, "device", "pump-2", "s2", T0 + DAY), 2);
	status_is(store, "s1", "open");
	status_is(store, "s2", "open");
	status_is(store, "s3", NULL);
	assert_int_equal(chain_rows(store), 2);
	store_free(store);
}

static void
a_new_one_takes_the_place_of_an_unused_one(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	int64_t id;

	(void)state;
	(void)secret_added(store, "device", "pump-1", "s1", T0 + DAY);
	id = secret_added(store, "other", "pump-1", "s2", T0 + DAY);
	assert_null(issue_by(store, id, 1, "pump-1", "k1", &repeat));
	(void)secret_added(store, "device", "pump-1", "s3", T0 + DAY);
	(void)secret_added(store, "other", "pump-1", "s4", T0 + DAY);
	status_is(store, "s1", "revoked");
	status_is(store, "s2", "used");
	status_is(store, "s3", "open");
	status_is(store, "s4", "open");
	store_free(store);
}

static void
it_is_used_up_with_the_certificate(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	int64_t id = secret_added(store, "device", "pump-1", "s1", T0 + DAY);

	(void)state;
	assert_null(issue_by(store, id, 1, "pump-1", "k1", &repeat));
	assert_int_equal(repeat.len, 0);
	status_is(store, "s1", "used");
	/* The same request gets the same answer, another one none. */
	assert_null(issue_by(store, id, 2, "pump-1", "k1", &repeat));
	assert_true(repeat.len > 0);
	assert_string_equal(
	    issue_by(store, id, 3, "pump-1", "k2", &repeat), "auth");
	assert_int_equal(number_of("SELECT count(*) FROM certificate"), 1);
	assert_int_equal(number_of("SELECT count(*) FROM secret AS s"
				   " JOIN certificate AS c"
				   " ON s.certificate = c.sha256"
				   " AND s.request_key = c.request_key"),
	    1);
	bytes_free(&repeat);
	store_free(store);
}

/* The reason word, or NULL, of a request whose answers are made anew. */
static const char *
issue_anew_by(struct store *store, int64_t secret, unsigned n, const char *csr)
{
	struct store_rules rules = rules_at(T0);
	struct bytes repeat = {0};
	struct fail why = {0};
	struct record r;
	char *key = str_fmt("k%u", n);
	int rc;

	record_make(&r, n, "secret:device/x", "pump-1", key);
	digest(r.request_key, "request", csr);
	free(r.operation);
	r.operation = str_dup("serverkeygen");
	rules.secret = secret;
	rules.repeat_window = 0;
	rules.supersede = rules.now;
	rc = record_issue(store, &repeat, &r, &rules, &why);
	assert_int_equal(repeat.len, 0);
	record_free(&r);
	free(key);
	return rc == 0 ? NULL : why.reason;
}

static void
an_answer_made_anew_takes_the_old_one_s_place(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};
	const struct audit revoke = {.event = "revoke"};
	int64_t id = secret_added(store, "device", "pump-1", "s1", T0 + DAY);
	char serial[41];
	bool changed;

	(void)state;
	assert_null(issue_anew_by(store, id, 1, "csr"));
	assert_null(issue_anew_by(store, id, 2, "csr"));
	assert_string_equal(issue_anew_by(store, id, 3, "other"), "auth");
	assert_int_equal(number_of("SELECT count(*) FROM certificate"), 2);
	assert_int_equal(
	    number_of("SELECT count(*) FROM certificate WHERE status = 0"), 1);
	/* One that was seen to be lost, and one that was taken away. */
	(void)snprintf(serial, sizeof(serial), "%040X", 2U);
	assert_int_equal(
	    store_lost(store, &changed, serial, id, T0, &revoke, &why), 0);
	assert_true(changed);
	status_is(store, "s1", "open");
	assert_null(issue_anew_by(store, id, 4, "csr"));
	status_is(store, "s1", "used");
	/* That was lost before: the secret stays used. */
	assert_int_equal(
	    store_lost(store, &changed, serial, id, T0, &revoke, &why), 0);
	assert_false(changed);
	status_is(store, "s1", "used");
	(void)snprintf(serial, sizeof(serial), "%040X", 4U);
	assert_int_equal(store_revoke(store, &changed, serial, REASON_CESSATION,
			     T0, &revoke, &why),
	    0);
	assert_string_equal(issue_anew_by(store, id, 5, "csr"), "auth");
	store_free(store);
}

static void
what_is_refused_uses_nothing_up(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct fail why = {0};
	struct store_rules rules = rules_at(T0);
	struct record r;
	int64_t id = secret_added(store, "device", "pump-1", "s1", T0 + DAY);

	(void)state;
	record_make(&r, 1, "another", "pump-1", "k0");
	assert_int_equal(record_issue(store, &repeat, &r, &rules, &why), 0);
	record_free(&r);
	assert_string_equal(
	    issue_by(store, id, 2, "pump-1", "k1", &repeat), "name-taken");
	status_is(store, "s1", "open");
	assert_null(issue_by(store, id, 3, "pump-2", "k1", &repeat));
	status_is(store, "s1", "used");
	store_free(store);
}

static void
an_ended_one_opens_nothing(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct fail why = {0};
	int64_t late = secret_added(store, "device", "pump-1", "s1", T0);
	int64_t gone = secret_added(store, "device", "pump-2", "s2", T0 + DAY);
	int64_t changed;

	(void)state;
	assert_int_equal(
	    store_secret_revoke(store, &changed, gone, NULL, T0, &by, &why), 0);
	assert_int_equal(changed, 1);
	status_is(store, "s1", "expired");
	status_is(store, "s2", "revoked");
	assert_string_equal(
	    issue_by(store, late, 1, "pump-1", "k1", &repeat), "auth");
	assert_string_equal(
	    issue_by(store, gone, 2, "pump-2", "k2", &repeat), "auth");
	assert_string_equal(
	    issue_by(store, 4711, 3, "pump-3", "k3", &repeat), "auth");
	assert_int_equal(number_of("SELECT count(*) FROM certificate"), 0);
	store_free(store);
}

static void
revoking_knows_a_number_or_a_device(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};
	int64_t changed;

	(void)state;
	(void)secret_added(store, "device", "pump-1", "s1", T0 + DAY);
	(void)secret_added(store, "other", "pump-1", "s2", T0 + DAY);
	(void)secret_added(store, "device", "pump-2", "s3", T0 + DAY);
	assert_int_equal(
	    store_secret_revoke(store, &changed, 0, "pump-1", T0, &by, &why),
	    0);
	assert_int_equal(changed, 2);
	assert_int_equal(
	    store_secret_revoke(store, &changed, 0, "pump-1", T0, &by, &why),
	    0);
	assert_int_equal(changed, 0);
	status_is(store, "s3", "open");
	assert_int_equal(
	    store_secret_revoke(store, &changed, 0, "pump-3", T0, &by, &why),
	    -1);
	assert_string_equal(why.reason, "unknown-secret");
	assert_int_equal(
	    store_secret_revoke(store, &changed, 9, NULL, T0, &by, &why), -1);
	assert_string_equal(why.reason, "unknown-secret");
	assert_int_equal(chain_rows(store), 5);
	store_free(store);
}

static void
all_of_a_file_or_none(void **state)
{
	struct store *store = store_made();
	struct secret s[3] = {{.expires = T0 + DAY}, {.expires = T0 + DAY},
	    {.expires = T0 + DAY}};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		s[i].endpoint = str_dup("device");
		s[i].device = str_fmt("pump-%zu", i);
		digest(s[i].hash, "secret", i == 2 ? "pump-0" : s[i].device);
	}
	/* The third has the first one's hash: nothing stays. */
	assert_int_equal(store_secret_add(store, s, 3, T0, &by, &why), -1);
	assert_int_equal(number_of("SELECT count(*) FROM secret"), 0);
	assert_int_equal(store_secret_add(store, s, 2, T0, &by, &why), 0);
	assert_int_equal(s[1].id, 2);
	for (size_t i = 0; i < 3; i++)
		secret_free(&s[i]);
	store_free(store);
}

static int
count_one(const struct secret *s, void *arg)
{
	int64_t *seen = arg;

	assert_int_equal(s->id, *seen + 1);
	return ++*seen == 250;
}

static void
a_listing_goes_on_from_page_to_page(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};
	int64_t seen = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char *device = str_fmt("pump-%d", i);

		(void)secret_added(store, "device", device, device, T0 + DAY);
		free(device);
	}
	assert_int_equal(store_secret_list(store, count_one, &seen, &why), 0);
	assert_int_equal(seen, 250);
	store_free(store);
}

#define RACERS 8

struct racer {
	struct store *store;
	pthread_barrier_t *start;
	int64_t secret;
	unsigned n;
	bool same; /* all with one request */
	const char *got;
	struct bytes repeat;
};

/* What ended is in the audit; its number is nobody else's all the same. */
static void
rows_go_a_month_after_their_end(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	int64_t later = T0 + 32 * DAY;

	(void)state;
	(void)secret_added(store, "device", "pump-1", "ended", T0 + DAY);
	(void)secret_added(store, "device", "pump-2", "just", T0 + 3 * DAY);
	(void)secret_added(store, "device", "pump-3", "open", T0 + 90 * DAY);
	(void)secret_added(store, "device", "pump-4", "replaced", T0 + DAY);
	(void)secret_added(store, "device", "pump-4", "used", T0 + DAY);
	assert_null(issue_by(store, 5, 1, "pump-4", "k1", &repeat));
	(void)secret_added(store, "device", "pump-5", "last", T0 + DAY);
	assert_int_equal(secret_added_at(store, "device", "pump-6", "new",
			     later + DAY, later),
	    7);
	status_is(store, "ended", NULL);
	status_is(store, "just", "open"); /* at T0 */
	status_is(store, "open", "open");
	status_is(store, "replaced", NULL);
	status_is(store, "used", NULL);
	status_is(store, "last", NULL);
	later = T0 + 1000 * DAY;
	assert_int_equal(secret_added_at(store, "device", "pump-7", "newer",
			     later + DAY, later),
	    8);
	assert_int_equal(number_of("SELECT count(*) FROM secret"), 1);
	later = T0 + 2000 * DAY;
	assert_int_equal(secret_added_at(store, "device", "pump-7", "newest",
			     later + DAY, later),
	    9);
	store_free(store);
}

static void *
race(void *arg)
{
	struct racer *r = arg;
	char *key = str_fmt("k%u", r->same ? 0 : r->n);

	(void)pthread_barrier_wait(r->start);
	r->got = issue_by(r->store, r->secret, r->n, "pump-1", key, &r->repeat);
	free(key);
	return NULL;
}

/* How many got a certificate, new or again. */
static unsigned
raced(bool same)
{
	struct store *store = store_made(), *other = store_made();
	struct racer racer[RACERS];
	pthread_t thread[RACERS];
	pthread_barrier_t start;
	unsigned won = 0;
	int64_t id = secret_added(store, "device", "pump-1", "s1", T0 + DAY);

	assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		racer[i] = (struct racer){.store = i % 2 ? store : other,
		    .start = &start,
		    .secret = id,
		    .n = i + 1,
		    .same = same};
		assert_int_equal(
		    pthread_create(&thread[i], NULL, race, &racer[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		if (racer[i].got == NULL)
			won++;
		else
			assert_string_equal(racer[i].got, "auth");
		bytes_free(&racer[i].repeat);
	}
	(void)pthread_barrier_destroy(&start);
	assert_int_equal(number_of("SELECT count(*) FROM certificate"), 1);
	store_free(other);
	store_free(store);
	return won;
}

static void
of_many_requests_with_one_secret_one_wins(void **state)
{
	(void)state;
	assert_int_equal(raced(false), 1);
}

static void
one_request_many_times_is_one_answer(void **state)
{
	(void)state;
	assert_int_equal(raced(true), RACERS);
}

/* ---- attempts ----------------------------------------------------------- */

static char tries[112];

static struct attempts *
attempts_made(void)
{
	struct attempts *a = NULL;
	struct fail why = {0};

	(void)snprintf(tries, sizeof(tries), "%s/attempts", folder);
	assert_int_equal(attempts_open(&a, tries, &why), 0);
	return a;
}

/* Seconds to wait, 0: none. */
static int
wait_for(struct attempts *a, const char *name, const char *peer, int64_t now)
{
	struct fail why = {0};

	if (attempts_ok(a, name, peer, now, &why) == 0)
		return 0;
	assert_int_equal(why.kind, FAIL_LIMIT);
	assert_string_equal(why.reason, "auth-limit");
	return why.retry;
}

static void
ten_failures_of_a_name_are_enough_for_an_address(void **state)
{
	struct attempts *a = attempts_made(), *other = attempts_made();

	(void)state;
	for (int i = 0; i < ATTEMPTS_NAME; i++) {
		assert_int_equal(
		    wait_for(other, "pump-1", "192.0.2.1", T0 + i), 0);
		attempts_count(
		    i % 2 ? a : other, "pump-1", "192.0.2.1", T0 + i);
	}
	assert_int_equal(wait_for(a, "pump-1", "192.0.2.1", T0 + 10), 590);
	assert_int_equal(wait_for(other, "pump-1", "192.0.2.1", T0 + 599), 1);
	assert_int_equal(
	    wait_for(a, "pump-1", "::ffff:192.0.2.1", T0 + 10), 590);
	assert_int_equal(wait_for(a, "pump-1", "192.0.2.2", T0 + 10), 0);
	assert_int_equal(wait_for(a, "pump-2", "192.0.2.1", T0 + 10), 0);
	assert_int_equal(wait_for(a, "pump-1", "192.0.2.1", T0 + 600), 0);
	/* A clock that was set back does not keep anybody out. */
	assert_int_equal(wait_for(a, "pump-1", "192.0.2.1", T0 - 1), 0);
	attempts_free(a);
	attempts_free(other);
	(void)unlink(tries);
}

static void
thirty_failures_of_an_address_are_enough(void **state)
{
	struct attempts *a = attempts_made();

	(void)state;
	for (int i = 0; i < ATTEMPTS_ADDRESS; i++) {
		char *name = str_fmt("pump-%d", i);
		char *peer = str_fmt("2001:db8::%x", i);

		assert_int_equal(wait_for(a, name, peer, T0), 0);
		attempts_count(a, name, peer, T0);
		free(name);
		free(peer);
	}
	assert_int_equal(wait_for(a, "x", "2001:db8::ffff:0:0:1", T0 + 1), 599);
	assert_int_equal(wait_for(a, "x", "2001:db8:0:1::1", T0 + 1), 0);
	assert_int_equal(wait_for(a, "x", "192.0.2.1", T0 + 1), 0);
	attempts_free(a);
	(void)unlink(tries);
}

static void
a_file_that_is_none_is_begun_anew(void **state)
{
	struct attempts *a = attempts_made();
	FILE *f;

	(void)state;
	attempts_free(a);
	f = fopen(tries, "w");
	assert_non_null(f);
	(void)fputs("nonsense, and more of it than a head is long", f);
	(void)fclose(f);
	a = attempts_made();
	assert_int_equal(wait_for(a, "x", "192.0.2.1", T0), 0);
	for (int i = 0; i < ATTEMPTS_NAME; i++)
		attempts_count(a, "x", "192.0.2.1", T0);
	assert_int_equal(wait_for(a, "x", "192.0.2.1", T0), ATTEMPTS_WINDOW);
	attempts_free(a);
	(void)unlink(tries);
}

static void
very_many_addresses_cost_no_room(void **state)
{
	struct attempts *a = attempts_made();
	FILE *f;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char *peer = str_fmt("10.%d.%d.1", i / 256, i % 256);

		attempts_count(a, "x", peer, T0 + i / 100);
		free(peer);
	}
	f = fopen(tries, "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	assert_true(ftell(f) < 128 * 1024);
	(void)fclose(f);
	attempts_free(a);
	(void)unlink(tries);
}

static void
a_device_has_a_name_that_a_certificate_can_bear(void **state)
{
#define A16 "aaaaaaaaaaaaaaaa"
	static const struct {
		const char *name;
		bool ok;
	} row[] = {
	    {"pump-1", true},
	    {"Pumpe \xc3\xbc 1", true},
	    {A16 A16 A16 A16, true},
	    {A16 A16 A16 A16 "a", false},
	    {"", false},
	    {" ", false},
	    {" a", false},
	    {"a ", false},
	    {"\xc2\xa0"
	     "a",
		false}, /* no-break space */
	    {"a\xc2\xa0", false},
	    {"a:b", false},
	    {"a\nb", false},
	    {"a\xe2\x80\xae"
	     "b",
		false}, /* right-to-left override */
	    {"a\xff", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (identity_device_ok(row[i].name) != row[i].ok)
			fail_msg("row %zu", i);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(a_secret_is_found_by_its_hash_alone),
	    ROW(a_new_one_takes_the_place_of_an_unused_one),
	    ROW(it_is_used_up_with_the_certificate),
	    ROW(an_answer_made_anew_takes_the_old_one_s_place),
	    ROW(what_is_refused_uses_nothing_up),
	    ROW(an_ended_one_opens_nothing),
	    ROW(revoking_knows_a_number_or_a_device),
	    ROW(all_of_a_file_or_none),
	    ROW(a_listing_goes_on_from_page_to_page),
	    ROW(rows_go_a_month_after_their_end),
	    ROW(of_many_requests_with_one_secret_one_wins),
	    ROW(one_request_many_times_is_one_answer),
	    ROW(ten_failures_of_a_name_are_enough_for_an_address),
	    ROW(thirty_failures_of_an_address_are_enough),
	    ROW(a_file_that_is_none_is_begun_anew),
	    ROW(very_many_addresses_cost_no_room),
	    cmocka_unit_test(a_device_has_a_name_that_a_certificate_can_bear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
