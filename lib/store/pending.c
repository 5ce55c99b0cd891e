#include "lib/store/pending.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/judge.h"
#include "lib/store/pending_row.h"
#include "lib/store/rows.h"

#define HISTORY (30 * 86400) /* s that a row is kept when it is over */
#define SWEEP 8              /* rows of a state tidied up along with one */
#define PAGE 32

/* ---- tidying up --------------------------------------------------------- */

static int
due(struct pending *p, bool *found, struct conn *c, enum pending_state state,
    int64_t until, struct fail *why)
{
	const enum sql q = SQL_PENDING_DUE;

	memset(p, 0, sizeof(*p));
	if (db_query(c, q, found,
		VALUES(
		    value_number(state), value_number(until), value_number(1)),
		why) != 0)
		return -1;
	if (*found)
		pending_read(p, c, q);
	return 0;
}

static int
expire(struct conn *c, struct pending *p, int64_t now, struct fail *why)
{
	const struct audit entry = {.event = "expire",
	    .text = p->expires > now ? "it would get something else by now"
	            : p->state == PENDING_APPROVED
	                ? "approved, but not asked for again in time"
	                : "nobody decided in time"};

	p->state = PENDING_EXPIRED;
	p->changed = now;
	if (pending_change(c, p, why) != 0)
		return -1;
	return pending_audit(c, &entry, p, why);
}

static int
forget(struct conn *c, struct pending *p, int64_t now, struct fail *why)
{
	bool row;

	(void)now;
	return db_query(
	    c, SQL_PENDING_DELETE, &row, VALUES(value_number(p->id)), why);
}

static int
sweep_state(struct conn *c, enum pending_state state, int64_t until,
    int (*each)(
	struct conn *c, struct pending *p, int64_t now, struct fail *why),
    int64_t now, struct fail *why)
{
	struct pending p;
	bool found = true;
	int rc = 0;

	for (int i = 0; i < SWEEP && found && rc == 0; i++) {
		rc = due(&p, &found, c, state, until, why);
		if (rc == 0 && found)
			rc = each(c, &p, now, why);
		pending_free(&p);
	}
	return rc;
}

/* More than one transaction adds, so nothing heaps up. */
static int
sweep(struct conn *c, int64_t now, struct fail *why)
{
	const int64_t old = now - HISTORY;

	if (sweep_state(c, PENDING_OPEN, now, expire, now, why) != 0 ||
	    sweep_state(c, PENDING_APPROVED, now, expire, now, why) != 0 ||
	    sweep_state(c, PENDING_DENIED, old, forget, now, why) != 0 ||
	    sweep_state(c, PENDING_ISSUED, old, forget, now, why) != 0 ||
	    sweep_state(c, PENDING_EXPIRED, old, forget, now, why) != 0)
		return -1;
	return 0;
}

/* ---- a new one ---------------------------------------------------------- */

static int
too_many(struct fail *why, const char *whose, int most)
{
	(void)fail(why, FAIL_LIMIT, "pending-limit",
	    "too many requests wait for approval already");
	return fail_cause(why, "%d are open %s", most, whose);
}

static int
limits(struct conn *c, const struct pending *asked,
    const struct pending_rules *rules, struct fail *why)
{
	bool row;

	if (db_query(c, SQL_PENDING_HOLDER, &row,
		VALUES(value_text(asked->holder), value_number(rules->now),
		    value_number(rules->most)),
		why) != 0)
		return -1;
	if (db_number(c, SQL_PENDING_HOLDER, 0) >= rules->most)
		return too_many(why, "for this identity", rules->most);
	if (db_query(c, SQL_PENDING_OPEN, &row,
		VALUES(value_number(rules->now), value_number(PENDING_MOST)),
		why) != 0)
		return -1;
	if (db_number(c, SQL_PENDING_OPEN, 0) >= PENDING_MOST)
		return too_many(why, "in all", PENDING_MOST);
	return 0;
}

static int
add(struct conn *c, const struct pending *asked,
    const struct pending_rules *rules, const struct audit *entry,
    struct fail *why)
{
	int64_t now_us = when_now_us();
	struct pending p = *asked;
	char *text;
	bool last;
	int rc = -1;

	if ((rules->wanted != NULL &&
		judge_wanted(c, rules->wanted, rules->issue, why) != 0) ||
	    limits(c, asked, rules, why) != 0 ||
	    db_query(c, SQL_PENDING_LAST, &last, NULL, 0, why) != 0)
		return -1;
	p.id = last ? db_number(c, SQL_PENDING_LAST, 0) + 1 : 1;
	p.state = PENDING_OPEN;
	p.created = p.changed = rules->now;
	p.expires = rules->now + rules->keep;
	text = audit_text(entry, now_us);
	if (pending_insert(c, &p, why) == 0)
		rc = audit_add(c, entry, text, now_us, why);
	free(text);
	return rc;
}

static int
look_first(struct pending *row, bool *found, struct store *store,
    const struct pending *asked, const struct pending_rules *rules,
    struct fail *why)
{
	struct conn *c;
	int rc;

	memset(row, 0, sizeof(*row));
	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = pending_look(row, found, c, asked->request_key, rules, why);
	db_rollback(c);
	return rc;
}

/* What was seen of it counts no more: no decision shall be taken on that. */
static int
outdate(struct conn *c, const struct pending *asked,
    const struct pending_rules *rules, struct fail *why)
{
	const enum sql q = SQL_PENDING_FIND;
	struct pending p;
	bool found;
	int rc = 0;

	if (db_query(c, q, &found,
		VALUES(value_number(hash_head(asked->request_key)),
		    value_octets(asked->request_key, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!found)
		return 0;
	pending_read(&p, c, q);
	if (p.expires > rules->now && pending_outdated(&p, rules->wanted))
		rc = expire(c, &p, rules->now, why);
	pending_free(&p);
	return rc;
}

struct taking {
	struct pending *row;
	const struct pending *asked;
	const struct pending_rules *rules;
	const struct audit *entry;
};

static int
take_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct taking *t = arg;
	const uint8_t *key = t->asked->request_key;
	bool found;

	pending_free(t->row);
	if (pending_look(t->row, &found, c, key, t->rules, why) != 0)
		return -1;
	*keep = !found;
	if (found)
		return 0;
	if (outdate(c, t->asked, t->rules, why) != 0 ||
	    add(c, t->asked, t->rules, t->entry, why) != 0 ||
	    sweep(c, t->rules->now, why) != 0)
		return -1;
	return pending_look(t->row, &found, c, key, t->rules, why);
}

int
store_pending_take(struct store *store, struct pending *row,
    const struct pending *asked, const struct pending_rules *rules,
    const struct audit *entry, struct fail *why)
{
	struct taking t = {row, asked, rules, entry};
	bool found;

	if (look_first(row, &found, store, asked, rules, why) != 0)
		return -1;
	if (found)
		return db_sync(store->db, why);
	if (store_room(store, why) != 0)
		return -1;
	return db_write(store->db, true, take_rows, &t, why);
}

/* ---- a decision --------------------------------------------------------- */

static int
find_id(struct pending *p, struct conn *c, int64_t id, struct fail *why)
{
	bool row;

	memset(p, 0, sizeof(*p));
	if (db_query(c, SQL_PENDING_ID, &row, VALUES(value_number(id)), why) !=
	    0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "unknown-request",
		    "there is no request number %lld", (long long)id);
	pending_read(p, c, SQL_PENDING_ID);
	return 0;
}

static int
decide_judge(bool *change, const struct pending *p, enum pending_state state,
    int64_t now, struct fail *why)
{
	char hex[2 * SHA256_LEN + 1];

	*change = false;
	if (p->state == PENDING_ISSUED) {
		hex_write(
		    hex, (struct span){p->certificate, SHA256_LEN}, false);
		return fail(why, FAIL_DENIED, "request-issued",
		    "the certificate is issued already (SHA-256 %s): revoke it "
		    "if it should not be",
		    hex);
	}
	if (p->state == PENDING_EXPIRED || p->expires <= now)
		return fail(why, FAIL_ABSENT, "request-expired",
		    "the request has expired: it opens anew when it is sent "
		    "again");
	*change = p->state != state;
	return 0;
}

static int
decide_rows(struct conn *c, struct pending *p, enum pending_state state,
    int64_t now, int64_t keep, const struct audit *entry, struct fail *why)
{
	p->state = state;
	p->changed = now;
	p->expires = now + keep;
	free(p->decider);
	free(p->note);
	p->decider = str_dup(entry->requester);
	p->note = str_dup(entry->text);
	if (pending_change(c, p, why) != 0 ||
	    pending_audit(c, entry, p, why) != 0)
		return -1;
	return sweep(c, now, why);
}

struct decision {
	int64_t id, now, keep;
	enum pending_state state;
	const struct audit *entry;
	bool made;
};

static int
decide(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct decision *d = arg;
	struct pending p;
	int rc = find_id(&p, c, d->id, why);

	if (rc == 0)
		rc = decide_judge(keep, &p, d->state, d->now, why);
	if (rc == 0 && *keep)
		rc = decide_rows(
		    c, &p, d->state, d->now, d->keep, d->entry, why);
	pending_free(&p);
	d->made = *keep;
	return rc;
}

int
store_pending_decide(struct store *store, bool *changed, int64_t id,
    enum pending_state state, int64_t now, int64_t keep,
    const struct audit *entry, struct fail *why)
{
	struct decision d = {id, now, keep, state, entry, false};
	int rc = db_write(store->db, true, decide, &d, why);

	*changed = rc == 0 && d.made;
	return rc;
}

int
store_pending_count(
    struct store *store, int64_t *open, int64_t now, struct fail *why)
{
	const enum sql q = SQL_PENDING_OPEN;
	struct conn *c;
	bool row;
	int rc;

	*open = 0;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row,
	    VALUES(value_number(now), value_number(PENDING_MOST)), why);
	if (rc == 0 && row)
		*open = db_number(c, q, 0);
	db_rollback(c);
	return rc;
}

/* ---- list --------------------------------------------------------------- */

static int
page_read(struct pending *page, size_t *n, struct store *store,
    const struct pending_filter *f, int64_t after, struct fail *why)
{
	const enum sql q = f->from != NULL ? SQL_PENDING_CSR : SQL_PENDING_LIST;
	struct conn *c;
	bool row;
	int rc;

	*n = 0;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	if (f->from != NULL)
		rc = db_query(c, q, &row,
		    VALUES(value_octets(f->from, SHA256_LEN),
			value_octets(f->to, SHA256_LEN), value_number(after),
			value_number(PAGE)),
		    why);
	else
		rc = db_query(c, q, &row,
		    VALUES(value_number(after), value_number(PAGE)), why);
	for (; rc == 0 && row && *n < PAGE; rc = db_step(c, q, &row, why))
		pending_read(&page[(*n)++], c, q);
	db_rollback(c);
	return rc == 0 && *n > 0 ? db_sync(store->db, why) : rc;
}

static bool
fits(const struct pending *p, const struct pending_filter *f)
{
	if (f->endpoint != NULL && strcmp(f->endpoint, p->endpoint) != 0)
		return false;
	return f->all || p->state == PENDING_OPEN ||
	       p->state == PENDING_APPROVED;
}

int
store_pending_list(struct store *store, const struct pending_filter *filter,
    int (*each)(const struct pending *p, void *arg), void *arg,
    struct fail *why)
{
	struct pending *page = mem_new(PAGE * sizeof(*page));
	int64_t after = 0;
	bool stop = false;
	size_t n;
	int rc;

	do {
		rc = page_read(page, &n, store, filter, after, why);
		for (size_t i = 0; i < n; i++) {
			struct pending *p = &page[i];

			after = p->id;
			if ((p->state == PENDING_OPEN ||
				p->state == PENDING_APPROVED) &&
			    p->expires <= filter->now)
				p->state = PENDING_EXPIRED;
			if (rc == 0 && !stop && fits(p, filter))
				stop = each(p, arg) != 0;
			pending_free(p);
		}
	} while (rc == 0 && n == PAGE && !stop);
	free(page);
	return rc;
}
