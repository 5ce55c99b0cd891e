/* outbox: what is still to be told of devices, and what became of it. */
#include "tests/unit/records.h"

#include <pthread.h>

#include "lib/store/outbox.h"

static unsigned serial;

/* One more certificate of a device. */
static void
issue(struct store *store, const char *device, bool renewal, int64_t not_after)
{
	struct store_rules rules = rules_at(T0);
	struct bytes repeat = {0};
	struct fail why = {0};
	struct record r;
	static uint8_t old[SHA256_LEN];
	char key[16];

	(void)snprintf(key, sizeof(key), "k%u", ++serial);
	record_make(&r, serial, "maker", device, key);
	r.device = str_dup(device);
	r.not_after = not_after;
	if (renewal)
		rules.renews = old;
	if (record_issue(store, &repeat, &r, &rules, &why) != 0)
		fail_msg("%s (%s)", why.text, why.cause);
	memcpy(old, r.sha256, SHA256_LEN);
	record_free(&r);
}

static void
revoked(struct store *store, unsigned number)
{
	char *text = str_fmt("%040X", number);
	struct audit entry = {.event = "revoke", .serial = text};
	struct fail why = {0};
	bool changed;

	assert_int_equal(store_revoke(store, &changed, text,
			     REASON_KEY_COMPROMISE, T0 + 1, &entry, &why),
	    0);
	assert_true(changed);
	free(text);
}

static struct outbox_page page;

static size_t
turn(struct store *store, int64_t after, int64_t now)
{
	struct fail why = {0};

	outbox_page_free(&page);
	if (store_outbox_page(store, &page, after, now, &why) != 0)
		fail_msg("%s (%s)", why.text, why.cause);
	return page.n;
}

static void
settle(struct store *store, const char *device, int64_t seq,
    enum outbox_end end, int64_t next)
{
	const struct audit entry = {.event = "upload", .reason = "cloud-x"};
	struct outbox_settled s = {device, seq, end, next,
	    end == OUTBOX_DONE ? NULL : "cloud-x",
	    end == OUTBOX_DONE ? NULL : "as it is",
	    end == OUTBOX_DEAD ? &entry : NULL};
	struct fail why = {0};

	assert_int_equal(store_outbox_settle(store, &s, 1, T0 + 9, &why), 0);
}

static struct outbox_state
state_of(struct store *store)
{
	struct outbox_state state;
	struct fail why = {0};

	assert_int_equal(store_outbox_state(store, &state, &why), 0);
	return state;
}

static void
device_comes_once_with_all_that_counts(void **state)
{
	struct store *store = store_made();
	const struct outbox_device *d;

	(void)state;
	serial = 0;
	issue(store, "a", false, T0 + 10);
	issue(store, "b", false, T0 + DAY);
	issue(store, "a", true, T0 + DAY);
	issue(store, "a", true, T0 + 2 * DAY);
	revoked(store, 2);
	assert_int_equal(turn(store, 0, T0 + 11), 2);
	assert_false(page.more);
	d = &page.item[0];
	assert_string_equal(d->device, "a");
	assert_true(d->open);
	assert_int_equal(d->kind, OUTBOX_RENEWED);
	assert_int_equal(d->confirmed, 0);
	/* The first one has expired. */
	assert_int_equal(d->goods, 2);
	assert_int_equal(d->good[0].id, 4);
	assert_int_equal(d->good[1].id, 3);
	assert_int_equal(d->newest.id, 4);
	d = &page.item[1];
	assert_string_equal(d->device, "b");
	assert_int_equal(d->kind, OUTBOX_REVOKED);
	assert_int_equal(d->goods, 0);
	assert_int_equal(d->newest.id, 2);
	assert_int_equal(d->newest.reason, REASON_KEY_COMPROMISE);
	assert_int_equal(turn(store, page.last, T0 + 11), 0);
	outbox_page_free(&page);
	store_free(store);
}

static void
done_is_what_was_there_when_it_was_told(void **state)
{
	struct store *store = store_made();
	int64_t seq;

	(void)state;
	serial = 0;
	issue(store, "a", false, T0 + DAY);
	assert_int_equal(turn(store, 0, T0), 1);
	seq = page.item[0].seq;
	/* Meanwhile. */
	issue(store, "a", true, T0 + 2 * DAY);
	settle(store, "a", seq, OUTBOX_DONE, 0);
	assert_int_equal(turn(store, 0, T0), 1);
	assert_int_equal(page.item[0].confirmed, seq);
	assert_true(page.item[0].seq > seq);
	settle(store, "a", page.item[0].seq, OUTBOX_DONE, 0);
	assert_int_equal(turn(store, 0, T0), 0);
	assert_int_equal(state_of(store).open, 0);
	assert_int_equal(state_of(store).oldest, 0);
	outbox_page_free(&page);
	store_free(store);
}

static enum outbox_kind
kind_in(struct store *store, const char *device)
{
	(void)turn(store, 0, T0);
	for (size_t i = 0; i < page.n; i++)
		if (strcmp(page.item[i].device, device) == 0)
			return page.item[i].kind;
	fail_msg("nothing is to be told of %s", device);
	return OUTBOX_ENROLLED;
}

/* What was issued for nobody is revoked: in the same transaction it is to be
 * told. */
static void
what_is_taken_back_is_told_too(void **state)
{
	struct store *store = store_made();
	struct audit entry = {.event = "revoke"};
	struct store_rules rules = rules_at(T0);
	struct bytes repeat = {0};
	struct fail why = {0};
	struct record r;
	bool changed;

	(void)state;
	serial = 0;
	issue(store, "a", false, T0 + DAY);
	settle(store, "a", when_now_us(), OUTBOX_DONE, 0);
	entry.serial = "0000000000000000000000000000000000000001";
	assert_int_equal(
	    store_lost(store, &changed, entry.serial, 0, T0 + 1, &entry, &why),
	    0);
	assert_true(changed);
	assert_int_equal(kind_in(store, "a"), OUTBOX_REVOKED);
	assert_int_equal(page.item[0].goods, 0);

	/* An answer made anew: the one before it is superseded. */
	rules.repeat_window = 0;
	rules.supersede = 3600;
	for (unsigned n = 11; n <= 12; n++) {
		record_make(&r, n, "maker", "b", n == 11 ? "kb1" : "kb2");
		digest(r.request_key, "request", "b");
		free(r.operation);
		r.operation = str_dup("serverkeygen");
		r.device = str_dup("b");
		assert_int_equal(
		    record_issue(store, &repeat, &r, &rules, &why), 0);
		record_free(&r);
	}
	assert_int_equal(kind_in(store, "b"), OUTBOX_ENROLLED);
	assert_int_equal(page.item[1].goods, 1);
	assert_int_equal(number_of("SELECT count(*) FROM outbox"
				   " WHERE device = 'b'"),
	    3);
	outbox_page_free(&page);
	store_free(store);
}

#define HAMMERED 400
static bool hammered; /* atomic */

static void *
hammer(void *arg)
{
	for (unsigned i = 0; i < HAMMERED; i++)
		issue(arg, "a", i > 0, T0 + DAY);
	__atomic_store_n(&hammered, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Else a row would be confirmed whose certificate was never told. */
static void
certificates_are_not_older_than_the_row(void **state)
{
	struct store *store = store_made();
	pthread_t thread;
	unsigned pages = 0;

	(void)state;
	serial = 0;
	hammered = false;
	assert_int_equal(pthread_create(&thread, NULL, hammer, store), 0);
	while (!__atomic_load_n(&hammered, __ATOMIC_ACQUIRE)) {
		char *sql;

		if (turn(store, 0, T0) == 0)
			continue;
		pages++;
		sql = str_fmt("SELECT certificate FROM outbox WHERE seq = %lld",
		    (long long)page.item[0].seq);
		assert_true(page.item[0].good[0].id >= number_of(sql));
		assert_true(page.item[0].newest.id >= number_of(sql));
		free(sql);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(pages > (pgsql() == NULL ? 10 : 0));
	outbox_page_free(&page);
	store_free(store);
}

static void
what_failed_waits_and_what_is_given_up_for_something_newer(void **state)
{
	struct store *store = store_made();
	struct outbox_state s;

	(void)state;
	serial = 0;
	issue(store, "a", false, T0 + DAY);
	issue(store, "b", false, T0 + DAY);
	assert_int_equal(turn(store, 0, T0), 2);
	settle(store, "a", page.item[0].seq, OUTBOX_LATER, T0 + 60);
	settle(store, "b", page.item[1].seq, OUTBOX_DEAD, 0);
	assert_int_equal(turn(store, 0, T0 + 59), 0);
	assert_int_equal(turn(store, 0, T0 + 60), 1);
	assert_string_equal(page.item[0].device, "a");
	assert_int_equal(page.item[0].tries, 1);
	/* The clock was set back by more than a pause may last. */
	assert_int_equal(turn(store, 0, T0 + 60 - DAY), 0);
	assert_int_equal(turn(store, 0, T0 + 59 - DAY), 1);
	s = state_of(store);
	assert_int_equal(s.open, 2);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.dead, 1);
	assert_true(s.oldest > 0);
	assert_int_equal(chain_rows(store), 3); /* the dead letter's */
	issue(store, "b", true, T0 + 2 * DAY);
	assert_int_equal(turn(store, 0, T0), 1);
	assert_string_equal(page.item[0].device, "b");
	settle(store, "b", page.item[0].seq, OUTBOX_DONE, 0);
	s = state_of(store);
	assert_int_equal(s.open, 1);
	assert_int_equal(s.dead, 0);
	outbox_page_free(&page);
	store_free(store);
}

static int
failed_each(const struct outbox_failed *failed, void *arg)
{
	bytes_addf(arg, "%s %s %s %d %d;", failed->device, failed->reason,
	    failed->said, failed->tries, failed->dead != 0);
	return 0;
}

static void
operator_retries_drops_and_has_it_told_again(void **state)
{
	const struct audit entry = {
	    .event = "upload", .operation = "drop", .requester = "operator:x"};
	struct store *store = store_made();
	struct bytes list = {0};
	struct fail why = {0};
	int64_t n;

	(void)state;
	serial = 0;
	issue(store, "a", false, T0 + DAY);
	issue(store, "b", false, T0 + DAY);
	assert_int_equal(turn(store, 0, T0), 2);
	settle(store, "a", page.item[0].seq, OUTBOX_LATER, T0 + 60);
	settle(store, "b", page.item[1].seq, OUTBOX_DEAD, 0);
	settle(store, "a", page.item[0].seq, OUTBOX_LATER, T0 + 60);
	assert_int_equal(
	    store_outbox_failed(store, failed_each, &list, &why), 0);
	assert_string_equal(
	    list.data, "a cloud-x as it is 2 0;b cloud-x as it is 1 1;");
	bytes_free(&list);

	assert_int_equal(store_outbox_retry(store, &n, "c", &entry, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	assert_int_equal(store_outbox_retry(store, &n, "b", &entry, &why), 0);
	assert_int_equal(n, 1);
	assert_int_equal(turn(store, 0, T0), 1);
	assert_string_equal(page.item[0].device, "b");
	assert_int_equal(store_outbox_retry(store, &n, NULL, &entry, &why), 0);
	assert_int_equal(n, 1);
	assert_int_equal(turn(store, 0, T0), 2);
	assert_int_equal(store_outbox_retry(store, &n, NULL, &entry, &why), 0);
	assert_int_equal(n, 0);

	assert_int_equal(
	    store_outbox_drop(store, "a", T0 + 1, &entry, &why), 0);
	assert_int_equal(turn(store, 0, T0), 1);
	assert_string_equal(page.item[0].device, "b");
	assert_int_equal(number_of("SELECT confirmed FROM outbox WHERE"
				   " device = 'a'"),
	    -(T0 + 1));
	assert_int_equal(
	    store_outbox_drop(store, "a", T0 + 1, &entry, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);

	assert_int_equal(store_outbox_again(store, "a", &entry, &why), 0);
	assert_int_equal(turn(store, 0, T0), 2);
	assert_string_equal(page.item[1].device, "a");
	assert_int_equal(page.item[1].kind, OUTBOX_RENEWED);
	assert_true(page.item[1].seq > page.item[0].seq);
	assert_int_equal(store_outbox_again(store, "c", &entry, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	/* two issued, one given up, retried twice, dropped, again */
	assert_int_equal(chain_rows(store), 7);
	outbox_page_free(&page);
	store_free(store);
}

static void
pages_go_over_everything_once(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};
	int64_t after = 0;
	unsigned devices = 0;
	char name[16], *last = str_dup("");

	(void)state;
	serial = 0;
	for (unsigned i = 0; i < 250; i++) {
		(void)snprintf(name, sizeof(name), "d%03u", i);
		issue(store, name, false, T0 + DAY);
		if (i % 50 == 0)
			issue(store, name, true, T0 + DAY);
	}
	do {
		(void)turn(store, after, T0);
		assert_true(page.n <= OUTBOX_PAGE);
		for (size_t i = 0; i < page.n; i++)
			settle(store, page.item[i].device, page.item[i].seq,
			    OUTBOX_DONE, 0);
		devices += (unsigned)page.n;
		after = page.last;
	} while (page.more);
	assert_int_equal(devices, 250);
	assert_int_equal(turn(store, 0, T0), 0);

	devices = 0;
	do {
		outbox_page_free(&page);
		assert_int_equal(
		    store_device_page(store, &page, last, T0, &why), 0);
		for (size_t i = 0; i < page.n; i++) {
			assert_true(strcmp(last, page.item[i].device) < 0);
			assert_false(page.item[i].open);
			assert_int_equal(
			    page.item[i].seq, page.item[i].confirmed);
			free(last);
			last = str_dup(page.item[i].device);
		}
		devices += (unsigned)page.n;
	} while (page.more);
	assert_int_equal(devices, 250);
	free(last);
	outbox_page_free(&page);
	assert_int_equal(store_device_find(store, &page, "d007", T0, &why), 0);
	assert_int_equal(page.n, 1);
	outbox_page_free(&page);
	assert_int_equal(store_device_find(store, &page, "x", T0, &why), 0);
	assert_int_equal(page.n, 0);
	store_free(store);
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

static bool
leased(struct store *store, const char *holder, int64_t now)
{
	struct fail why = {0};
	bool taken;

	assert_int_equal(store_lease(store, &taken, holder, now, 60, &why), 0);
	return taken;
}

static void
one_uploads_at_a_time(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};

	(void)state;
	assert_true(leased(store, "node 1", T0));
	assert_false(leased(store, "node 2", T0 + 59));
	assert_true(leased(store, "node 1", T0 + 59));
	/* Another's is not given back. */
	assert_int_equal(store_lease_end(store, "node 2", &why), 0);
	assert_false(leased(store, "node 2", T0 + 118));
	assert_true(leased(store, "node 2", T0 + 119));
	assert_int_equal(store_lease_end(store, "node 2", &why), 0);
	assert_true(leased(store, "node 1", T0 + 119));
	store_free(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_DISK(device_comes_once_with_all_that_counts),
	    ON_DISK(one_uploads_at_a_time),
	    ON_DISK(done_is_what_was_there_when_it_was_told),
	    ON_DISK(what_is_taken_back_is_told_too),
	    ON_DISK(certificates_are_not_older_than_the_row),
	    ON_DISK(what_failed_waits_and_what_is_given_up_for_something_newer),
	    ON_DISK(operator_retries_drops_and_has_it_told_again),
	    ON_DISK(pages_go_over_everything_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
