#include "lib/store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/base/fault.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/judge.h"
#include "lib/store/pending_row.h"
#include "lib/store/rows.h"

#define NAMED 64 /* certificates of one name that are looked at */

static const struct store_driver *const drivers[] = {
    &sqlite_driver, &pgsql_driver, NULL};

int
store_driver_of(const struct store_driver **driver, const char **place,
    const char *url, struct fail *why)
{
	*driver = NULL;
	for (size_t i = 0; drivers[i] != NULL && *driver == NULL; i++)
		if (strncmp(url, drivers[i]->scheme,
			strlen(drivers[i]->scheme)) == 0)
			*driver = drivers[i];
	if (*driver == NULL || url[strlen((*driver)->scheme)] == '\0')
		return fail(why, FAIL_CONFIG, "db-url",
		    "\"%s\" is not a store: wanted sqlite:PATH or "
		    "postgresql://…",
		    url);
	*place = url + strlen((*driver)->scheme);
	return 0;
}

int
store_open_with(struct store **store, const char *url,
    const struct db_options *options, int64_t reserve, struct fail *why)
{
	struct db_options o = *options;
	const struct store_driver *d;
	struct db *db;

	*store = NULL;
	if (store_driver_of(&d, &o.place, url, why) != 0 ||
	    d->open(&db, &o, why) != 0)
		return -1;
	*store = mem_new(sizeof(**store));
	(*store)->db = db;
	(*store)->refusals = refusals_new();
	(*store)->lane = d->many ? o.lane : 0;
	(*store)->reserve = reserve;
	(*store)->space = INT64_MAX;
	return 0;
}

int
store_open_node(struct store **store, const char *url, int node, bool create,
    unsigned connections, int64_t reserve, struct fail *why)
{
	struct db_options o = {
	    .create = create, .connections = connections, .lane = node};

	return store_open_with(store, url, &o, reserve, why);
}

int
store_open(struct store **store, const char *url, bool create,
    unsigned connections, int64_t reserve, struct fail *why)
{
	return store_open_node(
	    store, url, 0, create, connections, reserve, why);
}

void
store_free(struct store *store)
{
	if (store == NULL)
		return;
	ledger_flush(store);
	store->db->driver->close(store->db);
	refusals_free(store->refusals);
	free(store);
}

int64_t
store_space(struct store *store)
{
	const char *folder = store->db->driver->folder(store->db);
	int64_t now = (int64_t)when_clock() + 1, space = INT64_MAX;
	struct statvfs v;

	if (folder == NULL || store->reserve == 0)
		return space;
	if (__atomic_exchange_n(&store->space_at, now, __ATOMIC_RELAXED) == now)
		return __atomic_load_n(&store->space, __ATOMIC_RELAXED);
	if (statvfs(folder, &v) == 0)
		space = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	__atomic_store_n(&store->space, space, __ATOMIC_RELAXED);
	return space;
}

int
store_state(struct store *store, struct fail *why)
{
	int64_t space = store_space(store);

	if (store->db->driver->state(store->db, why) != 0)
		return -1;
	if (space >= store->reserve)
		return 0;
	(void)fail(why, FAIL_BUSY, "disk-full",
	    space < store->reserve / 2
		? "the disk is full: nothing is issued"
		: "the disk is nearly full: refusals are not recorded");
	return fail_cause(why, "%lld octets free, disk_reserve is %lld",
	    (long long)space, (long long)store->reserve);
}

int
store_clock(struct store *store, int64_t now, int64_t slack, struct fail *why)
{
	const struct store_rules rules = {.now = now, .clock_slack = slack};
	struct conn *c;
	int64_t id;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = judge_clock(&id, c, &rules, why);
	db_rollback(c);
	return rc;
}

int
store_room(struct store *store, struct fail *why)
{
	int64_t space = store_space(store);

	if (space >= store->reserve / 2)
		return 0;
	meter_count(METER_STORE_ERROR, "disk-full", NULL);
	(void)fail(why, FAIL_BUSY, "disk-full", "the CA's disk is full");
	return fail_cause(why, "%lld octets free, half of disk_reserve is %lld",
	    (long long)space, (long long)store->reserve / 2);
}

/* What nobody received, as far as anybody knows, is replaced; `old` is that
 * answer, when `done`. */
static int
supersede(bool *done, struct record *old, struct conn *c,
    const struct record *r, const struct store_rules *rules,
    const struct audit *entry, struct fail *why)
{
	const enum sql q = SQL_CERT_ANSWER;
	struct audit said = *entry;
	bool row;

	if (db_query(c, q, &row,
		VALUES(value_number(hash_head(r->request_key)),
		    value_octets(r->request_key, SHA256_LEN)),
		why) != 0)
		return -1;
	if (row)
		record_read(old, c, q);
	if (!row || old->not_after < rules->now ||
	    old->issued < rules->now - rules->supersede)
		return 0;
	*done = old->status == STORE_GOOD;
	if (!*done)
		return 0;
	said.event = "revoke";
	said.serial = old->serial;
	said.subject = old->subject;
	said.cert_sha256 = said.spki_sha256 = NULL;
	said.status = 0;
	said.reason = store_reason_word(REASON_SUPERSEDED);
	said.text = "the same request again";
	return revoke_rows(c, old,
	    &(struct store_revocation){
		.reason = REASON_SUPERSEDED, .when = rules->now},
	    &said, why);
}

struct issuance {
	struct bytes again;
	const struct record *r;
	const struct store_rules *rules;
	const struct audit *entry;
	int64_t newest; /* see judge_issue() */
};

/* Once a second is enough for a clock; what is issued here is known anyway. */
static int
newest_look(int64_t *newest, struct store *store, struct fail *why)
{
	const enum sql q = SQL_CERT_LAST;
	int64_t now = (int64_t)when_clock() + 1;
	struct conn *c;
	bool row;

	*newest = INT64_MIN;
	if (!store->db->driver->many)
		return 0;
	if (__atomic_load_n(&store->newest_at, __ATOMIC_RELAXED) == now) {
		*newest = __atomic_load_n(&store->newest, __ATOMIC_RELAXED);
		return 0;
	}
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	if (db_query(c, q, &row, NULL, 0, why) != 0) {
		db_rollback(c);
		return -1;
	}
	*newest = row ? db_number(c, q, 1) : INT64_MIN;
	db_rollback(c);
	__atomic_store_n(&store->newest, *newest, __ATOMIC_RELAXED);
	__atomic_store_n(&store->newest_at, now, __ATOMIC_RELAXED);
	return 0;
}

/* Rows of one issuance; a recorded repeat leaves `again` with its DER. */
static int
issue_rows(struct conn *c, struct issuance *i, const struct store_rules *rules,
    struct fail *why)
{
	const struct record *r = i->r;
	const struct audit *entry = i->entry;
	struct bytes *again = &i->again;
	const struct store_repeat asked = {r->csr_sha256, r->spki_sha256,
	    r->request_key, rules->now - rules->repeat_window, rules->now};
	int64_t id, approved, now_us = when_now_us();
	char *text = NULL;
	int rc = -1;

	if (rules->repeat_window > 0 &&
	    judge_repeat(again, c, &asked, why) != 0)
		return -1;
	if (again->len > 0)
		return 0;
	if (pending_judge(&approved, again, c, r, rules, why) != 0)
		return -1;
	if (again->len > 0)
		return 0;
	text = audit_text(entry, now_us);
	if (judge_issue(&id, c, r, rules, i->newest, why) == 0 &&
	    record_insert(c, r, id, why) == 0 &&
	    replaced_add(c, rules, id, why) == 0 &&
	    secret_use(c, r, rules, why) == 0 &&
	    pending_use(c, approved, r, rules, why) == 0 &&
	    audit_add(c, entry, text, now_us, why) == 0)
		rc = r->device == NULL
		         ? 0
		         : outbox_add(c,
			       rules->renews != NULL ? OUTBOX_RENEWED
						     : OUTBOX_ENROLLED,
			       r, id, now_us, why);
	free(text);
	return rc;
}

static int
issue_anew(struct conn *c, struct issuance *i, struct fail *why)
{
	const struct store_rules *rules = i->rules;
	struct store_rules with = *rules;
	struct record old = {0};
	bool done = false;
	int rc = 0;

	if (rules->supersede > 0)
		rc = supersede(&done, &old, c, i->r, rules, i->entry, why);
	if (done)
		with.superseded = old.sha256;
	if (rc == 0)
		rc = issue_rows(c, i, &with, why);
	record_free(&old);
	return rc;
}

static int
issue_work(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct issuance *i = arg;
	int rc;

	i->again.len = 0;
	fault_point("store-begun");
	rc = issue_anew(c, i, why);
	fault_point("store-rows");
	*keep = i->again.len == 0;
	return rc;
}

int
store_issue(struct store *store, struct bytes *repeat, const struct record *r,
    const struct store_rules *rules, const struct audit *entry,
    struct fail *why)
{
	struct issuance i = {.r = r, .rules = rules, .entry = entry};
	int rc;

	if (store_room(store, why) != 0 ||
	    newest_look(&i.newest, store, why) != 0)
		return -1;
	rc = db_write(store->db, true, issue_work, &i, why);
	if (rc == 0 && r->issued > i.newest)
		__atomic_store_n(&store->newest, r->issued, __ATOMIC_RELAXED);
	if (rc == 0 && i.again.len > 0)
		bytes_add(repeat, i.again.data, i.again.len);
	bytes_free(&i.again);
	return rc;
}

int
store_explain(struct store *store, struct verdicts *v, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	struct conn *c;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	judge_explain(v, c, r, rules);
	db_rollback(c);
	return db_sync(store->db, why);
}

int
store_repeat_find(struct store *store, struct bytes *der,
    const struct store_repeat *asked, struct fail *why)
{
	struct bytes again = {0};
	struct conn *c;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = judge_repeat(&again, c, asked, why);
	db_rollback(c);
	if (rc == 0 && again.len > 0 && (rc = db_sync(store->db, why)) == 0)
		bytes_add(der, again.data, again.len);
	bytes_free(&again);
	return rc;
}

static int
find(struct store *store, struct record *r, bool *found, enum sql id,
    const struct value *values, size_t n, struct fail *why)
{
	struct conn *c;
	int rc;

	memset(r, 0, sizeof(*r));
	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, id, found, values, n, why);
	if (rc == 0 && *found)
		record_read(r, c, id);
	db_rollback(c);
	return rc;
}

int
store_find(struct store *store, struct record *r, bool *found,
    const uint8_t sha[SHA256_LEN], struct fail *why)
{
	return find(store, r, found, SQL_CERT_SHA256,
	    VALUES(value_number(hash_head(sha)), value_octets(sha, SHA256_LEN)),
	    why);
}

int
store_find_serial(struct store *store, struct record *r, bool *found,
    const char *serial, struct fail *why)
{
	return find(
	    store, r, found, SQL_CERT_SERIAL, VALUES(value_text(serial)), why);
}

/* Of one whose row a restored backup lacks: revoked, or never heard of. */
static int
standing_forgotten(struct store_standing *s, bool *found, struct conn *c,
    const char *issuer, const char *serial, struct fail *why)
{
	const enum sql q = SQL_FORGOTTEN_FIND;

	if (db_query(c, q, found,
		VALUES(value_text(issuer), value_text(serial)), why) != 0)
		return -1;
	if (!*found)
		return 0;
	s->revoked = db_number(c, q, 0);
	s->reason = (int)db_number(c, q, 1);
	s->status = s->reason == REASON_HOLD ? STORE_HELD : STORE_REVOKED;
	s->not_after = WHEN_FOREVER;
	return 0;
}

static void
standing_read(struct store_standing *s, struct conn *c, enum sql q)
{
	s->status = (enum store_status)db_number(c, q, 0);
	s->reason =
	    s->status == STORE_HELD ? REASON_HOLD : (int)db_number(c, q, 1);
	s->revoked = db_number(c, q, 2);
	s->not_after = db_number(c, q, 3);
}

/* Here, retired, or forgotten. */
int
store_standing(struct store *store, struct store_standing *s, bool *found,
    const char *issuer, const char *serial, struct fail *why)
{
	static const enum sql books[] = {
	    SQL_CERT_STANDING, SQL_RETIRED_STANDING};
	struct conn *c;
	int rc = 0;

	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && !*found && i < 2; i++) {
		rc = db_query(c, books[i], found,
		    VALUES(value_text(serial), value_text(issuer)), why);
		if (rc == 0 && *found)
			standing_read(s, c, books[i]);
	}
	if (rc == 0 && !*found)
		rc = standing_forgotten(s, found, c, issuer, serial, why);
	db_rollback(c);
	return rc == 0 ? db_sync(store->db, why) : rc;
}

int
store_named(struct store *store, const uint8_t subject_hash[SHA256_LEN],
    const char *owner, int64_t now, int (*each)(struct span der, void *arg),
    void *arg, struct fail *why)
{
	const enum sql q = SQL_CERT_NAMED;
	struct conn *c;
	bool row, stop = false;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row,
	    VALUES(value_number(hash_head(subject_hash)), value_number(now),
		value_octets(subject_hash, SHA256_LEN), value_text(owner),
		value_number(NAMED)),
	    why);
	for (; rc == 0 && row; rc = db_step(c, q, &row, why))
		if (!stop)
			stop = each(db_octets(c, q, 0), arg) != 0;
	db_rollback(c);
	return rc;
}
