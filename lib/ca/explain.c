#include "lib/ca/explain.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/approval.h"
#include "lib/ca/build.h"
#include "lib/ca/identity_secret.h"
#include "lib/ca/issue.h"

/* What there is after each stage. */
struct line {
	struct ca *ca;
	const struct explain_wish *wish;
	struct request rq;
	struct explained *e;
	int64_t now;
	struct identity *who;
	struct csr *csr;
	struct grant *grant;
};

void
explained_free(struct explained *e)
{
	verdicts_free(&e->rules);
	free(e->requester);
	X509_free(e->draft);
	*e = (struct explained){0};
}

/* ---- who ------------------------------------------------------------------ */

static int
identified(struct line *l, struct fail *why)
{
	if (l->wish->device != NULL)
		return identity_device(
		    &l->who, l->wish->endpoint, l->wish->device, why);
	return identity_of(&l->who, l->ca, &l->rq, why);
}

static int
who(struct line *l, struct fail *why)
{
	struct fail no = {0};

	if (verdicts_add(&l->e->rules, "identity",
		l->wish->device != NULL ? "secret" : "certificate",
		identified(l, &no), &no) == 0) {
		l->e->requester = str_dup(l->who->requester);
		return 0;
	}
	return identity_operator(&l->who, why);
}

/* ---- what it asks for ----------------------------------------------------- */

static bool
operation_on(const struct line *l)
{
	const struct conf_strings *on = &l->wish->endpoint->operations;

	for (size_t i = 0; i < on->n; i++)
		if (strcmp(on->text[i], l->wish->operation) == 0)
			return true;
	return false;
}

static int
operation(const struct line *l, struct fail *why)
{
	const struct endpoint *e = l->wish->endpoint;
	bool made = strcmp(l->wish->operation, "serverkeygen") == 0;

	if (!operation_on(l) || (made && profile_keygen(e->profile) == NULL))
		return fail(why, FAIL_ABSENT, "path", "endpoint %s has no %s",
		    e->name, l->wish->operation);
	return 0;
}

static int
csr_take(struct line *l, struct fail *why)
{
	bool made = strcmp(l->wish->operation, "serverkeygen") == 0;
	struct bytes body = {0}, der = {0};
	int rc;

	bytes_add(&body, l->wish->csr.data, l->wish->csr.len);
	rc = csr_body_read(&der, span_of(&body), true, why);
	if (rc == 0)
		rc = made ? csr_read_unproven(&l->csr, span_of(&der), why)
		          : csr_read(&l->csr, span_of(&der), why);
	bytes_free(&der);
	bytes_free(&body);
	return rc;
}

static void
request(struct line *l)
{
	struct verdicts *v = &l->e->rules;
	struct fail on = {0}, csr = {0};

	(void)verdicts_add(v, "request", "operation", operation(l, &on), &on);
	(void)verdicts_add(v, "request", "pkcs10", csr_take(l, &csr), &csr);
}

/* ---- what policy lets it have --------------------------------------------- */

static void
policy(struct line *l)
{
	bool again = strcmp(l->wish->operation, "simplereenroll") == 0;
	struct explained *e = l->e;
	struct fail names = {0};

	(void)verdicts_add(&e->rules, "policy", "ca-names",
	    ca_names_free(l->ca, l->csr, &names), &names);
	policy_explain(
	    &l->grant, &e->rules, l->who, &l->rq, l->wish->operation, l->csr);
	if (l->grant == NULL ||
	    (!again && !policy_is_renewal(l->grant, l->who, l->csr)))
		return;
	e->renewal = true;
	if (!policy_renewal_explain(
		l->grant, &e->rules, l->who, l->csr, l->now)) {
		grant_free(l->grant);
		l->grant = NULL;
	}
}

/* ---- what the record says ------------------------------------------------- */

static int
repeated(struct line *l, struct fail *why)
{
	const int64_t window = l->ca->settings->repeat_window;
	struct bytes der = {0};
	uint8_t key[SHA256_LEN];
	const struct store_repeat asked = {
	    l->csr->sha256, l->csr->key.sha256, key, l->now - window, l->now};
	int rc = 0;

	if (window == 0 || l->grant->anew || l->grant->secret != 0)
		return 0;
	ca_request_key(key, l->grant);
	rc = store_repeat_find(l->ca->store, &der, &asked, why);
	l->e->repeat = der.len > 0;
	bytes_free(&der);
	return rc;
}

static int
recorded(struct line *l, struct fail *why)
{
	struct store_rules rules = ca_rules(l->ca, l->grant, l->now);
	struct record wanted = {0};
	struct fail held = {0};
	int rc;

	rules.secret = 0; /* none was shown */
	ca_wanted(&wanted, l->grant);
	rc = store_explain(l->ca->store, &l->e->rules, &wanted, &rules, why);
	record_free(&wanted);
	if (rc == 0)
		(void)verdicts_add(&l->e->rules, "record", "approval",
		    ca_approval_look(l->ca, l->grant, &held), &held);
	return rc;
}

/* ---- what would be signed ------------------------------------------------- */

static int
issuer(
    const struct authority **authority, const struct line *l, struct fail *why)
{
	*authority = ca_authority(l->ca, l->now);
	if (*authority != NULL)
		return authority_usable(*authority, l->now, why);
	*why = l->ca->issuers_why;
	if (why->kind != FAIL_NONE)
		return -1;
	return fail(why, FAIL_BUSY, "issuer-absent",
	    "no issuing certificate is installed");
}

static void
build(struct line *l)
{
	const struct authority *authority;
	struct verdicts *v = &l->e->rules;
	struct fail no = {0}, said = {0};

	if (verdicts_add(
		v, "issue", "issuer", issuer(&authority, l, &no), &no) != 0 ||
	    l->grant->anew)
		verdicts_open(v, "issue", "certificate");
	else
		(void)verdicts_add(v, "issue", "certificate",
		    ca_draft(&l->e->draft, l->ca, authority, l->grant, l->now,
			&said),
		    &said);
}

static int
walk(struct line *l, struct fail *why)
{
	static const char *const later[] = {"policy", "record", "issue"};

	if (who(l, why) != 0)
		return -1;
	request(l);
	if (l->csr != NULL)
		policy(l);
	if (l->grant == NULL) {
		for (size_t i = l->csr != NULL; i < 3; i++)
			verdicts_open(&l->e->rules, later[i], "all");
		return 0;
	}
	if (repeated(l, why) != 0 || (!l->e->repeat && recorded(l, why) != 0))
		return -1;
	build(l);
	return 0;
}

int
explain(struct explained *e, struct ca *ca, const struct explain_wish *wish,
    int64_t now, struct fail *why)
{
	struct line l = {.ca = ca,
	    .wish = wish,
	    .rq = {.method = "POST",
		.path = "",
		.peer = "",
		.content_length = -1,
		.endpoint = wish->endpoint},
	    .e = e,
	    .now = now};
	int rc;

	bytes_add(&l.rq.client_cert, wish->client.data, wish->client.len);
	rc = walk(&l, why);
	bytes_free(&l.rq.client_cert);
	grant_free(l.grant);
	csr_free(l.csr);
	identity_free(l.who);
	return rc;
}
