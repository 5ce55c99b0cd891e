#include "lib/ca/identity.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/identity_cache.h"
#include "lib/ca/identity_secret.h"
#include "lib/ca/leaf.h"
#include "lib/wire/name.h"

#define REMEMBER 600 /* s: a verdict's longest life */

/* One certificate before one endpoint's rules. */
struct claim {
	struct ca *ca;
	const struct endpoint *endpoint;
	struct leaf leaf;
	struct trust *trust; /* of the rule that is looked at */
	unsigned generation;
	int64_t until;
	struct fail *why;
};

struct identity *
identity_hold(struct identity *who)
{
	(void)__atomic_add_fetch(&who->refs, 1, __ATOMIC_RELAXED);
	return who;
}

void
identity_free(struct identity *who)
{
	if (who == NULL ||
	    __atomic_sub_fetch(&who->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(who->requester);
	free(who->owner);
	free(who->profile);
	free(who->serial);
	free(who->device);
	X509_NAME_free(who->subject);
	GENERAL_NAMES_free(who->san);
	free(who);
}

struct identity *
identity_new(const struct allow *rule)
{
	struct identity *who = mem_new(sizeof(*who));

	who->refs = 1;
	who->allow = rule;
	return who;
}

int
identity_operator(struct identity **who, struct fail *why)
{
	static const struct allow anything = {.names = NAMES_ANY};

	(void)why;
	*who = identity_new(&anything);
	(*who)->requester = str_dup("operator");
	(*who)->owner = str_dup("operator");
	return 0;
}

/* What the certificate itself says. */
static int
describe(struct identity *who, struct claim *c)
{
	const struct cert *cert = c->leaf.cert;

	who->subject = X509_NAME_dup(X509_get_subject_name(c->leaf.x509));
	if (who->subject == NULL) {
		fail(c->why, FAIL_BROKEN, "build", "cannot copy a name");
		return fail_openssl(c->why, "X509_NAME_dup");
	}
	who->san = c->leaf.san;
	c->leaf.san = NULL;
	memcpy(who->sha256, cert->sha256, SHA256_LEN);
	sha256(who->spki_sha256, cert->spki);
	who->serial = cert_serial_text(cert->serial);
	who->not_before = cert->not_before;
	who->not_after = cert->not_after;
	return 0;
}

static bool
rule_names(const struct allow *rule, const char *profile)
{
	for (size_t i = 0; i < rule->own.n; i++)
		if (strcmp(rule->own.text[i], profile) == 0)
			return true;
	return false;
}

static int
label_wrong(struct claim *c, const char *what)
{
	return fail(c->why, FAIL_DENIED, "client-label",
	    "endpoint %s takes no %s", c->endpoint->name, what);
}

static int
status_ok(const struct record *r, struct fail *why)
{
	if (r->status == STORE_GOOD)
		return 0;
	return fail(why, FAIL_DENIED, "client-revoked",
	    "the client certificate is %s",
	    r->status == STORE_HELD ? "on hold" : "revoked");
}

/* The store's row of exactly this certificate. */
static int
record_find(struct record *r, struct ca *ca, const uint8_t sha256[SHA256_LEN],
    struct fail *why)
{
	bool found = false;

	if (ca->store == NULL)
		return fail(why, FAIL_BUSY, "db-missing",
		    "certificates of this CA cannot be looked up now");
	if (store_find(ca->store, r, &found, sha256, why) != 0)
		return -1;
	if (!found)
		return fail(why, FAIL_DENIED, "client-unknown",
		    "the client certificate is not among those this CA "
		    "recorded");
	return 0;
}

/* Ours: recorded, not revoked, of a profile that the rule names. */
static int
own_fits(struct identity *who, struct claim *c)
{
	struct record r = {0};
	char *text;
	int rc = -1;

	if (record_find(&r, c->ca, c->leaf.cert->sha256, c->why) != 0 ||
	    status_ok(&r, c->why) != 0)
		goto out;
	if (!span_equal(span_of(&r.der), span_of(&c->leaf.cert->der)))
		fail(c->why, FAIL_DENIED, "client-unknown",
		    "the client certificate is not the one recorded");
	else if (!rule_names(who->allow, r.profile))
		label_wrong(c, "certificates of this one's profile");
	else
		rc = 0;
	if (rc != 0)
		goto out;
	text = leaf_text(&c->leaf);
	who->own = true;
	who->profile = str_dup(r.profile);
	who->owner = str_dup(r.owner);
	who->requester = str_fmt("own:%s serial %s", text, r.serial);
	free(text);
out:
	record_free(&r);
	return rc;
}

/* A foreign CA's: the subject is one the rule lists. */
static int
foreign_fits(struct identity *who, struct claim *c, const X509 *issuer)
{
	const struct allow *rule = who->allow;
	char *text = leaf_text(&c->leaf);
	int rc = 0;

	if (rule->subject != NULL && !pattern_match(rule->subject, text))
		rc = label_wrong(c, "client certificate of this subject");
	who->owner = leaf_owner(&c->leaf, issuer);
	who->requester =
	    str_fmt("%s:%s", rule->names == NAMES_OWN ? "foreign" : "ra", text);
	free(text);
	return rc;
}

/* One rule: path first, then what the rule says besides. */
static int
rule_try(struct identity **who, struct claim *c, size_t i)
{
	const struct allow *rule =
	    (const struct allow *)c->endpoint->allow.item + i;
	struct identity *made = NULL;
	X509 *issuer = NULL;
	int rc = -1;

	c->trust = identity_cache_trust(
	    c->ca->identities, c->ca->settings, c->endpoint, i);
	c->generation = trust_generation(c->trust);
	if (trust_check(c->trust, &c->until, &issuer, c->leaf.x509, c->why) !=
	    0)
		return -1;
	made = identity_new(rule);
	if (rule->issuer == NULL)
		rc = own_fits(made, c);
	else
		rc = foreign_fits(made, c, issuer);
	if (rc == 0)
		rc = describe(made, c);
	if (rc == 0)
		*who = made;
	else
		identity_free(made);
	X509_free(issuer);
	return rc;
}

static bool
untrusted(const struct fail *why)
{
	return strcmp(why->reason, "client-untrusted") == 0;
}

/* Does any rule of another endpoint trust it, were it in time or not? */
static bool
known_elsewhere(struct claim *c)
{
	const struct settings *s = c->ca->settings;
	const struct endpoint *all = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n; i++)
		for (size_t j = 0; j < all[i].allow.n; j++) {
			const struct allow *rules = all[i].allow.item;
			struct fail said = {0};
			int64_t until;

			if (&all[i] != c->endpoint && !rules[j].secret &&
			    (trust_check(identity_cache_trust(
					     c->ca->identities, s, &all[i], j),
				 &until, NULL, c->leaf.x509, &said) == 0 ||
				!untrusted(&said)))
				return true;
		}
	return false;
}

/* For the operator of several nodes: another's, which this one was not told of.
 * Who is no client of any of them is in no store. */
static void
peers_hint(struct claim *c)
{
	struct record r = {0};
	struct fail ignored = {0};
	bool found = false;

	if (c->ca->store != NULL &&
	    store_find(c->ca->store, &r, &found, c->leaf.cert->sha256,
		&ignored) == 0 &&
	    found)
		(void)fail_cause(c->why,
		    "it is recorded in the store, and key %s, which signed it, "
		    "is unknown to this node: copy the issuing certificates of "
		    "the node that has it to ca.peers",
		    r.issuer);
	record_free(&r);
}

/* No rule of this endpoint has an anchor for it. */
static int
nobody(struct claim *c)
{
	const struct allow *rules = c->endpoint->allow.item;

	for (size_t i = 0; i < c->endpoint->allow.n; i++)
		if (rules[i].own.n > 0 && c->ca->issuers == NULL) {
			fail(c->why, FAIL_BUSY, c->ca->issuers_why.reason, "%s",
			    c->ca->issuers_why.text);
			return fail_retry(c->why, 300);
		}
	if (known_elsewhere(c))
		return label_wrong(c, "certificates of this client's CA");
	(void)fail(c->why, FAIL_DENIED, "client-untrusted",
	    "RFC 7030, 3.3.2: no trust anchor for the client certificate");
	peers_hint(c);
	return -1;
}

/* The first rule that fits.  Else what the most concerned rule said: one that
 * trusts the certificate's CA has more to say than one that does not. */
static int
rules_try(struct identity **who, struct claim *c)
{
	const struct allow *rules = c->endpoint->allow.item;
	struct fail said = {0};

	for (size_t i = 0; i < c->endpoint->allow.n; i++) {
		if (rules[i].secret)
			continue;
		memset(c->why, 0, sizeof(*c->why));
		if (rule_try(who, c, i) == 0)
			return 0;
		if (c->why->kind != FAIL_DENIED)
			return -1;
		if (said.kind == FAIL_NONE && !untrusted(c->why))
			said = *c->why;
	}
	if (said.kind == FAIL_NONE)
		return nobody(c);
	*c->why = said;
	return -1;
}

static int
judge(struct identity **who, struct ca *ca, const struct request *rq,
    int64_t now, struct fail *why)
{
	struct claim c = {.ca = ca, .endpoint = rq->endpoint, .why = why};
	int rc = -1;

	if (leaf_read(&c.leaf, span_of(&rq->client_cert), why) == 0 &&
	    rules_try(who, &c) == 0) {
		if (c.until > now + REMEMBER)
			c.until = now + REMEMBER;
		identity_cache_keep(ca->identities, rq->endpoint, *who, c.trust,
		    c.generation, c.until);
		rc = 0;
	}
	leaf_free(&c.leaf);
	return rc;
}

/* A remembered identity of ours may have been revoked since. */
static int
still_good(const struct identity *who, struct ca *ca, struct fail *why)
{
	struct record r = {0};
	int rc = record_find(&r, ca, who->sha256, why);

	if (rc == 0)
		rc = status_ok(&r, why);
	record_free(&r);
	return rc;
}

static int
by_certificate(struct identity **who, struct ca *ca, const struct request *rq,
    struct fail *why)
{
	struct identity *known;
	uint8_t hash[SHA256_LEN];
	int64_t now = when_now();

	if (rq->client_cert.len == 0)
		return fail(why, FAIL_DENIED, "auth-none",
		    "RFC 7030, 3.3.2: a client certificate is needed");
	sha256(hash, span_of(&rq->client_cert));
	known = identity_cache_find(ca->identities, rq->endpoint, hash, now);
	if (known == NULL)
		return judge(who, ca, rq, now, why);
	if (known->own && still_good(known, ca, why) != 0) {
		identity_free(known);
		return -1;
	}
	*who = known;
	return 0;
}

/* A certificate that is accepted, else a secret. */
static int
by_either(struct identity **who, struct ca *ca, const struct request *rq,
    struct fail *why)
{
	struct identity *made = NULL;

	if (rq->client_cert.len == 0)
		return identity_secret(who, ca, rq, why);
	if (by_certificate(&made, ca, rq, why) != 0) {
		if (rq->basic.state == BASIC_NONE || why->kind != FAIL_DENIED)
			return -1;
		memset(why, 0, sizeof(*why));
		return identity_secret(who, ca, rq, why);
	}
	if (identity_secret_beside(made, rq, why) != 0) {
		identity_free(made);
		return -1;
	}
	*who = made;
	return 0;
}

int
identity_of(struct identity **who, struct ca *ca, const struct request *rq,
    struct fail *why)
{
	switch ((enum auth)rq->endpoint->auth) {
	case AUTH_CERTIFICATE:
		return by_certificate(who, ca, rq, why);
	case AUTH_SECRET:
		return identity_secret(who, ca, rq, why);
	case AUTH_EITHER:
		return by_either(who, ca, rq, why);
	case AUTH_NONE:
		break;
	}
	return fail(why, FAIL_DENIED, "auth-none",
	    "endpoint %s identifies nobody", rq->endpoint->name);
}
