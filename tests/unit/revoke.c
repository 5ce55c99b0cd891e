/* revoke, replaced, sightings: who is meant, what may be, and when. */
#include "tests/unit/records.h"

#include "lib/ca/replaced.h"
#include "lib/ca/revoke.h"
#include "lib/ca/sightings.h"
#include "lib/store/replaced.h"

static void
issued(struct store *store, const struct record *r,
    const struct store_rules *rules)
{
	struct bytes repeat = {0};
	struct fail why = {0};

	assert_int_equal(record_issue(store, &repeat, r, rules, &why), 0);
}

static void
reasons_are_words(void **state)
{
	static const struct {
		const char *word;
		int reason; /* -1: none */
	} table[] = {
	    {NULL, REASON_UNSPECIFIED},
	    {"unspecified", REASON_UNSPECIFIED},
	    {"certificateHold", REASON_HOLD},
	    {"privilegeWithdrawn", REASON_PRIVILEGE_WITHDRAWN},
	    {"removeFromCRL", -1},
	    {"aACompromise", -1},
	    {"KeyCompromise", -1},
	    {"", -1},
	    {"1", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum store_reason reason = REASON_CESSATION;
		struct fail why = {0};
		int rc = revoke_reason(&reason, table[i].word, &why);

		assert_int_equal(rc, table[i].reason < 0 ? -1 : 0);
		if (rc == 0) {
			assert_int_equal(reason, table[i].reason);
			continue;
		}
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_non_null(strstr(why.text, "certificateHold"));
	}
}

static void
serials_and_fingerprints_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		const char *refused; /* or NULL: found */
	} table[] = {
	    {"0000000000000000000000000000000000000ABC", NULL},
	    {"0000000000000000000000000000000000000abc", NULL},
	    {"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:0A:BC",
		NULL},
	    {"0ABC", "unknown-serial"},
	    {"abc", "unknown-serial"},
	    {"", "serial"},
	    {":", "serial"},
	    {"0x0abc", "serial"},
	    {"00000000000000000000000000000000000000000", "serial"},
	    {"0000000000000000000000000000000000000000000000000000000000000000",
		"unknown-serial"},
	    {"0000000000000000000000000000000000000000000000000000000000000000"
	     "0",
		"serial"},
	    {"000000000000000000000000000000000000000000000000000000000000000"
	     "000000000000000000000000000000000000000000000000000000000000000",
		"serial"},
	};
	struct store_rules rules = rules_at(T0);
	struct store *store = store_made();
	struct ca ca = {.store = store};
	char hash[2 * SHA256_LEN + 1];
	struct record r, got;
	struct fail why = {0};

	(void)state;
	record_make(&r, 0xabc, "a", "a", "k");
	issued(store, &r, &rules);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int rc = revoke_find(&got, &ca, table[i].text, &why);

		assert_int_equal(rc, table[i].refused == NULL ? 0 : -1);
		if (rc != 0)
			assert_string_equal(why.reason, table[i].refused);
		else
			assert_string_equal(got.serial, r.serial);
		record_free(&got);
	}
	hex_write(hash, (struct span){r.sha256, SHA256_LEN}, true);
	assert_int_equal(revoke_find(&got, &ca, hash, &why), 0);
	assert_string_equal(got.serial, r.serial);
	record_free(&got);
	record_free(&r);
	store_free(store);
}

/* RFC 5280, 5.3.2. */
static void
invalidity_is_within_the_certificate_s_past(void **state)
{
	static const struct {
		int64_t invalid;
		bool release, ok;
	} table[] = {
	    {T0 - 1, false, false},
	    {T0, false, true},
	    {T0 + 100, false, true},
	    {T0 + 101, false, false},
	    {T0 + 101, true, true},
	    {0, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct revoke_wish wish = {.release = table[i].release,
		    .reason = REASON_KEY_COMPROMISE,
		    .invalid = table[i].invalid};
		const struct audit entry = {.text = "note"};
		struct store_rules rules = rules_at(T0);
		struct store *store = store_made();
		struct ca ca = {.store = store};
		struct fail why = {0};
		struct record r;
		bool changed;

		record_make(&r, 1, "a", "a", "k");
		issued(store, &r, &rules);
		assert_int_equal(revoke_act(&changed, &ca, &r, &wish, T0 + 100,
				     &entry, &why),
		    table[i].ok ? 0 : -1);
		assert_int_equal(changed, table[i].ok && !table[i].release);
		if (!table[i].ok)
			assert_string_equal(why.reason, "time");
		assert_int_equal(
		    number_of("SELECT count(*) FROM audit WHERE event = "
			      "'revoke' AND record LIKE '%invalid since "
			      "2026-01-01T%Z: note%'"),
		    changed && wish.invalid != 0);
		record_free(&r);
		store_free(store);
		database_forget();
	}
}

static void
a_wish_that_changes_nothing_is_known(void **state)
{
	static const struct {
		enum store_status status;
		bool release;
		enum store_reason reason;
		bool would;
	} table[] = {
	    {STORE_GOOD, false, REASON_HOLD, true},
	    {STORE_GOOD, true, REASON_UNSPECIFIED, false},
	    {STORE_HELD, false, REASON_HOLD, false},
	    {STORE_HELD, false, REASON_SUPERSEDED, true},
	    {STORE_HELD, true, REASON_UNSPECIFIED, true},
	    {STORE_REVOKED, false, REASON_SUPERSEDED, false},
	    {STORE_REVOKED, true, REASON_UNSPECIFIED, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct record r = {.status = table[i].status};
		const struct revoke_wish wish = {
		    .release = table[i].release, .reason = table[i].reason};

		assert_int_equal(revoke_would(&r, &wish), table[i].would);
	}
}

/* ---- sightings ----------------------------------------------------------- */

struct seen {
	uint8_t hash[64][SHA256_LEN];
	size_t n, stop_at; /* 0: never */
};

static int
seen_add_one(const uint8_t sha256[SHA256_LEN], void *arg)
{
	struct seen *seen = arg;

	if (seen->stop_at != 0 && seen->n + 1 == seen->stop_at)
		return 7;
	assert_true(seen->n < 64);
	memcpy(seen->hash[seen->n++], sha256, SHA256_LEN);
	return 0;
}

static bool
has(const struct seen *seen, const char *text)
{
	uint8_t hash[SHA256_LEN];

	sha256(hash, span_str(text));
	for (size_t i = 0; i < seen->n; i++)
		if (memcmp(seen->hash[i], hash, SHA256_LEN) == 0)
			return true;
	return false;
}

static void
note(const struct settings *settings, const char *text)
{
	struct fail why = {0};

	assert_int_equal(sightings_note(settings, span_str(text), &why), 0);
}

static void
what_was_shown_is_told_once(void **state)
{
	const struct settings settings = {.run = folder};
	struct seen first = {.stop_at = 2}, rest = {0}, again = {0};
	struct fail why = {0};
	char *file = str_fmt("%s/sightings", folder);

	(void)state;
	assert_int_equal(
	    sightings_take(&settings, seen_add_one, &rest, &why), 0);
	assert_int_equal(rest.n, 0);
	note(&settings, "one");
	note(&settings, "two");
	note(&settings, "one");
	assert_int_equal(
	    sightings_take(&settings, seen_add_one, &first, &why), 7);
	assert_int_equal(first.n, 1);
	assert_int_equal(
	    sightings_take(&settings, seen_add_one, &rest, &why), 0);
	assert_true(has(&first, "one") || has(&rest, "one"));
	assert_true(has(&first, "two") || has(&rest, "two"));
	assert_int_equal(first.n + rest.n, 2);
	assert_int_equal(
	    sightings_take(&settings, seen_add_one, &again, &why), 0);
	assert_int_equal(again.n, 0);
	assert_int_equal(unlink(file), 0);
	free(file);
}

/* A link that somebody put there is not followed. */
static void
a_link_is_no_place_to_note(void **state)
{
	const struct settings settings = {.run = folder};
	char *file = str_fmt("%s/sightings", folder);
	struct fail why = {0};

	(void)state;
	assert_int_equal(symlink("/nonexistent", file), 0);
	assert_int_equal(sightings_note(&settings, span_str("one"), &why), -1);
	assert_int_equal(why.kind, FAIL_BROKEN);
	assert_int_equal(unlink(file), 0);
	free(file);
}

/* ---- replaced ------------------------------------------------------------ */

static void
a_rule_says_when_to_look(void **state)
{
	struct profile p = {.revoke_delay = 100};

	(void)state;
	assert_int_equal(replaced_due(&p, T0), 0);
	p.revoke_replaced = REPLACED_IN_USE;
	assert_int_equal(replaced_due(&p, T0), WHEN_FOREVER);
	p.revoke_replaced = REPLACED_AFTER;
	assert_int_equal(replaced_due(&p, T0), T0 + 100);
	p.revoke_delay = INT64_MAX;
	assert_int_equal(replaced_due(&p, T0), WHEN_FOREVER);
}

struct pairs {
	struct store *store;
	int64_t n, drop; /* those looked at; to be dropped: all */
};

static int
pair_take(const struct replaced *r, void *arg)
{
	struct pairs *pairs = arg;
	struct fail why = {0};

	assert_int_equal(r->id, r->successor.id);
	assert_int_equal(r->old.id + 1, r->id);
	assert_true(r->old.der.len > 0);
	pairs->n++;
	return pairs->drop ? store_replaced_drop(pairs->store, r->id, &why) : 0;
}

static int64_t
pairs_at(struct store *store, int64_t now, bool drop)
{
	struct pairs pairs = {.store = store, .drop = drop};
	struct fail why = {0};

	assert_int_equal(
	    store_replaced_each(store, now, pair_take, &pairs, &why), 0);
	return pairs.n;
}

#define MANY 150 /* more than a page */

static void
pairs_are_looked_at_when_due(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct fail why = {0};
	bool changed;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct record old, new;
		char *name = str_fmt("d%u", i), *key = str_fmt("n%u", i);

		record_make(&old, 2 * i + 1, name, name, name);
		record_make(&new, 2 * i + 2, name, name, key);
		rules.renews = NULL;
		rules.replaced = 0;
		issued(store, &old, &rules);
		rules.renews = old.sha256;
		rules.replaced = WHEN_FOREVER;
		issued(store, &new, &rules);
		record_free(&old);
		record_free(&new);
		free(name);
		free(key);
	}
	/* Unseen ones at the old one's end. */
	assert_int_equal(pairs_at(store, T0 + 90 * DAY, false), 0);
	assert_int_equal(pairs_at(store, T0 + 90 * DAY + 1, false), MANY);
	assert_int_equal(
	    store_replaced_due(store, &changed, 2, T0 + 5, &why), 0);
	assert_true(changed);
	assert_int_equal(
	    store_replaced_due(store, &changed, 2, T0 + 6, &why), 0);
	assert_false(changed);
	assert_int_equal(
	    store_replaced_due(store, &changed, 3, T0 + 6, &why), 0);
	assert_false(changed);
	assert_int_equal(pairs_at(store, T0 + 4, false), 0);
	assert_int_equal(pairs_at(store, T0 + 5, true), 1);
	assert_int_equal(pairs_at(store, T0 + 91 * DAY, true), MANY - 1);
	assert_int_equal(number_of("SELECT count(*) FROM replaced"), 0);
	store_free(store);
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reasons_are_words),
	    ON_DISK(serials_and_fingerprints_are_told_apart),
	    ON_DISK(invalidity_is_within_the_certificate_s_past),
	    cmocka_unit_test(a_wish_that_changes_nothing_is_known),
	    ON_DISK(what_was_shown_is_told_once),
	    ON_DISK(a_link_is_no_place_to_note),
	    cmocka_unit_test(a_rule_says_when_to_look),
	    ON_DISK(pairs_are_looked_at_when_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
