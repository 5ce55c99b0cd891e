#include "lib/store/judge.h"

#include <string.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"

/* Rows looked at for the owner of a name: one would do, see judge.h. */
#define OWNERS 16

static bool
hash_is(struct conn *c, enum sql id, int column, const uint8_t *hash)
{
	return span_equal(
	    db_octets(c, id, column), (struct span){hash, SHA256_LEN});
}

static bool
owner_is(struct conn *c, enum sql id, const struct record *r)
{
	const char *owner = db_text(c, id, 0);

	return strcmp(owner != NULL ? owner : "",
		   r->owner != NULL ? r->owner : "") == 0;
}

int
judge_repeat(struct bytes *der, struct conn *c,
    const struct store_repeat *asked, struct fail *why)
{
	const enum sql q = SQL_CERT_REPEAT;
	struct span s;
	bool row;

	if (db_query(c, q, &row,
		VALUES(value_number(hash_head(asked->spki_sha256)),
		    value_number(hash_head(asked->request_key)),
		    value_octets(asked->request_key, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!row || !hash_is(c, q, 1, asked->csr_sha256) ||
	    db_number(c, q, 4) < asked->since ||
	    db_number(c, q, 2) != STORE_GOOD || db_number(c, q, 3) < asked->now)
		return 0;
	s = db_octets(c, q, 0);
	bytes_add(der, s.data, s.len);
	return 0;
}

static int
clock_check(int64_t newest, const struct store_rules *rules, struct fail *why)
{
	char text[WHEN_LEN];

	if (newest <= rules->now + rules->clock_slack)
		return 0;
	when_write(text, newest);
	(void)fail(why, FAIL_BUSY, "clock", "the CA's clock is not right");
	return fail_cause(why,
	    "the newest certificate was issued at %s, which "
	    "is in the future: the clock was set back",
	    text);
}

int
judge_clock(int64_t *id, struct conn *c, const struct store_rules *rules,
    struct fail *why)
{
	const enum sql q = SQL_CERT_LAST;
	bool row;

	*id = 1;
	if (db_query(c, q, &row, NULL, 0, why) != 0)
		return -1;
	if (!row)
		return 0;
	*id = db_number(c, q, 0) + 1;
	return clock_check(db_number(c, q, 1), rules, why);
}

/* Where many write, `newest` was looked up before the transaction: it would
 * be at odds with each other one. */
static int
judge_number(int64_t *id, struct conn *c, const struct store_rules *rules,
    int64_t newest, struct fail *why)
{
	const enum sql q = SQL_CERT_NEXT;
	bool row;

	if (!c->driver->many)
		return judge_clock(id, c, rules, why);
	if (db_query(c, q, &row, NULL, 0, why) != 0)
		return -1;
	*id = db_number(c, q, 0);
	return clock_check(newest, rules, why);
}

static int
judge_serial(struct conn *c, const struct record *r, struct fail *why)
{
	bool row;

	if (db_query(c, SQL_CERT_CLASH, &row,
		VALUES(value_text(r->serial), value_text(r->issuer)), why) != 0)
		return -1;
	/* RFC 5280, 4.1.2.2: unique for each certificate of an issuer. */
	if (row)
		return fail(why, FAIL_BROKEN, "serial-clash",
		    "RFC 5280, 4.1.2.2: the serial number is already used");
	return 0;
}

/* It was good when the requester was identified; revocation counts at once. */
static int
judge_client(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	const uint8_t *sha =
	    rules->renews != NULL ? rules->renews : rules->client;
	bool row;

	(void)r;
	if (sha == NULL)
		return 0;
	if (db_query(c, SQL_CERT_SHA256, &row,
		VALUES(value_number(hash_head(sha)),
		    value_octets(sha, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!row)
		return fail(why, FAIL_DENIED, "client-unknown",
		    "the client certificate is not one of this CA's");
	if (db_number(c, SQL_CERT_SHA256, 20) != STORE_GOOD)
		return fail(why, FAIL_DENIED, "client-revoked",
		    "the client certificate is revoked");
	return 0;
}

/* `q` looks it up: among those that are here, or that were retired. */
static int
key_look(struct conn *c, enum sql q, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	bool row, same;

	if (db_query(c, q, &row,
		VALUES(value_number(hash_head(r->spki_sha256)),
		    value_octets(r->spki_sha256, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!row)
		return 0;
	if (db_number(c, q, 2) != 0)
		return fail(why, FAIL_MALFORMED, "key-reuse",
		    "this key was reported as compromised");
	same = hash_is(c, q, 1, r->subject_hash);
	if (!owner_is(c, q, r) || (!same && !rules->key_shared))
		return fail(why, FAIL_MALFORMED, "key-reuse",
		    "this key belongs to a certificate of another name");
	if (same && !rules->key_reuse)
		return fail(why, FAIL_MALFORMED, "key-reuse",
		    "this key already has a certificate: make a new key");
	return 0;
}

static int
judge_key(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	if (key_look(c, SQL_CERT_KEY, r, rules, why) != 0)
		return -1;
	return key_look(c, SQL_RETIRED_KEY, r, rules, why);
}

static int
name_taken(const char *what, const char *name, struct fail *why)
{
	(void)fail(why, FAIL_DENIED, "name-taken",
	    "the %s has a live certificate of another identity", what);
	return fail_cause(why, "%s %s", what, name);
}

/* The certificate being renewed makes room for its successor. */
static int
judge_name(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	const enum sql q = SQL_CERT_NAME;
	int live = 0, most = rules->max_live;
	bool row;
	int rc = db_query(c, q, &row,
	    VALUES(value_number(hash_head(r->subject_hash)),
		value_number(rules->now),
		value_octets(r->subject_hash, SHA256_LEN),
		value_number(most >= OWNERS ? most + 1 : OWNERS)),
	    why);

	for (; rc == 0 && row; rc = db_step(c, q, &row, why)) {
		if (!owner_is(c, q, r))
			return name_taken("subject", r->subject, why);
		if (rules->renews == NULL || !hash_is(c, q, 1, rules->renews))
			live++;
	}
	if (rc == 0 && most > 0 && live >= most)
		return fail(why, FAIL_DENIED, "quota",
		    "the subject has %d live certificates, the most allowed",
		    most);
	return rc;
}

static int
judge_device(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	const enum sql q = SQL_CERT_DEVICE;
	bool row;
	int rc;

	if (r->device == NULL)
		return 0;
	rc = db_query(c, q, &row,
	    VALUES(value_text(r->device), value_number(rules->now),
		value_number(OWNERS)),
	    why);
	for (; rc == 0 && row; rc = db_step(c, q, &row, why))
		if (!owner_is(c, q, r))
			return name_taken("device", r->device, why);
	return rc;
}

static int
judge_secret(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	(void)r;
	return secret_judge(c, rules, why);
}

static const struct rule {
	const char *name;
	int (*judge)(struct conn *c, const struct record *r,
	    const struct store_rules *rules, struct fail *why);
} wanted_rules[] = {
    {"client", judge_client},
    {"secret", judge_secret},
    {"key", judge_key},
    {"name", judge_name},
    {"device", judge_device},
};
#define WANTED_RULES (sizeof(wanted_rules) / sizeof(wanted_rules[0]))

int
judge_wanted(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	for (size_t i = 0; i < WANTED_RULES; i++)
		if (wanted_rules[i].judge(c, r, rules, why) != 0)
			return -1;
	return 0;
}

void
judge_explain(struct verdicts *v, struct conn *c, const struct record *r,
    const struct store_rules *rules)
{
	struct fail clock = {0};
	int64_t id;

	(void)verdicts_add(
	    v, "record", "clock", judge_clock(&id, c, rules, &clock), &clock);
	for (size_t i = 0; i < WANTED_RULES; i++) {
		struct fail why = {0};

		(void)verdicts_add(v, "record", wanted_rules[i].name,
		    wanted_rules[i].judge(c, r, rules, &why), &why);
	}
}

int
judge_issue(int64_t *id, struct conn *c, const struct record *r,
    const struct store_rules *rules, int64_t newest, struct fail *why)
{
	if (judge_number(id, c, rules, newest, why) != 0 ||
	    judge_serial(c, r, why) != 0 || judge_wanted(c, r, rules, why) != 0)
		return -1;
	return 0;
}
