/* store: what is kept, what is refused, what happens when the disk fails. */
#include "tests/unit/records.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
issued(struct store *store, const struct record *r)
{
	struct store_rules rules = rules_at(r->issued);
	struct bytes repeat = {0};
	struct fail why = {0};

	rules.key_reuse = true;
	if (record_issue(store, &repeat, r, &rules, &why) != 0)
		fail_msg("%s: %s (%s)", r->serial, why.text, why.cause);
	assert_int_equal(repeat.len, 0);
}

static void
refused(struct store *store, const struct record *r,
    const struct store_rules *rules, enum fail_kind kind, const char *reason)
{
	struct bytes repeat = {0};
	struct fail why = {0};
	int64_t rows = chain_rows(store);

	assert_int_equal(record_issue(store, &repeat, r, rules, &why), -1);
	assert_string_equal(why.reason, reason);
	assert_int_equal(why.kind, kind);
	assert_int_equal(repeat.len, 0);
	assert_int_equal(chain_rows(store), rows);
}

static void
open_refused(
    const char *where, bool create, enum fail_kind kind, const char *reason)
{
	struct store *store;
	struct fail why = {0};

	assert_int_equal(store_open(&store, where, create, 4, 0, &why), -1);
	assert_null(store);
	if (why.kind != kind || strcmp(why.reason, reason) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
}

static void
missing_database_is_refused_and_not_made(void **state)
{
	(void)state;
	open_refused(url, false, FAIL_CONFIG, "db-missing");
	assert_int_not_equal(access(path, F_OK), 0);
	open_refused("sqlite:", false, FAIL_CONFIG, "db-url");
	open_refused("mysql:x", false, FAIL_CONFIG, "db-url");
	open_refused(
	    "sqlite:/no/such/folder/x.db", true, FAIL_BUSY, "db-write");
	open_refused("sqlite:/", false, FAIL_CONFIG, "db-missing");
	/* An empty file is what a lost one leaves behind. */
	assert_true(creat(path, 0600) >= 0);
	open_refused(url, false, FAIL_CONFIG, "db-missing");
}

static void
database_is_for_its_owner_alone(void **state)
{
	struct store *store;
	struct stat st;
	char wal[128];

	(void)state;
	(void)umask(0);
	store = store_made();
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_free(store);
	assert_int_equal(chmod(path, 0620), 0);
	open_refused(url, false, FAIL_CONFIG, "file-mode");
}

static void
other_schema_is_refused_naming_both_versions(void **state)
{
	struct store *store = store_made();
	struct fail why = {0};

	(void)state;
	store_free(store);
	(void)number_of("UPDATE meta SET value = '99' RETURNING 1");
	assert_int_equal(store_open(&store, url, true, 4, 0, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "db-schema");
	assert_non_null(strstr(why.text, "99"));
	assert_non_null(strstr(why.text, "needs 8"));
	(void)number_of("DROP TABLE meta");
	open_refused(url, false, FAIL_CONFIG, "db-schema");
}

/* Write `len` octets of 0x5a at `at`; cut the file when len is 0. */
static void
damage(off_t at, size_t len)
{
	int fd = open(path, O_RDWR);
	uint8_t x[4096];

	memset(x, 0x5a, sizeof(x));
	assert_true(fd >= 0);
	if (len == 0)
		assert_int_equal(ftruncate(fd, at), 0);
	else
		assert_int_equal(pwrite(fd, x, len, at), (ssize_t)len);
	(void)close(fd);
}

static void
damaged_database_is_refused(void **state)
{
	static const struct {
		off_t at;
		size_t len;
	} table[] = {{0, 16}, {100, 64}, {8192, 4096}, {4096, 0}, {100, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store *store = store_made();

		for (unsigned n = 0; n < 40; n++) {
			struct record r;
			char name[16];

			(void)snprintf(name, sizeof(name), "n%u", n);
			record_make(&r, n, name, name, name);
			issued(store, &r);
			record_free(&r);
		}
		store_free(store);
		damage(table[i].at, table[i].len);
		open_refused(url, false, FAIL_BUSY, "db-corrupt");
		database_forget();
	}
}

static void
statements_number_their_parameters_in_order(void **state)
{
	struct store *store = store_made();
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < SQL_COUNT; i++) {
		sqlite3_stmt *st = NULL;

		if (sqlite3_prepare_v2(db, sql_text[i], -1, &st, NULL) != 0)
			fail_msg("%s: %s", sql_text[i], sqlite3_errmsg(db));
		for (int p = 1; p <= sqlite3_bind_parameter_count(st); p++) {
			char want[16];

			(void)snprintf(want, sizeof(want), "$%d", p);
			assert_string_equal(
			    sqlite3_bind_parameter_name(st, p), want);
		}
		(void)sqlite3_finalize(st);
	}
	(void)sqlite3_close(db);
	store_free(store);
}

static void
nothing_frequent_is_looked_up_without_an_index(void **state)
{
	static const enum sql frequent[] = {SQL_CERT_SHA256, SQL_CERT_SERIAL,
	    SQL_CERT_CLASH, SQL_CERT_REPEAT, SQL_CERT_KEY, SQL_CERT_NAME,
	    SQL_CERT_NAMED, SQL_CERT_ANSWER, SQL_CERT_DEVICE, SQL_CERT_REVOKE,
	    SQL_CERT_ID, SQL_REPLACED_INSERT, SQL_REPLACED_DUE,
	    SQL_REPLACED_FIND, SQL_REPLACED_SOONER, SQL_REPLACED_DROP,
	    SQL_CERT_DEVICE_GOOD, SQL_CERT_DEVICE_LAST, SQL_CERT_DEVICES,
	    SQL_OUTBOX_OPEN, SQL_OUTBOX_NEWEST, SQL_OUTBOX_CONFIRM,
	    SQL_DELIVERY_FIND, SQL_DELIVERY_RETRY, SQL_DELIVERY_LIST};
	struct store *store = store_made();
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(frequent) / sizeof(frequent[0]); i++) {
		const char *sql = sql_text[frequent[i]];
		char *explain = str_fmt("EXPLAIN QUERY PLAN %s", sql);
		sqlite3_stmt *st = NULL;

		assert_int_equal(
		    sqlite3_prepare_v2(db, explain, -1, &st, NULL), 0);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *plan =
			    (const char *)sqlite3_column_text(st, 3);

			/* A device's few certificates are sorted. */
			if (strncmp(plan, "SEARCH", 6) != 0 &&
			    strstr(plan, "FOR ORDER BY") == NULL)
				fail_msg("%s: %s", sql, plan);
		}
		(void)sqlite3_finalize(st);
		free(explain);
	}
	(void)sqlite3_close(db);
	store_free(store);
}

static void
row_comes_back_as_it_was_written(void **state)
{
	struct store *store = store_made();
	struct record r, got;
	struct fail why = {0};
	bool found;

	(void)state;
	record_make(&r, 0xABC, "pump", "pump-1", "k1");
	r.device = str_dup("pump-1");
	r.not_after = 253402300799;
	issued(store, &r);
	assert_int_equal(store_find(store, &got, &found, r.sha256, &why), 0);
	assert_true(found);
	assert_int_equal(got.id, 1);
	assert_string_equal(got.serial, r.serial);
	assert_string_equal(got.issuer, r.issuer);
	assert_string_equal(got.subject, r.subject);
	assert_string_equal(got.san, r.san);
	assert_true(span_equal(span_of(&got.der), span_of(&r.der)));
	assert_string_equal(got.profile, r.profile);
	assert_string_equal(got.endpoint, r.endpoint);
	assert_string_equal(got.operation, r.operation);
	assert_string_equal(got.requester, r.requester);
	assert_string_equal(got.owner, r.owner);
	assert_string_equal(got.device, r.device);
	assert_memory_equal(got.sha256, r.sha256, SHA256_LEN);
	assert_memory_equal(got.csr_sha256, r.csr_sha256, SHA256_LEN);
	assert_memory_equal(got.spki_sha256, r.spki_sha256, SHA256_LEN);
	assert_memory_equal(got.subject_hash, r.subject_hash, SHA256_LEN);
	assert_memory_equal(got.request_key, r.request_key, SHA256_LEN);
	assert_int_equal(got.not_before, r.not_before);
	assert_int_equal(got.not_after, r.not_after);
	assert_int_equal(got.issued, r.issued);
	assert_int_equal(got.status, STORE_GOOD);
	assert_int_equal(got.revoked, 0);
	record_free(&got);
	assert_int_equal(
	    store_find_serial(store, &got, &found, r.serial, &why), 0);
	assert_true(found);
	record_free(&got);
	assert_int_equal(store_find_serial(store, &got, &found, "0B", &why), 0);
	assert_false(found);
	r.sha256[31] ^= 1;
	assert_int_equal(store_find(store, &got, &found, r.sha256, &why), 0);
	assert_false(found);
	assert_int_equal(chain_rows(store), 1);
	record_free(&r);
	store_free(store);
}

static void
is_no_repeat(struct store *store, struct store_repeat asked)
{
	struct bytes again = {0};
	struct fail why = {0};

	assert_int_equal(store_repeat_find(store, &again, &asked, &why), 0);
	assert_int_equal(again.len, 0);
}

static void
same_request_gets_the_same_certificate(void **state)
{
	struct store_repeat asked;
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0 + 3600);
	struct audit entry = {.event = "revoke"};
	struct bytes again = {0};
	struct record r, other;
	struct fail why = {0};
	bool changed;

	(void)state;
	record_make(&r, 1, "a", "a", "k1");
	issued(store, &r);
	/* A fresh serial and signature for the request that was answered. */
	record_make(&other, 2, "a", "a", "k1");
	memcpy(other.request_key, r.request_key, SHA256_LEN);
	assert_int_equal(record_issue(store, &again, &other, &rules, &why), 0);
	assert_true(span_equal(span_of(&again), span_of(&r.der)));
	bytes_free(&again);
	assert_int_equal(chain_rows(store), 1);
	asked = (struct store_repeat){
	    r.csr_sha256, r.spki_sha256, r.request_key, T0, T0 + 3600};
	assert_int_equal(store_repeat_find(store, &again, &asked, &why), 0);
	assert_true(span_equal(span_of(&again), span_of(&r.der)));
	bytes_free(&again);

	/* Another CSR or key, later, when expired: none of that is a repeat. */
	asked.csr_sha256 = r.spki_sha256;
	is_no_repeat(store, asked);
	asked.csr_sha256 = r.csr_sha256;
	asked.spki_sha256 = r.subject_hash;
	is_no_repeat(store, asked);
	asked.spki_sha256 = r.spki_sha256;
	asked.since++;
	is_no_repeat(store, asked);
	asked.since--;
	asked.now = r.not_after + 1;
	is_no_repeat(store, asked);
	rules.now++;
	refused(store, &other, &rules, FAIL_MALFORMED, "key-reuse");
	rules.now--;
	rules.repeat_window = 0;
	refused(store, &other, &rules, FAIL_MALFORMED, "key-reuse");
	rules.repeat_window = 3600;
	assert_int_equal(store_revoke(store, &changed, r.serial,
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	refused(store, &other, &rules, FAIL_MALFORMED, "key-reuse");
	record_free(&r);
	record_free(&other);
	store_free(store);
}

static void
newest_answer_alone_counts(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0 + 7200);
	struct audit entry = {.event = "revoke"};
	struct store_repeat asked;
	struct bytes again = {0};
	struct record r, later;
	struct fail why = {0};
	bool changed;

	(void)state;
	rules.key_reuse = true;
	record_make(&r, 1, "a", "a", "k1");
	issued(store, &r);
	record_make(&later, 2, "a", "a", "k1");
	memcpy(later.request_key, r.request_key, SHA256_LEN);
	later.issued = rules.now;
	assert_int_equal(record_issue(store, &again, &later, &rules, &why), 0);
	assert_int_equal(again.len, 0);
	asked = (struct store_repeat){
	    r.csr_sha256, r.spki_sha256, r.request_key, T0, rules.now};
	assert_int_equal(store_repeat_find(store, &again, &asked, &why), 0);
	assert_true(span_equal(span_of(&again), span_of(&later.der)));
	bytes_free(&again);
	assert_int_equal(store_revoke(store, &changed, later.serial,
			     REASON_KEY_COMPROMISE, T0, &entry, &why),
	    0);
	is_no_repeat(store, asked);
	record_free(&r);
	record_free(&later);
	store_free(store);
}

/* What is there already: a, b and c hold names; revoked by its reason. */
static void
keys_and_names_belong_to_somebody(void **state)
{
	static const struct {
		const char *owner, *subject, *key, *device;
		int64_t now;
		bool key_reuse, key_shared;
		const char *reason; /* NULL: issued */
	} table[] = {
	    {"a", "a", "new", NULL, T0, false, false, NULL},
	    {"b", "a", "new", NULL, T0, false, false, "name-taken"},
	    {"b", "a", "new", NULL, T0 + 90 * DAY, false, false, "name-taken"},
	    {"b", "a", "new", NULL, T0 + 90 * DAY + 1, false, false, NULL},
	    /* c's is revoked, h's on hold. */
	    {"b", "c", "new", NULL, T0, false, false, NULL},
	    {"b", "h", "new", NULL, T0, false, false, "name-taken"},
	    /* Keys: reuse, another's, another name's, a compromised one. */
	    {"a", "a", "ka", NULL, T0, false, false, "key-reuse"},
	    {"a", "a", "ka", NULL, T0, true, false, NULL},
	    {"b", "b", "ka", NULL, T0, true, false, "key-reuse"},
	    {"a", "b", "ka", NULL, T0, true, false, "key-reuse"},
	    {"b", "b", "ka", NULL, T0 + 200 * DAY, true, false, "key-reuse"},
	    {"c", "c", "kc", NULL, T0, true, false, "key-reuse"},
	    /* One owner's names share a key where they may, no other's. */
	    {"a", "b", "ka", NULL, T0, true, true, NULL},
	    {"b", "b", "ka", NULL, T0, true, true, "key-reuse"},
	    {"a", "a", "ka", NULL, T0, false, true, "key-reuse"},
	    {"c", "d", "kc", NULL, T0, true, true, "key-reuse"},
	    {"h", "h", "kh", NULL, T0, true, false, NULL},
	    /* The device of a. */
	    {"b", "b", "new", "dev-a", T0, false, false, "name-taken"},
	    {"a", "a", "new", "dev-a", T0, false, false, NULL},
	    {"b", "b", "new", "dev-c", T0, false, false, NULL},
	    {"b", "b", "new", "dev-a", T0 + 91 * DAY, false, false, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store *store = store_made();
		struct store_rules rules = rules_at(table[i].now);
		struct audit entry = {.event = "revoke"};
		struct bytes repeat = {0};
		struct record r[3], asked;
		struct fail why = {0};
		bool changed;
		int rc;

		record_make(&r[0], 1, "a", "a", "ka");
		r[0].device = str_dup("dev-a");
		record_make(&r[1], 2, "c", "c", "kc");
		r[1].device = str_dup("dev-c");
		record_make(&r[2], 3, "h", "h", "kh");
		for (size_t k = 0; k < 3; k++)
			issued(store, &r[k]);
		assert_int_equal(store_revoke(store, &changed, r[1].serial,
				     REASON_KEY_COMPROMISE, T0, &entry, &why),
		    0);
		assert_int_equal(store_revoke(store, &changed, r[2].serial,
				     REASON_HOLD, T0, &entry, &why),
		    0);
		record_make(
		    &asked, 9, table[i].owner, table[i].subject, table[i].key);
		asked.device = str_dup(table[i].device);
		rules.key_reuse = table[i].key_reuse;
		rules.key_shared = table[i].key_shared;
		rc = record_issue(store, &repeat, &asked, &rules, &why);
		if (table[i].reason == NULL
			? rc != 0
			: rc == 0 || strcmp(why.reason, table[i].reason) != 0)
			fail_msg("row %zu: %d %s", i, rc, why.text);
		for (size_t k = 0; k < 3; k++)
			record_free(&r[k]);
		record_free(&asked);
		store_free(store);
		database_forget();
	}
}

static void
clock_set_back_stops_issuing(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0 - 301);
	struct bytes repeat = {0};
	struct record r, next;
	struct fail why = {0};

	(void)state;
	record_make(&r, 1, "a", "a", "k1");
	record_make(&next, 2, "a", "a", "k2");
	issued(store, &r);
	refused(store, &next, &rules, FAIL_BUSY, "clock");
	rules.now++;
	assert_int_equal(record_issue(store, &repeat, &next, &rules, &why), 0);
	record_free(&r);
	record_free(&next);
	store_free(store);
}

static void
serial_is_used_once_by_an_issuer(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct record r, clash;

	(void)state;
	record_make(&r, 1, "a", "a", "k1");
	record_make(&clash, 1, "b", "b", "k2");
	issued(store, &r);
	refused(store, &clash, &rules, FAIL_BROKEN, "serial-clash");
	/* Another generation of the CA may have used it. */
	clash.issuer[0] = 'f';
	issued(store, &clash);
	record_free(&r);
	record_free(&clash);
	store_free(store);
}

static void
quota_counts_live_ones_but_the_renewed(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct audit entry = {.event = "revoke"};
	struct bytes repeat = {0};
	struct record r[3], next;
	struct fail why = {0};
	bool changed;

	(void)state;
	rules.max_live = 2;
	for (unsigned i = 0; i < 3; i++) {
		char key[8];

		(void)snprintf(key, sizeof(key), "k%u", i);
		record_make(&r[i], i, "a", "a", key);
	}
	issued(store, &r[0]);
	issued(store, &r[1]);
	refused(store, &r[2], &rules, FAIL_DENIED, "quota");
	rules.renews = r[1].sha256;
	assert_int_equal(record_issue(store, &repeat, &r[2], &rules, &why), 0);
	record_make(&next, 7, "a", "a", "k7");
	refused(store, &next, &rules, FAIL_DENIED, "quota");
	assert_int_equal(store_revoke(store, &changed, r[0].serial,
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	assert_int_equal(store_revoke(store, &changed, r[2].serial,
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	/* What is revoked cannot be renewed, whenever it happened. */
	rules.renews = r[2].sha256;
	refused(store, &next, &rules, FAIL_DENIED, "client-revoked");
	rules.renews = next.sha256;
	refused(store, &next, &rules, FAIL_DENIED, "client-unknown");
	rules.renews = NULL;
	/* Nor does it speak for anything else any more. */
	rules.client = r[2].sha256;
	refused(store, &next, &rules, FAIL_DENIED, "client-revoked");
	rules.client = r[1].sha256;
	assert_int_equal(record_issue(store, &repeat, &next, &rules, &why), 0);
	for (unsigned i = 0; i < 3; i++)
		record_free(&r[i]);
	record_free(&next);
	store_free(store);
}

struct named {
	char text[200];
	unsigned n, most;
};

static int
named_each(struct span der, void *arg)
{
	struct named *named = arg;

	(void)snprintf(named->text, sizeof(named->text), "%.*s", (int)der.len,
	    (const char *)der.data);
	return ++named->n == named->most;
}

static void
good_ones_of_a_name_are_their_owner_s(void **state)
{
	static const struct {
		const char *subject, *owner;
		int64_t now;
		unsigned n;
	} table[] = {
	    {"pump", "ann", T0, 2},
	    {"pump", "bob", T0, 0},
	    {"tank", "ann", T0, 0},
	    {"pump", "ann", T0 + 4000 * (int64_t)DAY, 0},
	};
	struct store *store = store_made();
	const struct audit entry = {.event = "revoke"};
	struct named named = {.most = 1};
	uint8_t hash[SHA256_LEN];
	struct fail why = {0};
	bool changed;

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		char *key = str_fmt("k%u", n);
		struct record r;

		record_make(&r, n, "ann", "pump", key);
		issued(store, &r);
		record_free(&r);
		free(key);
	}
	assert_int_equal(store_revoke(store, &changed,
			     "0000000000000000000000000000000000000002",
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct named all = {.most = 100};

		digest(hash, "subject", table[i].subject);
		assert_int_equal(store_named(store, hash, table[i].owner,
				     table[i].now, named_each, &all, &why),
		    0);
		assert_int_equal(all.n, table[i].n);
	}
	digest(hash, "subject", "pump");
	assert_int_equal(
	    store_named(store, hash, "ann", T0, named_each, &named, &why), 0);
	assert_int_equal(named.n, 1); /* no further than wanted */
	assert_non_null(strstr(named.text, "of ann for pump"));
	store_free(store);
}

static void
revocation_goes_one_way(void **state)
{
	static const struct {
		enum store_reason first, second;
		const char *refused; /* the second, else: */
		bool changed;
		int status, reason;
		int64_t date;
	} table[] = {
	    {REASON_SUPERSEDED, REASON_SUPERSEDED, NULL, false, STORE_REVOKED,
		REASON_SUPERSEDED, T0 + 1},
	    {REASON_SUPERSEDED, REASON_CESSATION, "revoked", false,
		STORE_REVOKED, REASON_SUPERSEDED, T0 + 1},
	    {REASON_SUPERSEDED, REASON_KEY_COMPROMISE, NULL, true,
		STORE_REVOKED, REASON_KEY_COMPROMISE, T0 + 1},
	    {REASON_UNSPECIFIED, REASON_HOLD, "revoked", false, STORE_REVOKED,
		REASON_UNSPECIFIED, T0 + 1},
	    {REASON_HOLD, REASON_HOLD, NULL, false, STORE_HELD, REASON_HOLD,
		T0 + 1},
	    {REASON_HOLD, REASON_CESSATION, NULL, true, STORE_REVOKED,
		REASON_CESSATION, T0 + 2},
	    {REASON_CESSATION, REASON_CA_COMPROMISE, NULL, true, STORE_REVOKED,
		REASON_CA_COMPROMISE, T0 + 1},
	    {REASON_KEY_COMPROMISE, REASON_CA_COMPROMISE, "revoked", false,
		STORE_REVOKED, REASON_KEY_COMPROMISE, T0 + 1},
	    {REASON_SUPERSEDED, (enum store_reason)7, "reason", false,
		STORE_REVOKED, REASON_SUPERSEDED, T0 + 1},
	};
	struct audit entry = {.event = "revoke"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store *store = store_made();
		struct record r, got;
		struct fail why = {0};
		bool changed, found;
		int rc;

		record_make(&r, 1, "a", "a", "k");
		issued(store, &r);
		assert_int_equal(store_revoke(store, &changed, r.serial,
				     table[i].first, T0 + 1, &entry, &why),
		    0);
		assert_true(changed);
		rc = store_revoke(store, &changed, r.serial, table[i].second,
		    T0 + 2, &entry, &why);
		assert_int_equal(rc, table[i].refused == NULL ? 0 : -1);
		if (rc != 0)
			assert_string_equal(why.reason, table[i].refused);
		assert_int_equal(changed, table[i].changed);
		assert_int_equal(chain_rows(store), 2 + changed);
		assert_int_equal(
		    store_find(store, &got, &found, r.sha256, &why), 0);
		assert_int_equal(got.status, table[i].status);
		assert_int_equal(got.reason, table[i].reason);
		assert_int_equal(got.revoked, table[i].date);
		assert_int_equal(store_revoke(store, &changed, "99",
				     REASON_HOLD, T0, &entry, &why),
		    -1);
		assert_int_equal(why.kind, FAIL_ABSENT);
		assert_string_equal(why.reason, "unknown-serial");
		record_free(&r);
		record_free(&got);
		store_free(store);
		database_forget();
	}
}

/* RFC 5280, 5.3.1: a hold can be taken back, nothing else; a device is told. */
static void
only_a_hold_is_released(void **state)
{
	static const struct {
		int first, second; /* enum store_reason; -1: none */
		bool changed;
		const char *refused;
		int status;
	} table[] = {
	    {-1, -1, false, NULL, STORE_GOOD},
	    {REASON_HOLD, -1, true, NULL, STORE_GOOD},
	    {REASON_UNSPECIFIED, -1, false, "revoked", STORE_REVOKED},
	    {REASON_HOLD, REASON_KEY_COMPROMISE, false, "revoked",
		STORE_REVOKED},
	};
	struct audit entry = {.event = "release"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const int reasons[] = {table[i].first, table[i].second};
		struct store *store = store_made();
		struct record r, got;
		struct fail why = {0};
		bool changed, found;
		int rc;

		record_make(&r, 1, "a", "a", "k");
		r.device = str_dup("a");
		issued(store, &r);
		for (size_t k = 0; k < 2 && reasons[k] >= 0; k++) {
			const struct store_revocation v = {
			    .reason = (enum store_reason)reasons[k],
			    .when = T0 + 1,
			    .invalid = T0};

			assert_int_equal(store_revoke_one(store, &changed,
					     r.sha256, &v, &entry, &why),
			    0);
		}
		rc = store_release(store, &changed, r.sha256, &entry, &why);
		assert_int_equal(rc, table[i].refused == NULL ? 0 : -1);
		if (rc != 0)
			assert_string_equal(why.reason, table[i].refused);
		assert_int_equal(changed, table[i].changed);
		assert_int_equal(
		    store_find(store, &got, &found, r.sha256, &why), 0);
		assert_int_equal(got.status, table[i].status);
		if (got.status == STORE_GOOD) {
			assert_int_equal(got.reason, 0);
			assert_int_equal(got.revoked, 0);
			assert_int_equal(got.invalid, 0);
		}
		assert_int_equal(number_of("SELECT count(*) FROM outbox"
					   " WHERE kind = 'renewed'"),
		    table[i].changed);
		record_free(&r);
		record_free(&got);
		store_free(store);
		database_forget();
	}
}

/* RFC 5280, 5.3.2: when it was perhaps misused first may be learnt later. */
static void
invalidity_is_learnt_later(void **state)
{
	struct store_revocation v = {.reason = REASON_KEY_COMPROMISE};
	struct audit entry = {.event = "revoke"};
	struct store *store = store_made();
	struct record r, got;
	struct fail why = {0};
	bool changed, found;

	(void)state;
	record_make(&r, 1, "a", "a", "k");
	issued(store, &r);
	for (int64_t step = 0; step < 4; step++) {
		v.invalid = step == 0 || step == 3 ? 0 : T0 + 2;
		v.when = T0 + 5 + step;
		assert_int_equal(store_revoke_one(store, &changed, r.sha256, &v,
				     &entry, &why),
		    0);
		assert_int_equal(changed, step < 2);
		assert_int_equal(
		    store_find(store, &got, &found, r.sha256, &why), 0);
		assert_int_equal(got.revoked, T0 + 5);
		assert_int_equal(got.invalid, step == 0 ? 0 : T0 + 2);
		record_free(&got);
	}
	memset(r.sha256, 1, SHA256_LEN);
	assert_int_equal(
	    store_revoke_one(store, &changed, r.sha256, &v, &entry, &why), -1);
	assert_string_equal(why.reason, "unknown-serial");
	record_free(&r);
	store_free(store);
}

static void
reason_words_are_those_of_rfc_5280(void **state)
{
	static const char *const word[] = {"unspecified", "keyCompromise",
	    "cACompromise", "affiliationChanged", "superseded",
	    "cessationOfOperation", "certificateHold", NULL, NULL,
	    "privilegeWithdrawn", NULL};

	(void)state;
	for (int i = 0; i < 11; i++) {
		if (word[i] == NULL) {
			assert_null(store_reason_word(i));
			continue;
		}
		assert_string_equal(store_reason_word(i), word[i]);
		assert_int_equal(store_reason_of(word[i]), i);
	}
	assert_null(store_reason_word(-1));
	assert_int_equal(store_reason_of("keycompromise"), -1);
}

static void
outbox_tells_of_devices_in_order(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct audit entry = {.event = "revoke"};
	struct store_counts counts;
	struct bytes repeat = {0};
	struct record r[3];
	struct fail why = {0};
	bool changed;

	(void)state;
	record_make(&r[0], 1, "a", "a", "k1");
	record_make(&r[1], 2, "a", "a", "k2");
	record_make(&r[2], 3, "b", "b", "k3");
	r[0].device = str_dup("a");
	r[1].device = str_dup("a");
	issued(store, &r[0]);
	issued(store, &r[2]);
	/* A clock ahead, or a database restored: the numbers go on. */
	(void)number_of("UPDATE outbox SET seq = 5000000000000000 RETURNING 1");
	rules.renews = r[0].sha256;
	assert_int_equal(record_issue(store, &repeat, &r[1], &rules, &why), 0);
	assert_int_equal(store_revoke(store, &changed, r[0].serial,
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	assert_int_equal(store_revoke(store, &changed, r[2].serial,
			     REASON_SUPERSEDED, T0, &entry, &why),
	    0);
	assert_int_equal(
	    number_of("SELECT count(*) FROM outbox WHERE device = 'a'"
		      " AND (seq, kind, certificate) IN (VALUES"
		      " (5000000000000000, 'enrolled', 1),"
		      " (5000000000000001, 'renewed', 3),"
		      " (5000000000000002, 'revoked', 1))"),
	    3);
	assert_int_equal(
	    number_of("SELECT count(*) FROM outbox o JOIN certificate c"
		      " ON c.id = o.certificate AND c.sha256 = o.sha256"),
	    3);
	assert_int_equal(store_count(store, &counts, T0, &why), 0);
	assert_int_equal(counts.certificates, 3);
	assert_int_equal(counts.live, 1);
	assert_int_equal(counts.revoked, 2);
	assert_int_equal(counts.audit, 5);
	assert_int_equal(counts.outbox, 3);
	for (size_t i = 0; i < 3; i++)
		record_free(&r[i]);
	store_free(store);
}

struct listing {
	struct store *store;
	struct bytes names; /* of the subjects, in the order they came */
	int stop_after;
};

static int
list_one(const struct record *r, void *arg)
{
	struct listing *l = arg;
	struct record again;
	struct fail why = {0};
	bool found;

	/* A callback may use the store. */
	assert_int_equal(
	    store_find(l->store, &again, &found, r->sha256, &why), 0);
	assert_true(found);
	record_free(&again);
	bytes_addf(&l->names, "%s ", r->subject + 3);
	return --l->stop_after == 0;
}

static void
list_filters(void **state)
{
	static const struct {
		struct store_filter f;
		int stop_after;
		const char *names;
	} table[] = {
	    {{.status = -1}, 0, "Pump-1 pump_2 100% a\\b "},
	    {{.status = -1}, 2, "Pump-1 pump_2 "},
	    {{.status = -1, .limit = 3}, 0, "Pump-1 pump_2 100% "},
	    {{.status = -1, .subject = "CN=pump*"}, 0, "Pump-1 pump_2 "},
	    {{.status = -1, .subject = "*_*"}, 0, "pump_2 "},
	    {{.status = -1, .subject = "*%"}, 0, "100% "},
	    {{.status = -1, .subject = "*\\*"}, 0, "a\\b "},
	    {{.status = -1, .subject = "?N=pump?2"}, 0, "pump_2 "},
	    {{.status = -1, .subject = "pump"}, 0, ""},
	    {{.status = -1, .subject = ""}, 0, ""},
	    {{.status = -1, .subject = "[a-z]*"}, 0, ""},
	    {{.status = -1, .subject = "' OR 1=1 --"}, 0, ""},
	    {{.status = STORE_GOOD}, 0, "Pump-1 100% a\\b "},
	    {{.status = STORE_REVOKED}, 0, "pump_2 "},
	    {{.status = -1, .live = true, .now = T0}, 0, "Pump-1 100% a\\b "},
	    {{.status = -1, .live = true, .now = T0 + 90 * DAY + 1}, 0,
		"a\\b "},
	    {{.status = -1, .expires_before = T0 + 90 * DAY + 1}, 0,
		"Pump-1 pump_2 100% "},
	    {{.status = -1, .profile = "subca"}, 0, "100% "},
	    {{.status = -1, .endpoint = "idevid"}, 0, "a\\b "},
	    {{.status = -1,
		 .serial = "0000000000000000000000000000000000000001"},
		0, "pump_2 "},
	};
	static const char *const names[] = {"Pump-1", "pump_2", "100%", "a\\b"};
	struct store *store = store_made();
	struct audit entry = {.event = "revoke"};
	struct fail why = {0};
	bool changed;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct record r;

		record_make(&r, i, names[i], names[i], names[i]);
		if (i == 1)
			r.profile[0] = 'd';
		if (i == 2)
			memcpy(r.profile, "subca", 6);
		if (i == 3) {
			memcpy(r.endpoint, "idevid", 7);
			r.not_after = 253402300799;
		}
		issued(store, &r);
		if (i == 1)
			assert_int_equal(
			    store_revoke(store, &changed, r.serial,
				REASON_SUPERSEDED, T0, &entry, &why),
			    0);
		record_free(&r);
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct listing l = {
		    .store = store, .stop_after = table[i].stop_after};

		bytes_adds(&l.names, "");
		assert_int_equal(
		    store_list(store, &table[i].f, list_one, &l, &why), 0);
		assert_string_equal((char *)l.names.data, table[i].names);
		bytes_free(&l.names);
	}
	store_free(store);
}

static int
count_one(const struct record *r, void *arg)
{
	int64_t *last = arg;

	assert_int_equal(r->id, *last + 1);
	*last = r->id;
	return 0;
}

static void
list_goes_over_many_slices(void **state)
{
	struct store_filter all = {.status = -1};
	struct store *store = store_made();
	struct fail why = {0};
	int64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 1300; i++) {
		struct record r;
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		record_make(&r, i, name, name, name);
		issued(store, &r);
		record_free(&r);
	}
	assert_int_equal(store_list(store, &all, count_one, &last, &why), 0);
	assert_int_equal(last, 1300);
	assert_int_equal(chain_rows(store), 1300);
	store_free(store);
}

static void
full_disk_stops_issuing(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct record r;
	struct fail why = {0};

	(void)state;
	record_make(&r, 1, "a", "a", "k");
	store->reserve = INT64_MAX;
	refused(store, &r, &rules, FAIL_BUSY, "disk-full");
	assert_int_equal(store_state(store, &why), -1);
	assert_string_equal(why.reason, "disk-full");
	store->reserve = 0;
	assert_int_equal(store_state(store, &why), 0);
	issued(store, &r);
	record_free(&r);
	store_free(store);
}

static void
locked_database_is_waited_for_but_not_for_ever(void **state)
{
	struct db_options o = {.create = true, .connections = 4, .wait = 0.1};
	struct store *store;
	struct store_rules rules = rules_at(T0);
	struct record r, got;
	struct fail why = {0};
	sqlite3 *other;
	bool found;

	(void)state;
	assert_int_equal(store_open_with(&store, url, &o, 0, &why), 0);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), 0);
	record_make(&r, 1, "a", "a", "k");
	refused(store, &r, &rules, FAIL_BUSY, "db-busy");
	/* Reading goes on. */
	assert_int_equal(
	    store_find_serial(store, &got, &found, r.serial, &why), 0);
	assert_false(found);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), 0);
	issued(store, &r);
	(void)sqlite3_close(other);
	record_free(&r);
	store_free(store);
}

static void
nothing_is_written_to_a_file_that_is_gone(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	char *kept = str_fmt("%s-kept", path);
	struct record r;
	struct fail why = {0};
	struct bytes repeat = {0};

	(void)state;
	record_make(&r, 1, "a", "a", "k");
	assert_int_equal(rename(path, kept), 0);
	assert_int_equal(record_issue(store, &repeat, &r, &rules, &why), -1);
	assert_string_equal(why.reason, "db-write");
	assert_int_equal(store_state(store, &why), -1);
	/* No new and empty one takes its place. */
	assert_int_not_equal(access(path, F_OK), 0);
	/* After a try to reopen: the requester is not told where it was. */
	do {
		(void)usleep(20000);
		assert_int_equal(store_state(store, &why), -1);
	} while (strcmp(why.reason, "db-missing") != 0);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_null(strstr(why.text, path));
	/* It comes back by itself once the file does. */
	assert_int_equal(rename(kept, path), 0);
	while (store_state(store, &why) != 0)
		(void)usleep(20000);
	issued(store, &r);
	assert_int_equal(chain_rows(store), 1);
	record_free(&r);
	free(kept);
	store_free(store);
}

/* A disk that fails on command: SQLite's own methods but for these. */
static int write_rc, sync_rc;
static sqlite3_io_methods real_wal;
static int (*real_open)(
    sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static int
bad_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return write_rc != SQLITE_OK ? write_rc : real_wal.xWrite(f, p, n, at);
}

static int
bad_sync(sqlite3_file *f, int flags)
{
	return sync_rc != SQLITE_OK ? sync_rc : real_wal.xSync(f, flags);
}

static int
bad_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	static sqlite3_io_methods bad;
	int rc = real_open(vfs, name, f, flags, out);

	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
		real_wal = bad = *f->pMethods;
		bad.xWrite = bad_write;
		bad.xSync = bad_sync;
		f->pMethods = &bad;
	}
	return rc;
}

static sqlite3_vfs bad_vfs;

static int
bad_disk(void **state)
{
	bad_vfs = *sqlite3_vfs_find(NULL);
	real_open = bad_vfs.xOpen;
	bad_vfs.xOpen = bad_open;
	bad_vfs.zName = "bad";
	(void)sqlite3_vfs_register(&bad_vfs, 1);
	return folder_make(state);
}

static int
good_disk(void **state)
{
	write_rc = sync_rc = SQLITE_OK;
	(void)sqlite3_vfs_unregister(&bad_vfs);
	return folder_remove(state);
}

static void
failed_write_leaves_nothing_and_heals(void **state)
{
	static const struct {
		int rc;
		const char *reason;
	} table[] = {{SQLITE_FULL, "disk-full"},
	    {SQLITE_IOERR_WRITE, "db-write"}, {SQLITE_READONLY, "db-write"}};
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct record r;

	(void)state;
	record_make(&r, 1, "a", "a", "k");
	for (size_t i = 0; i < 3; i++) {
		write_rc = table[i].rc;
		refused(store, &r, &rules, FAIL_BUSY, table[i].reason);
	}
	write_rc = SQLITE_OK;
	issued(store, &r);
	assert_int_equal(chain_rows(store), 1);
	record_free(&r);
	store_free(store);
}

static void
failed_sync_breaks_the_store_until_it_has_reopened(void **state)
{
	struct store *store = store_made();
	struct store_rules rules = rules_at(T0);
	struct audit entry = {.event = "config"};
	struct bytes repeat = {0};
	struct record r, got;
	struct fail why = {0};
	struct stat st;
	char wal[128];
	bool found;

	(void)state;
	record_make(&r, 1, "a", "a", "k");
	sync_rc = SQLITE_IOERR_FSYNC;
	assert_int_equal(record_issue(store, &repeat, &r, &rules, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "db-sync");
	assert_int_equal(repeat.len, 0);
	/* Broken for every verb, also the reading ones. */
	assert_int_equal(store_state(store, &why), -1);
	assert_string_equal(why.reason, "db-sync");
	assert_int_equal(store_find(store, &got, &found, r.sha256, &why), -1);
	assert_int_equal(store_audit(store, &entry, false, &why), -1);
	assert_int_equal(store_repeat_find(store, &repeat,
			     &(struct store_repeat){r.csr_sha256, r.spki_sha256,
				 r.request_key, T0, T0},
			     &why),
	    -1);
	/* Reopening fails as long as the disk does. */
	(void)usleep(1100000);
	assert_int_equal(store_state(store, &why), -1);
	assert_string_equal(why.reason, "db-sync");
	sync_rc = SQLITE_OK;
	while (store_state(store, &why) != 0)
		(void)usleep(20000);
	/* All is in the database, and the WAL begins anew. */
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* It was recorded, never released: the same request gets it now. */
	assert_int_equal(record_issue(store, &repeat, &r, &rules, &why), 0);
	assert_true(span_equal(span_of(&repeat), span_of(&r.der)));
	assert_int_equal(chain_rows(store), 1);
	bytes_free(&repeat);
	record_free(&r);
	store_free(store);
}

#define RACERS 8

struct racer {
	pthread_t thread;
	struct store *store;
	unsigned n;
	struct bytes got;
	int rc;
};

static void *
race_run(void *arg)
{
	struct racer *racer = arg;
	struct store_rules rules = rules_at(T0);
	struct record r, same;
	struct fail why = {0};

	record_make(&r, racer->n + 10, "a", "a", "k");
	record_make(&same, 10, "a", "a", "k");
	memcpy(r.request_key, same.request_key, SHA256_LEN);
	racer->rc = record_issue(racer->store, &racer->got, &r, &rules, &why);
	if (racer->rc == 0 && racer->got.len == 0)
		bytes_add(&racer->got, r.der.data, r.der.len);
	record_free(&r);
	record_free(&same);
	return NULL;
}

static void
identical_requests_at_once_get_one_certificate(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct store *store = store_made();
		struct racer racer[RACERS];

		memset(racer, 0, sizeof(racer));
		for (unsigned i = 0; i < RACERS; i++) {
			racer[i].store = store;
			racer[i].n = i;
			assert_int_equal(pthread_create(&racer[i].thread, NULL,
					     race_run, &racer[i]),
			    0);
		}
		for (unsigned i = 0; i < RACERS; i++)
			(void)pthread_join(racer[i].thread, NULL);
		for (unsigned i = 0; i < RACERS; i++) {
			assert_int_equal(racer[i].rc, 0);
			assert_true(span_equal(
			    span_of(&racer[i].got), span_of(&racer[0].got)));
		}
		for (unsigned i = 0; i < RACERS; i++)
			bytes_free(&racer[i].got);
		assert_int_equal(
		    number_of("SELECT count(*) FROM certificate"), 1);
		assert_int_equal(chain_rows(store), 1);
		store_free(store);
		database_forget();
	}
}

#define PROCESSES 4
#define THREADS 4
#define EACH 200

/* Certificates of its own, and a read now and then. */
static void *
issue_many(void *arg)
{
	struct racer *racer = arg;
	struct store_rules rules = rules_at(T0);
	struct fail why = {0};

	for (unsigned i = 0; i < EACH && racer->rc == 0; i++) {
		unsigned n = racer->n * EACH + i;
		struct record r, got;
		char name[16];
		bool found = false;

		(void)snprintf(name, sizeof(name), "n%u", n);
		record_make(&r, n, name, name, name);
		r.device = str_dup(name);
		racer->rc =
		    record_issue(racer->store, &racer->got, &r, &rules, &why);
		if (racer->rc == 0)
			racer->rc = store_find(
			    racer->store, &got, &found, r.sha256, &why);
		if (racer->rc == 0 && !found)
			racer->rc = -1;
		if (found)
			record_free(&got);
		record_free(&r);
	}
	if (racer->rc != 0)
		(void)fprintf(stderr, "%s (%s)\n", why.text, why.cause);
	return NULL;
}

/* Returns the number of threads that failed. */
static int
issue_threads(unsigned process)
{
	struct racer racer[THREADS];
	struct store *store;
	struct fail why = {0};
	int bad = 0;

	if (store_open(&store, url, true, 4, 0, &why) != 0) {
		(void)fprintf(stderr, "%s (%s)\n", why.text, why.cause);
		return THREADS;
	}
	memset(racer, 0, sizeof(racer));
	for (unsigned i = 0; i < THREADS; i++) {
		racer[i].store = store;
		racer[i].n = process * THREADS + i;
		(void)pthread_create(
		    &racer[i].thread, NULL, issue_many, &racer[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(racer[i].thread, NULL);
		bad += racer[i].rc != 0 || racer[i].got.len != 0;
	}
	store_free(store);
	return bad;
}

/* They also create the database, all at once. */
static void
processes_and_threads_share_a_database(void **state)
{
	struct store *store;
	struct store_counts counts;
	struct fail why = {0};
	pid_t child[PROCESSES];
	int status;

	(void)state;
	for (unsigned i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(issue_threads(i));
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	store = store_made();
	assert_int_equal(store_count(store, &counts, T0, &why), 0);
	assert_int_equal(counts.certificates, PROCESSES * THREADS * EACH);
	assert_int_equal(counts.live, counts.certificates);
	assert_int_equal(counts.outbox, counts.certificates);
	assert_int_equal(chain_rows(store), counts.certificates);
	assert_int_equal(
	    number_of("SELECT count(DISTINCT serial) FROM certificate"),
	    counts.certificates);
	store_free(store);
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)
#define ON_BAD_DISK(f) cmocka_unit_test_setup_teardown(f, bad_disk, good_disk)

int
main(void)
{
	static const char *const files[] = {
	    "missing_database_is_refused_and_not_made",
	    "database_is_for_its_owner_alone", "damaged_database_is_refused",
	    "statements_number_their_parameters_in_order",
	    "nothing_frequent_is_looked_up_without_an_index",
	    "full_disk_stops_issuing",
	    "locked_database_is_waited_for_but_not_for_ever",
	    "nothing_is_written_to_a_file_that_is_gone",
	    "failed_write_leaves_nothing_and_heals",
	    "failed_sync_breaks_the_store_until_it_has_reopened", NULL};
	struct CMUnitTest tests[] = {
	    /* First: it forks. */
	    ON_DISK(processes_and_threads_share_a_database),
	    ON_DISK(missing_database_is_refused_and_not_made),
	    ON_DISK(database_is_for_its_owner_alone),
	    ON_DISK(other_schema_is_refused_naming_both_versions),
	    ON_DISK(damaged_database_is_refused),
	    ON_DISK(statements_number_their_parameters_in_order),
	    ON_DISK(nothing_frequent_is_looked_up_without_an_index),
	    ON_DISK(row_comes_back_as_it_was_written),
	    ON_DISK(same_request_gets_the_same_certificate),
	    ON_DISK(newest_answer_alone_counts),
	    ON_DISK(keys_and_names_belong_to_somebody),
	    ON_DISK(clock_set_back_stops_issuing),
	    ON_DISK(serial_is_used_once_by_an_issuer),
	    ON_DISK(quota_counts_live_ones_but_the_renewed),
	    ON_DISK(good_ones_of_a_name_are_their_owner_s),
	    ON_DISK(revocation_goes_one_way),
	    ON_DISK(only_a_hold_is_released),
	    ON_DISK(invalidity_is_learnt_later),
	    cmocka_unit_test(reason_words_are_those_of_rfc_5280),
	    ON_DISK(outbox_tells_of_devices_in_order),
	    ON_DISK(list_filters),
	    ON_DISK(list_goes_over_many_slices),
	    ON_DISK(full_disk_stops_issuing),
	    ON_DISK(locked_database_is_waited_for_but_not_for_ever),
	    ON_DISK(nothing_is_written_to_a_file_that_is_gone),
	    ON_BAD_DISK(failed_write_leaves_nothing_and_heals),
	    ON_BAD_DISK(failed_sync_breaks_the_store_until_it_has_reopened),
	    ON_DISK(identical_requests_at_once_get_one_certificate),
	};

	sqlite_alone(tests, sizeof(tests) / sizeof(tests[0]), files);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
