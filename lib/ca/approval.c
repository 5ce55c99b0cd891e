#include "lib/ca/approval.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/issue.h"
#include "lib/store/pending.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

#define HEX_LEN (2 * SHA256_LEN + 1)

bool
ca_held(const struct grant *grant)
{
	return grant->approval == APPROVAL_ALWAYS ||
	       (grant->approval == APPROVAL_ENROLL && !grant->renewal);
}

/* An own certificate's owner may be the registration authority of many, so
 * what such a client has open is counted on its own account.  The caller
 * frees. */
static char *
holder_of(const struct grant *g)
{
	char hex[HEX_LEN];

	if (!g->own_client)
		return str_dup(g->owner);
	hex_write(hex, (struct span){g->client_identity, SHA256_LEN}, false);
	return str_fmt("own:%s", hex);
}

static void
asked_fill(struct pending *p, const struct grant *g)
{
	ca_request_key(p->request_key, g);
	memcpy(p->csr_sha256, g->csr->sha256, SHA256_LEN);
	p->has_client = g->has_client;
	memcpy(p->client_sha256, g->client_sha256, SHA256_LEN);
	p->request = str_dup(g->request);
	p->endpoint = str_dup(g->endpoint);
	p->operation = str_dup(g->operation);
	p->profile = str_dup(g->profile->name);
	p->requester = str_dup(g->requester);
	p->holder = holder_of(g);
	p->subject = name_text(g->subject);
	p->san = g->san != NULL ? san_text(g->san) : NULL;
	p->peer = str_dup(g->peer);
	bytes_add(&p->csr, g->csr->der.data, g->csr->der.len);
}

static const char *
hex_of(char out[HEX_LEN], const uint8_t hash[SHA256_LEN], bool have)
{
	if (!have)
		return NULL;
	hex_write(out, (struct span){hash, SHA256_LEN}, false);
	return out;
}

static int
take(struct pending *row, struct ca *ca, const struct grant *g,
    const struct pending *asked, struct fail *why)
{
	const struct settings *s = ca->settings;
	const int64_t now = when_now();
	const struct store_rules issue = ca_rules(ca, g, now);
	struct record wanted = {0};
	const struct pending_rules rules = {.now = now,
	    .keep = s->approval_keep,
	    .most = s->approval_open,
	    .anew = g->anew,
	    .again = issue.approval_again,
	    .wanted = &wanted,
	    .issue = &issue};
	char client[HEX_LEN], csr[HEX_LEN], spki[HEX_LEN];
	struct audit entry = {
	    .event = "pending",
	    .request = g->request,
	    .operation = g->operation,
	    .endpoint = g->endpoint,
	    .profile = g->profile->name,
	    .peer = g->peer,
	    .requester = g->requester,
	    .client_sha256 = hex_of(client, g->client_sha256, g->has_client),
	    .csr_sha256 = hex_of(csr, g->csr->sha256, true),
	    .spki_sha256 = hex_of(spki, g->csr->key.sha256, !g->anew),
	    .subject = asked->subject,
	    .status = fail_http(FAIL_PENDING),
	};

	int rc;

	ca_wanted(&wanted, g);
	rc = store_pending_take(ca->store, row, asked, &rules, &entry, why);
	record_free(&wanted);
	return rc;
}

static int
denied(const struct pending *row, struct fail *why)
{
	(void)fail(
	    why, FAIL_DENIED, "approval-denied", "the request was denied");
	return fail_cause(why, "by %s%s%s",
	    row->decider != NULL ? row->decider : "nobody",
	    row->note != NULL ? ": " : "", row->note != NULL ? row->note : "");
}

static int
judge(struct bytes *der, const struct ca *ca, const struct grant *g,
    const struct pending *row, struct fail *why)
{
	const struct settings *s = ca->settings;

	switch (row->state) {
	case PENDING_APPROVED:
		return 0;
	case PENDING_DENIED:
		return denied(row, why);
	case PENDING_ISSUED:
		if (!g->anew)
			bytes_add(der, row->der.data, row->der.len);
		return 0;
	default:
		/* RFC 7030, 4.2.3: accepted, not ready; ask again later. */
		(void)fail(why, FAIL_PENDING, "approval",
		    "the request waits for approval");
		return fail_retry(why, (int)s->approval_retry);
	}
}

int
ca_approval(struct bytes *der, struct ca *ca, const struct grant *grant,
    struct fail *why)
{
	struct pending asked = {0}, row = {0};
	int rc;

	if (!ca_held(grant))
		return 0;
	asked_fill(&asked, grant);
	rc = take(&row, ca, grant, &asked, why);
	if (rc == 0)
		rc = judge(der, ca, grant, &row, why);
	else if (why->kind == FAIL_LIMIT)
		(void)fail_retry(why, (int)ca->settings->approval_retry);
	pending_free(&asked);
	pending_free(&row);
	return rc;
}

/* ---- without a trace ------------------------------------------------------ */

struct search {
	uint8_t key[SHA256_LEN];
	struct pending row; /* its state, and its decider and note, copied */
};

static int
search_each(const struct pending *p, void *arg)
{
	struct search *s = arg;

	if (memcmp(p->request_key, s->key, SHA256_LEN) != 0 ||
	    p->state == PENDING_EXPIRED)
		return 0;
	s->row.state = p->state;
	s->row.decider = str_dup(p->decider);
	s->row.note = str_dup(p->note);
	return 1;
}

int
ca_approval_look(struct ca *ca, const struct grant *grant, struct fail *why)
{
	struct search s = {.row = {.state = PENDING_OPEN}};
	const uint8_t *csr = grant->csr->sha256;
	struct bytes none = {0};
	int rc;

	if (!ca_held(grant))
		return 0;
	ca_request_key(s.key, grant);
	rc = store_pending_list(ca->store,
	    &(struct pending_filter){.from = csr,
		.to = csr,
		.endpoint = grant->endpoint,
		.all = true,
		.now = when_now()},
	    search_each, &s, why);
	if (rc == 0)
		rc = judge(&none, ca, grant, &s.row, why);
	bytes_free(&none);
	pending_free(&s.row);
	return rc;
}
