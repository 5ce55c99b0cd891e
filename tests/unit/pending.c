/* pending: requests that wait for approval, their limits, races and ends. */
#include "tests/unit/records.h"

#include <pthread.h>

#include "lib/store/pending.h"

#define WEEK (7 * DAY)
#define THREADS 8

static const char approver[] = "operator:ann";

/* Request number `n` of `who`; what it would get is record_of()'s. */
static void
ask_make(struct pending *p, unsigned n, const char *who)
{
	char *name = str_fmt("%s-%u", who, n);

	memset(p, 0, sizeof(*p));
	digest(p->request_key, "request", name);
	digest(p->csr_sha256, "csr", name);
	digest(p->client_sha256, "client", who);
	p->has_client = true;
	p->request = str_fmt("id-%s", name);
	p->endpoint = str_dup("device");
	p->operation = str_dup("simpleenroll");
	p->profile = str_dup("device");
	p->requester = str_fmt("foreign:CN=%s", who);
	p->holder = str_dup(who);
	p->subject = str_fmt("CN=%s", name);
	p->san = str_fmt("DNS:%s.example", name);
	p->peer = str_dup("192.0.2.7");
	bytes_addf(&p->csr, "request of %s", name);
	free(name);
}

static void
record_of(struct record *r, const struct pending *p, unsigned serial)
{
	record_make(r, serial, p->holder, p->subject + 3, p->subject);
	memcpy(r->request_key, p->request_key, SHA256_LEN);
	memcpy(r->csr_sha256, p->csr_sha256, SHA256_LEN);
}

static struct pending_rules
taking(int64_t now)
{
	return (struct pending_rules){.now = now, .keep = WEEK, .most = 3};
}

static int
take(struct store *store, struct pending *row, const struct pending *asked,
    int64_t now, struct fail *why)
{
	const struct audit entry = {.event = "pending",
	    .requester = asked->requester,
	    .subject = asked->subject,
	    .status = 202};
	struct pending_rules rules = taking(now);

	memset(why, 0, sizeof(*why));
	return store_pending_take(store, row, asked, &rules, &entry, why);
}

static enum pending_state
state_at(struct store *store, const struct pending *asked, int64_t now)
{
	struct pending row;
	struct fail why;
	enum pending_state state;

	if (take(store, &row, asked, now, &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
	assert_string_equal(row.subject, asked->subject);
	assert_int_equal(row.csr.len, asked->csr.len);
	state = row.state;
	pending_free(&row);
	return state;
}

static bool
decided(struct store *store, int64_t id, enum pending_state state, int64_t now)
{
	const struct audit entry = {
	    .event = state == PENDING_APPROVED ? "approve" : "deny",
	    .requester = approver,
	    .text = "seen in person"};
	struct fail why = {0};
	bool changed;

	if (store_pending_decide(
		store, &changed, id, state, now, WEEK, &entry, &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
	return changed;
}

static void
undecided(struct store *store, int64_t id, enum pending_state state,
    int64_t now, const char *reason)
{
	const struct audit entry = {.event = "approve", .requester = approver};
	struct fail why = {0};
	int64_t rows = chain_rows(store);
	bool changed;

	assert_int_equal(store_pending_decide(store, &changed, id, state, now,
			     WEEK, &entry, &why),
	    -1);
	assert_string_equal(why.reason, reason);
	assert_false(changed);
	assert_int_equal(chain_rows(store), rows);
}

static int
issue_at(struct store *store, struct bytes *repeat, const struct record *r,
    int64_t now, struct fail *why)
{
	struct store_rules rules = rules_at(now);

	rules.repeat_window = 0;
	rules.clock_slack = 90 * DAY;
	rules.approval = true;
	rules.approval_keep = WEEK;
	memset(why, 0, sizeof(*why));
	return record_issue(store, repeat, r, &rules, why);
}

static int64_t
events(const char *event)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM audit WHERE event = '%s'", event);
	return number_of(sql);
}

/* As take(), knowing what would be issued: the row's number. */
static int64_t
wanted_at(struct store *store, const struct pending *asked,
    const struct record *wanted, int64_t now)
{
	const struct audit entry = {.event = "pending"};
	const struct store_rules issue = rules_at(now);
	struct pending_rules rules = taking(now);
	struct pending row;
	struct fail why = {0};
	int64_t id;

	rules.wanted = wanted;
	rules.issue = &issue;
	if (store_pending_take(store, &row, asked, &rules, &entry, &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
	id = row.id;
	pending_free(&row);
	return id;
}

static void
text_put(char **a, char **b, const char *text)
{
	free(*a);
	free(*b);
	*a = text != NULL ? str_dup(text) : NULL;
	*b = text != NULL ? str_dup(text) : NULL;
}

static void
request_is_kept_once_and_as_it_came(void **state)
{
	struct store *store = store_made();
	struct pending asked, row;
	struct fail why;

	(void)state;
	ask_make(&asked, 1, "pump");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(take(store, &row, &asked, T0 + i, &why), 0);
		assert_int_equal(row.id, 1);
		assert_int_equal(row.state, PENDING_OPEN);
		assert_int_equal(row.created, T0);
		assert_int_equal(row.expires, T0 + WEEK);
		assert_memory_equal(
		    row.request_key, asked.request_key, SHA256_LEN);
		assert_memory_equal(
		    row.csr_sha256, asked.csr_sha256, SHA256_LEN);
		assert_memory_equal(
		    row.client_sha256, asked.client_sha256, SHA256_LEN);
		assert_true(row.has_client);
		assert_string_equal(row.request, "id-pump-1");
		assert_string_equal(row.requester, "foreign:CN=pump");
		assert_string_equal(row.holder, "pump");
		assert_string_equal(row.san, "DNS:pump-1.example");
		assert_string_equal(row.peer, "192.0.2.7");
		assert_null(row.decider);
		assert_string_equal(
		    (const char *)row.csr.data, "request of pump-1");
		pending_free(&row);
	}
	assert_int_equal(chain_rows(store), 1);
	assert_int_equal(events("pending"), 1);
	store_free(store);
	/* As it was after another start. */
	store = store_made();
	assert_int_equal(state_at(store, &asked, T0 + 5), PENDING_OPEN);
	assert_int_equal(chain_rows(store), 1);
	pending_free(&asked);
	store_free(store);
}

static void
approved_one_is_issued_once(void **state)
{
	struct store *store = store_made();
	struct pending asked, row;
	struct bytes repeat = {0};
	struct record r, other;
	struct fail why;

	(void)state;
	ask_make(&asked, 1, "pump");
	record_of(&r, &asked, 1);
	record_of(&other, &asked, 2);
	assert_int_equal(issue_at(store, &repeat, &r, T0, &why), -1);
	assert_string_equal(why.reason, "approval");
	assert_int_equal(why.kind, FAIL_PENDING);
	assert_int_equal(state_at(store, &asked, T0), PENDING_OPEN);
	assert_int_equal(issue_at(store, &repeat, &r, T0, &why), -1);
	assert_string_equal(why.reason, "approval");
	assert_true(decided(store, 1, PENDING_APPROVED, T0 + 1));
	assert_false(decided(store, 1, PENDING_APPROVED, T0 + 2));
	assert_int_equal(state_at(store, &asked, T0 + 3), PENDING_APPROVED);
	assert_int_equal(issue_at(store, &repeat, &r, T0 + 4, &why), 0);
	assert_int_equal(repeat.len, 0);
	/* The loser of a race gets the winner's. */
	assert_int_equal(issue_at(store, &repeat, &other, T0 + 3, &why), 0);
	assert_int_equal(repeat.len, r.der.len);
	assert_memory_equal(repeat.data, r.der.data, r.der.len);
	assert_int_equal(take(store, &row, &asked, T0 + 6 * DAY, &why), 0);
	assert_int_equal(row.state, PENDING_ISSUED);
	assert_string_equal(row.decider, approver);
	assert_string_equal(row.note, "seen in person");
	assert_int_equal(row.der.len, r.der.len);
	assert_memory_equal(row.certificate, r.sha256, SHA256_LEN);
	undecided(store, 1, PENDING_DENIED, T0 + 6, "request-issued");
	undecided(store, 1, PENDING_APPROVED, T0 + 6, "request-issued");
	undecided(store, 2, PENDING_APPROVED, T0 + 6, "unknown-request");
	assert_int_equal(events("issue"), 1);
	assert_int_equal(events("approve"), 1);
	pending_free(&row);
	pending_free(&asked);
	bytes_free(&repeat);
	record_free(&r);
	record_free(&other);
	store_free(store);
}

/* The same request under another profile, or with other names in it. */
static void
what_was_seen_is_what_counts(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct pending before;
	struct record was;
	struct fail why;

	(void)state;
	ask_make(&before, 1, "pump");
	record_of(&was, &before, 1);
	for (int i = 0; i < 3; i++) {
		struct pending after;
		struct record is;
		int64_t id = 2 * i + 1;

		ask_make(&after, 1, "pump");
		record_of(&is, &after, 1);
		text_put(i == 0   ? &after.profile
			 : i == 1 ? &after.subject
				  : &after.san,
		    i == 0   ? &is.profile
		    : i == 1 ? &is.subject
			     : &is.san,
		    i == 2 ? NULL : "another");
		assert_int_equal(wanted_at(store, &before, &was, T0), id);
		assert_true(decided(store, id, PENDING_APPROVED, T0));
		assert_int_equal(issue_at(store, &repeat, &is, T0, &why), -1);
		assert_string_equal(why.reason, "approval");
		assert_int_equal(wanted_at(store, &before, &was, T0), id);
		/* Asked for anew, what was approved does not come back. */
		assert_int_equal(wanted_at(store, &after, &is, T0), id + 1);
		assert_int_equal(wanted_at(store, &after, &is, T0), id + 1);
		assert_int_equal(issue_at(store, &repeat, &was, T0, &why), -1);
		undecided(store, id, PENDING_APPROVED, T0, "request-expired");
		record_free(&is);
		pending_free(&after);
	}
	assert_int_equal(events("expire"), 5);
	record_free(&was);
	pending_free(&before);
	store_free(store);
}

/* serverkeygen: nobody has the first answer's key any more. */
static void
answer_made_anew_needs_no_second_approval_for_a_while(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0 + 2);
	struct bytes repeat = {0};
	const struct audit lost = {.event = "revoke"};
	struct pending asked;
	struct record r[5];
	bool changed;
	struct fail why = {0};

	(void)state;
	ask_make(&asked, 1, "pump");
	assert_int_equal(state_at(store, &asked, T0), PENDING_OPEN);
	assert_true(decided(store, 1, PENDING_APPROVED, T0 + 1));
	rules.approval = rules.approval_anew = rules.key_reuse = true;
	rules.approval_keep = WEEK;
	rules.approval_again = 3600;
	rules.repeat_window = 0;
	for (unsigned i = 0; i < 5; i++)
		record_of(&r[i], &asked, i + 1);
	assert_int_equal(record_issue(store, &repeat, &r[0], &rules, &why), 0);
	rules.now += 3000;
	assert_int_equal(record_issue(store, &repeat, &r[1], &rules, &why), 0);
	assert_int_equal(repeat.len, 0);
	assert_int_equal(events("issue"), 2);
	/* One that was lost on its way does not count. */
	assert_int_equal(
	    store_lost(store, &changed, r[1].serial, 0, T0, &lost, &why), 0);
	assert_true(changed);
	rules.now += 3000;
	assert_int_equal(record_issue(store, &repeat, &r[2], &rules, &why), 0);
	assert_int_equal(repeat.len, 0);
	/* What it became in between does not make it last longer. */
	rules.now += 3000;
	assert_int_equal(record_issue(store, &repeat, &r[3], &rules, &why), 0);
	rules.now += 600;
	assert_int_equal(record_issue(store, &repeat, &r[4], &rules, &why), -1);
	assert_string_equal(why.reason, "approval");
	for (unsigned i = 0; i < 5; i++)
		record_free(&r[i]);
	bytes_free(&repeat);
	pending_free(&asked);
	store_free(store);
}

static void
what_was_taken_away_needs_another_approval(void **state)
{
	static const enum store_reason reasons[] = {
	    REASON_CESSATION, REASON_SUPERSEDED, REASON_UNSPECIFIED};
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0 + 2);
	const struct audit taken = {.event = "revoke"};
	struct bytes repeat = {0};
	struct fail why = {0};

	(void)state;
	rules.approval = rules.approval_anew = rules.key_reuse = true;
	rules.approval_keep = WEEK;
	rules.approval_again = rules.supersede = 3600;
	rules.repeat_window = 0;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct pending asked;
		struct record r[2];
		bool changed;

		ask_make(&asked, i, "pump");
		assert_int_equal(state_at(store, &asked, T0), PENDING_OPEN);
		assert_true(decided(store, i + 1, PENDING_APPROVED, T0 + 1));
		record_of(&r[0], &asked, 10 * i + 1);
		record_of(&r[1], &asked, 10 * i + 2);
		assert_int_equal(
		    record_issue(store, &repeat, &r[0], &rules, &why), 0);
		assert_int_equal(store_revoke(store, &changed, r[0].serial,
				     reasons[i], T0, &taken, &why),
		    0);
		assert_int_equal(
		    record_issue(store, &repeat, &r[1], &rules, &why), -1);
		assert_string_equal(why.reason, "approval");
		record_free(&r[0]);
		record_free(&r[1]);
		pending_free(&asked);
	}
	bytes_free(&repeat);
	store_free(store);
}

static void
denied_stays_denied_until_somebody_thinks_better_of_it(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct pending asked;
	struct record r;
	struct fail why;

	(void)state;
	ask_make(&asked, 1, "pump");
	record_of(&r, &asked, 1);
	assert_int_equal(state_at(store, &asked, T0), PENDING_OPEN);
	assert_true(decided(store, 1, PENDING_DENIED, T0 + DAY));
	assert_int_equal(state_at(store, &asked, T0 + 7 * DAY), PENDING_DENIED);
	assert_int_equal(issue_at(store, &repeat, &r, T0 + DAY, &why), -1);
	assert_string_equal(why.reason, "approval-denied");
	assert_true(decided(store, 1, PENDING_APPROVED, T0 + DAY));
	/* … and again, before it was fetched. */
	assert_true(decided(store, 1, PENDING_DENIED, T0 + DAY));
	assert_int_equal(issue_at(store, &repeat, &r, T0 + DAY, &why), -1);
	assert_string_equal(why.reason, "approval-denied");
	/* Seven days after the decision it is forgotten. */
	undecided(store, 1, PENDING_APPROVED, T0 + 8 * DAY, "request-expired");
	assert_int_equal(state_at(store, &asked, T0 + 8 * DAY), PENDING_OPEN);
	assert_int_equal(number_of("SELECT max(id) FROM pending"), 2);
	pending_free(&asked);
	record_free(&r);
	store_free(store);
}

static void
time_runs_out_for_open_and_approved(void **state)
{
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct pending a, b;
	struct record r;
	struct fail why;

	(void)state;
	ask_make(&a, 1, "pump");
	ask_make(&b, 2, "pump");
	record_of(&r, &a, 1);
	assert_int_equal(state_at(store, &a, T0), PENDING_OPEN);
	assert_int_equal(state_at(store, &b, T0), PENDING_OPEN);
	assert_true(decided(store, 1, PENDING_APPROVED, T0 + 6 * DAY));
	assert_int_equal(state_at(store, &b, T0 + WEEK - 1), PENDING_OPEN);
	undecided(store, 2, PENDING_APPROVED, T0 + WEEK, "request-expired");
	assert_int_equal(state_at(store, &b, T0 + WEEK), PENDING_OPEN);
	assert_int_equal(number_of("SELECT state FROM pending WHERE id = 2"),
	    PENDING_EXPIRED);
	assert_int_equal(events("expire"), 1);
	/* An approved one has seven days from then. */
	assert_int_equal(
	    state_at(store, &a, T0 + 13 * DAY - 1), PENDING_APPROVED);
	assert_int_equal(issue_at(store, &repeat, &r, T0 + 13 * DAY, &why), -1);
	assert_string_equal(why.reason, "approval");
	assert_int_equal(state_at(store, &a, T0 + 13 * DAY), PENDING_OPEN);
	assert_int_equal(events("expire"), 2);
	assert_int_equal(chain_rows(store), 2 + 1 + 2 + 2);
	pending_free(&a);
	pending_free(&b);
	record_free(&r);
	store_free(store);
}

static void
certificate_that_ended_needs_another_approval(void **state)
{
	const struct audit entry = {.event = "revoke"};
	struct store *store = store_made();
	struct bytes repeat = {0};
	struct pending asked;
	struct record r;
	struct fail why;
	bool changed;

	(void)state;
	ask_make(&asked, 1, "pump");
	record_of(&r, &asked, 1);
	assert_int_equal(state_at(store, &asked, T0), PENDING_OPEN);
	assert_true(decided(store, 1, PENDING_APPROVED, T0));
	assert_int_equal(issue_at(store, &repeat, &r, T0, &why), 0);
	assert_int_equal(state_at(store, &asked, T0 + 1), PENDING_ISSUED);
	assert_int_equal(store_revoke(store, &changed, r.serial,
			     REASON_UNSPECIFIED, T0 + 2, &entry, &why),
	    0);
	assert_int_equal(state_at(store, &asked, T0 + 3), PENDING_OPEN);
	pending_free(&asked);
	record_free(&r);
	store_free(store);
}

static void
identity_has_three_open_at_most(void **state)
{
	struct store *store = store_made();
	struct pending asked[5], row;
	struct fail why;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		ask_make(&asked[i], i, i < 4 ? "pump" : "valve");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(state_at(store, &asked[i], T0), PENDING_OPEN);
	assert_int_equal(take(store, &row, &asked[3], T0, &why), -1);
	assert_int_equal(why.kind, FAIL_LIMIT);
	assert_string_equal(why.reason, "pending-limit");
	/* Its own open ones are still answered, and so is another identity. */
	assert_int_equal(state_at(store, &asked[2], T0), PENDING_OPEN);
	assert_int_equal(state_at(store, &asked[4], T0), PENDING_OPEN);
	assert_true(decided(store, 1, PENDING_APPROVED, T0));
	assert_int_equal(state_at(store, &asked[3], T0), PENDING_OPEN);
	for (unsigned i = 0; i < 5; i++)
		pending_free(&asked[i]);
	store_free(store);
}

/* `n` open rows from `first` on, each of an identity of its own. */
static void
rows_add(int first, int n)
{
	char sql[1024];

	(void)snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE c(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM c"
	    " WHERE i < %d) INSERT INTO pending (id, state, created, changed,"
	    " expires, request_head, request_key, csr_sha256, endpoint,"
	    " operation, profile, requester, holder, subject, csr)"
	    " SELECT i, 0, %lld, %lld, %lld, random(), randomblob(32),"
	    " randomblob(32), 'device', 'simpleenroll', 'device', 'w' || i,"
	    " 'w' || i, 'CN=w' || i, randomblob(1) FROM c RETURNING 1",
	    first, first + n - 1, T0, T0, T0 + WEEK);
	assert_int_equal(number_of(sql), 1);
}

static void
ten_thousand_are_open_at_most_in_all(void **state)
{
	struct store *store = store_made();
	struct pending asked, row;
	struct fail why;

	(void)state;
	ask_make(&asked, 1, "pump");
	rows_add(1, PENDING_MOST);
	assert_int_equal(take(store, &row, &asked, T0 + 1, &why), -1);
	assert_int_equal(why.kind, FAIL_LIMIT);
	assert_string_equal(why.reason, "pending-limit");
	assert_true(decided(store, 77, PENDING_DENIED, T0 + 1));
	assert_int_equal(state_at(store, &asked, T0 + 1), PENDING_OPEN);
	assert_int_equal(
	    number_of("SELECT max(id) FROM pending"), PENDING_MOST + 1);
	/* Expired ones count no more, and go bit by bit. */
	assert_int_equal(state_at(store, &asked, T0 + 8 * DAY), PENDING_OPEN);
	assert_true(
	    number_of("SELECT count(*) FROM pending WHERE state = 4") > 1);
	pending_free(&asked);
	store_free(store);
}

static void
finished_rows_go_after_a_month(void **state)
{
	struct store *store = store_made();
	struct pending asked;
	int64_t left = 0;

	(void)state;
	rows_add(1, 40);
	for (unsigned i = 0; i < 12; i++) {
		ask_make(&asked, i, i % 2 == 0 ? "pump" : "valve");
		assert_int_equal(
		    state_at(store, &asked, T0 + (10 + i * 20) * DAY),
		    PENDING_OPEN);
		pending_free(&asked);
		left = number_of("SELECT count(*) FROM pending WHERE id <= 40");
	}
	assert_int_equal(left, 0);
	assert_true(number_of("SELECT count(*) FROM pending") < 6);
	assert_true(events("expire") >= 40);
	assert_true(chain_rows(store) > 50);
	store_free(store);
}

static int
collect(const struct pending *p, void *arg)
{
	struct bytes *out = arg;

	bytes_addf(
	    out, "%lld%s ", (long long)p->id, pending_state_word(p->state));
	return 0;
}

static void
listed(struct store *store, const struct pending_filter *f, const char *want)
{
	struct bytes got = {0};
	struct fail why = {0};

	bytes_adds(&got, "");
	assert_int_equal(store_pending_list(store, f, collect, &got, &why), 0);
	assert_string_equal((const char *)got.data, want);
	bytes_free(&got);
}

static void
list_shows_what_can_be_decided_or_all(void **state)
{
	struct store *store = store_made();
	struct pending_filter f = {.now = T0 + 1};
	struct pending asked[4];
	uint8_t from[SHA256_LEN] = {0}, to[SHA256_LEN];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		ask_make(&asked[i], i, i < 3 ? "pump" : "valve");
		assert_int_equal(state_at(store, &asked[i], T0), PENDING_OPEN);
	}
	assert_true(decided(store, 2, PENDING_APPROVED, T0));
	assert_true(decided(store, 3, PENDING_DENIED, T0));
	listed(store, &f, "1open 2approved 4open ");
	f.all = true;
	listed(store, &f, "1open 2approved 3denied 4open ");
	f.endpoint = "subca";
	listed(store, &f, "");
	f.endpoint = "device";
	f.now = T0 + WEEK;
	listed(store, &f, "1expired 2expired 3denied 4expired ");
	f.now = T0;
	memcpy(from, asked[0].csr_sha256, 4);
	memset(to, 0xff, sizeof(to));
	memcpy(to, from, 4);
	f.from = from;
	f.to = to;
	listed(store, &f, "1open ");
	for (unsigned i = 0; i < 4; i++)
		pending_free(&asked[i]);
	store_free(store);
}

static void
list_goes_over_many_pages(void **state)
{
	struct store *store = store_made();
	const struct pending_filter f = {.now = T0};
	struct bytes got = {0};
	struct fail why = {0};
	size_t n = 0;

	(void)state;
	rows_add(1, 100);
	assert_int_equal(store_pending_list(store, &f, collect, &got, &why), 0);
	for (size_t i = 0; i < got.len; i++)
		n += got.data[i] == ' ';
	assert_int_equal(n, 100);
	bytes_free(&got);
	store_free(store);
}

static void
nothing_is_looked_up_without_an_index(void **state)
{
	static const enum sql used[] = {SQL_PENDING_FIND, SQL_PENDING_ID,
	    SQL_PENDING_CSR, SQL_PENDING_CHANGE, SQL_PENDING_USE,
	    SQL_PENDING_HOLDER, SQL_PENDING_OPEN, SQL_PENDING_DUE,
	    SQL_PENDING_DELETE};
	struct store *store = store_made();
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		char *explain =
		    str_fmt("EXPLAIN QUERY PLAN %s", sql_text[used[i]]);
		sqlite3_stmt *st = NULL;
		struct bytes plan = {0};

		assert_int_equal(
		    sqlite3_prepare_v2(db, explain, -1, &st, NULL), 0);
		while (sqlite3_step(st) == SQLITE_ROW)
			bytes_addf(&plan, "%s\n", sqlite3_column_text(st, 3));
		if (strstr((const char *)plan.data, "SEARCH pending") == NULL ||
		    strstr((const char *)plan.data, "SCAN pending") != NULL)
			fail_msg("%s: %s", explain, plan.data);
		(void)sqlite3_finalize(st);
		bytes_free(&plan);
		free(explain);
	}
	(void)sqlite3_close(db);
	store_free(store);
}

/* ---- races -------------------------------------------------------------- */

struct racer {
	struct store *store;
	const struct pending *asked;
	unsigned n;
	pthread_t thread;
	pthread_barrier_t *start;
	int rc;
	struct bytes got;
	char reason[32];
};

static void *
race_take(void *arg)
{
	struct racer *r = arg;
	struct pending row;
	struct fail why;

	(void)pthread_barrier_wait(r->start);
	r->rc = take(r->store, &row, r->asked, T0, &why);
	if (r->rc == 0) {
		r->n = (unsigned)row.id;
		pending_free(&row);
	} else {
		(void)snprintf(r->reason, sizeof(r->reason), "%s", why.reason);
	}
	return NULL;
}

static void *
race_issue(void *arg)
{
	struct racer *r = arg;
	struct record record;
	struct fail why;

	record_of(&record, r->asked, r->n + 1);
	(void)pthread_barrier_wait(r->start);
	r->rc = issue_at(r->store, &r->got, &record, T0 + 1, &why);
	record_free(&record);
	return NULL;
}

static void
race(struct racer racer[THREADS], struct store *store,
    const struct pending *asked, bool same, void *(*run)(void *))
{
	pthread_barrier_t start;

	(void)pthread_barrier_init(&start, NULL, THREADS);
	memset(racer, 0, THREADS * sizeof(*racer));
	for (unsigned i = 0; i < THREADS; i++) {
		racer[i].store = store;
		racer[i].asked = &asked[same ? 0 : i];
		racer[i].n = i;
		racer[i].start = &start;
		assert_int_equal(
		    pthread_create(&racer[i].thread, NULL, run, &racer[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(racer[i].thread, NULL);
	(void)pthread_barrier_destroy(&start);
}

static void
many_at_once_open_one_row_and_get_one_certificate(void **state)
{
	struct store *store = store_made();
	struct racer racer[THREADS];
	struct pending asked;
	int winners = 0;

	(void)state;
	ask_make(&asked, 1, "pump");
	race(racer, store, &asked, true, race_take);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(racer[i].rc, 0);
		assert_int_equal(racer[i].n, 1);
	}
	assert_int_equal(events("pending"), 1);
	assert_true(decided(store, 1, PENDING_APPROVED, T0));
	race(racer, store, &asked, true, race_issue);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(racer[i].rc, 0);
		winners += racer[i].got.len == 0;
		bytes_free(&racer[i].got);
	}
	assert_int_equal(winners, 1);
	assert_int_equal(events("issue"), 1);
	pending_free(&asked);
	store_free(store);
}

static void
many_at_once_do_not_pass_the_limit(void **state)
{
	struct store *store = store_made();
	struct racer racer[THREADS];
	struct pending asked[THREADS];
	int taken = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		ask_make(&asked[i], i, "pump");
	race(racer, store, asked, false, race_take);
	for (unsigned i = 0; i < THREADS; i++) {
		taken += racer[i].rc == 0;
		if (racer[i].rc != 0)
			assert_string_equal(racer[i].reason, "pending-limit");
		pending_free(&asked[i]);
	}
	assert_int_equal(taken, 3);
	assert_int_equal(chain_rows(store), 3);
	store_free(store);
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	static const char *const files[] = {
	    "nothing_is_looked_up_without_an_index", NULL};
	struct CMUnitTest tests[] = {
	    ON_DISK(request_is_kept_once_and_as_it_came),
	    ON_DISK(approved_one_is_issued_once),
	    ON_DISK(what_was_seen_is_what_counts),
	    ON_DISK(answer_made_anew_needs_no_second_approval_for_a_while),
	    ON_DISK(what_was_taken_away_needs_another_approval),
	    ON_DISK(denied_stays_denied_until_somebody_thinks_better_of_it),
	    ON_DISK(time_runs_out_for_open_and_approved),
	    ON_DISK(certificate_that_ended_needs_another_approval),
	    ON_DISK(identity_has_three_open_at_most),
	    ON_DISK(ten_thousand_are_open_at_most_in_all),
	    ON_DISK(finished_rows_go_after_a_month),
	    ON_DISK(list_shows_what_can_be_decided_or_all),
	    ON_DISK(list_goes_over_many_pages),
	    ON_DISK(nothing_is_looked_up_without_an_index),
	    ON_DISK(many_at_once_open_one_row_and_get_one_certificate),
	    ON_DISK(many_at_once_do_not_pass_the_limit),
	};

	sqlite_alone(tests, sizeof(tests) / sizeof(tests[0]), files);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
