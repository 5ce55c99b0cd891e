/* browse: every filter in every order finds the rows that fit, each once. */
#include "tests/unit/records.h"

#include "lib/store/browse.h"
#include "lib/store/census.h"
#include "lib/store/rows.h"

#define ROWS 3000
#define NOW (T0 + 60 * DAY)

/* What is in the store: a row of each kind every so often. */
static void
row_make(struct record *r, unsigned n)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "Pump-%u%s", n,
	    n % 700 == 5 ? " 100%_odd" : "");
	record_make(r, n, "maker", name, name);
	r->id = n;
	r->issued = r->not_before = T0 + (int64_t)n * 60 * DAY / ROWS;
	r->not_after = r->issued + (n % 3 == 0 ? 30 : 90) * DAY;
	if (n % 500 == 7)
		r->profile[0] = 'x';
	if (n % 40 == 1) {
		free(r->endpoint);
		r->endpoint = str_dup("other");
	}
	if (n % 10 == 2)
		r->device = str_fmt("dev-%u", n % 50);
	if (n % 9 == 4) {
		r->status = n % 2 == 0 ? STORE_REVOKED : STORE_HELD;
		r->reason = n % 2 == 0 ? REASON_SUPERSEDED : REASON_HOLD;
		r->revoked = r->issued + 10;
	}
	if (n % 4 == 0)
		r->issuer[0] = 'f';
}

static struct record *all;

static struct store *
filled(void)
{
	struct store *store = store_made();
	struct fail why = {0};
	struct conn *c;

	all = mem_new((ROWS + 1) * sizeof(*all));
	assert_int_equal(db_begin(&c, store->db, DB_WRITE, &why), 0);
	for (unsigned n = 1; n <= ROWS; n++) {
		row_make(&all[n], n);
		assert_int_equal(record_insert(c, &all[n], n, &why), 0);
	}
	assert_int_equal(db_commit(c, true, &why), 0);
	return store;
}

static void
emptied(struct store *store)
{
	for (unsigned n = 1; n <= ROWS; n++)
		record_free(&all[n]);
	free(all);
	store_free(store);
}

/* ---- the same by hand ---------------------------------------------------- */

static bool
text_fits(const char *text, const char *pattern)
{
	if (pattern == NULL)
		return true;
	if (strcmp(pattern, "*-29?9") == 0)
		return strlen(text) == strlen("CN=Pump-2909") &&
		       strncmp(text, "CN=Pump-29", 10) == 0 && text[11] == '9';
	return strcasestr(text, pattern) != NULL;
}

static bool
same(const char *want, const char *is)
{
	return want == NULL || (is != NULL && strcmp(want, is) == 0);
}

static bool
state_fits(const struct browse_filter *f, const struct record *r)
{
	switch (f->state) {
	case BROWSE_ANY:
		return true;
	case BROWSE_GOOD:
		return r->status == STORE_GOOD && r->not_after >= NOW;
	case BROWSE_EXPIRING:
		return r->status == STORE_GOOD && r->not_after >= NOW &&
		       r->not_after < NOW + f->within;
	case BROWSE_EXPIRED:
		return r->not_after < NOW;
	case BROWSE_REVOKED:
		return r->status == STORE_REVOKED;
	case BROWSE_HELD:
		break;
	}
	return r->status == STORE_HELD;
}

static bool
fits(const struct browse_filter *f, const struct record *r)
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){r->sha256, SHA256_LEN}, false);
	return text_fits(r->subject, f->subject) && text_fits(r->san, f->san) &&
	       same(f->serial, r->serial) && same(f->profile, r->profile) &&
	       same(f->endpoint, r->endpoint) && same(f->device, r->device) &&
	       (f->fingerprint == NULL ||
		   strncmp(f->fingerprint, hex, strlen(f->fingerprint)) == 0) &&
	       state_fits(f, r) &&
	       (f->issued_from == 0 || r->issued >= f->issued_from) &&
	       (f->issued_until == 0 || r->issued < f->issued_until) &&
	       (f->ends_from == 0 || r->not_after >= f->ends_from) &&
	       (f->ends_until == 0 || r->not_after < f->ends_until);
}

static void
order_check(enum browse_order order, const struct record *before,
    const struct record *r)
{
	if (order == BROWSE_NEWEST)
		assert_true(r->id < before->id);
	if (order == BROWSE_OLDEST)
		assert_true(r->id > before->id);
	if (order == BROWSE_ENDING)
		assert_true(
		    r->not_after > before->not_after ||
		    (r->not_after == before->not_after && r->id > before->id));
	if (order == BROWSE_ENDED)
		assert_true(
		    r->not_after < before->not_after ||
		    (r->not_after == before->not_after && r->id < before->id));
}

/* All pages, one after the other. */
static size_t
walk(struct store *store, const struct browse_filter *f,
    enum browse_order order, size_t rows, double patience)
{
	struct browse_rules rules = {
	    .order = order, .rows = rows, .patience = patience, .now = NOW};
	char cursor[BROWSE_CURSOR];
	struct browse_page page;
	struct record before = {0};
	struct fail why = {0};
	size_t n = 0, pages = 0;
	bool more;

	do {
		if (store_browse(store, &page, f, &rules, &why) != 0)
			fail_msg(
			    "%s: %s (%s)", why.reason, why.text, why.cause);
		assert_true(page.rows <= rows && ++pages < 10000);
		assert_true(!page.searching || page.more);
		for (size_t i = 0; i < page.rows; i++, n++) {
			if (n > 0)
				order_check(order, &before, &page.row[i]);
			before.id = page.row[i].id;
			before.not_after = page.row[i].not_after;
			assert_true(fits(f, &all[page.row[i].id]));
			assert_int_equal(page.row[i].der.len, 0);
			assert_string_equal(
			    page.row[i].serial, all[page.row[i].id].serial);
		}
		more = page.more;
		memcpy(cursor, page.next, sizeof(cursor));
		rules.cursor = cursor;
		browse_free(&page);
	} while (more);
	return n;
}

static const struct browse_filter filters[] = {
    {0},
    {.subject = "pump-77"},
    {.subject = "*-29?9"},
    {.subject = "100%_odd"},
    {.subject = "nobody"},
    {.san = "PUMP-12"},
    {.serial = "00000000000000000000000000000000000003E8"},
    {.serial = "03E8"},
    {.fingerprint = "a"},
    {.fingerprint = "04"},
    {.fingerprint = "f1"},
    {.profile = "xevice"},
    {.endpoint = "other"},
    {.device = "dev-12"},
    {.device = "dev-0"},
    {.state = BROWSE_GOOD},
    {.state = BROWSE_EXPIRING, .within = 7 * DAY},
    {.state = BROWSE_EXPIRED},
    {.state = BROWSE_REVOKED},
    {.state = BROWSE_HELD},
    {.state = BROWSE_HELD, .endpoint = "other"},
    {.issued_from = T0 + 10 * DAY, .issued_until = T0 + 12 * DAY},
    {.issued_from = T0 + 59 * DAY},
    {.issued_until = T0 + 5000},
    {.issued_until = T0 - 5000},
    {.ends_from = T0 + 40 * DAY, .ends_until = T0 + 41 * DAY},
    {.ends_until = T0 + 31 * DAY, .state = BROWSE_REVOKED},
    {.device = "dev-12", .state = BROWSE_GOOD, .subject = "pump-2"},
};

static void
every_filter_finds_what_fits_in_every_order(void **state)
{
	struct store *store = filled();

	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		size_t want = 0;

		for (unsigned n = 1; n <= ROWS; n++)
			want += fits(&filters[i], &all[n]);
		for (int o = BROWSE_NEWEST; o <= BROWSE_ENDED; o++) {
			size_t n = walk(
			    store, &filters[i], (enum browse_order)o, 7, 10);

			if (n != want)
				fail_msg("filter %zu, %s: %zu, not %zu", i,
				    browse_order_word((enum browse_order)o), n,
				    want);
			/* However little each page looks at. */
			assert_int_equal(walk(store, &filters[i],
					     (enum browse_order)o, 50, 1e-9),
			    want);
		}
	}
	emptied(store);
}

static void
search_that_runs_out_of_patience_says_so(void **state)
{
	struct store *store = filled();
	const struct browse_filter f = {.subject = "nobody"};
	struct browse_rules rules = {.rows = 50, .patience = 1e-9, .now = NOW};
	struct browse_page page;
	struct fail why = {0};

	(void)state;
	assert_int_equal(store_browse(store, &page, &f, &rules, &why), 0);
	assert_int_equal(page.rows, 0);
	assert_true(page.more && page.searching);
	assert_true(page.looked > 0 && page.looked < ROWS);
	browse_free(&page);
	emptied(store);
}

static void
cursors_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"", "n", "n0", "n0.", "n.1", "n0.1 ",
	    "n00.1", "o0.1", "N0.1", "n0.G", "n0.11111111111111111", "e0.1"};
	struct store *store = store_made();
	const struct browse_filter f = {0};
	struct browse_page page;
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct browse_rules rules = {
		    .rows = 5, .now = NOW, .cursor = bad[i]};

		if (store_browse(store, &page, &f, &rules, &why) == 0)
			fail_msg("cursor '%s' is taken", bad[i]);
		assert_string_equal(why.reason, "cursor");
		assert_int_equal(why.kind, FAIL_MALFORMED);
	}
	store_free(store);
}

static void
census_counts_what_there_is(void **state)
{
	struct store *store = filled();
	struct census t;
	struct fail why = {0};
	int64_t good = 0, revoked = 0, days = 0, weeks = 0;

	(void)state;
	assert_int_equal(store_census(store, &t, NOW, &why), 0);
	for (unsigned n = 1; n <= ROWS; n++) {
		good += browse_state_at(&all[n], NOW) == BROWSE_GOOD;
		revoked += all[n].status == STORE_REVOKED;
		days += all[n].issued >= t.day_begin;
	}
	for (int i = 0; i < CENSUS_DAYS; i++)
		days -= t.day[i];
	for (int i = 0; i < CENSUS_WEEKS; i++)
		weeks += t.week[i];
	assert_int_equal(t.certificates, ROWS);
	assert_int_equal(t.good, good);
	assert_int_equal(t.revoked, revoked);
	assert_int_equal(t.good + t.revoked + t.held + t.expired, ROWS);
	assert_int_equal(days, 0);
	assert_int_equal(weeks + t.later, good);
	emptied(store);
}

static int
event_take(int64_t seq, const char *record, void *arg)
{
	struct bytes *events = arg;
	struct json *j;
	struct fail why = {0};

	(void)seq;
	assert_int_equal(json_read(&j, record, &why), 0);
	bytes_addf(events, "%s ", json_str_of(j, "event"));
	json_free(j);
	return 0;
}

static void
history_has_issue_and_what_came_after(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	const struct audit entry = {.event = "revoke"};
	struct bytes repeat = {0}, events = {0};
	struct record r[3];
	struct fail why = {0};
	bool all_told, changed;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		record_make(&r[i], i + 1, "maker", i == 1 ? "b" : "a",
		    i == 1 ? "b" : "a");
		digest(r[i].spki_sha256, "key", r[i].serial);
		r[i].issued = when_now();
		rules.now = r[i].issued;
		assert_int_equal(
		    record_issue(store, &repeat, &r[i], &rules, &why), 0);
	}
	struct audit revoke = entry;
	revoke.serial = r[1].serial;
	assert_int_equal(store_revoke(store, &changed, r[1].serial,
			     REASON_SUPERSEDED, rules.now, &revoke, &why),
	    0);
	assert_int_equal(store_history(store, &r[1], 10, &all_told, event_take,
			     &events, &why),
	    0);
	assert_true(all_told);
	assert_string_equal((char *)events.data, "issue revoke ");
	events.len = 0;
	assert_int_equal(store_history(store, &r[1], 1, &all_told, event_take,
			     &events, &why),
	    0);
	assert_false(all_told);
	assert_string_equal((char *)events.data, "issue ");
	for (unsigned i = 0; i < 3; i++)
		record_free(&r[i]);
	bytes_free(&events);
	store_free(store);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_filter_finds_what_fits_in_every_order),
	    TEST(search_that_runs_out_of_patience_says_so),
	    TEST(cursors_that_are_none_are_refused),
	    TEST(census_counts_what_there_is),
	    TEST(history_has_issue_and_what_came_after),
	};

	(void)setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
