#include "lib/store/pending_row.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"

const char *
pending_state_word(enum pending_state state)
{
	static const char *const words[] = {
	    [PENDING_OPEN] = "open",
	    [PENDING_APPROVED] = "approved",
	    [PENDING_DENIED] = "denied",
	    [PENDING_ISSUED] = "issued",
	    [PENDING_EXPIRED] = "expired",
	};

	return words[state];
}

void
pending_free(struct pending *p)
{
	free(p->request);
	free(p->endpoint);
	free(p->operation);
	free(p->profile);
	free(p->requester);
	free(p->holder);
	free(p->subject);
	free(p->san);
	free(p->peer);
	free(p->decider);
	free(p->note);
	bytes_free(&p->csr);
	bytes_free(&p->der);
	memset(p, 0, sizeof(*p));
}

/* The order of the columns is PENDING in sql.c. */
void
pending_read(struct pending *p, struct conn *c, enum sql q)
{
	struct span csr = db_octets(c, q, 20);

	memset(p, 0, sizeof(*p));
	p->id = db_number(c, q, 0);
	p->state = (enum pending_state)db_number(c, q, 1);
	p->created = db_number(c, q, 2);
	p->changed = db_number(c, q, 3);
	p->expires = db_number(c, q, 4);
	hash_read(p->request_key, c, q, 5);
	hash_read(p->csr_sha256, c, q, 6);
	p->has_client = db_octets(c, q, 7).len == SHA256_LEN;
	hash_read(p->client_sha256, c, q, 7);
	hash_read(p->certificate, c, q, 8);
	p->request = str_dup(db_text(c, q, 9));
	p->endpoint = str_dup(db_text(c, q, 10));
	p->operation = str_dup(db_text(c, q, 11));
	p->profile = str_dup(db_text(c, q, 12));
	p->requester = str_dup(db_text(c, q, 13));
	p->holder = str_dup(db_text(c, q, 14));
	p->subject = str_dup(db_text(c, q, 15));
	p->san = str_dup(db_text(c, q, 16));
	p->peer = str_dup(db_text(c, q, 17));
	p->decider = str_dup(db_text(c, q, 18));
	p->note = str_dup(db_text(c, q, 19));
	bytes_add(&p->csr, csr.data, csr.len);
}

static struct value
hash_or_null(bool have, const uint8_t hash[SHA256_LEN])
{
	return have ? value_octets(hash, SHA256_LEN) : value_text(NULL);
}

int
pending_insert(struct conn *c, const struct pending *p, struct fail *why)
{
	bool row;

	return db_query(c, SQL_PENDING_INSERT, &row,
	    VALUES(value_number(p->id), value_number(p->state),
		value_number(p->created), value_number(p->changed),
		value_number(p->expires),
		value_octets(p->request_key, SHA256_LEN),
		value_octets(p->csr_sha256, SHA256_LEN),
		hash_or_null(p->has_client, p->client_sha256), value_text(NULL),
		value_text(p->request), value_text(p->endpoint),
		value_text(p->operation), value_text(p->profile),
		value_text(p->requester), value_text(p->holder),
		value_text(p->subject), value_text(p->san), value_text(p->peer),
		value_text(NULL), value_text(NULL),
		value_octets(p->csr.data, p->csr.len),
		value_number(hash_head(p->request_key))),
	    why);
}

int
pending_change(struct conn *c, const struct pending *p, struct fail *why)
{
	bool row;

	return db_query(c, SQL_PENDING_CHANGE, &row,
	    VALUES(value_number(p->state), value_number(p->changed),
		value_number(p->expires),
		hash_or_null(p->state == PENDING_ISSUED, p->certificate),
		value_text(p->decider), value_text(p->note),
		value_number(p->id)),
	    why);
}

int
pending_audit(struct conn *c, const struct audit *said, const struct pending *p,
    struct fail *why)
{
	char csr[2 * SHA256_LEN + 1], client[2 * SHA256_LEN + 1];
	struct audit entry = *said;
	struct bytes about = {0};
	int rc;

	hex_write(csr, (struct span){p->csr_sha256, SHA256_LEN}, false);
	hex_write(client, (struct span){p->client_sha256, SHA256_LEN}, false);
	bytes_addf(&about, "the request of %s", p->requester);
	if (said->text != NULL)
		bytes_addf(&about, ": %s", said->text);
	entry.request = p->request;
	entry.operation = p->operation;
	entry.endpoint = p->endpoint;
	entry.profile = p->profile;
	entry.client_sha256 = p->has_client ? client : NULL;
	entry.csr_sha256 = csr;
	entry.subject = p->subject;
	entry.text = (const char *)about.data;
	rc = audit_say(c, &entry, why);
	bytes_free(&about);
	return rc;
}

/* ---- looking up --------------------------------------------------------- */

/* The one that is being replaced is revoked for that already. */
static bool
is_good(const struct record *r, const struct pending *p,
    const struct pending_rules *rules)
{
	bool good = r->status == STORE_GOOD && r->not_after >= rules->now;
	bool replaced =
	    rules->issue != NULL && rules->issue->superseded != NULL &&
	    memcmp(rules->issue->superseded, r->sha256, SHA256_LEN) == 0;

	if (!rules->anew)
		return good;
	return (good || replaced) && p->changed + rules->again > rules->now;
}

/* The certificate that an issued one got, if it still counts. */
static int
issued_read(struct pending *p, struct conn *c,
    const struct pending_rules *rules, struct fail *why)
{
	struct record r;
	bool found;

	if (db_query(c, SQL_CERT_SHA256, &found,
		VALUES(value_number(hash_head(p->certificate)),
		    value_octets(p->certificate, SHA256_LEN)),
		why) != 0)
		return -1;
	if (!found)
		return 0;
	record_read(&r, c, SQL_CERT_SHA256);
	if (is_good(&r, p, rules))
		bytes_add(&p->der, r.der.data, r.der.len);
	record_free(&r);
	return 0;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool
pending_outdated(const struct pending *p, const struct record *wanted)
{
	if (wanted == NULL ||
	    (p->state != PENDING_OPEN && p->state != PENDING_APPROVED))
		return false;
	return !same_text(p->profile, wanted->profile) ||
	       !same_text(p->subject, wanted->subject) ||
	       !same_text(p->san, wanted->san);
}

static bool
is_over(const struct pending *p, const struct pending_rules *rules)
{
	return p->state == PENDING_EXPIRED || p->expires <= rules->now ||
	       (p->state == PENDING_ISSUED && p->der.len == 0) ||
	       pending_outdated(p, rules->wanted);
}

int
pending_look(struct pending *p, bool *found, struct conn *c,
    const uint8_t key[SHA256_LEN], const struct pending_rules *rules,
    struct fail *why)
{
	const enum sql q = SQL_PENDING_FIND;
	int rc = db_query(c, q, found,
	    VALUES(value_number(hash_head(key)), value_octets(key, SHA256_LEN)),
	    why);

	memset(p, 0, sizeof(*p));
	if (rc != 0 || !*found)
		return rc;
	pending_read(p, c, q);
	if (p->state == PENDING_ISSUED)
		rc = issued_read(p, c, rules, why);
	if (rc == 0 && !is_over(p, rules))
		return 0;
	*found = false;
	pending_free(p);
	return rc;
}

/* ---- issuing ------------------------------------------------------------ */

int
pending_judge(int64_t *id, struct bytes *again, struct conn *c,
    const struct record *r, const struct store_rules *rules, struct fail *why)
{
	const struct pending_rules looked = {.now = rules->now,
	    .anew = rules->approval_anew,
	    .again = rules->approval_again,
	    .wanted = r,
	    .issue = rules};
	struct pending p;
	bool found;
	int rc = 0;

	*id = 0;
	if (!rules->approval)
		return 0;
	if (pending_look(&p, &found, c, r->request_key, &looked, why) != 0)
		return -1;
	if (!found || p.state == PENDING_OPEN)
		rc = fail(why, FAIL_PENDING, "approval",
		    "the request is not approved yet");
	else if (p.state == PENDING_DENIED)
		rc = fail(why, FAIL_DENIED, "approval-denied",
		    "the request was denied");
	else if (p.state == PENDING_APPROVED || rules->approval_anew)
		*id = p.id;
	else
		bytes_add(again, p.der.data, p.der.len);
	pending_free(&p);
	return rc;
}

int
pending_use(struct conn *c, int64_t id, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	bool row;

	if (id == 0)
		return 0;
	return db_query(c, SQL_PENDING_USE, &row,
	    VALUES(value_number(PENDING_ISSUED), value_number(rules->now),
		value_number(rules->now + rules->approval_keep),
		value_octets(r->sha256, SHA256_LEN), value_number(id)),
	    why);
}

int
pending_give_back(struct conn *c, const struct record *r, struct fail *why)
{
	bool row;

	return db_query(c, SQL_PENDING_GIVE_BACK, &row,
	    VALUES(value_number(PENDING_APPROVED),
		value_number(hash_head(r->request_key)),
		value_octets(r->request_key, SHA256_LEN),
		value_octets(r->sha256, SHA256_LEN)),
	    why);
}
