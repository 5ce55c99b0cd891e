#include "lib/store/secret.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define PAGE 128
#define HISTORY (30 * 86400) /* s that a row is kept after its time */
#define SWEEP 1000           /* rows tidied up along with new ones */

void
secret_free(struct secret *s)
{
	free(s->endpoint);
	free(s->device);
	free(s->made_by);
	OPENSSL_cleanse(s, sizeof(*s));
}

bool
secret_over(const struct secret *s, int64_t now)
{
	return s->expires <= now || s->expires - now > SECRET_LIFE_MOST + 86400;
}

const char *
secret_status(const struct secret *s, int64_t now)
{
	if (s->revoked != 0)
		return "revoked";
	if (s->used != 0)
		return "used";
	return secret_over(s, now) ? "expired" : "open";
}

static void
hash_copy(uint8_t out[SHA256_LEN], struct span in)
{
	memset(out, 0, SHA256_LEN);
	if (in.len == SHA256_LEN)
		memcpy(out, in.data, SHA256_LEN);
}

/* The order of the columns is SECRET in sql.c. */
static void
secret_read(struct secret *s, struct conn *c, enum sql q)
{
	memset(s, 0, sizeof(*s));
	s->id = db_number(c, q, 0);
	hash_copy(s->hash, db_octets(c, q, 1));
	s->endpoint = str_dup(db_text(c, q, 2));
	s->device = str_dup(db_text(c, q, 3));
	s->created = db_number(c, q, 4);
	s->expires = db_number(c, q, 5);
	s->used = db_number(c, q, 6);
	s->revoked = db_number(c, q, 7);
	hash_copy(s->certificate, db_octets(c, q, 8));
	s->made_by = str_dup(db_text(c, q, 9));
}

static int PRINTF_LIKE(4, 5) audit_secret(struct conn *c,
    const struct audit *by, struct fail *why, const char *fmt, ...)
{
	struct audit entry = *by;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	entry.text = text;
	return audit_say(c, &entry, why);
}

/* ---- new ones ----------------------------------------------------------- */

static int
insert(struct conn *c, const struct secret *s, struct fail *why)
{
	bool row;

	return db_query(c, SQL_SECRET_INSERT, &row,
	    VALUES(value_number(s->id), value_octets(s->hash, SHA256_LEN),
		value_text(s->endpoint), value_text(s->device),
		value_number(s->created), value_number(s->expires),
		value_text(s->made_by)),
	    why);
}

static int
end(struct conn *c, int64_t id, int64_t now, struct fail *why)
{
	bool row;

	return db_query(c, SQL_SECRET_REVOKE, &row,
	    VALUES(value_number(now), value_number(id)), why);
}

/* The unused one before it, which it takes the place of; 0: none. */
static int
replace(int64_t *old, struct conn *c, const struct secret *s, struct fail *why)
{
	bool row;

	*old = 0;
	for (;;) {
		if (db_query(c, SQL_SECRET_OPEN, &row,
			VALUES(value_text(s->device), value_text(s->endpoint)),
			why) != 0)
			return -1;
		if (!row)
			return 0;
		*old = db_number(c, SQL_SECRET_OPEN, 0);
		if (end(c, *old, s->created, why) != 0)
			return -1;
	}
}

static int
add_one(struct conn *c, const struct secret *s, const struct audit *by,
    struct fail *why)
{
	struct audit entry = *by;
	char until[WHEN_LEN], instead[48] = "";
	int64_t old;

	if (replace(&old, c, s, why) != 0 || insert(c, s, why) != 0)
		return -1;
	if (old != 0)
		(void)snprintf(instead, sizeof(instead), ", in place of %lld",
		    (long long)old);
	when_write(until, s->expires);
	entry.endpoint = s->endpoint;
	return audit_secret(c, &entry, why, "secret %lld for %s, until %s%s",
	    (long long)s->id, s->device, until, instead);
}

static int
id_next(int64_t *id, struct conn *c, struct fail *why)
{
	bool row;

	if (db_query(c, SQL_SECRET_LAST, &row, NULL, 0, why) != 0)
		return -1;
	*id = row ? db_number(c, SQL_SECRET_LAST, 0) + 1 : 1;
	return 0;
}

/* What became of them is in the audit. */
static int
sweep(struct conn *c, int64_t now, struct fail *why)
{
	bool row;

	return db_query(c, SQL_SECRET_TIDY, &row,
	    VALUES(value_number(now - HISTORY), value_number(SWEEP)), why);
}

struct addition {
	struct secret *s;
	size_t n;
	int64_t now;
	const struct audit *by;
};

static int
add_all(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct addition *a = arg;
	const char *by = a->by->requester;
	int64_t id;
	int rc = id_next(&id, c, why);

	(void)keep;
	for (size_t i = 0; rc == 0 && i < a->n; i++) {
		struct secret *s = &a->s[i];

		s->id = id++;
		s->created = a->now;
		free(s->made_by);
		s->made_by = str_dup(by != NULL ? by : "");
		rc = add_one(c, s, a->by, why);
	}
	return rc == 0 ? sweep(c, a->now, why) : -1;
}

int
store_secret_add(struct store *store, struct secret *s, size_t n, int64_t now,
    const struct audit *by, struct fail *why)
{
	struct addition a = {s, n, now, by};

	return db_write(store->db, true, add_all, &a, why);
}

/* ---- lookups ------------------------------------------------------------ */

int
store_secret_find(struct store *store, struct secret *s, bool *found,
    const uint8_t hash[SHA256_LEN], struct fail *why)
{
	const enum sql q = SQL_SECRET_HASH;
	struct conn *c;
	int rc;

	memset(s, 0, sizeof(*s));
	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, found, VALUES(value_octets(hash, SHA256_LEN)), why);
	if (rc == 0 && *found)
		secret_read(s, c, q);
	db_rollback(c);
	*found =
	    rc == 0 && *found && CRYPTO_memcmp(s->hash, hash, SHA256_LEN) == 0;
	return rc;
}

static int
page_read(struct secret page[PAGE], size_t *n, struct store *store,
    int64_t after, struct fail *why)
{
	const enum sql q = SQL_SECRET_LIST;
	struct conn *c;
	bool row;
	int rc;

	*n = 0;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = db_query(
	    c, q, &row, VALUES(value_number(after), value_number(PAGE)), why);
	for (; rc == 0 && row && *n < PAGE; rc = db_step(c, q, &row, why))
		secret_read(&page[(*n)++], c, q);
	db_rollback(c);
	return rc;
}

int
store_secret_list(struct store *store,
    int (*each)(const struct secret *s, void *arg), void *arg, struct fail *why)
{
	struct secret *page = mem_new(PAGE * sizeof(*page));
	int64_t after = 0;
	bool stop = false;
	size_t n;
	int rc;

	do {
		rc = page_read(page, &n, store, after, why);
		for (size_t i = 0; i < n; i++) {
			after = page[i].id;
			if (rc == 0 && !stop)
				stop = each(&page[i], arg) != 0;
			secret_free(&page[i]);
		}
	} while (rc == 0 && n == PAGE && !stop);
	free(page);
	return rc;
}

/* ---- revoked ------------------------------------------------------------ */

static int
revoke_one(struct conn *c, const struct secret *s, int64_t now,
    const struct audit *by, struct fail *why)
{
	struct audit entry = *by;

	entry.endpoint = s->endpoint;
	if (end(c, s->id, now, why) != 0)
		return -1;
	return audit_secret(c, &entry, why, "secret %lld for %s%s",
	    (long long)s->id, s->device,
	    s->used != 0 ? ", which was used" : "");
}

static int
by_id(int64_t *changed, struct conn *c, int64_t id, int64_t now,
    const struct audit *by, struct fail *why)
{
	const enum sql q = SQL_SECRET_ID;
	struct secret s = {0};
	bool row;
	int rc;

	if (db_query(c, q, &row, VALUES(value_number(id)), why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "unknown-secret",
		    "there is no secret %lld", (long long)id);
	secret_read(&s, c, q);
	rc = 0;
	if (s.revoked == 0 && (rc = revoke_one(c, &s, now, by, why)) == 0)
		++*changed;
	secret_free(&s);
	return rc;
}

/* One after the other, as long as there is one that is not revoked. */
static int
by_device(int64_t *changed, struct conn *c, const char *device, int64_t now,
    const struct audit *by, struct fail *why)
{
	const enum sql q = SQL_SECRET_DEVICE;
	bool row;

	if (db_query(c, q, &row, VALUES(value_text(device)), why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_ABSENT, "unknown-secret",
		    "there is no secret for %s", device);
	/* The rows that are not revoked come first. */
	while (row && db_number(c, q, 1) == 0)
		if (by_id(changed, c, db_number(c, q, 0), now, by, why) != 0 ||
		    db_query(c, q, &row, VALUES(value_text(device)), why) != 0)
			return -1;
	return 0;
}

struct ending {
	int64_t changed, id, now;
	const char *device;
	const struct audit *by;
};

static int
revoke_some(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	struct ending *e = arg;
	int rc;

	e->changed = 0;
	rc = e->id != 0
	         ? by_id(&e->changed, c, e->id, e->now, e->by, why)
	         : by_device(&e->changed, c, e->device, e->now, e->by, why);
	*keep = e->changed > 0;
	return rc;
}

int
store_secret_revoke(struct store *store, int64_t *changed, int64_t id,
    const char *device, int64_t now, const struct audit *by, struct fail *why)
{
	struct ending e = {.id = id, .now = now, .device = device, .by = by};
	int rc = db_write(store->db, true, revoke_some, &e, why);

	*changed = rc == 0 ? e.changed : 0;
	return rc;
}

/* ---- used up ------------------------------------------------------------ */

/* Open when the requester was identified; what happened since counts. */
int
secret_judge(struct conn *c, const struct store_rules *rules, struct fail *why)
{
	const enum sql q = SQL_SECRET_ID;
	struct secret s = {0};
	const char *status;
	bool row, again;

	if (rules->secret == 0)
		return 0;
	if (db_query(c, q, &row, VALUES(value_number(rules->secret)), why) != 0)
		return -1;
	if (row)
		secret_read(&s, c, q);
	status = row ? secret_status(&s, rules->now) : "gone";
	/* What it was used for is being replaced. */
	again = strcmp(status, "used") == 0 && rules->superseded != NULL &&
	        memcmp(s.certificate, rules->superseded, SHA256_LEN) == 0;
	secret_free(&s);
	if (strcmp(status, "open") == 0 || again)
		return 0;
	(void)fail(why, FAIL_ANONYMOUS, "auth", "the secret is used up");
	return fail_cause(
	    why, "secret %lld is %s", (long long)rules->secret, status);
}

int
secret_use(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	bool row;

	if (rules->secret == 0)
		return 0;
	return db_query(c, SQL_SECRET_USE, &row,
	    VALUES(value_number(rules->now),
		value_octets(r->request_key, SHA256_LEN),
		value_octets(r->sha256, SHA256_LEN),
		value_number(rules->secret)),
	    why);
}

int
secret_give_back(
    struct conn *c, int64_t id, const struct record *r, struct fail *why)
{
	bool row;

	if (id == 0)
		return 0;
	return db_query(c, SQL_SECRET_GIVE_BACK, &row,
	    VALUES(value_number(id), value_octets(r->sha256, SHA256_LEN)), why);
}
